// Filters in the life of a request: what they change, what they refuse, and when they are called.

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gateway/filter_chain.h"
#include "gateway/header_edits.h"
#include "gateway/testing/http2_driver.h"
#include "gateway/testing/test_models.h"
#include "gateway/usage_store.h"

namespace insula::gateway {
namespace {

using api::MessageSide;
using std::chrono_literals::operator""s;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class GatewayFiltersTest : public GatewayModelsTest {
 public:
  std::vector<FilterConfig>& filters() { return config_.tenants[0].edge.filters; }

  std::uint64_t refused() {
    return registry_.counter("insula_gateway_filter_refused_total", "", {{"tenant", "alpha"}})
        .value();
  }
};

TEST_F(GatewayFiltersTest, ChangeWhatAServerIsSent) {
  filters() = {HeaderModifierConfig{
      .side = MessageSide::kRequest,
      .edits = {
          .set = {{"X-Team", "alpha"}}, .add = {{"X-Tag", "gateway"}}, .remove = {"User-Agent"}}}};
  start_with({}, small_.address());
  http::Headers headers = bearer(key_of("alphaalpha"));
  headers.set("x_team", "mine");
  headers.set("X-Tag", "client");
  headers.set("User-Agent", "curl");
  EXPECT_EQ(send("POST", "/alpha/v1/chat/completions", headers, kChat).status, 200);
  for (const char* line : {"POST /v1/chat/completions HTTP/1.1\r\n", "X-Team: alpha\r\n",
                           "X-Tag: client\r\n", "X-Tag: gateway\r\n", "X-Insula-Tenant: alpha\r\n",
                           "Host: llm-service.alpha.svc:8000\r\n", "Content-Length: "})
    EXPECT_THAT(small_.last, HasSubstr(line));
  EXPECT_THAT(small_.last, Not(HasSubstr("curl")));
  EXPECT_THAT(small_.last, Not(HasSubstr("mine")));
  EXPECT_TRUE(small_.last.ends_with(kChat)) << small_.last;
}

TEST_F(GatewayFiltersTest, ChangeWhatEachOfSeveralBackendsIsSent) {
  filters() = {
      HeaderModifierConfig{.side = MessageSide::kRequest,
                           .edits = {.set = {{"X-Team", "alpha"}}, .remove = {"Content-Type"}}}};
  // Its name is no filter's to change; nothing of it is served rather than served without.
  start_with({{.name = "m", .backends = {at(broken_.address()), at(small_.address(), {}, 0)}}});
  EXPECT_EQ(ask("m").status, 404);
  EXPECT_EQ(small_.requests, 0);
  filters() = {
      HeaderModifierConfig{.side = MessageSide::kRequest, .edits = {.set = {{"X-Team", "alpha"}}}}};
  apply();
  EXPECT_EQ(ask("m").status, 200);
  EXPECT_THAT(broken_.last, HasSubstr("\r\nX-Team: alpha\r\n"));
  EXPECT_THAT(broken_.last, HasSubstr("Host: svc." + broken_.address() + "\r\n"));
  EXPECT_THAT(small_.last, HasSubstr("\r\nX-Team: alpha\r\n"));
  EXPECT_THAT(small_.last, HasSubstr("Host: svc." + small_.address() + "\r\n"));
}

TEST_F(GatewayFiltersTest, ChangeWhatAClientSeesOfAReply) {
  filters() = {
      HeaderModifierConfig{
          .side = MessageSide::kResponse,
          .edits = {.set = {{"Server", "insula"}}, .add = {{"X-B", "2"}}, .remove = {"X-A"}}},
      HeaderModifierConfig{.side = MessageSide::kResponse, .edits = {.remove = {"X-B"}}}};
  small_.headers = "server: vllm\r\nX-A: 1\r\nX-C: 3\r\n";
  start_with({}, small_.address());
  const auto reply = chat();
  EXPECT_EQ(reply.headers.get("Server"), "insula");
  EXPECT_FALSE(reply.headers.contains("X-A"));
  EXPECT_FALSE(reply.headers.contains("X-B"));
  EXPECT_EQ(reply.headers.get("X-C"), "3");
  EXPECT_EQ(reply.body, kReply);
  EXPECT_THAT(small_.last, Not(HasSubstr("insula\r\n")));
  // The next request over the same connection is another tenant's.
  config_.tenants[1].endpoints = {small_.address()};
  apply();
  const auto other = send("POST", "/beta/v1/chat/completions", bearer(key_of("betabetabe")), kChat);
  EXPECT_EQ(other.headers.get("Server"), "vllm");
  EXPECT_EQ(other.headers.get("X-A"), "1");
}

TEST_F(GatewayFiltersTest, ChangeRepliesOverHttp2AsWell) {
  filters() = {HeaderModifierConfig{.side = MessageSide::kResponse,
                                    .edits = {.set = {{"Server", "insula"}}, .remove = {"X-A"}}}};
  small_.headers = "Server: vllm\r\nX-A: 1\r\n";
  start_with({}, small_.address());
  const auto scenario = [](GatewayFiltersTest& test) -> Task<bool> {
    Http2Driver driver((co_await net::dial(test.address_, test.loop_.now() + 5s)).value());
    const auto sent = driver.client.submit(
        http::http2_post("/alpha/v1/chat/completions",
                         {{"authorization", "Bearer " + key_of("alphaalpha")}}),
        std::string(kChat));
    EXPECT_TRUE(co_await driver.finish(sent));
    const auto& reply = driver.client.reply(sent);
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.field("server"), "insula");
    EXPECT_EQ(reply.field("x-a"), "");
    co_return true;
  };
  EXPECT_TRUE(wait(scenario(*this)));
}

TEST_F(GatewayFiltersTest, ADeniedPromptIsRefusedAndCostsNothing) {
  config_.tenants[0].limits = {.requests_per_hour = 1, .tokens_per_minute = 100};
  filters() = {PromptDenyListConfig{.phrases = {"two three"}}};
  start_with({}, small_.address());
  const auto denied = chat();
  EXPECT_EQ(denied.status, 400);
  EXPECT_THAT(denied.body, HasSubstr(R"("code":"prompt_denied")"));
  EXPECT_THAT(denied.body, HasSubstr(R"("type":"invalid_request_error")"));
  EXPECT_THAT(denied.body, Not(HasSubstr("two three")));
  EXPECT_EQ(denied.headers.get("x-ratelimit-limit-requests"), "");
  EXPECT_EQ(denied.headers.get("x-request-id").empty(), false);
  EXPECT_EQ(chat(kStream).status, 400);
  EXPECT_EQ(refused(), 2U);
  EXPECT_EQ(small_.requests, 0);
  EXPECT_EQ(usage().requests, 0);
  EXPECT_EQ(chat(R"({"model":"m","messages":[{"role":"user","content":"one"}]})").status, 200);
}

TEST_F(GatewayFiltersTest, ALongPromptIsSearchedToItsEnd) {
  filters() = {PromptDenyListConfig{.phrases = {"two three"}, .patterns = {R"(\b\d{3}-\d{2}\b)"}}};
  start_with({}, small_.address());
  const auto prompt = [](std::string_view end) {
    return fmt::format(R"({{"model":"m","messages":[{{"role":"user","content":"{} {}"}}]}})",
                       std::string(300'000, 'a'), end);
  };
  EXPECT_EQ(chat(prompt("two, three, 1234-56")).status, 200);
  EXPECT_EQ(chat(prompt("two \\n three")).status, 400);
  EXPECT_EQ(chat(prompt("123-45")).status, 400);
  EXPECT_EQ(refused(), 2U);
}

/// What a filter was called for.
struct Calls {
  std::atomic<int> requests{0};
  std::atomic<int> attempts{0};
  std::atomic<int> events{0};
  std::atomic<int> done{0};
  std::atomic<int> status{0};
  std::atomic<std::int64_t> tokens{0};
};

/// A filter at all four points that ends streams at the event with its word.
class Witness final : public Filter {
 public:
  Witness(Calls& calls, std::string word) : calls_(calls), word_(std::move(word)) {}

  [[nodiscard]] bool runs_at(FilterPoint /*point*/) const override { return true; }

  [[nodiscard]] Task<std::optional<FilterRefusal>> on_request(
      FilterRequest request) const override {
    ++calls_.requests;
    EXPECT_EQ(request.operation, llm::Operation::kChatCompletions);
    // Another request of the loop may be read meanwhile.
    const std::string before(request.body);
    co_await request.pool.run([] { return true; });
    EXPECT_EQ(request.body, before);
    EXPECT_EQ(request.tenant, "alpha");
    co_return std::nullopt;
  }

  void on_attempt(FilterAttempt& attempt) const override {
    ++calls_.attempts;
    EXPECT_TRUE(attempt.head.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"));
  }

  [[nodiscard]] std::optional<FilterRefusal> on_event(std::string_view event) const override {
    ++calls_.events;
    if (word_.empty() || !event.contains(word_)) return std::nullopt;
    return FilterRefusal{.error = ApiError::kPromptDenied, .message = "not this"};
  }

  void on_done(const FilterResult& result) const noexcept override {
    ++calls_.done;
    calls_.status = result.status;
    calls_.tokens = result.usage.completion_tokens;
  }

 private:
  Calls& calls_;
  std::string word_;
};

/// A worker on the test's loop whose tenant alpha has a filter of the test's.
class FilterPointsTest : public GatewayModelsTest {
 public:
  void serve(const std::vector<std::string>& endpoints, std::string word = {}) {
    GatewayConfig config = config_;
    config.tenants[0].endpoints = endpoints;
    builder_.emplace(directory_, system_clock(), registry_, Log());
    auto snapshot = std::make_shared<Snapshot>(*builder_->build(config));
    std::vector<std::unique_ptr<const Filter>> filters;
    filters.push_back(std::make_unique<Witness>(calls_, std::move(word)));
    snapshot->tenants.at("alpha").edge.filters =
        std::make_shared<const FilterChain>(std::move(filters));
    usage_ = UsageStore::open(directory_, {}, system_clock(), metrics_, Log()).value();
    worker_ = std::make_unique<Worker>(loop_, settings_of_worker_, usage_->recorder(0),
                                       ObserverSettings{});
    worker_->apply(std::move(snapshot));
    auto listener = net::Listener::bind(loop_, any_port()).value();
    address_ = listener->address();
    worker_->serve(std::move(listener));
  }

  ~FilterPointsTest() override {
    if (worker_ != nullptr) run_until_complete(loop_, worker_->drain(loop_.now() + 1s));
  }

  Calls calls_;
  std::optional<SnapshotBuilder> builder_;
  GatewayMetrics metrics_{registry_};
  WorkerSettings settings_of_worker_{
      .clock = system_clock(), .metrics = metrics_, .log = {}, .tls = {}, .timeouts = {}};
  std::unique_ptr<UsageStore> usage_;
  std::unique_ptr<Worker> worker_;
};

TEST_F(FilterPointsTest, AFilterIsCalledAtEachPointOfAStream) {
  Model model(loop_);
  serve({model.address.text()});
  const auto reply = chat(kStream);
  EXPECT_EQ(reply.status, 200);
  EXPECT_THAT(reply.body, HasSubstr("data: [DONE]"));
  EXPECT_EQ(calls_.requests, 1);
  EXPECT_EQ(calls_.attempts, 1);
  EXPECT_GT(calls_.events, 5);
  EXPECT_EQ(calls_.done, 1);
  EXPECT_EQ(calls_.status, 200);
  EXPECT_EQ(calls_.tokens, 5);
}

TEST_F(FilterPointsTest, AStreamEndsBeforeAnEventThatIsRefused) {
  Model model(loop_);
  serve({model.address.text()}, "finish_reason\":\"length");
  const auto reply = chat(kStream);
  EXPECT_EQ(reply.status, 200);
  EXPECT_THAT(reply.body, HasSubstr(R"("message":"not this")"));
  EXPECT_THAT(reply.body, HasSubstr(R"("code":"prompt_denied")"));
  EXPECT_THAT(reply.body, Not(HasSubstr("finish_reason\":\"length")));
  EXPECT_TRUE(reply.body.ends_with("data: [DONE]\n\n")) << reply.body;
  EXPECT_EQ(calls_.done, 1);
}

TEST_F(FilterPointsTest, AWholeReplyHasNoEventsAndARefusalHasNoAttempts) {
  serve({small_.address()});
  EXPECT_EQ(chat().status, 200);
  EXPECT_EQ(calls_.events, 0);
  EXPECT_EQ(calls_.done, 1);
  EXPECT_EQ(chat(R"({"model":5})").status, 400);
  EXPECT_EQ(calls_.requests, 1);
  EXPECT_EQ(calls_.attempts, 1);
  EXPECT_EQ(calls_.done, 2);
  EXPECT_EQ(calls_.status, 400);
  // Who is nobody's caller is nobody's business.
  EXPECT_EQ(send("POST", "/alpha/v1/chat/completions", {}, kChat).status, 401);
  EXPECT_EQ(calls_.done, 2);
}

}  // namespace
}  // namespace insula::gateway
