#include "gateway/token_window.h"

#include <deque>
#include <fstream>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/random.h"
#include "testing/fake_clock.h"

namespace insula::gateway {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""ns;

class TokenWindowTest : public ::testing::Test {
 protected:
  TokenWindowTest() {
    std::string name = ::testing::TempDir() + "tokens-XXXXXX";
    directory_ = ::mkdtemp(name.data());
  }

  ~TokenWindowTest() override { std::filesystem::remove_all(directory_); }

  [[nodiscard]] std::unique_ptr<TokenWindow> open(std::string_view boot = "boot-1") const {
    return TokenWindow::open(file(), clock_, boot).value();
  }

  [[nodiscard]] std::filesystem::path file() const { return directory_ / "t.tokens"; }

  std::filesystem::path directory_;
  testing::FakeClock clock_;
};

TEST_F(TokenWindowTest, ReservesWhatThereIsRoomForAndGivesBackWhatWasNotUsed) {
  const auto window = open();
  const RateDecision first = window->reserve(60, 100);
  EXPECT_TRUE(first.admitted);
  EXPECT_EQ(first.remaining, 40);
  const RateDecision second = window->reserve(50, 100);
  EXPECT_FALSE(second.admitted);
  EXPECT_EQ(second.remaining, 40);
  window->settle(60, 10);
  EXPECT_EQ(window->reserve(90, 100).remaining, 0);
  EXPECT_FALSE(window->reserve(1, 100).admitted);
  EXPECT_TRUE(window->reserve(0, 100).admitted);
}

TEST_F(TokenWindowTest, WhatWasUsedLeavesWithTheWindowAndTheRefusalSaysWhen) {
  const auto window = open();
  ASSERT_TRUE(window->reserve(100, 100).admitted);
  window->settle(100, 30);
  clock_.advance(20s);
  ASSERT_TRUE(window->reserve(70, 100).admitted);
  window->settle(70, 70);
  const RateDecision refused = window->reserve(40, 100);
  EXPECT_EQ(refused.reset, kTokenWindow + TokenWindow::kBucketTime);  // The 30 are not enough.
  EXPECT_EQ(window->reserve(30, 100).reset, kTokenWindow - 20s + TokenWindow::kBucketTime);
  clock_.advance(40s + TokenWindow::kBucketTime - 1ns);
  EXPECT_FALSE(window->reserve(30, 100).admitted);
  clock_.advance(1ns);
  EXPECT_TRUE(window->reserve(30, 100).admitted);
}

TEST_F(TokenWindowTest, AReservationCountsForAsLongAsItsRequestRuns) {
  const auto window = open();
  ASSERT_TRUE(window->reserve(100, 100).admitted);
  clock_.advance(2h);
  EXPECT_FALSE(window->reserve(1, 100).admitted);
  window->settle(100, 100);
  EXPECT_FALSE(window->reserve(1, 100).admitted);
  clock_.advance(kTokenWindow + TokenWindow::kBucketTime);
  EXPECT_TRUE(window->reserve(100, 100).admitted);
}

TEST_F(TokenWindowTest, WhatWasUsedBeyondTheReservationIsDebt) {
  const auto window = open();
  ASSERT_TRUE(window->reserve(10, 100).admitted);
  window->settle(10, 250);
  EXPECT_FALSE(window->reserve(0, 100).admitted);
  EXPECT_EQ(window->reserve(0, 100).remaining, 0);
  clock_.advance(kTokenWindow);
  EXPECT_FALSE(window->reserve(1, 100).admitted);
  clock_.advance(TokenWindow::kBucketTime);
  EXPECT_TRUE(window->reserve(100, 100).admitted);
}

/// Requests that never use more than they reserved, at random times, beside a plain list of them.
TEST_F(TokenWindowTest, NoWindowEverHasMoreThanTheLimitAndNothingIsRefusedWithoutNeed) {
  struct Used {
    std::int64_t at;
    std::int64_t tokens;
  };

  constexpr std::int64_t kLimit = 1000;
  const auto window = open();
  SeededRandom random(11);
  std::deque<Used> used;
  std::vector<std::int64_t> running;
  const auto sum_since = [&](std::int64_t since) {
    std::int64_t sum = 0;
    for (const Used& entry : used)
      sum += entry.at > since ? entry.tokens : 0;
    for (const std::int64_t reserved : running)
      sum += reserved;
    return sum;
  };
  int refused = 0;
  for (int i = 0; i < 20'000; ++i) {
    clock_.advance(std::chrono::milliseconds(random.below(400)));
    const std::int64_t now = clock_.now().time_since_epoch().count();
    const std::int64_t window_ns = std::chrono::nanoseconds(kTokenWindow).count();
    while (!used.empty() && used.front().at < now - 2 * window_ns)
      used.pop_front();
    if (random.below(2) == 0 && !running.empty()) {
      const std::size_t which = random.below(running.size());
      const auto tokens =
          static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(running[which]) + 1));
      window->settle(running[which], tokens);
      running.erase(running.begin() + static_cast<std::ptrdiff_t>(which));
      used.push_back({now, tokens});
      ASSERT_LE(sum_since(now - window_ns), kLimit);
      continue;
    }
    const auto tokens = static_cast<std::int64_t>(random.below(200));
    const std::int64_t bucket_ns = std::chrono::nanoseconds(TokenWindow::kBucketTime).count();
    if (window->reserve(tokens, kLimit).admitted) {
      running.push_back(tokens);
      ASSERT_LE(sum_since(now - window_ns), kLimit);
    } else {
      ++refused;
      ASSERT_GT(sum_since(now - window_ns - bucket_ns) + tokens, kLimit);
    }
  }
  EXPECT_GT(refused, 100);
}

TEST_F(TokenWindowTest, CountsOnAfterARestartAndTakesWhatWasReservedForUsed) {
  {
    const auto window = open();
    ASSERT_TRUE(window->reserve(40, 100).admitted);
    window->settle(40, 25);
    ASSERT_TRUE(window->reserve(30, 100).admitted);
  }
  clock_.advance(30s);
  const auto window = open();
  EXPECT_FALSE(window->reserve(46, 100).admitted);
  EXPECT_TRUE(window->reserve(45, 100).admitted);
  window->settle(45, 0);
  clock_.advance(30s + TokenWindow::kBucketTime);
  EXPECT_TRUE(window->reserve(70, 100).admitted);  // The 30 count from the restart on.
}

TEST_F(TokenWindowTest, WhatAKillMadeUsedOutlivesTheNextKill) {
  ASSERT_TRUE(open()->reserve(90, 100).admitted);
  clock_.advance(2 * kTokenWindow);  // the request runs on, and nothing else is asked
  EXPECT_FALSE(open()->reserve(11, 100).admitted);
  clock_.advance(3s);
  EXPECT_FALSE(open()->reserve(11, 100).admitted);
  clock_.advance(kTokenWindow);
  EXPECT_TRUE(open()->reserve(100, 100).admitted);
}

TEST_F(TokenWindowTest, CountsOnAfterARebootWhateverTheWallClockSays) {
  {
    const auto window = open();
    ASSERT_TRUE(window->reserve(100, 100).admitted);
    window->settle(100, 100);
  }
  clock_.step_wall(-10h);
  EXPECT_FALSE(open("boot-2")->reserve(1, 100).admitted);
  clock_.advance(kTokenWindow + TokenWindow::kBucketTime);
  EXPECT_TRUE(open("boot-2")->reserve(100, 100).admitted);
}

TEST_F(TokenWindowTest, OldBucketsDoNotCountAgainWhenTheirNumbersComeBack) {
  auto window = open();
  ASSERT_TRUE(window->reserve(100, 100).admitted);
  window->settle(100, 100);
  clock_.advance(kTokenWindow + TokenWindow::kBucketTime);
  window->flush();  // as its owner does every second
  // 2^24 buckets are nineteen days; half of them ahead looks like the future.
  clock_.advance(24h * 15);
  EXPECT_TRUE(window->reserve(100, 100).admitted);
  window->settle(100, 100);
  window.reset();
  clock_.advance(24h * 15);
  EXPECT_TRUE(open()->reserve(100, 100).admitted);
}

TEST_F(TokenWindowTest, ADamagedFileIsKeptAndNothingIsAdmittedForAWindow) {
  std::ofstream(file()) << "this is no window";
  const auto window = open();
  EXPECT_TRUE(window->began_full());
  EXPECT_TRUE(std::filesystem::exists(file().string() + ".damaged"));
  EXPECT_FALSE(window->reserve(0, kTokenLimitMax - 1).admitted);
  clock_.advance(kTokenWindow + TokenWindow::kBucketTime);
  EXPECT_TRUE(window->reserve(100, 100).admitted);
}

TEST_F(TokenWindowTest, WhatCannotBeOpenedIsNotDamage) {
  const std::filesystem::path in_the_way = file();
  std::filesystem::create_directory(in_the_way);
  EXPECT_FALSE(TokenWindow::open(file(), clock_, "boot-1"));
  EXPECT_TRUE(std::filesystem::is_directory(in_the_way));
}

TEST_F(TokenWindowTest, KillingTheProcessAtAnyMomentNeverAdmitsMore) {
  auto* used = static_cast<std::atomic<std::int64_t>*>(
      ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  constexpr std::int64_t kLimit = 200'000;
  constexpr int kKills = 20;
  constexpr int kThreads = 3;
  constexpr std::int64_t kReserved = 10;
  constexpr std::int64_t kUsed = 7;
  for (int round = 0; round < kKills; ++round) {
    const pid_t child = ::fork();
    if (child == 0) {
      const auto window = open();
      std::vector<std::jthread> threads;
      for (int i = 0; i < kThreads; ++i) {
        threads.emplace_back([&] {
          for (;;) {
            if (!window->reserve(kReserved, kLimit).admitted) continue;
            *used += kUsed;
            window->settle(kReserved, kUsed);
          }
        });
      }
      threads.clear();
    }
    const std::int64_t goal = (round + 1) * kLimit / (kKills + 5);
    while (used->load() < goal)
      ::sched_yield();
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
  }
  const std::int64_t seen = *used;
  const auto window = open();
  std::int64_t rest = 0;
  while (window->reserve(1, kLimit).admitted)
    ++rest;
  EXPECT_LE(seen + rest, kLimit);
  // A kill can catch each thread between two steps: then its request counts twice.
  EXPECT_GE(seen + rest, kLimit - kKills * kThreads * (kReserved + kUsed));
  ::munmap(used, 4096);
}

}  // namespace
}  // namespace insula::gateway
