#include "gateway/usage_recorder.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "testing/fake_clock.h"
#include "testing/temp_dir.h"

namespace insula::gateway {
namespace {

constexpr std::array kFiles = {"journal", "running", "ring"};

/// What the files say once a start has recovered them.
struct Bill {
  std::int64_t requests = 0;
  std::int64_t prompt_tokens = 0;
  std::int64_t cost = 0;
  std::vector<UsageRecord> records;
  std::size_t cut_off = 0;
};

class UsageRecorderTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::unique_ptr<UsageRecorder> open(const std::string& folder) {
    return std::make_unique<UsageRecorder>(
        UsageJournal::open(folder + "/journal").value(),
        InFlightTable::open(folder + "/running").value(),
        RecordRing::open(folder + "/ring").value(),
        UsageLosses{registry_.counter("dropped", ""), registry_.counter("unnoted", "")});
  }

  [[nodiscard]] static InFlight request(std::string_view id, std::int64_t prompt = 100) {
    InFlight running{.record = {}, .price = {1'000'000, 1'000'000, 2'000'000}};
    running.record.subject.tenant.set("t");
    running.record.subject.uid.set("uid-1");
    running.record.subject.model.set("m");
    running.record.subject.key.set("k");
    running.record.subject.currency.set("USD");
    running.record.request_id.set(id);
    running.record.prompt_tokens = prompt;
    running.record.status = 499;
    return running;
  }

  [[nodiscard]] UsageRecord settled(const InFlight& running) const {
    UsageRecord record = running.record;
    record.ended_us = micros_of(clock_.wall());
    record.duration_us = 1000;
    record.status = 200;
    record.set_usage({.prompt_tokens = 7, .completion_tokens = 3});
    record.cost = cost_of(running.price, record.usage());
    return record;
  }

  /// Recovers what is in the folder as the next start does.
  Bill bill(const std::string& folder) {
    const auto recorder = open(folder);
    Bill found;
    found.cut_off = recorder->recover(clock_.wall(), [] { FAIL() << "the ring is not full"; });
    for (const auto& reading : recorder->journal().read()) {
      found.requests += reading.counts.requests;
      found.prompt_tokens += reading.counts.prompt_tokens;
      found.cost += reading.counts.cost;
    }
    const RecordRing& ring = recorder->ring();
    for (std::uint64_t number = ring.first_unread(); number < ring.next(); ++number)
      found.records.push_back(ring.at(number));
    return found;
  }

  [[nodiscard]] std::string copy_to(const std::string& name) const {
    const std::string folder = directory_ / name;
    std::filesystem::create_directory(folder);
    for (const char* file : kFiles)
      std::filesystem::copy_file(directory_ / file, folder + "/" + file,
                                 std::filesystem::copy_options::overwrite_existing);
    return folder;
  }

  testing::TempDir directory_;
  testing::FakeClock clock_;
  MetricsRegistry registry_;
};

TEST_F(UsageRecorderTest, ASettledRequestIsBilledOnceHoweverOftenItIsRecovered) {
  {
    const auto recorder = open(directory_.path());
    const InFlight running = request("a");
    recorder->settle(recorder->begin(running), settled(running), clock_.wall());
  }
  for (int start = 0; start < 3; ++start) {
    const Bill found = bill(directory_.path());
    EXPECT_EQ(found.requests, 1);
    EXPECT_EQ(found.prompt_tokens, 7);
    EXPECT_EQ(found.cost, 7'000 + 6'000);
    ASSERT_EQ(found.records.size(), 1U);
    EXPECT_EQ(found.records[0].outcome, UsageOutcome::kOk);
    EXPECT_EQ(found.cut_off, 0U);
  }
}

TEST_F(UsageRecorderTest, WhatRanWhenItWasKilledIsBilledByWhatWasKnown) {
  {
    const auto recorder = open(directory_.path());
    static_cast<void>(recorder->begin(request("silent", 40)));
    const std::size_t streaming = recorder->begin(request("streaming"));
    recorder->note(streaming, {.prompt_tokens = 90, .completion_tokens = 12, .cached_tokens = 30},
                   UsageRecord::kUnknown);
    const std::size_t beyond = recorder->begin(request("beyond"));
    recorder->note(beyond, {.prompt_tokens = 50, .completion_tokens = 30, .reasoning_tokens = 25},
                   20);
    const std::size_t within = recorder->begin(request("within"));
    recorder->note(within, {.prompt_tokens = 50, .completion_tokens = 5}, 20);
  }
  for (int start = 0; start < 2; ++start) {
    const Bill found = bill(directory_.path());
    EXPECT_EQ(found.cut_off, start == 0 ? 4U : 0U);
    EXPECT_EQ(found.requests, 4);
    ASSERT_EQ(found.records.size(), 4U);
    for (const UsageRecord& record : found.records) {
      EXPECT_EQ(record.outcome, UsageOutcome::kGatewayCrashed);
      EXPECT_TRUE(record.estimated);
      EXPECT_EQ(record.duration_us, UsageRecord::kUnknown);
      EXPECT_EQ(record.ended_us, micros_of(clock_.wall()));
      EXPECT_EQ(record.subject.uid.view(), "uid-1");
    }
    EXPECT_EQ(found.records[0].prompt_tokens, 40);
    EXPECT_EQ(found.records[0].completion_tokens, 0);
    EXPECT_EQ(found.records[0].cost, 40'000);
    EXPECT_EQ(found.records[1].prompt_tokens, 90);
    EXPECT_EQ(found.records[1].completion_tokens, 12);
    EXPECT_EQ(found.records[1].cached_tokens, 30);
    EXPECT_EQ(found.records[2].completion_tokens, 20);
    EXPECT_EQ(found.records[2].reasoning_tokens, 20);
    EXPECT_EQ(found.records[2].cost, 50'000 + 40'000);
    EXPECT_EQ(found.records[3].completion_tokens, 5);
  }
}

TEST_F(UsageRecorderTest, PlacesAreGivenBackAndRequestsBeyondThemRunUnnoted) {
  const auto recorder = open(directory_.path());
  std::vector<std::size_t> places;
  places.reserve(InFlightTable::kSlots);
  for (std::size_t i = 0; i < InFlightTable::kSlots; ++i)
    places.push_back(recorder->begin(request("x")));
  EXPECT_EQ(std::set(places.begin(), places.end()).size(), InFlightTable::kSlots);
  const InFlight one_more = request("y");
  const std::size_t unnoted = recorder->begin(one_more);
  EXPECT_EQ(unnoted, UsageRecorder::kUnnoted);
  EXPECT_EQ(registry_.counter("unnoted", "").value(), 1U);
  recorder->note(unnoted, {}, 0);
  recorder->settle(unnoted, settled(one_more), clock_.wall());
  EXPECT_EQ(recorder->ring().unread(), 1U);
  recorder->settle(places[5], settled(one_more), clock_.wall());
  EXPECT_EQ(recorder->begin(request("z")), places[5]);
}

TEST_F(UsageRecorderTest, AFullRingDropsRecordsAndSumsGoOn) {
  const auto recorder = open(directory_.path());
  int woken = 0;
  recorder->on_records([&] { ++woken; });
  const InFlight running = request("a");
  for (std::size_t i = 0; i < RecordRing::kRecords + 10; ++i)
    recorder->settle(recorder->begin(running), settled(running), clock_.wall());
  EXPECT_EQ(woken, 1);
  EXPECT_EQ(registry_.counter("dropped", "").value(), 10U);
  EXPECT_EQ(recorder->journal().read().at(0).counts.requests,
            static_cast<std::int64_t>(RecordRing::kRecords + 10));
  recorder->reading();
  recorder->settle(recorder->begin(running), settled(running), clock_.wall());
  EXPECT_EQ(woken, 2);
}

TEST_F(UsageRecorderTest, RecoveryMakesRoomInAFullRing) {
  {
    const auto recorder = open(directory_.path());
    const InFlight running = request("a");
    for (std::size_t i = 0; i < RecordRing::kRecords; ++i)
      recorder->settle(recorder->begin(running), settled(running), clock_.wall());
    static_cast<void>(recorder->begin(request("cut off")));
  }
  const auto recorder = open(directory_.path());
  RecordRing& ring = recorder->ring();
  EXPECT_EQ(recorder->recover(clock_.wall(), [&] { ring.forget_before(ring.next()); }), 1U);
  EXPECT_EQ(ring.unread(), 1U);
  EXPECT_EQ(registry_.counter("dropped", "").value(), 0U);
}

TEST_F(UsageRecorderTest, ASettlementWhoseJournalWasLostIsMadeInTheNewOne) {
  const InFlight running = request("a");
  {
    const auto recorder = open(directory_.path());
    const std::size_t place = recorder->begin(running);
    const auto update = recorder->journal().prepare(running.record, clock_.wall());
    const auto table = InFlightTable::open(directory_ / "running").value();
    table->begin({place, update, recorder->ring().id(), recorder->ring().next(), settled(running)});
  }
  std::filesystem::remove(directory_ / "journal");
  for (int start = 0; start < 2; ++start) {
    const Bill found = bill(directory_.path());
    EXPECT_EQ(found.requests, 1);
    EXPECT_EQ(found.prompt_tokens, 7);
    EXPECT_EQ(found.records.size(), 1U);
    EXPECT_EQ(found.cut_off, 0U);
  }
}

TEST_F(UsageRecorderTest, ASettlementWhoseRingWasLostHasItsRecordInTheNewOne) {
  {
    const auto recorder = open(directory_.path());
    const InFlight earlier = request("earlier");
    recorder->settle(recorder->begin(earlier), settled(earlier), clock_.wall());
    const InFlight running = request("a");
    const std::size_t place = recorder->begin(running);
    const UsageRecord record = settled(running);
    const auto update = recorder->journal().prepare(record, clock_.wall());
    const auto table = InFlightTable::open(directory_ / "running").value();
    table->begin({place, update, recorder->ring().id(), recorder->ring().next(), record});
    recorder->journal().commit(update, record);
  }
  std::filesystem::remove(directory_ / "ring");
  for (int start = 0; start < 2; ++start) {
    const Bill found = bill(directory_.path());
    EXPECT_EQ(found.requests, 2);
    ASSERT_EQ(found.records.size(), 1U);
    EXPECT_EQ(found.records[0].request_id.view(), "a");
    EXPECT_EQ(found.records[0].outcome, UsageOutcome::kOk);
    EXPECT_EQ(found.cut_off, 0U);
  }
}

/// One request of a process that is stopped after each of its instructions: `work` runs in a child
/// between two SIGSTOPs, and `check` is called whenever it has changed one of the files.
template <class Work, class Check>
void at_every_step(const std::array<MappedFile, kFiles.size()>& files, Work work, Check check) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(9);
    work();
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSTOPPED(status)) << "ptrace is not allowed here";
  std::array<std::string, kFiles.size()> seen;
  for (int steps = 0;; ++steps) {
    bool changed = false;
    for (std::size_t i = 0; i < files.size(); ++i) {
      // What one request changes is near the beginning.
      constexpr std::size_t kLookedAt = 16384;
      const std::string_view now(files[i].data(), std::min(kLookedAt, files[i].size()));
      if (now == seen[i]) continue;
      seen[i] = now;
      changed = true;
    }
    if (changed) check(steps);
    if (::testing::Test::HasFailure()) break;
    ASSERT_EQ(::ptrace(PTRACE_SINGLESTEP, child, nullptr, nullptr), 0);
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    if (!WIFSTOPPED(status) || WSTOPSIG(status) == SIGSTOP) break;
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, &status, 0);
}

class AtEveryInstruction : public UsageRecorderTest {
 protected:
  [[nodiscard]] std::array<MappedFile, kFiles.size()> mapped() const {
    return {MappedFile::open(directory_ / "journal", 1).value(),
            MappedFile::open(directory_ / "running", 1).value(),
            MappedFile::open(directory_ / "ring", 1).value()};
  }

  /// The bill of a kill at this moment, recovered in a copy; and again from the copy, as after a
  /// start that was itself cut short behind its last step.
  void expect_bill(int step, const std::function<void(const Bill&)>& check) {
    const std::string folder = copy_to("copy");
    for (int start = 0; start < 2; ++start) {
      SCOPED_TRACE(fmt::format("killed at step {}, start {}", step, start));
      check(bill(folder));
    }
  }
};

TEST_F(AtEveryInstruction, AKillBillsARequestOnceBeforeWhileAndAfterItIsSettled) {
  const InFlight running = request("a");
  static_cast<void>(open(directory_.path()));
  const auto files = mapped();
  std::map<std::string, int> seen;
  const auto work = [&] {
    const auto recorder = open(directory_.path());
    const InFlight other = request("b");
    recorder->settle(recorder->begin(other), settled(other), clock_.wall());
    ::raise(SIGSTOP);
    const std::size_t place = recorder->begin(running);
    recorder->settle(place, settled(running), clock_.wall());
    ::raise(SIGSTOP);
  };
  at_every_step(files, work, [&](int step) {
    expect_bill(step, [&](const Bill& found) {
      ASSERT_GE(found.records.size(), 1U);
      EXPECT_EQ(found.requests, static_cast<std::int64_t>(found.records.size()));
      if (found.records.size() == 1) {
        ++seen["not begun"];
        EXPECT_EQ(found.prompt_tokens, 7);
        return;
      }
      ASSERT_EQ(found.records.size(), 2U);
      EXPECT_EQ(found.records[1].request_id.view(), "a");
      const bool cut_off = found.records[1].outcome == UsageOutcome::kGatewayCrashed;
      ++seen[cut_off ? "cut off" : "settled"];
      EXPECT_EQ(found.prompt_tokens, cut_off ? 107 : 14);
      EXPECT_EQ(found.records[1].prompt_tokens, cut_off ? 100 : 7);
      EXPECT_EQ(found.cost, 13'000 + found.records[1].cost);
    });
  });
  for (const char* phase : {"not begun", "cut off", "settled"})
    EXPECT_GT(seen[phase], 3) << phase;
}

TEST_F(AtEveryInstruction, AKillWhileItRecoversBillsOnceAsWell) {
  // Left behind: a settlement under way, of which only the sums were made, and a request that runs.
  {
    const auto recorder = open(directory_.path());
    const InFlight running = request("a");
    const std::size_t place = recorder->begin(running);
    static_cast<void>(recorder->begin(request("b")));
    const UsageRecord record = settled(running);
    const auto update = recorder->journal().prepare(record, clock_.wall());
    const auto table = InFlightTable::open(directory_ / "running").value();
    table->begin({place, update, recorder->ring().id(), recorder->ring().next(), record});
    recorder->journal().commit(update, record);
  }
  const auto files = mapped();
  int states = 0;
  const auto work = [&] {
    const auto recorder = open(directory_.path());
    ::raise(SIGSTOP);
    static_cast<void>(recorder->recover(clock_.wall(), [] {}));
    ::raise(SIGSTOP);
  };
  at_every_step(files, work, [&](int step) {
    ++states;
    expect_bill(step, [&](const Bill& found) {
      EXPECT_EQ(found.requests, 2);
      EXPECT_EQ(found.prompt_tokens, 107);
      ASSERT_EQ(found.records.size(), 2U);
      EXPECT_EQ(found.records[0].request_id.view(), "a");
      EXPECT_EQ(found.records[0].outcome, UsageOutcome::kOk);
      EXPECT_EQ(found.records[1].request_id.view(), "b");
      EXPECT_EQ(found.records[1].outcome, UsageOutcome::kGatewayCrashed);
    });
  });
  EXPECT_GT(states, 20);
}

TEST_F(UsageRecorderTest, AProcessThatIsKilledAgainAndAgainBillsEveryRequestOnce) {
  auto* begun = static_cast<std::atomic<std::int64_t>*>(
      ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  constexpr int kKills = 15;
  std::int64_t crashed_requests = 0;
  std::int64_t records = 0;
  for (int round = 0; round < kKills; ++round) {
    const std::int64_t goal = *begun + 500;
    const pid_t child = ::fork();
    if (child == 0) {
      const auto recorder = open(directory_.path());
      static_cast<void>(recorder->recover(clock_.wall(), [] {}));
      for (;;) {
        const InFlight running = request("x");
        ++*begun;
        const std::size_t place = recorder->begin(running);
        recorder->settle(place, settled(running), clock_.wall());
        recorder->ring().forget_before(recorder->ring().next() - 1);
      }
    }
    while (*begun < goal)
      ::sched_yield();
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    const auto recorder = open(directory_.path());
    crashed_requests += static_cast<std::int64_t>(recorder->recover(clock_.wall(), [] {}));
    records = static_cast<std::int64_t>(recorder->ring().next());
  }
  const Bill found = bill(directory_.path());
  EXPECT_EQ(found.requests, records);
  // Each kill may have met a request between the count and its beginning.
  EXPECT_LE(found.requests, *begun);
  EXPECT_GE(found.requests, *begun - kKills);
  EXPECT_EQ(found.prompt_tokens, 7 * (found.requests - crashed_requests) + 100 * crashed_requests);
  ::munmap(begun, 4096);
}

}  // namespace
}  // namespace insula::gateway
