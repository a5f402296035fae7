#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>

#include <gmock/gmock.h>

#include "gateway/admin.h"
#include "gateway/testing/test_gateway.h"
#include "gateway/testing/test_models.h"
#include "http/server.h"

namespace insula::gateway {
namespace {

using std::chrono_literals::operator""s;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

class GatewayUsageTest : public GatewayTest {
 public:
  void serve_admin(AdminAccess access = AdminAccess::kOwner) {
    admin_ = std::make_unique<Admin>(*gateway_, registry_, access);
    server_ = std::make_unique<http::Server>(*admin_, http::ServerOptions{});
    auto listener = net::Listener::bind(loop_, any_port()).value();
    admin_address_ = listener->address();
    server_->serve(std::move(listener));
  }

  http::Response ask(std::string target) {
    const auto task = [](GatewayUsageTest& test, std::string what) -> Task<Result<http::Response>> {
      http::Request request{"GET", std::move(what), {}, ""};
      co_return co_await test.client_.send({test.admin_address_, "admin", false},
                                           std::move(request), test.loop_.now() + 20s);
    };
    return wait(task(*this, std::move(target))).value();
  }

  ~GatewayUsageTest() override {
    server_.reset();
    admin_.reset();
  }

  std::unique_ptr<Admin> admin_;
  std::unique_ptr<http::Server> server_;
  net::Address admin_address_;
};

TEST_F(GatewayUsageTest, ARequestLeavesARecordOfWhatItWas) {
  Model model(loop_);
  config_.tenants[0].uid = "uid-1";
  config_.prices = {.currency = "EUR", .models = {{"*", {1'000'000, 500'000, 2'000'000}}}};
  start({model.address});
  http::Headers named = bearer(key_of("alphaalpha"));
  named.add("X-Request-Id", "mine");
  ASSERT_EQ(send("POST", "/alpha/v1/chat/completions", named, kChat).status, 200);
  ASSERT_EQ(chat(kStream).status, 200);
  ASSERT_EQ(send("GET", "/alpha/v1/models", bearer(key_of("alphaalpha"))).status, 200);
  // What is not admitted is no usage.
  ASSERT_EQ(send("GET", "/alpha/v1/models", {}).status, 401);
  const auto all = records();
  ASSERT_EQ(all.size(), 3U);
  const UsageRecord& first = all[0];
  EXPECT_EQ(first.request_id.view(), "mine");
  EXPECT_EQ(first.subject.tenant.view(), "alpha");
  EXPECT_EQ(first.subject.uid.view(), "uid-1");
  EXPECT_EQ(first.subject.key.view(), "alphaalpha");
  EXPECT_EQ(first.subject.model.view(), "m");
  EXPECT_EQ(first.operation, llm::Operation::kChatCompletions);
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(first.outcome, UsageOutcome::kOk);
  EXPECT_EQ(first.prompt_tokens, 3);
  EXPECT_GT(first.completion_tokens, 0);
  EXPECT_FALSE(first.estimated);
  EXPECT_FALSE(first.streamed);
  EXPECT_EQ(first.subject.currency.view(), "EUR");
  EXPECT_EQ(first.cost, 3'000 + 2'000 * first.completion_tokens);
  EXPECT_GT(first.first_token_us, 0);
  EXPECT_GE(first.duration_us, first.first_token_us);
  EXPECT_TRUE(all[1].streamed);
  EXPECT_EQ(all[1].completion_tokens, 5);
  EXPECT_TRUE(all[1].token_gap_us());
  EXPECT_EQ(all[2].operation, llm::Operation::kModels);
  EXPECT_EQ(all[2].cost, 0);
  EXPECT_EQ(usage().cost, first.cost + 3'000 + 10'000);
  EXPECT_THAT(registry_.expose(), HasSubstr("insula_gateway_cost_nanos_total{tenant=\"alpha\"} " +
                                            std::to_string(usage().cost)));
}

TEST_F(GatewayUsageTest, WhatWasMadeBeforeIsNotBilledAgain) {
  const Canned server(loop_, 200);
  start({net::Address::parse(server.address()).value()});
  const http::Headers key = bearer(key_of("alphaalpha"));
  ASSERT_EQ(send("POST", "/alpha/v1/responses", key, R"({"model":"m"})").status, 200);
  ASSERT_EQ(send("POST", "/alpha/v1/audio/transcriptions", key, "form").status, 200);
  for (const char* path :
       {"responses/resp_1", "chat/completions/c", "chat/completions", "batches/b"})
    ASSERT_EQ(send("GET", std::string("/alpha/v1/") + path, key).status, 200);
  ASSERT_EQ(send("POST", "/alpha/v1/responses/resp_1/cancel", key, "{}").status, 200);
  const auto all = records();
  ASSERT_EQ(all.size(), 7U);
  for (std::size_t i = 0; i < all.size(); ++i)
    EXPECT_EQ(all[i].prompt_tokens + all[i].completion_tokens, i < 2 ? 3 : 0) << i;
}

TEST_F(GatewayUsageTest, RecordsSayHowRequestsEnded) {
  Model model(loop_);
  start({model.address});
  http::Headers failing = bearer(key_of("alphaalpha"));
  failing.add("X-Sim-Error", "cut");
  send("POST", "/alpha/v1/chat/completions", failing, kChat);
  route_to({any_port().with_port(1)});
  ASSERT_EQ(chat().status, 502);
  route_to({model.address});
  ASSERT_EQ(send("POST", "/alpha/v1/no/such/thing", bearer(key_of("alphaalpha")), "{}").status,
            404);
  config_.tenants[0].limits.tokens_per_minute = 20;
  // An answer that comes all at once is over before it can be ended.
  simulator::SimulatorOptions in_time = Model::quick();
  in_time.tokens_per_second = 50;
  const Model slower(loop_, in_time);
  route_to({slower.address});
  const auto ended = chat(R"({"model":"m","stream":true,"messages":[{"content":"x"}]})");
  ASSERT_THAT(ended.body, HasSubstr("rate_limit_exceeded"));
  std::vector<std::string> outcomes;
  for (const UsageRecord& record : records())
    outcomes.emplace_back(name_of(record.outcome));
  EXPECT_THAT(outcomes,
              ElementsAre("upstream_failed", "upstream_failed", "refused", "ended_by_limit"));
}

TEST_F(GatewayUsageTest, APriceThatChangesLeavesWhatWasUsedBeforeAsItWas) {
  Model model(loop_);
  start({model.address});
  chat(kStream);
  config_.prices = {.currency = "USD", .models = {{"m", {1'000'000, 0, 1'000'000}}}};
  apply();
  chat(kStream);
  config_.prices.models["m"] = {5'000'000, 0, 5'000'000};
  apply();
  chat(kStream);
  std::vector<std::int64_t> costs;
  for (const UsageRecord& record : records())
    costs.push_back(record.cost);
  EXPECT_THAT(costs, ElementsAre(0, 8'000, 40'000));
  const auto answer = wait(gateway_->usage({.tenant = "alpha", .by = UsageBy::kModel})).value();
  ASSERT_THAT(answer.rows, SizeIs(2));
  EXPECT_EQ(answer.rows[0].currency, "");
  EXPECT_EQ(answer.rows[1].counts.cost, 48'000);
}

TEST_F(GatewayUsageTest, ATenantMadeAnewBeginsAtZeroAndTheFormerOneIsStillKnown) {
  Model model(loop_);
  config_.tenants[0].uid = "uid-1";
  start({model.address});
  serve_admin();
  chat();
  config_.tenants[0].uid = "uid-2";
  apply();
  EXPECT_EQ(usage(), UsageCounts{});
  EXPECT_THAT(records(), IsEmpty());
  chat();
  EXPECT_EQ(usage().requests, 1);
  EXPECT_THAT(records(), SizeIs(1));
  EXPECT_THAT(ask("/usage?tenant=alpha").body, HasSubstr("\"formerTenants\":1"));
  EXPECT_THAT(ask("/usage?tenant=alpha&all=true").body, HasSubstr("\"uid\":\"uid-1\""));
  EXPECT_THAT(ask("/usage?uid=uid-1").body, HasSubstr("\"total\":{\"requests\":1,"));
  EXPECT_THAT(ask("/usage/records?tenant=alpha&uid=uid-1").body, HasSubstr("\"uid\":\"uid-1\""));
  config_.tenants.erase(config_.tenants.begin());
  config_.api_keys.erase(config_.api_keys.begin());
  apply();
  EXPECT_THAT(ask("/usage?tenant=alpha").body,
              StartsWith(R"({"tenants":[],"total":{"requests":0,)"));
  EXPECT_THAT(ask("/usage?tenant=alpha").body, HasSubstr("\"formerTenants\":2"));
  EXPECT_EQ(ask("/usage/records?tenant=alpha").body, "");
  EXPECT_THAT(ask("/usage/records?tenant=alpha&all=true&order=oldest").body,
              HasSubstr("\"uid\":\"uid-2\""));
}

TEST_F(GatewayUsageTest, AnswersOnTheOwnersSocketAndSaysWhatIsWrong) {
  Model model(loop_);
  start({model.address});
  serve_admin();
  for (int i = 0; i < 3; ++i)
    chat(kStream);
  EXPECT_THAT(ask("/usage?tenant=alpha&by=day").body, HasSubstr("\"rows\":[{\"tenant\":\"alpha\""));
  EXPECT_THAT(ask("/usage?by=key&form=csv").body,
              HasSubstr("\r\nalpha,,,,alphaalpha,,3,0,9,0,15,0,0,"));
  const auto lines = ask("/usage/records?tenant=alpha&limit=2").body;
  EXPECT_EQ(std::ranges::count(lines, '\n'), 2);
  const auto csv = ask("/usage/records?tenant=alpha&form=csv");
  EXPECT_THAT(csv.headers.get("Content-Type"), StartsWith("text/csv"));
  EXPECT_THAT(csv.body, StartsWith(usage_record_csv_header()));
  EXPECT_EQ(std::ranges::count(csv.body, '\n'), 4);
  for (const char* wrong :
       {"/usage?from=x", "/usage?by=week", "/usage?form=xml", "/usage/records",
        "/usage/records?tenant=alpha&limit=-1", "/usage/records?tenant=alpha&form=json",
        "/usage/records?tenant=alpha&to=soon"}) {
    const auto refused = ask(wrong);
    EXPECT_EQ(refused.status, 400) << wrong;
    EXPECT_THAT(refused.body, HasSubstr("must be")) << wrong;
  }
  serve_admin(AdminAccess::kScraper);
  EXPECT_EQ(ask("/usage").status, 404);
  EXPECT_EQ(ask("/usage/records?tenant=alpha").status, 404);
}

TEST_F(GatewayUsageTest, TheOwnersSocketTellsWhichKeysAreKnown) {
  start({});
  serve_admin();
  EXPECT_EQ(ask("/keys/alphaalpha").body, "{\"id\":\"alphaalpha\",\"expires\":\"\"}\n");
  EXPECT_EQ(ask("/keys/").status, 404);
  config_.api_keys.front().expires = "2026-02-03T04:05:06Z";
  apply();
  EXPECT_THAT(ask("/keys/alphaalpha").body, HasSubstr("\"2026-02-03T04:05:06Z\""));
  config_.api_keys.clear();
  apply();
  EXPECT_EQ(ask("/keys/alphaalpha").status, 404);
  serve_admin(AdminAccess::kScraper);
  EXPECT_THAT(ask("/keys/alphaalpha").body, HasSubstr("there is nothing here"));
}

TEST_F(GatewayUsageTest, UsageOfAnEarlierFormatIsBroughtIn) {
  // A journal of the first format with one cell, of ten requests.
  std::string bytes(4096 + 296, '\0');
  bytes.replace(0, 8, "INLJRNL1");
  bytes[4096] = 9;
  bytes[4096 + 16] = 10;
  bytes.replace(4096 + 104, 5, "alpha");
  std::filesystem::create_directories(directory_);
  std::ofstream(directory_ / "usage-0.journal") << bytes;
  for (int round = 0; round < 2; ++round) {
    start({});
    EXPECT_EQ(usage().requests, 10);  // This tenant has no uid either.
    gateway_.reset();
  }
  EXPECT_FALSE(std::filesystem::exists(directory_ / "usage-0.journal.damaged"));
}

}  // namespace
}  // namespace insula::gateway
