#include <map>
#include <thread>

#include <gmock/gmock.h>

#include "gateway/testing/test_gateway.h"
#include "testing/fake_clock.h"

namespace insula::gateway {
namespace {

using std::chrono_literals::operator""s;
using std::chrono_literals::operator""min;

LimitSet limits_of_key(const Snapshot& snapshot, std::string_view id) {
  LimitSet limits;
  limits[LimitScope::kTenant] = &snapshot.find("alpha")->limits;
  limits[LimitScope::kKey] = &snapshot.api_keys.records().find(id)->second.grant.limits;
  return limits;
}

TEST_F(GatewayTest, MoreTokensAreReservedOfTheKeyAndTheTenantOrOfNeither) {
  config_.tenants[0].limits.tokens_per_minute = 500;
  config_.api_keys = {{"small", "alpha", std::string(kHash), "", {}, {.tokens_per_minute = 100}},
                      {"large", "alpha", std::string(kHash), "", {}, {.tokens_per_minute = 1000}}};
  SnapshotBuilder builder(directory_, system_clock(), registry_, {});
  const auto snapshot = builder.build(config_);
  const auto left = [&](std::string_view id, LimitScope scope) {
    Admission asking;
    EXPECT_EQ(asking.take(limits_of_key(*snapshot, id), 0), std::nullopt);
    return asking.report().tokens[scope]->remaining;
  };
  Admission small;
  EXPECT_EQ(small.take(limits_of_key(*snapshot, "small"), 40), std::nullopt);
  EXPECT_EQ(small.reserve_more(50), std::nullopt);
  EXPECT_EQ(small.reserve_more(20), (LimitMet{LimitKind::kTokens, LimitScope::kKey}));
  EXPECT_EQ(small.reserved(), 90);
  EXPECT_EQ(left("small", LimitScope::kKey), 10);
  EXPECT_EQ(left("small", LimitScope::kTenant), 410);
  Admission large;
  EXPECT_EQ(large.take(limits_of_key(*snapshot, "large"), 400), std::nullopt);
  EXPECT_EQ(large.reserve_more(20), (LimitMet{LimitKind::kTokens, LimitScope::kTenant}));
  EXPECT_EQ(left("large", LimitScope::kKey), 600);
  large.settle(300);
  small.settle(30);
  EXPECT_EQ(left("large", LimitScope::kKey), 700);
  EXPECT_EQ(left("small", LimitScope::kKey), 70);
  EXPECT_EQ(left("small", LimitScope::kTenant), 170);
}

TEST_F(GatewayTest, OfSeveralLimitsOfRequestsTheOneIsToldThatLastsLongest) {
  testing::FakeClock clock;
  config_.tenants[0].limits.requests_per_hour = 1;
  config_.api_keys = {{"k", "alpha", std::string(kHash), "", {}, {.requests_per_hour = 1}},
                      {"other", "alpha", std::string(kHash), "", {}}};
  SnapshotBuilder builder(directory_, clock, registry_, {});
  auto snapshot = builder.build(config_);
  EXPECT_EQ(Admission().take(limits_of_key(*snapshot, "k"), std::nullopt), std::nullopt);
  clock.advance(60s);
  config_.tenants[0].limits.requests_per_hour = 2;
  snapshot = builder.build(config_);
  EXPECT_EQ(Admission().take(limits_of_key(*snapshot, "other"), std::nullopt), std::nullopt);
  config_.tenants[0].limits.requests_per_hour = 1;
  snapshot = builder.build(config_);
  // The key is free in 59 minutes, the tenant in an hour.
  Admission admission;
  EXPECT_EQ(admission.take(limits_of_key(*snapshot, "k"), std::nullopt),
            (LimitMet{LimitKind::kRequests, LimitScope::kTenant}));
  EXPECT_EQ(admission.report().requests[LimitScope::kKey]->reset, 59min);
  EXPECT_EQ(admission.report().requests[LimitScope::kTenant]->reset, 60min);
}

TEST_F(GatewayTest, WithKeysAtTheirLimitsManyThreadsUseUpTheTenantsExactly) {
  constexpr std::int64_t kTenantMost = 800;
  constexpr std::int64_t kKeyMost = 300;
  constexpr int kAttempts = 500;
  config_.tenants[0].limits.requests_per_hour = kTenantMost;
  config_.api_keys.clear();
  std::map<std::string, std::atomic<std::int64_t>> admitted;
  for (const char* id : {"a", "b", "c", "d"}) {
    config_.api_keys.push_back(
        {id, "alpha", std::string(kHash), "", {}, {.requests_per_hour = kKeyMost}});
    admitted[id] = 0;
  }
  SnapshotBuilder builder(directory_, system_clock(), registry_, {});
  const auto snapshot = builder.build(config_);
  {
    std::vector<std::jthread> threads;
    for (auto& [id, count] : admitted) {
      for (int thread = 0; thread < 2; ++thread) {
        threads.emplace_back([limits = limits_of_key(*snapshot, id), &mine = count] {
          for (int i = 0; i < kAttempts; ++i) {
            Admission admission;
            if (!admission.take(limits, std::nullopt)) ++mine;
          }
        });
      }
    }
  }
  std::int64_t sum = 0;
  for (const auto& [key, most] : admitted) {
    EXPECT_LE(most, kKeyMost) << key;
    sum += most;
  }
  EXPECT_EQ(sum, kTenantMost);
  EXPECT_EQ(snapshot->find("alpha")->limits.running->load(), 0);
}

TEST_F(GatewayTest, KeysOverTheirOwnLimitsNeverHoldWhatIsTheTenants) {
  constexpr std::int64_t kTokens = 600;
  config_.tenants[0].limits = {
      .requests_per_hour = 100'000, .tokens_per_minute = 1000, .concurrent_requests = 1};
  config_.api_keys = {
      {"concurrency", "alpha", std::string(kHash), "", {}, {.concurrent_requests = 0}},
      {"tokens", "alpha", std::string(kHash), "", {}, {.tokens_per_minute = kTokens - 1}},
      {"requests", "alpha", std::string(kHash), "", {}, {.requests_per_hour = 0}},
      {"other", "alpha", std::string(kHash), "", {}}};
  SnapshotBuilder builder(directory_, system_clock(), registry_, {});
  const auto snapshot = builder.build(config_);
  std::atomic<bool> done = false;
  std::atomic<int> refused = 0;
  std::vector<std::jthread> threads;
  for (const auto& [id, kind] : {std::pair{"concurrency", LimitKind::kConcurrency},
                                 {"tokens", LimitKind::kTokens},
                                 {"requests", LimitKind::kRequests}}) {
    threads.emplace_back([&, limits = limits_of_key(*snapshot, id), wanted = kind] {
      while (!done) {
        Admission admission;
        EXPECT_EQ(admission.take(limits, kTokens), (LimitMet{wanted, LimitScope::kKey}));
        ++refused;
      }
    });
  }
  while (refused == 0)
    std::this_thread::yield();
  for (int i = 0; i < 20'000 && !::testing::Test::HasFailure(); ++i) {
    Admission admission;
    EXPECT_EQ(admission.take(limits_of_key(*snapshot, "other"), kTokens), std::nullopt) << i;
  }
  done = true;
}

LimitSet limits_of_model(const Snapshot& snapshot, std::string_view key, std::string_view model) {
  LimitSet limits = limits_of_key(snapshot, key);
  limits[LimitScope::kModel] = &*snapshot.find("alpha")->models.find(model)->limits;
  return limits;
}

TEST_F(GatewayTest, ModelsOverTheirOwnLimitsNeverHoldWhatIsTheTenants) {
  constexpr std::int64_t kTokens = 600;
  config_.tenants[0].limits = {
      .requests_per_hour = 100'000, .tokens_per_minute = 1000, .concurrent_requests = 1};
  config_.tenants[0].models = {{.name = "concurrency", .limits = {.concurrent_requests = 0}},
                               {.name = "tokens", .limits = {.tokens_per_minute = kTokens - 1}},
                               {.name = "requests", .limits = {.requests_per_hour = 0}}};
  config_.api_keys = {{"k", "alpha", std::string(kHash), "", {}}};
  SnapshotBuilder builder(directory_, system_clock(), registry_, {});
  const auto snapshot = builder.build(config_);
  std::atomic<bool> done = false;
  std::atomic<int> refused = 0;
  std::vector<std::jthread> threads;
  for (const auto& [name, kind] : {std::pair{"concurrency", LimitKind::kConcurrency},
                                   {"tokens", LimitKind::kTokens},
                                   {"requests", LimitKind::kRequests}}) {
    threads.emplace_back([&, limits = limits_of_model(*snapshot, "k", name), wanted = kind] {
      while (!done) {
        Admission admission;
        EXPECT_EQ(admission.take(limits, kTokens), (LimitMet{wanted, LimitScope::kModel}));
        ++refused;
      }
    });
  }
  while (refused == 0)
    std::this_thread::yield();
  for (int i = 0; i < 20'000 && !::testing::Test::HasFailure(); ++i) {
    Admission admission;
    EXPECT_EQ(admission.take(limits_of_key(*snapshot, "k"), kTokens), std::nullopt) << i;
  }
  done = true;
}

TEST_F(GatewayTest, ManyThreadsUseUpAKeysAModelsAndATenantsLimitsAndNoMore) {
  constexpr std::int64_t kTenantMost = 900;
  constexpr std::int64_t kModelMost = 400;
  constexpr std::int64_t kKeyMost = 500;
  constexpr int kAttempts = 600;
  config_.tenants[0].limits.requests_per_hour = kTenantMost;
  config_.tenants[0].models = {{.name = "m", .limits = {.requests_per_hour = kModelMost}},
                               {.name = "n", .limits = {.requests_per_hour = kModelMost}},
                               {.name = "o", .limits = {.requests_per_hour = kModelMost}}};
  config_.api_keys = {{"a", "alpha", std::string(kHash), "", {}, {.requests_per_hour = kKeyMost}},
                      {"b", "alpha", std::string(kHash), "", {}, {.requests_per_hour = kKeyMost}}};
  SnapshotBuilder builder(directory_, system_clock(), registry_, {});
  const auto snapshot = builder.build(config_);
  std::map<std::string, std::atomic<std::int64_t>> admitted;
  for (const char* owner : {"a", "b", "m", "n", "o"})
    admitted[owner] = 0;
  {
    std::vector<std::jthread> threads;
    for (const char* key : {"a", "b"}) {
      for (const char* model : {"m", "n", "o"}) {
        threads.emplace_back([&, key, model, limits = limits_of_model(*snapshot, key, model)] {
          for (int i = 0; i < kAttempts; ++i) {
            Admission admission;
            if (admission.take(limits, std::nullopt)) continue;
            ++admitted[key];
            ++admitted[model];
          }
        });
      }
    }
  }
  EXPECT_LE(admitted["a"], kKeyMost);
  EXPECT_LE(admitted["b"], kKeyMost);
  for (const char* model : {"m", "n", "o"})
    EXPECT_LE(admitted[model], kModelMost) << model;
  // A place that was used up for nothing, since another thread took the next one's last, is lost.
  const std::int64_t sum = admitted["a"] + admitted["b"];
  EXPECT_LE(sum, kTenantMost);
  EXPECT_GE(sum, kTenantMost - 20);
  EXPECT_EQ(snapshot->find("alpha")->limits.running->load(), 0);
}

}  // namespace
}  // namespace insula::gateway
