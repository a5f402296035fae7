#include "cli/tenants.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/gen/core_v1.h"
#include "api/platform_objects.h"
#include "async/loop.h"
#include "async/task_group.h"
#include "cli/keys.h"
#include "cli/tokens.h"
#include "client/testing/fake_api.h"
#include "client/typed.h"
#include "gateway/api_key.h"
#include "gateway/jwt.h"
#include "jose/jws_key.h"
#include "testing/fake_clock.h"

namespace insula::cli {
namespace {

class TenantCommands : public ::testing::Test {
 protected:
  void SetUp() override {
    api::Namespace system;
    system.metadata.name = api::kSystemNamespace;
    ASSERT_TRUE(wait(client::create(api_, system)));
  }

  /// Stands in for the tenant controller: reports each generation of the tenant ready.
  Task<> report_ready(std::string name) {
    while (true) {
      auto tenant = co_await client::get<api::Tenant>(api_, "", name);
      if (tenant && tenant->status.observed_generation < tenant->metadata.generation) {
        tenant->status.phase = "Ready";
        tenant->status.url = "http://gateway/" + name;
        tenant->status.observed_generation = tenant->metadata.generation;
        (void)co_await client::update_status(api_, *tenant);
      }
      co_await yield();
    }
  }

  template <class T>
  Result<T> wait(Task<Result<T>> task) {
    std::optional<Result<T>> out;
    run_until_complete(loop_, [](Task<Result<T>> t, std::optional<Result<T>>& slot) -> Task<> {
      slot.emplace(co_await std::move(t));
    }(std::move(task), out));
    return *std::move(out);
  }

  api::Tenant make(const std::string& name) {
    TaskGroup controller;
    controller.spawn(report_ready(name));
    const auto made = wait(create_tenant(api_, *tenant_of({.name = name}), soon()));
    EXPECT_TRUE(made);
    return *made;
  }

  Deadline soon() const { return system_clock().now() + std::chrono::seconds(20); }

  Loop loop_;
  testing::FakeClock clock_;
  client::testing::FakeApi api_{clock_};
  SeededRandom random_{1};
};

TEST_F(TenantCommands, TurnFlagsIntoATenant) {
  const auto tenant = tenant_of({.name = "tenant-c",
                                 .gpus = 1,
                                 .memory = "8Gi",
                                 .requests_per_hour = 500,
                                 .tokens_per_minute = 6000,
                                 .concurrent_requests = 8,
                                 .serve = "insula/llm-sim",
                                 .replicas = 2});
  ASSERT_TRUE(tenant);
  EXPECT_EQ(tenant->spec.quota.gpus, 1);
  EXPECT_EQ(tenant->spec.quota.memory->text(), "8Gi");
  EXPECT_EQ(tenant->spec.quota.cpu, std::nullopt);
  EXPECT_EQ(tenant->spec.gateway.rate_limit.requests_per_hour, 500);
  EXPECT_EQ(tenant->spec.gateway.rate_limit.tokens_per_minute, 6000);
  EXPECT_EQ(tenant->spec.gateway.rate_limit.concurrent_requests, 8);
  EXPECT_EQ(tenant->spec.serve->image, "insula/llm-sim");
  EXPECT_EQ(tenant->spec.serve->replicas, 2);
}

TEST_F(TenantCommands, NameTheFlagThatIsWrong) {
  EXPECT_THAT(tenant_of({.name = "a", .memory = "lots"}).error().message(),
              ::testing::StartsWith("--memory: "));
  EXPECT_THAT(tenant_of({.name = "a", .replicas = 2}).error().message(),
              ::testing::HasSubstr("need --serve"));
  for (const long wrong : {-1L, 1001L, 4294967297L}) {
    const auto tenant = tenant_of({.name = "a", .serve = "insula/llm-sim", .replicas = wrong});
    ASSERT_FALSE(tenant) << wrong;
    EXPECT_THAT(tenant.error().message(), ::testing::StartsWith("--replicas: "));
  }
}

TEST_F(TenantCommands, CreateReturnsWhenTheTenantIsReady) {
  EXPECT_EQ(make("a").status.url, "http://gateway/a");
}

TEST_F(TenantCommands, CreateSaysWhatATenantWaitsFor) {
  const auto made = wait(create_tenant(api_, *tenant_of({.name = "a"}), system_clock().now()));
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code(), ErrorCode::kTimeout);
  EXPECT_THAT(made.error().message(), ::testing::HasSubstr("is made but not ready: "));
}

TEST_F(TenantCommands, EnsureLeavesATenantThatIsThereAsItIs) {
  make("a");
  const api::Tenant other = *tenant_of({.name = "a", .gpus = 3});
  const auto found = wait(ensure_tenant(api_, other, soon()));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->spec.quota.gpus, std::nullopt);
}

TEST_F(TenantCommands, AnEmptyNameIsNotAllTenants) {
  make("a");
  make("b");
  EXPECT_EQ(wait(delete_tenant(api_, "", soon())).error().code(), ErrorCode::kInvalid);
  EXPECT_TRUE(wait(client::get<api::Tenant>(api_, "", "a")));
  EXPECT_TRUE(wait(client::get<api::Tenant>(api_, "", "b")));
}

TEST_F(TenantCommands, DeleteReturnsWhenTheTenantIsGone) {
  make("a");
  EXPECT_TRUE(wait(delete_tenant(api_, "a", soon())));
  EXPECT_EQ(wait(delete_tenant(api_, "a", soon())).error().code(), ErrorCode::kNotFound);
}

TEST_F(TenantCommands, AKeyIsStoredAsAHashThatTheGatewayAccepts) {
  make("a");
  const auto key =
      wait(create_key(api_, random_, clock_, {.tenant = "a", .name = "ci", .models = {}}));
  ASSERT_TRUE(key) << key.error().message();
  EXPECT_EQ(key->url, "http://gateway/a");

  const auto secret = wait(client::get<api::Secret>(api_, api::kSystemNamespace, "key-" + key->id));
  ASSERT_TRUE(secret) << secret.error().message();
  for (const auto& [name, value] : secret->data)
    EXPECT_EQ(value.find(key->text.substr(15)), std::string::npos);
  gateway::ApiKeys keys;
  ASSERT_TRUE(keys.add(key->id, secret->data.at("hash"),
                       {.tenant = secret->data.at("tenant"), .expires = {}, .models = {}}));
  const auto parsed = gateway::parse_api_key(key->text);
  ASSERT_TRUE(parsed);
  EXPECT_EQ((*keys.verify(*parsed, clock_.wall()))->tenant, "a");
}

TEST_F(TenantCommands, KeysAreListedAndRevoked) {
  make("a");
  const auto key =
      wait(create_key(api_, random_, clock_, {.tenant = "a", .name = "ci", .models = {}}));
  EXPECT_EQ(wait(list_keys(api_, "nobody")).error().code(), ErrorCode::kNotFound);
  const auto rows = wait(list_keys(api_, "a"));
  ASSERT_TRUE(rows) << rows.error().message();
  ASSERT_EQ(rows->size(), 1u);
  EXPECT_EQ(rows->front().id, key->id);
  EXPECT_EQ(rows->front().name, "ci");
  EXPECT_TRUE(wait(revoke_key(api_, key->id)));
  EXPECT_EQ(wait(list_keys(api_, "a"))->size(), 0u);
  EXPECT_EQ(wait(revoke_key(api_, key->id)).error().message(), "no key \"" + key->id + "\"");
}

TEST_F(TenantCommands, AKeyCanBeForSomeModelsAndATime) {
  make("a");
  const KeyOrder order{"a", "ci", "small,large", {}, std::chrono::hours(1)};
  ASSERT_TRUE(wait(create_key(api_, random_, clock_, order)));
  const auto rows = wait(list_keys(api_, "a"));
  ASSERT_TRUE(rows);
  EXPECT_EQ(rows->front().expires, api::Time::from(clock_.wall() + std::chrono::hours(1)).text());
  EXPECT_EQ(rows->front().models, "small,large");
  for (const char* wrong : {",", "a,,b", "a, b", "a,"}) {
    const auto refused =
        wait(create_key(api_, random_, clock_, {.tenant = "a", .name = {}, .models = wrong}));
    ASSERT_FALSE(refused) << wrong;
    EXPECT_EQ(refused.error().code(), ErrorCode::kInvalid);
  }
}

constexpr gateway::LimitConfig kSomeLimits{
    .requests_per_hour = 10, .tokens_per_minute = 0, .concurrent_requests = 3};

TEST_F(TenantCommands, AKeyCanHaveLimitsOfItsOwn) {
  make("a");
  const auto create = [&](gateway::LimitConfig limits) {
    return wait(create_key(api_, random_, clock_,
                           {.tenant = "a", .name = {}, .models = {}, .limits = limits}));
  };
  ASSERT_TRUE(create(kSomeLimits));
  EXPECT_EQ(wait(list_keys(api_, "a"))->front().limits, kSomeLimits);
  auto broken = wait(client::list<api::Secret>(api_, api::kSystemNamespace, {}))->items.at(0);
  broken.data[api::kApiKeyTokensPerMinuteEntry] = "many";
  ASSERT_TRUE(wait(client::update(api_, broken)));
  const KeyRow row = wait(list_keys(api_, "a"))->front();
  EXPECT_EQ(row.limits, (gateway::LimitConfig{10, 0, 0}));
  const auto rotated = wait(rotate_key(api_, random_, clock_, {row.id, std::chrono::seconds(0)}));
  ASSERT_TRUE(rotated) << rotated.error().message();
  ASSERT_TRUE(wait(revoke_key(api_, rotated->key.id)));
  for (const auto& [wrong, flag] : std::vector<std::pair<gateway::LimitConfig, const char*>>{
           {{.requests_per_hour = -1}, "--requests-per-hour: -1 is not between 0 and 10000000"},
           {{.tokens_per_minute = 1'000'000'001}, "--tokens-per-minute: 1000000001 is not"},
           {{.concurrent_requests = -5}, "--concurrent-requests: -5 is not between"}}) {
    const auto refused = create(wrong);
    ASSERT_FALSE(refused) << flag;
    EXPECT_THAT(refused.error().message(), ::testing::HasSubstr(flag));
  }
  EXPECT_EQ(wait(list_keys(api_, "a"))->size(), 1u);
}

TEST_F(TenantCommands, AKeyCanHaveABudgetOfItsOwn) {
  make("a");
  const BudgetOptions flags{.tokens_per_day = 1000, .spend_per_month = "12.50"};
  const gateway::BudgetConfig budget = flags.config().value();
  EXPECT_EQ(budget,
            (gateway::BudgetConfig{.tokens_per_day = 1000, .spend_per_month = 12'500'000'000}));
  ASSERT_TRUE(
      wait(create_key(api_, random_, clock_,
                      {.tenant = "a", .name = {}, .models = {}, .limits = {.budget = budget}})));
  const KeyRow row = wait(list_keys(api_, "a"))->front();
  EXPECT_EQ(row.limits.budget, budget);
  auto stored = wait(client::list<api::Secret>(api_, api::kSystemNamespace, {}))->items.at(0);
  EXPECT_EQ(stored.data.at(api::kApiKeySpendPerMonthEntry), "12.5");
  const auto rotated = wait(rotate_key(api_, random_, clock_, {row.id, std::chrono::hours(1)}));
  ASSERT_TRUE(rotated);
  for (const KeyRow& each : *wait(list_keys(api_, "a")))
    EXPECT_EQ(each.limits.budget, budget);
  EXPECT_THAT(BudgetOptions{.tokens_per_day = -1}.config().error().message(),
              ::testing::StartsWith("--budget-tokens-per-day: -1 is not between 0"));
  EXPECT_THAT(BudgetOptions{.spend_per_day = "a lot"}.config().error().message(),
              ::testing::StartsWith("--budget-spend-per-day: \"a lot\" must be an amount"));
}

TEST_F(TenantCommands, SetChangesWhatItIsGivenAndNothingElse) {
  make("a");
  TenantRequest request{.name = "a", .tokens_per_minute = 600};
  request.budget.tokens_per_month = 5000;
  ASSERT_TRUE(wait(set_tenant(api_, request)));
  TenantRequest more{.name = "a", .concurrent_requests = 3};
  more.budget.spend_per_day = "0.5";
  const auto tenant = wait(set_tenant(api_, more));
  ASSERT_TRUE(tenant) << tenant.error().message();
  EXPECT_EQ(tenant->spec.gateway.rate_limit.tokens_per_minute, 600);
  EXPECT_EQ(tenant->spec.gateway.rate_limit.concurrent_requests, 3);
  EXPECT_EQ(tenant->spec.gateway.budget.tokens_per_month, 5000);
  EXPECT_EQ(tenant->spec.gateway.budget.spend_per_day, "0.5");
  request.budget.tokens_per_month = -5;
  EXPECT_THAT(wait(set_tenant(api_, request)).error().message(),
              ::testing::StartsWith("--budget-tokens-per-month"));
  EXPECT_EQ(wait(set_tenant(api_, {.name = "none"})).error().code(), ErrorCode::kNotFound);
}

TEST_F(TenantCommands, ARotatedKeyIsLikeTheOldOneWhichEndsAfterTheOverlap) {
  make("a");
  const auto old = wait(create_key(api_, random_, clock_, {"a", "ci", "small", kSomeLimits}));
  ASSERT_TRUE(old);
  const auto rotate = [&](std::chrono::seconds overlap) {
    return wait(rotate_key(api_, random_, clock_, {old->id, overlap, std::chrono::days(90)}));
  };
  const auto fresh = rotate(std::chrono::hours(1));
  ASSERT_TRUE(fresh) << fresh.error().message();
  EXPECT_NE(fresh->key.id, old->id);
  EXPECT_EQ(fresh->key.tenant, "a");
  const auto expiry_in = [&](std::chrono::seconds time) {
    return api::Time::from(clock_.wall() + time).text();
  };
  const auto row_of = [&](const std::string& id) {
    for (const KeyRow& row : *wait(list_keys(api_, "a"))) {
      if (row.id == id) return row;
    }
    return KeyRow{};
  };
  EXPECT_EQ(row_of(old->id).expires, expiry_in(std::chrono::hours(1)));
  EXPECT_EQ(fresh->old_expires, expiry_in(std::chrono::hours(1)));
  EXPECT_EQ(row_of(fresh->key.id).expires, expiry_in(std::chrono::days(90)));
  EXPECT_EQ(row_of(fresh->key.id).name, "ci");
  EXPECT_EQ(row_of(fresh->key.id).models, "small");
  EXPECT_EQ(row_of(fresh->key.id).limits, kSomeLimits);
  // An end that is set already is not put off.
  EXPECT_EQ(rotate(std::chrono::hours(2)).value().old_expires, expiry_in(std::chrono::hours(1)));
  EXPECT_EQ(row_of(old->id).expires, expiry_in(std::chrono::hours(1)));
  EXPECT_EQ(
      wait(rotate_key(api_, random_, clock_, {"none", std::chrono::hours(1)})).error().message(),
      "no key \"none\"");
}

TEST_F(TenantCommands, NobodyGetsAKeyForATenantThatIsNot) {
  EXPECT_EQ(wait(create_key(api_, random_, clock_, {.tenant = "nobody", .name = {}, .models = {}}))
                .error()
                .code(),
            ErrorCode::kNotFound);
}

TEST_F(TenantCommands, ATokenIsSignedByTheBuiltInIssuer) {
  make("a");
  const auto pair = jose::generate_ed25519_keys();
  api::Secret issuer;
  issuer.metadata.name = api::kTokenIssuer;
  issuer.metadata.namespace_ = api::kSystemNamespace;
  issuer.data[api::kPrivateKeyEntry] = pair->private_pem;
  ASSERT_TRUE(wait(client::create(api_, issuer)));

  const auto token = wait(create_token(
      api_, clock_, {.tenant = "a", .subject = "alice", .lifetime = std::chrono::hours(1)}));
  ASSERT_TRUE(token) << token.error().message();
  std::vector<gateway::JwtIssuer> issuers(1);
  issuers[0].issuer = gateway::kBuiltinIssuer;
  issuers[0].audiences = {std::string(gateway::kBuiltinAudience)};
  issuers[0].keys = {*jose::JwsKey::from_public_pem(pair->public_pem)};
  const auto claims = gateway::verify_jwt(*token, issuers, clock_.wall());
  ASSERT_TRUE(claims) << claims.error().message();
  EXPECT_EQ(claims->tenant, "a");
  EXPECT_EQ(claims->subject, "alice");
}

TEST(Durations, AreANumberAndAUnit) {
  EXPECT_EQ(*parse_duration("90s"), std::chrono::seconds(90));
  EXPECT_EQ(*parse_duration("30d"), std::chrono::days(30));
  EXPECT_EQ(*parse_duration("1h30m"), std::chrono::minutes(90));
  for (const char* wrong : {"", "10", "h", "-1h", "1h30", "-1d", "1ms", "0s", "99999999999d"})
    EXPECT_FALSE(parse_duration(wrong)) << wrong;
}

}  // namespace
}  // namespace insula::cli
