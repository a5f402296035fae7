#include "gateway/member_table.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/random.h"
#include "gateway/member_window.h"
#include "testing/fake_clock.h"
#include "testing/temp_dir.h"

namespace insula::gateway {
namespace {

using std::chrono_literals::operator""s;

constexpr std::chrono::nanoseconds kRequestStep = kRateWindow / MemberWindow::kCounted;
constexpr std::chrono::nanoseconds kTokenStep = kTokenWindow / MemberWindow::kCounted;

class MemberTableTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::unique_ptr<MemberTable> open(std::string_view boot = "boot-1") const {
    return MemberTable::open(file_, clock_, boot, used_).value();
  }

  static RateDecision admit(MemberTable& table, std::string_view member, std::int64_t limit) {
    return table.find(member).limits({}).requests->admit(limit);
  }

  static RateDecision reserve(MemberTable& table, std::int64_t tokens, std::int64_t limit) {
    return table.find("ann").limits({}).tokens->reserve(tokens, limit);
  }

  testing::TempDir directory_;
  std::filesystem::path file_ = directory_ / "t.members";
  testing::FakeClock clock_;
  UsedThisMonth::ByName used_;
};

TEST_F(MemberTableTest, HoldsEachMemberToItsOwnLimit) {
  const auto table = open();
  EXPECT_TRUE(admit(*table, "ann", 2).admitted);
  EXPECT_EQ(admit(*table, "ann", 2).remaining, 0);
  const RateDecision refused = admit(*table, "ann", 2);
  EXPECT_FALSE(refused.admitted);
  EXPECT_EQ(refused.limit, 2);
  EXPECT_GE(refused.reset, kRateWindow);
  EXPECT_LE(refused.reset, kRateWindow + kRequestStep);
  EXPECT_FALSE(table->find("ann").limits({}).requests->look(2).admitted);
  EXPECT_TRUE(admit(*table, "bob", 2).admitted);
  EXPECT_TRUE(admit(*table, "", 2).admitted);
  EXPECT_TRUE(admit(*table, "ann", 3).admitted);
  EXPECT_FALSE(admit(*table, "bob", 0).admitted);
  clock_.advance(kRateWindow + kRequestStep);
  EXPECT_TRUE(admit(*table, "ann", 2).admitted);
}

TEST_F(MemberTableTest, AdmitsNoMoreInAnyWindowAndAllButASixtiethOfTheTime) {
  constexpr std::int64_t kLimit = 20;
  const auto table = open();
  SeededRandom random(7);
  std::deque<SteadyTime> admitted;
  int late = 0;
  for (int i = 0; i < 20'000; ++i) {
    clock_.advance(std::chrono::nanoseconds(random.below(400'000'000'000)));
    std::erase_if(admitted,
                  [&](SteadyTime at) { return clock_.now() - at >= kRateWindow + kRequestStep; });
    const auto in_window = static_cast<std::int64_t>(std::ranges::count_if(
        admitted, [&](SteadyTime at) { return clock_.now() - at < kRateWindow; }));
    if (admit(*table, "ann", kLimit).admitted) {
      ASSERT_LT(in_window, kLimit);
      admitted.push_back(clock_.now());
    } else {
      // What is refused is so for what was admitted in a window and a sixtieth.
      ASSERT_GE(static_cast<std::int64_t>(admitted.size()), kLimit);
      late += in_window < kLimit ? 1 : 0;
    }
  }
  EXPECT_GT(late, 0);
}

TEST_F(MemberTableTest, TokensAreReservedAndSettledAndDebtCounts) {
  const auto table = open();
  EXPECT_TRUE(reserve(*table, 60, 100).admitted);
  const RateDecision refused = reserve(*table, 50, 100);
  EXPECT_FALSE(refused.admitted);
  EXPECT_EQ(refused.remaining, 40);
  EXPECT_EQ(reserve(*table, 40, 100).remaining, 0);
  auto settle = [&](std::int64_t reserved, std::int64_t used) {
    table->find("ann").limits({}).tokens->settle(reserved, used);
  };
  settle(60, 10);
  settle(40, 120);
  EXPECT_FALSE(reserve(*table, 0, 100).admitted);
  clock_.advance(kTokenWindow + kTokenStep);
  EXPECT_EQ(reserve(*table, 100, 100).remaining, 0);
}

TEST_F(MemberTableTest, ARestartForgetsNothingAndCountsWhatWasReserved) {
  {
    const auto table = open();
    EXPECT_TRUE(admit(*table, "ann", 1).admitted);
    EXPECT_TRUE(reserve(*table, 70, 100).admitted);  // and its process is killed
  }
  for (const std::string_view boot : {"boot-1", "boot-2"}) {
    const auto table = open(boot);
    EXPECT_FALSE(admit(*table, "ann", 1).admitted);
    EXPECT_FALSE(reserve(*table, 31, 100).admitted);
    EXPECT_TRUE(admit(*table, "bob-" + std::string(boot), 1).admitted);
  }
  clock_.advance(kTokenWindow + kTokenStep);
  EXPECT_TRUE(reserve(*open(), 100, 100).admitted);
}

TEST_F(MemberTableTest, NobodyGetsMoreByComingUnderManyNames) {
  const auto table = open();
  EXPECT_TRUE(admit(*table, "ann", 1).admitted);
  std::size_t admitted = 1;
  for (std::size_t i = 0; i < 4 * MemberTable::kMembers; ++i)
    admitted += admit(*table, std::to_string(i), 1).admitted ? 1 : 0;
  // As many as there are places, and one for all others.
  EXPECT_LE(admitted, MemberTable::kMembers + 1);
  EXPECT_GT(admitted, MemberTable::kMembers / 2);
  EXPECT_GT(table->without_place(), 0U);
  EXPECT_FALSE(admit(*table, "ann", 1).admitted);
  // Those who have used nothing for a window make room.
  clock_.advance(kRateWindow + kRequestStep);
  const std::uint64_t before = table->without_place();
  for (std::size_t i = 0; i < MemberTable::kMembers / 8; ++i)
    EXPECT_TRUE(admit(*table, "later-" + std::to_string(i), 1).admitted);
  EXPECT_EQ(table->without_place(), before);
}

TEST_F(MemberTableTest, APlaceStaysItsMembersWhileARequestHoldsIt) {
  const auto table = open();
  const MemberTable::Hold ann = table->find("ann");
  const Limits limits = ann.limits({});
  limits.running->fetch_add(1);
  for (std::size_t i = 0; i < 4 * MemberTable::kMembers; ++i)
    static_cast<void>(admit(*table, std::to_string(i), 1));
  clock_.advance(kRateWindow + kRequestStep);
  for (std::size_t i = 0; i < 4 * MemberTable::kMembers; ++i)
    static_cast<void>(admit(*table, "later-" + std::to_string(i), 1));
  EXPECT_EQ(table->find("ann").limits({}).running->load(), 1);
  limits.running->fetch_sub(1);
}

TEST_F(MemberTableTest, AMemberThatComesAtOnceOnManyThreadsHasOneLimit) {
  constexpr int kThreads = 8;
  constexpr int kRequests = 200;
  constexpr std::int64_t kLimit = 100;
  const auto table = open();
  for (int round = 0; round < 20; ++round) {
    const std::string member = "ann-" + std::to_string(round);
    std::atomic<std::int64_t> admitted = 0;
    std::vector<std::jthread> threads;
    threads.reserve(kThreads);
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        for (int request = 0; request < kRequests; ++request)
          admitted += admit(*table, member, kLimit).admitted ? 1 : 0;
      });
    }
    threads.clear();
    EXPECT_EQ(admitted, kLimit);
  }
}

TEST_F(MemberTableTest, MembersHaveOneNameForAllGatewaysAndTheirNamesAreKept) {
  std::string name;
  {
    const auto table = open();
    // Held, so that the other cannot get the place of one who has used nothing.
    const MemberTable::Hold ann = table->find("ann");
    name = ann.shared_name();
    EXPECT_EQ(name.size(), 22U);
    EXPECT_NE(table->find("bob").shared_name(), name);
  }
  std::vector<std::string> known;
  const auto table = open();
  table->for_each_named(
      [&](const MemberTable::Hold& hold) { known.push_back(hold.shared_name()); });
  EXPECT_EQ(known.size(), 3U);
  EXPECT_EQ(std::ranges::count(known, name), 1);
  EXPECT_EQ(known.back(), "others");
  const auto elsewhere = MemberTable::open(directory_ / "e.members", clock_, "boot-1", used_);
  EXPECT_EQ((*elsewhere)->find("ann").shared_name(), name);
}

TEST_F(MemberTableTest, APlaceThatIsWatchedIsGivenToNobody) {
  const std::shared_ptr<MemberTable> table = open();
  std::optional<MemberTable::Watch> watch;
  watch.emplace(table, table->find("ann").place());
  EXPECT_TRUE(admit(*table, "ann", 2).admitted);
  EXPECT_EQ(watch->requests(), 1);
  const auto crowd = [&](const std::string& names) {
    for (std::size_t i = 0; i < 4 * MemberTable::kMembers; ++i)
      static_cast<void>(admit(*table, names + std::to_string(i), 1));
  };
  const std::size_t place = table->find("ann").place();
  clock_.advance(kRateWindow + kRequestStep);
  crowd("later-");
  EXPECT_EQ(table->find("ann").place(), place);
  watch.reset();
  clock_.advance(kRateWindow + kRequestStep);
  crowd("last-");
  EXPECT_EQ(table->find("ann").shared_name(), "others");
}

TEST_F(MemberTableTest, AFileOfTheFirstFormatIsReadAndGetsNamesAsMembersCome) {
  {
    const auto table = open();
    EXPECT_TRUE(admit(*table, "ann", 1).admitted);
  }
  // What was added at its end, and the format's number.
  constexpr std::uintmax_t kNames = (MemberTable::kMembers + 1) * 16;
  std::filesystem::resize_file(file_, std::filesystem::file_size(file_) - kNames);
  std::fstream(file_, std::ios::in | std::ios::out).seekp(6).put('1');
  const auto table = open();
  EXPECT_FALSE(table->began_full());
  std::size_t named = 0;
  const auto count = [&](const MemberTable::Hold&) { ++named; };
  table->for_each_named(count);
  EXPECT_EQ(named, 1U);
  EXPECT_FALSE(admit(*table, "ann", 1).admitted);
  EXPECT_TRUE(admit(*table, "bob", 1).admitted);
  named = 0;
  table->for_each_named(count);
  EXPECT_EQ(named, 3U);
}

TEST_F(MemberTableTest, ADamagedFileIsKeptAsideAndAdmitsNothingForAWindow) {
  std::ofstream(file_) << "not a table";
  const auto table = open();
  EXPECT_TRUE(table->began_full());
  EXPECT_TRUE(std::filesystem::exists(file_.string() + ".damaged"));
  EXPECT_FALSE(admit(*table, "ann", 10).admitted);
  EXPECT_EQ(reserve(*table, 1, 100).reset, kRateWindow);
  clock_.advance(kRateWindow);
  EXPECT_TRUE(admit(*table, "ann", 10).admitted);
  EXPECT_TRUE(reserve(*table, 1, 100).admitted);
}

}  // namespace
}  // namespace insula::gateway
