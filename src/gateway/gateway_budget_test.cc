#include <map>

#include <gmock/gmock.h>

#include "async/task_group.h"
#include "gateway/testing/test_gateway.h"

namespace insula::gateway {
namespace {

using std::chrono_literals::operator""s;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class GatewayBudgetTest : public GatewayTest {
 protected:
  http::Response as_member(std::string_view member) {
    const auto signer = jose::JwsSigner::from_private_pem(keys_.private_pem).value();
    const std::string token =
        mint_token(signer, {.tenant = "alpha", .subject = std::string(member)},
                   system_clock().wall())
            .value();
    return send("POST", "/alpha/v1/chat/completions", bearer(token), kStream);
  }

  LimitConfig& tenant_limits() { return config_.tenants[0].limits; }
};

// A request of kStream reserves 29 tokens and uses 8, 3 of the prompt.

TEST_F(GatewayBudgetTest, ABudgetOfTokensIsReservedSettledAndNamedWhenItIsMet) {
  Model model(loop_);
  tenant_limits().budget.tokens_per_day = 40;
  start({model.address});
  EXPECT_EQ(chat(kStream).status, 200);
  EXPECT_EQ(chat(kStream).status, 200);
  const auto refused = chat(kStream);
  EXPECT_EQ(refused.status, 429);
  EXPECT_THAT(refused.body, HasSubstr(R"("type":"insufficient_quota")"));
  EXPECT_THAT(refused.body, HasSubstr(R"("code":"insufficient_quota")"));
  EXPECT_THAT(refused.body,
              HasSubstr("the tenant's budget of 40 tokens per day has 24 tokens left, "
                        "and the request may use 29; it begins anew at 20"));
  const int seconds = std::stoi(std::string(refused.headers.get("Retry-After")));
  EXPECT_GT(seconds, 0);
  EXPECT_LE(seconds, 86'400);
  // OpenAI's client libraries do not try again within seconds.
  EXPECT_EQ(refused.headers.get("x-should-retry"), "false");
  // The list of models costs nothing, and a smaller request has room.
  EXPECT_EQ(send("GET", "/alpha/v1/models", bearer(key_of("alphaalpha"))).status, 200);
  EXPECT_EQ(chat(R"({"model":"m","max_tokens":1,"messages":[{"content":"x"}]})").status, 200);
  EXPECT_EQ(chat(R"({"model":"m","max_tokens":41,"messages":[{"content":"x"}]})")
                .headers.get("Retry-After"),
            "");
  EXPECT_EQ(send("POST", "/beta/v1/chat/completions", bearer(key_of("betabetabe")), kStream).status,
            200);
  EXPECT_THAT(registry_.expose(), HasSubstr("insula_gateway_rate_limited_total{tenant=\"alpha\","
                                            "limit=\"budget\",scope=\"tenant\"} 2"));
  // The next gateway goes on with the ledger's sums, and so does a budget that is set later.
  const std::int64_t used = usage().prompt_tokens + usage().completion_tokens;
  gateway_.reset();
  tenant_limits().budget.tokens_per_month = used + 29;
  start({model.address});
  EXPECT_EQ(chat(kStream).status, 429);
  tenant_limits().budget.tokens_per_day = 1000;
  apply();
  EXPECT_EQ(chat(kStream).status, 200);
  const auto month = chat(kStream);
  EXPECT_EQ(month.status, 429);
  EXPECT_THAT(month.body, HasSubstr("tokens per month has 21 tokens left"));
}

TEST_F(GatewayBudgetTest, KeysModelsAndMembersHaveBudgetsBesideTheirTenants) {
  Model model(loop_);
  tenant_limits().budget.tokens_per_month = 10'000;
  config_.api_keys[0].limits.budget.tokens_per_day = 30;
  config_.tenants[0].member_limits.budget.tokens_per_day = 30;
  config_.tenants[0].members = {{"bob", {.budget = {.tokens_per_day = 40}}}};
  config_.tenants[0].models = {{.name = "m", .limits = {.budget = {.tokens_per_day = 72}}}};
  start({model.address}, 2);
  EXPECT_EQ(chat(kStream).status, 200);
  EXPECT_THAT(chat(kStream).body, HasSubstr("this API key's budget of 30 tokens per day"));
  EXPECT_EQ(as_member("ann").status, 200);
  EXPECT_THAT(as_member("ann").body, HasSubstr("this member's budget of 30 tokens per day"));
  gateway_.reset();
  start({model.address});
  EXPECT_EQ(as_member("ann").status, 429);
  EXPECT_EQ(as_member("bob").status, 200);
  EXPECT_EQ(as_member("bob").status, 200);
  EXPECT_THAT(as_member("bob").body, HasSubstr("this member's budget of 40 tokens per day"));
  EXPECT_EQ(as_member("eve").status, 200);
  EXPECT_EQ(as_member("eva").status, 200);
  EXPECT_THAT(as_member("ada").body, HasSubstr("the model's budget of 72 tokens per day"));

  const UsageAnswer answer = wait(gateway_->usage({.tenant = "alpha"})).value();
  std::vector<std::string> told;
  for (const BudgetRow& row : answer.budgets) {
    told.push_back(std::string(name_of(row.scope)) + " " + row.name + " " +
                   std::string(row.kind->name) + " " + std::to_string(row.used) + "/" +
                   std::to_string(row.limit));
  }
  EXPECT_THAT(told, ElementsAre("tenant  tokensPerMonth 48/10000", "model m tokensPerDay 48/72",
                                "key alphaalpha tokensPerDay 8/30", "member ann tokensPerDay 8/30",
                                "member bob tokensPerDay 16/40", "member eva tokensPerDay 8/30",
                                "member eve tokensPerDay 8/30"));
  EXPECT_THAT(usage_json(answer),
              HasSubstr(R"("scope":"member","name":"bob","budget":"tokensPerDay","limit":40,)"
                        R"("used":16,"reserved":0,"currency":"","resets":"20)"));
  ASSERT_TRUE(wait(gateway_->persist()));
  EXPECT_THAT(registry_.expose(), HasSubstr("insula_gateway_budget_used_ratio{tenant=\"alpha\","
                                            "budget=\"tokensPerMonth\"} 0.0048"));
}

TEST_F(GatewayBudgetTest, ABudgetOfMoneyIsCountedByThePriceListAndRefusesWhatHasNoPrice) {
  Model model(loop_);
  // 8 tokens of 3 and 5 cost 3 * 1 + 5 * 2 units for a million: 13 micros.
  config_.prices = {.currency = "EUR", .models = {{"m", {1'000'000, 1'000'000, 2'000'000}}}};
  tenant_limits().budget.spend_per_day = 50'000;
  start({model.address});
  EXPECT_EQ(chat(kStream).status, 200);
  const auto refused = chat(kStream);  // may cost 24 + 10 micros
  EXPECT_EQ(refused.status, 200) << refused.body;
  const auto third = chat(kStream);
  EXPECT_EQ(third.status, 429);
  EXPECT_THAT(third.body, HasSubstr("the tenant's budget of 0.00005 EUR per day has 0.000024 EUR "
                                    "left, and the request may use 0.000034"));
  const auto unpriced = chat(R"({"model":"other","max_tokens":1,"messages":[{"content":"x"}]})");
  EXPECT_EQ(unpriced.status, 403);
  EXPECT_THAT(unpriced.body, HasSubstr(R"("code":"model_not_priced")"));
  EXPECT_THAT(unpriced.body, HasSubstr("the model other has no price"));
  EXPECT_EQ(send("GET", "/alpha/v1/models", bearer(key_of("alphaalpha"))).status, 200);
  EXPECT_EQ(send("GET", "/alpha/v1/files", bearer(key_of("alphaalpha"))).status, 403);
  config_.prices.models["*"] = {1'000'000, 1'000'000, 1'000'000};
  apply();
  EXPECT_EQ(chat(R"({"model":"other","max_tokens":1,"messages":[{"content":"x"}]})").status, 200);
  // What was spent in another currency is on another account.
  config_.prices.currency = "USD";
  apply();
  EXPECT_EQ(chat(kStream).status, 200);
  EXPECT_EQ(usage().requests, 5);
}

TEST_F(GatewayBudgetTest, ManyClientsAtOnceNeverExceedABudget) {
  Model model(loop_);
  tenant_limits().budget.tokens_per_day = 1000;
  start({model.address}, 2);
  std::map<int, int> statuses;
  TaskGroup clients;
  for (int i = 0; i < 40; ++i) {
    clients.spawn([](GatewayTest& test, std::map<int, int>& seen) -> Task<> {
      for (int requests = 0; requests < 10; ++requests) {
        const auto response =
            co_await test.send_task({"POST", "/alpha/v1/chat/completions",
                                     bearer(key_of("alphaalpha")), std::string(kStream)});
        ++seen[response ? response->status : 0];
      }
    }(*this, statuses));
  }
  run_until_complete(loop_, clients.drained());
  while (chat(kStream).status == 200)
    ++statuses[200];
  const UsageCounts used = usage();
  EXPECT_EQ(used.requests, statuses[200]);
  EXPECT_LE(used.prompt_tokens + used.completion_tokens, 1000);
  EXPECT_GT(used.prompt_tokens + used.completion_tokens, 1000 - 29);
}

TEST_F(GatewayBudgetTest, AStreamIsEndedWhenItsBudgetHasNoMore) {
  // Not all of it at once, or it is over before it is looked at.
  simulator::SimulatorOptions paced = Model::quick();
  paced.tokens_per_second = 300;
  Model model(loop_, paced);
  config_.tenants[0].limits.budget.tokens_per_day = 20;
  start({model.address});
  const auto ended = chat(R"({"model":"m","stream":true,"messages":[{"content":"x"}]})");
  EXPECT_EQ(ended.status, 200);
  EXPECT_THAT(ended.body,
              HasSubstr("the stream was ended: the tenant's budget of 20 tokens per day "
                        "has no room for more of it"));
  EXPECT_THAT(ended.body, HasSubstr(R"("code":"insufficient_quota")"));
  EXPECT_THAT(ended.body, HasSubstr("data: [DONE]"));
  EXPECT_EQ(records().front().outcome, UsageOutcome::kEndedByLimit);
}

TEST_F(GatewayBudgetTest, ABudgetWhoseSumsCannotBeReadServesNobodyUntilTheyCan) {
  SnapshotBuilder builder(directory_, system_clock(), registry_, {});
  bool readable = false;
  builder.read_used_from([&](const std::string& currency) -> Result<UsedThisMonth> {
    if (!readable) return fail(ErrorCode::kInternal, "read the usage ledger");
    return UsedThisMonth(system_clock().wall(), currency);
  });
  tenant_limits().budget.tokens_per_day = 30;
  const auto without = builder.build(config_);
  EXPECT_TRUE(without->incomplete);
  EXPECT_FALSE(without->find("alpha")->limits.can_be_kept());
  EXPECT_TRUE(without->find("beta")->limits.can_be_kept());
  readable = true;
  const auto with = builder.build(config_);
  EXPECT_TRUE(with->find("alpha")->limits.can_be_kept());
  // Snapshots that follow one another share what is reserved.
  EXPECT_EQ(builder.build(config_)->find("alpha")->limits.budget,
            with->find("alpha")->limits.budget);
}

}  // namespace
}  // namespace insula::gateway
