#include <atomic>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gateway/usage_journal.h"
#include "gateway/usage_journal_v1.h"
#include "gateway/usage_ledger.h"
#include "gateway/usage_report.h"
#include "testing/fake_clock.h"

namespace insula::gateway {
namespace {

class UsageTest : public ::testing::Test {
 public:
  UsageTest() {
    std::string name = ::testing::TempDir() + "usage-XXXXXX";
    directory_ = ::mkdtemp(name.data());
  }

  ~UsageTest() override { std::filesystem::remove_all(directory_); }

 protected:
  [[nodiscard]] std::unique_ptr<UsageJournal> journal() const {
    return UsageJournal::open(directory_ / "j").value();
  }

  [[nodiscard]] std::unique_ptr<UsageLedger> ledger() const {
    return UsageLedger::open(directory_ / "db").value();
  }

  [[nodiscard]] std::int64_t hour() const {
    return std::chrono::floor<std::chrono::hours>(clock_.wall().time_since_epoch()).count();
  }

  [[nodiscard]] static UsageRecord entry(std::string_view model = "m",
                                         std::string_view tenant = "t",
                                         std::string_view key = "k") {
    UsageRecord record;
    record.subject.tenant.set(tenant);
    record.subject.model.set(model);
    record.subject.key.set(key);
    record.prompt_tokens = 3;
    record.completion_tokens = 5;
    return record;
  }

  void add(UsageJournal& journal, const UsageRecord& record) const {
    journal.commit(journal.prepare(record, clock_.wall()), record);
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
    add(*counting, entry());
    ASSERT_TRUE(sums->copy(*counting, hour(), UsageLedger::Release::kOldHours));
    ASSERT_TRUE(sums->copy(*counting, hour(), UsageLedger::Release::kOldHours));
  }
  EXPECT_EQ(total(*sums),
            (UsageCounts{.requests = 5, .prompt_tokens = 15, .completion_tokens = 25}));
}

TEST_F(UsageTest, ARestartOfEitherSideChangesNothing) {
  add(*journal(), entry());
  ASSERT_TRUE(ledger()->copy(*journal(), hour(), UsageLedger::Release::kOldHours));
  add(*journal(), entry());
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
    add(*counting, entry());
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
    add(*counting, entry("model-" + std::to_string(i)));
  ASSERT_TRUE(sums->copy(*counting, hour(), UsageLedger::Release::kOldHours));
  EXPECT_LE(counting->read().size(), UsageJournal::kModelsPerTenantMax + 1);
  EXPECT_EQ(total(*sums).requests, 10'000);
}

TEST_F(UsageTest, SumsStopAtTheLargestNumber) {
  constexpr std::int64_t kHuge = INT64_MAX - 10;
  const auto counting = journal();
  const auto sums = ledger();
  UsageRecord huge = entry();
  huge.prompt_tokens = huge.completion_tokens = kHuge;
  for (int i = 0; i < 3; ++i) {
    add(*counting, huge);
    ASSERT_TRUE(sums->copy(*counting, hour(), UsageLedger::Release::kOldHours));
    clock_.advance(std::chrono::hours(i));
  }
  add(*counting, entry("m", "u"));
  ASSERT_TRUE(sums->copy(*counting, hour(), UsageLedger::Release::kOldHours));
  const auto rows = sums->read({}).value();
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(
      rows[0].counts,
      (UsageCounts{.requests = 3, .prompt_tokens = INT64_MAX, .completion_tokens = INT64_MAX}));
  EXPECT_EQ(rows[1].counts.prompt_tokens, 3);
  EXPECT_NE(usage_json({.by = UsageBy::kModelAndKey, .rows = rows})
                .find("\"totalTokens\":9223372036854775807"),
            std::string::npos);
}

TEST_F(UsageTest, AFullTableStillCountsEveryRequest) {
  const auto counting = journal();
  const auto sums = ledger();
  constexpr int kTenants = UsageJournal::kCells + 500;
  for (int i = 0; i < kTenants; ++i) {
    UsageRecord failed = entry("m", "tenant-" + std::to_string(i));
    failed.status = 502;
    failed.prompt_tokens = failed.completion_tokens = 0;
    add(*counting, failed);
  }
  ASSERT_TRUE(sums->copy(*counting, hour(), UsageLedger::Release::kOldHours));
  EXPECT_EQ(total(*sums), (UsageCounts{.requests = kTenants, .failed = kTenants}));
}

TEST_F(UsageTest, TenantsThatFillTheirShareTakeNothingFromTheOthers) {
  const auto counting = journal();
  const auto sums = ledger();
  constexpr int kNoisy = 40;
  constexpr int kQuiet = 900;
  for (int i = 0; i < 1000; ++i) {
    for (int tenant = 0; tenant < kNoisy; ++tenant)
      add(*counting, entry("m" + std::to_string(i % 150), "noisy-" + std::to_string(tenant),
                           std::to_string(i)));
  }
  for (int tenant = 0; tenant < kQuiet; ++tenant)
    add(*counting, entry("m", "quiet-" + std::to_string(tenant)));
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
    add(*counting, entry("m", "t", std::to_string(i)));
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
        add(*counting, entry());
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

TEST_F(UsageTest, TenantsOfOneNameAndCurrenciesAreKeptApart) {
  const auto counting = journal();
  const auto sums = ledger();
  UsageRecord record = entry();
  for (const char* uid : {"", "uid-1", "uid-2"}) {
    record.subject.uid.set(uid);
    for (const char* currency : {"TWD", "USD"}) {
      record.subject.currency.set(currency);
      record.cost = 1'500'000'000;
      add(*counting, record);
      add(*counting, record);
    }
  }
  ASSERT_TRUE(sums->copy(*counting, hour(), UsageLedger::Release::kOldHours));
  EXPECT_EQ(sums->read({.tenant = "t"}).value().size(), 6U);
  EXPECT_EQ(sums->uids_of("t").value(), (std::vector<std::string>{"", "uid-1", "uid-2"}));
  const auto unknown = sums->read({.tenant = "t", .uid = ""}).value();
  ASSERT_EQ(unknown.size(), 2U);
  EXPECT_EQ(unknown[0].uid, "");
  const auto present =
      sums->read({.tenant = "", .present = {{{"t", "uid-2"}, {"u", "x"}}}}).value();
  ASSERT_EQ(present.size(), 2U);
  EXPECT_EQ(present[0].uid, "uid-2");
  EXPECT_EQ(present[0].currency, "TWD");
  EXPECT_EQ(present[0].counts.requests, 2);
  EXPECT_EQ(present[0].counts.cost, 3'000'000'000);
  const std::string json = usage_json({.by = UsageBy::kModelAndKey, .rows = present, .former = 2});
  EXPECT_NE(json.find(R"("requests":4,)"), std::string::npos);
  EXPECT_NE(
      json.find(R"("costs":[{"currency":"TWD","amount":"3"},{"currency":"USD","amount":"3"}])"),
      std::string::npos)
      << json;
  EXPECT_NE(json.find(R"("formerTenants":2)"), std::string::npos);
}

TEST_F(UsageTest, RollsUpByHourAndDay) {
  const auto counting = journal();
  const auto sums = ledger();
  UsageRecord record = entry();
  record.duration_us = 2'000'000;
  for (int i = 0; i < 50; ++i) {
    record.first_token_us = i % 2 == 0 ? 500'000 : UsageRecord::kUnknown;
    add(*counting, record);
    ASSERT_TRUE(sums->copy(*counting, hour(), UsageLedger::Release::kOldHours));
    clock_.advance(std::chrono::hours(1));
  }
  const auto hours = sums->read({.tenant = "t", .by = UsageBy::kHour}).value();
  ASSERT_EQ(hours.size(), 50U);
  EXPECT_EQ(hours[1].hour, hours[0].hour + 1);
  const auto days = sums->read({.tenant = "t", .by = UsageBy::kDay}).value();
  // The clock starts at midnight of 2026-01-01, a day in.
  ASSERT_EQ(days.size(), 3U);
  EXPECT_EQ(days[0].counts.requests, 24);
  EXPECT_EQ(days[2].counts.requests, 2);
  const UsageAnswer answer{.by = UsageBy::kDay, .rows = {days[0]}};
  EXPECT_EQ(usage_json(answer),
            R"({"by":"day","rows":[{"tenant":"t","uid":"","day":"2026-01-02","requests":24,)"
            R"("failedRequests":0,"promptTokens":72,"cachedTokens":0,"completionTokens":120,)"
            R"("reasoningTokens":0,"totalTokens":192,"estimatedRequests":0,"durationSeconds":48,)"
            R"("meanFirstTokenSeconds":0.5,"costs":[]}],"total":{"requests":24,"failedRequests":0,)"
            R"("promptTokens":72,"cachedTokens":0,"completionTokens":120,"reasoningTokens":0,)"
            R"("totalTokens":192,"estimatedRequests":0,"durationSeconds":48,)"
            R"("meanFirstTokenSeconds":0.5,"costs":[]},"formerTenants":0,"budgets":[]})");
  EXPECT_EQ(
      usage_csv(answer),
      "tenant,uid,period,model,key,member,requests,failed_requests,prompt_tokens,cached_tokens,"
      "completion_tokens,reasoning_tokens,estimated_requests,duration_seconds,"
      "mean_first_token_seconds,cost,currency\r\n"
      "t,,2026-01-02,,,,24,0,72,0,120,0,0,48.000000,0.500000,0,\r\n");
}

TEST_F(UsageTest, ALedgerOfTheFirstFormatIsConvertedAndItsTenantsAreUnknown) {
  constexpr const char* kFirstFormat = R"(
    CREATE TABLE usage (
      hour INTEGER, tenant TEXT, model TEXT, key TEXT,
      requests INTEGER, failed INTEGER, prompt_tokens INTEGER, completion_tokens INTEGER,
      estimated INTEGER, PRIMARY KEY (tenant, hour, model, key)) WITHOUT ROWID;
    CREATE TABLE copied (
      use INTEGER PRIMARY KEY, requests INTEGER, failed INTEGER, prompt_tokens INTEGER,
      completion_tokens INTEGER, estimated INTEGER);
    INSERT INTO usage VALUES (490000, 't', 'm', 'k', 7, 1, 70, 30, 2);
    INSERT INTO copied VALUES (77, 3, 0, 30, 10, 1);)";
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open((directory_ / "db").c_str(), &database), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(database, kFirstFormat, nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(database);
  // Three requests of this cell are in the table already.
  const std::vector<UsageJournal::Reading> readings = {
      {.use = 77,
       .key = {.tenant = "t", .model = "m", .key = "k", .hour = 490000},
       .counts = {.requests = 5, .prompt_tokens = 50, .completion_tokens = 15, .estimated = 1}}};
  for (int start = 0; start < 2; ++start) {
    const auto sums = ledger();
    ASSERT_TRUE(sums->bring_over(readings));
    const auto rows = sums->read({}).value();
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows[0].uid, "");
    EXPECT_EQ(rows[0].counts, (UsageCounts{.requests = 9,
                                           .failed = 1,
                                           .prompt_tokens = 90,
                                           .completion_tokens = 35,
                                           .estimated = 2}));
  }
}

TEST_F(UsageTest, ALedgerOfTheSecondFormatIsConvertedAndHasNoMembers) {
  constexpr const char* kCounts =
      "requests INTEGER, failed INTEGER, prompt_tokens INTEGER, completion_tokens INTEGER, "
      "estimated INTEGER, cached_tokens INTEGER, reasoning_tokens INTEGER, duration_us INTEGER, "
      "first_token_us INTEGER, first_tokens INTEGER, cost INTEGER";
  const std::string second_format = fmt::format(
      "CREATE TABLE usage (hour INTEGER, tenant TEXT, uid TEXT, model TEXT, key TEXT, currency "
      "TEXT, {0}, PRIMARY KEY (tenant, uid, hour, model, key, currency)) WITHOUT ROWID;"
      "CREATE TABLE copied (use INTEGER PRIMARY KEY, {0});"
      "INSERT INTO usage VALUES (490000, 't', 'u', 'm', 'k', 'USD', 7, 1, 70, 30, 2, 1, 1, 5, 4, "
      "3, "
      "99);"
      "INSERT INTO copied VALUES (77, 3, 0, 30, 10, 1, 0, 0, 0, 0, 0, 9);"
      "PRAGMA user_version = 2;",
      kCounts);
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open((directory_ / "db").c_str(), &database), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(database, second_format.c_str(), nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(database);
  // Three requests of this cell are in the table already.
  UsageJournal::Reading reading{
      .use = 77,
      .key =
          {.tenant = "t", .model = "m", .key = "k", .hour = 490000, .uid = "u", .currency = "USD"},
      .counts = {.requests = 5, .prompt_tokens = 50, .cost = 10}};
  reading.counts.completion_tokens = 15;
  reading.counts.estimated = 1;
  for (int start = 0; start < 2; ++start) {
    const auto sums = ledger();
    ASSERT_TRUE(sums->bring_over({&reading, 1}));
    const auto rows = sums->read({.by = UsageBy::kMember}).value();
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows[0].uid, "u");
    EXPECT_EQ(rows[0].member, "");
    EXPECT_EQ(rows[0].counts.requests, 9);
    EXPECT_EQ(rows[0].counts.cost, 100);
  }
}

TEST_F(UsageTest, AJournalOfTheSecondFormatGoesOnWithTheSameCells) {
  constexpr std::size_t kCellBytes = 440;
  std::string bytes(4096 + 8192 * kCellBytes, '\0');
  const auto put = [&](std::size_t at, auto value) {
    std::memcpy(bytes.data() + at, &value, sizeof value);
  };
  bytes.replace(0, 8, "INLJRNL2");
  put(8, std::uint64_t{2});  // cells that were ever taken
  const std::size_t cell = 4096 + kCellBytes;
  put(cell, std::uint64_t{9});
  put(cell + 8, std::uint64_t{3});
  for (std::size_t i = 0; i < 11; ++i) {
    put(cell + 16 + 8 * i, std::int64_t{1000});                 // the copy that was being written
    put(cell + 104 + 8 * i, static_cast<std::int64_t>(i + 1));  // and the one that holds
  }
  put(cell + 192, hour());
  bytes.replace(cell + 200, 1, "t");
  bytes.replace(cell + 264, 1, "u");
  bytes.replace(cell + 304, 1, "m");
  bytes.replace(cell + 416, 1, "k");
  bytes.replace(cell + 432, 3, "USD");
  std::ofstream(directory_ / "j") << bytes;
  for (int start = 0; start < 2; ++start) {
    const auto readings = journal()->read();
    ASSERT_EQ(readings.size(), 1U);
    EXPECT_EQ(readings[0].cell, 1U);
    EXPECT_EQ(readings[0].use, 9U);
    EXPECT_EQ(readings[0].key, (UsageKey{.tenant = "t",
                                         .model = "m",
                                         .key = "k",
                                         .hour = hour(),
                                         .uid = "u",
                                         .currency = "USD"}));
    EXPECT_EQ(readings[0].counts.requests, 1);
    EXPECT_EQ(readings[0].counts.cost, 11);
  }
  // What an earlier process wrote down of an update is found.
  EXPECT_EQ(journal()->find({.cell = 1, .use = 9, .version = 3}), UsageJournal::Made::kYes);
  EXPECT_EQ(journal()->find({.cell = 1, .use = 9, .version = 4}), UsageJournal::Made::kNo);
}

TEST_F(UsageTest, MembersAreKeptApartWhenAskedFor) {
  const auto counting = journal();
  const auto sums = ledger();
  for (const char* member : {"ann", "ann", "bob", ""}) {
    UsageRecord record = entry();
    record.subject.member.set(member);
    add(*counting, record);
  }
  ASSERT_TRUE(sums->copy(*counting, hour(), UsageLedger::Release::kOldHours));
  EXPECT_EQ(sums->read({}).value().size(), 1U);
  const auto rows = sums->read({.by = UsageBy::kMember}).value();
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[1].member, "ann");
  EXPECT_EQ(rows[1].counts.requests, 2);
  const std::string csv = usage_csv({.by = UsageBy::kMember, .rows = rows});
  EXPECT_NE(csv.find(",,,,ann,2,"), csv.npos) << csv;
  const std::string json = usage_json({.by = UsageBy::kMember, .rows = rows});
  EXPECT_NE(json.find(R"("member":"ann","requests":2)"), json.npos) << json;
}

TEST_F(UsageTest, ALedgerOfALaterFormatIsNeitherReadNorTakenForDamaged) {
  static_cast<void>(ledger());
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open((directory_ / "db").c_str(), &database), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(database, "PRAGMA user_version = 99", nullptr, nullptr, nullptr),
            SQLITE_OK);
  sqlite3_close(database);
  EXPECT_EQ(UsageLedger::open(directory_ / "db").error().code(), ErrorCode::kInternal);
}

TEST_F(UsageTest, AJournalOfTheFirstFormatIsRead) {
  std::string bytes(4096, '\0');
  const auto put = [&](std::size_t at, auto value) {
    std::memcpy(bytes.data() + at, &value, sizeof value);
  };
  bytes.replace(0, 8, "INLJRNL1");
  constexpr std::size_t kCellBytes = 296;
  for (const std::uint64_t use : {std::uint64_t{0}, std::uint64_t{9}}) {
    const std::size_t cell = bytes.size();
    bytes.append(kCellBytes, '\0');
    put(cell, use);
    put(cell + 8, std::uint64_t{3});
    for (std::size_t i = 0; i < 5; ++i) {
      put(cell + 16 + 8 * i, std::int64_t{1000});                // the copy that was being written
      put(cell + 56 + 8 * i, static_cast<std::int64_t>(i + 1));  // and the one that holds
    }
    put(cell + 96, std::int64_t{490000});
    bytes.replace(cell + 104, 1, "t");
    bytes.replace(cell + 168, 1, "m");
    bytes.replace(cell + 280, 1, "k");
  }
  std::ofstream(directory_ / "old") << bytes;
  const auto readings = read_journal_v1(directory_ / "old").value();
  ASSERT_EQ(readings.size(), 1U);
  EXPECT_EQ(readings[0].use, 9U);
  EXPECT_EQ(readings[0].key, (UsageKey{.tenant = "t", .model = "m", .key = "k", .hour = 490000}));
  EXPECT_EQ(
      readings[0].counts,
      (UsageCounts{
          .requests = 1, .failed = 2, .prompt_tokens = 3, .completion_tokens = 4, .estimated = 5}));
  EXPECT_EQ(read_journal_v1(journal()->file()).error().code(), ErrorCode::kConflict);
}

TEST_F(UsageTest, WhatIsNoJournalIsRefused) {
  std::ofstream(directory_ / "x") << "something else";
  EXPECT_EQ(UsageJournal::open(directory_ / "x").error().code(), ErrorCode::kConflict);
  EXPECT_EQ(UsageLedger::open(directory_ / "x").error().code(), ErrorCode::kConflict);
}

}  // namespace
}  // namespace insula::gateway
