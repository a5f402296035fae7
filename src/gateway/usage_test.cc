#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>

#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gateway/usage_journal.h"
#include "gateway/usage_ledger.h"
#include "testing/fake_clock.h"

namespace insula::gateway {
namespace {

class UsageTest : public ::testing::Test {
 protected:
  UsageTest() {
    std::string name = ::testing::TempDir() + "usage-XXXXXX";
    directory_ = ::mkdtemp(name.data());
  }

  ~UsageTest() override { std::filesystem::remove_all(directory_); }

  [[nodiscard]] std::unique_ptr<UsageJournal> journal() const {
    return UsageJournal::open(directory_ / "j").value();
  }

  [[nodiscard]] std::unique_ptr<UsageLedger> ledger() const {
    return UsageLedger::open(directory_ / "db").value();
  }

  [[nodiscard]] std::int64_t hour() const {
    return std::chrono::floor<std::chrono::hours>(clock_.wall().time_since_epoch()).count();
  }

  [[nodiscard]] static UsageEntry entry(std::string_view model = "m") {
    return {.tenant = "t", .model = model, .key = "k", .failed = false, .usage = {3, 5, false}};
  }

  static UsageCounts total(const UsageLedger& ledger) {
    UsageCounts sum;
    const auto rows = ledger.read({}).value();
    for (const UsageRow& row : rows)
      sum += row.counts;
    return sum;
  }

  std::filesystem::path directory_;
  testing::FakeClock clock_;
};

TEST_F(UsageTest, CountsOnceHoweverOftenItIsCopied) {
  const auto counting = journal();
  const auto sums = ledger();
  for (int i = 0; i < 5; ++i) {
    counting->add(entry(), clock_.wall());
    ASSERT_TRUE(sums->copy(*counting, hour(), UsageLedger::Release::kOldHours));
    ASSERT_TRUE(sums->copy(*counting, hour(), UsageLedger::Release::kOldHours));
  }
  EXPECT_EQ(total(*sums),
            (UsageCounts{.requests = 5, .prompt_tokens = 15, .completion_tokens = 25}));
}

TEST_F(UsageTest, ARestartOfEitherSideChangesNothing) {
  journal()->add(entry(), clock_.wall());
  ASSERT_TRUE(ledger()->copy(*journal(), hour(), UsageLedger::Release::kOldHours));
  journal()->add(entry(), clock_.wall());
  ASSERT_TRUE(ledger()->copy(*journal(), hour(), UsageLedger::Release::kAll));
  ASSERT_TRUE(ledger()->copy(*journal(), hour(), UsageLedger::Release::kAll));
  EXPECT_EQ(total(*ledger()).requests, 2);
  EXPECT_TRUE(journal()->read().empty());
}

TEST_F(UsageTest, GivesCellsOfPastHoursBackAndKeepsHoursApart) {
  const auto counting = journal();
  const auto sums = ledger();
  const std::int64_t first_hour = hour();
  for (int i = 0; i < 50; ++i) {
    counting->add(entry(), clock_.wall());
    ASSERT_TRUE(sums->copy(*counting, hour(), UsageLedger::Release::kOldHours));
    clock_.advance(std::chrono::hours(1));
  }
  EXPECT_LE(counting->read().size(), 3U);
  EXPECT_EQ(total(*sums).requests, 50);
  EXPECT_EQ(sums->read({.tenant = "t", .from_hour = first_hour, .to_hour = first_hour + 9})
                .value()[0]
                .counts.requests,
            10);
  EXPECT_TRUE(sums->read({.tenant = "other"}).value().empty());
}

TEST_F(UsageTest, InventedModelNamesDoNotFillTheTable) {
  const auto counting = journal();
  const auto sums = ledger();
  for (int i = 0; i < 10'000; ++i)
    counting->add(entry("model-" + std::to_string(i)), clock_.wall());
  ASSERT_TRUE(sums->copy(*counting, hour(), UsageLedger::Release::kOldHours));
  EXPECT_LE(counting->read().size(), UsageJournal::kModelsPerTenantMax + 1);
  EXPECT_EQ(total(*sums).requests, 10'000);
}

TEST_F(UsageTest, SumsStopAtTheLargestNumber) {
  constexpr std::int64_t kHuge = INT64_MAX - 10;
  const auto counting = journal();
  const auto sums = ledger();
  const UsageEntry huge{
      .tenant = "t", .model = "m", .key = "k", .failed = false, .usage = {kHuge, kHuge, false}};
  for (int i = 0; i < 3; ++i) {
    counting->add(huge, clock_.wall());
    ASSERT_TRUE(sums->copy(*counting, hour(), UsageLedger::Release::kOldHours));
    clock_.advance(std::chrono::hours(i));
  }
  counting->add({.tenant = "u", .model = "m", .key = "k", .failed = false, .usage = {1, 2, false}},
                clock_.wall());
  ASSERT_TRUE(sums->copy(*counting, hour(), UsageLedger::Release::kOldHours));
  const auto rows = sums->read({}).value();
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(
      rows[0].counts,
      (UsageCounts{.requests = 3, .prompt_tokens = INT64_MAX, .completion_tokens = INT64_MAX}));
  EXPECT_EQ(rows[1].counts.prompt_tokens, 1);
  EXPECT_NE(usage_json(rows).find("\"totalTokens\":9223372036854775807"), std::string::npos);
}

TEST_F(UsageTest, AFullTableStillCountsEveryRequest) {
  const auto counting = journal();
  const auto sums = ledger();
  constexpr int kTenants = UsageJournal::kCells + 500;
  for (int i = 0; i < kTenants; ++i) {
    const std::string tenant = "tenant-" + std::to_string(i);
    counting->add({.tenant = tenant, .model = "m", .key = "k", .failed = true, .usage = {}},
                  clock_.wall());
  }
  ASSERT_TRUE(sums->copy(*counting, hour(), UsageLedger::Release::kOldHours));
  EXPECT_EQ(total(*sums), (UsageCounts{.requests = kTenants, .failed = kTenants}));
}

TEST_F(UsageTest, TenantsThatFillTheirShareTakeNothingFromTheOthers) {
  const auto counting = journal();
  const auto sums = ledger();
  const auto add = [&](const std::string& tenant, const std::string& model,
                       const std::string& key) {
    counting->add({.tenant = tenant, .model = model, .key = key, .failed = false, .usage = {}},
                  clock_.wall());
  };
  constexpr int kNoisy = 40;
  constexpr int kQuiet = 900;
  for (int i = 0; i < 1000; ++i) {
    for (int tenant = 0; tenant < kNoisy; ++tenant)
      add("noisy-" + std::to_string(tenant), "m" + std::to_string(i % 150), std::to_string(i));
  }
  for (int tenant = 0; tenant < kQuiet; ++tenant)
    add("quiet-" + std::to_string(tenant), "m", "k");
  ASSERT_TRUE(sums->copy(*counting, hour(), UsageLedger::Release::kOldHours));
  std::map<std::string, std::int64_t> requests;
  const auto rows = sums->read({}).value();
  for (const UsageRow& row : rows)
    requests[row.tenant] += row.counts.requests;
  EXPECT_EQ(requests.size(), kNoisy + kQuiet);
  EXPECT_FALSE(requests.contains(""));
  for (const auto& [tenant, count] : requests)
    EXPECT_EQ(count, tenant.starts_with("noisy") ? 1000 : 1) << tenant;
}

TEST_F(UsageTest, KeysDoNotUseUpATenantsModels) {
  const auto counting = journal();
  const auto sums = ledger();
  for (int i = 0; i < 150; ++i) {
    const std::string key = std::to_string(i);
    counting->add({.tenant = "t", .model = "m", .key = key, .failed = false, .usage = {}},
                  clock_.wall());
  }
  ASSERT_TRUE(sums->copy(*counting, hour(), UsageLedger::Release::kOldHours));
  const auto rows = sums->read({}).value();
  EXPECT_EQ(rows.size(), 150U);
  for (const UsageRow& row : rows)
    EXPECT_EQ(row.model, "m");
}

TEST_F(UsageTest, AWriterKilledAtAnyMomentLeavesWholeRequests) {
  auto* shared = static_cast<std::atomic<std::int64_t>*>(
      ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  constexpr int kKills = 15;
  for (int round = 0; round < kKills; ++round) {
    const std::int64_t goal = *shared + 2000;
    const pid_t child = ::fork();
    if (child == 0) {
      const auto counting = journal();
      for (;;) {
        counting->add(entry(), clock_.wall());
        ++*shared;
      }
    }
    while (*shared < goal)
      ::sched_yield();
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    ASSERT_TRUE(ledger()->copy(*journal(), hour(), UsageLedger::Release::kAll));
  }
  const UsageCounts sum = total(*ledger());
  EXPECT_GE(sum.requests, *shared);
  EXPECT_LE(sum.requests, *shared + kKills);
  EXPECT_EQ(sum.prompt_tokens, 3 * sum.requests);
  EXPECT_EQ(sum.completion_tokens, 5 * sum.requests);
  ::munmap(shared, 4096);
}

TEST_F(UsageTest, WhatIsNoJournalIsRefused) {
  std::ofstream(directory_ / "x") << "something else";
  EXPECT_EQ(UsageJournal::open(directory_ / "x").error().code(), ErrorCode::kConflict);
  EXPECT_EQ(UsageLedger::open(directory_ / "x").error().code(), ErrorCode::kConflict);
}

}  // namespace
}  // namespace insula::gateway
