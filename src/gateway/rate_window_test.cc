#include "gateway/rate_window.h"

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
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""us;
using std::chrono_literals::operator""ns;

class RateWindowTest : public ::testing::Test {
 protected:
  RateWindowTest() {
    std::string name = ::testing::TempDir() + "rate-XXXXXX";
    directory_ = ::mkdtemp(name.data());
  }

  ~RateWindowTest() override { std::filesystem::remove_all(directory_); }

  [[nodiscard]] std::unique_ptr<RateWindow> open(std::int64_t limit,
                                                 std::string_view boot = "boot-1") const {
    auto window = RateWindow::open(directory_ / "t.ring", limit, clock_, boot).value();
    EXPECT_TRUE(window->grow(limit));
    return window;
  }

  /// How many of `tries` requests are admitted now.
  static int admitted(RateWindow& window, std::int64_t limit, int tries) {
    int count = 0;
    for (int i = 0; i < tries; ++i)
      count += window.admit(limit).admitted ? 1 : 0;
    return count;
  }

  std::filesystem::path directory_;
  testing::FakeClock clock_;
};

TEST_F(RateWindowTest, AdmitsTheLimitAndNotOneMoreUntilTheWindowHasPassed) {
  const auto window = open(1000);
  EXPECT_EQ(admitted(*window, 1000, 1500), 1000);
  clock_.advance(kRateWindow - 1us);
  EXPECT_EQ(admitted(*window, 1000, 10), 0);
  clock_.advance(2us);
  EXPECT_EQ(admitted(*window, 1000, 1500), 1000);
}

TEST_F(RateWindowTest, TellsWhatIsLeftAndWhenMoreComes) {
  const auto window = open(3);
  EXPECT_EQ(window->look(3).remaining, 3);
  EXPECT_EQ(window->look(3).reset, 0ns);
  EXPECT_EQ(window->admit(3).remaining, 2);
  clock_.advance(10min);
  EXPECT_EQ(window->admit(3).remaining, 1);
  const RateDecision third = window->admit(3);
  EXPECT_TRUE(third.admitted);
  EXPECT_EQ(third.remaining, 0);
  EXPECT_EQ(third.reset, 50min - 1ns);  // The third is stamped a nanosecond after the second.
  const RateDecision refused = window->admit(3);
  EXPECT_FALSE(refused.admitted);
  EXPECT_EQ(refused.remaining, 0);
  EXPECT_GT(refused.reset, 49min);
  EXPECT_LE(refused.reset, 50min);
  EXPECT_FALSE(window->admit(0).admitted);
}

TEST_F(RateWindowTest, SurvivesARestart) {
  EXPECT_EQ(admitted(*open(1000), 1000, 400), 400);
  clock_.advance(30min);
  const auto window = open(1000);
  EXPECT_EQ(admitted(*window, 1000, 1000), 600);
  clock_.advance(30min + 1us);
  EXPECT_EQ(admitted(*window, 1000, 1000), 400);
}

TEST_F(RateWindowTest, AStepOfTheWallClockChangesNothingWhileTheMachineIsUp) {
  EXPECT_EQ(admitted(*open(10), 10, 20), 10);
  clock_.step_wall(48h);
  EXPECT_EQ(admitted(*open(10), 10, 20), 0);
  clock_.step_wall(-96h);
  clock_.advance(kRateWindow - 1us);
  EXPECT_EQ(admitted(*open(10), 10, 20), 0);
  clock_.advance(2us);
  EXPECT_EQ(admitted(*open(10), 10, 20), 10);
}

TEST_F(RateWindowTest, AfterARebootTheWallClockTellsHowMuchTimePassed) {
  {
    const auto window = open(10);
    EXPECT_EQ(admitted(*window, 10, 20), 10);
    window->flush();
  }
  clock_.step_wall(30min);  // The monotonic clock does not count the time the machine was off.
  EXPECT_EQ(admitted(*open(10, "boot-2"), 10, 20), 0);
  clock_.advance(30min + 1us);
  EXPECT_EQ(admitted(*open(10, "boot-2"), 10, 20), 10);
}

TEST_F(RateWindowTest, AWallClockSetBackOverARebootAdmitsTooFewAndNeverTooMany) {
  {
    const auto window = open(10);
    EXPECT_EQ(admitted(*window, 10, 20), 10);
    window->flush();
  }
  clock_.step_wall(-24h);
  EXPECT_EQ(admitted(*open(10, "boot-2"), 10, 20), 0);
  clock_.advance(kRateWindow - 1us);
  EXPECT_EQ(admitted(*open(10, "boot-2"), 10, 20), 0);
  clock_.advance(1min);
  EXPECT_EQ(admitted(*open(10, "boot-2"), 10, 20), 10);
}

TEST_F(RateWindowTest, AWallClockSteppedBeforeTheRebootIsNotTakenForTimePassed) {
  {
    const auto window = open(10);
    EXPECT_EQ(admitted(*window, 10, 20), 10);
    clock_.step_wall(2h);
    window->flush();
  }
  EXPECT_EQ(admitted(*open(10, "boot-2"), 10, 20), 0);
}

TEST_F(RateWindowTest, AChangedLimitCountsWhatWasAdmittedBefore) {
  const auto window = open(10);
  EXPECT_EQ(admitted(*window, 10, 20), 10);
  EXPECT_EQ(admitted(*window, 5, 20), 0);
  ASSERT_TRUE(window->grow(5000));
  EXPECT_EQ(admitted(*window, 5000, 6000), 4990);
  EXPECT_EQ(admitted(*open(5000), 5000, 100), 0);
  clock_.advance(kRateWindow + 1ms);
  EXPECT_EQ(admitted(*window, 7, 20), 7);
}

TEST_F(RateWindowTest, ADamagedFileAdmitsNobodyForOneWindow) {
  for (const std::string& damage : {std::string("not a ring"), std::string(10'000, 'x')}) {
    std::ofstream(directory_ / "t.ring") << damage;
    const auto window = open(10);
    EXPECT_TRUE(window->began_full());
    EXPECT_EQ(admitted(*window, 10, 5), 0);
    EXPECT_TRUE(std::filesystem::exists(directory_ / "t.ring.damaged"));
    EXPECT_FALSE(open(10)->began_full());
    clock_.advance(kRateWindow + 1ms);
    EXPECT_EQ(admitted(*open(10), 10, 20), 10);
    std::filesystem::remove(directory_ / "t.ring");
  }
}

TEST_F(RateWindowTest, AgreesWithAPlainListOfTimesWhateverHappens) {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    SCOPED_TRACE(seed);
    SeededRandom random(seed);
    std::filesystem::remove(directory_ / "t.ring");
    std::int64_t limit = 1 + static_cast<std::int64_t>(random.below(40));
    auto window = open(limit);
    std::deque<SteadyTime> model;
    for (int step = 0; step < 1500; ++step) {
      switch (random.below(40)) {
        case 0:
          window.reset();
          window = open(limit);
          break;
        case 1:
          limit = 1 + static_cast<std::int64_t>(random.below(random.below(8) == 0 ? 3000 : 60));
          ASSERT_TRUE(window->grow(limit));
          break;
        case 2:
          clock_.step_wall(std::chrono::seconds(random.below(20'000)) - 10'000s);
          break;
        case 3:
          clock_.advance(std::chrono::seconds(random.below(3000)));
          break;
        case 4:
          window->flush();
          break;
        default:
          clock_.advance(std::chrono::milliseconds(random.below(60'000)) + 1us);
          break;
      }
      for (std::uint64_t i = random.below(8); i-- > 0;) {
        clock_.advance(1us);
        const SteadyTime now = clock_.now();
        while (!model.empty() && now - model.front() >= kRateWindow)
          model.pop_front();
        const auto counted = static_cast<std::int64_t>(model.size());
        const RateDecision seen = window->look(limit);
        const RateDecision decision = window->admit(limit);
        ASSERT_EQ(decision.admitted, counted < limit) << "step " << step;
        ASSERT_EQ(seen.admitted, counted < limit);
        if (decision.admitted) {
          ASSERT_EQ(decision.remaining, limit - counted - 1);
          model.push_back(now);
        }
      }
    }
  }
}

TEST_F(RateWindowTest, ManyThreadsTogetherGetExactlyTheLimit) {
  const auto window = open(1000);
  std::atomic<int> count = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] { count += admitted(*window, 1000, 500); });
  }
  threads.clear();
  EXPECT_EQ(count, 1000);
}

TEST_F(RateWindowTest, GrowingUnderFireLosesAndInventsNothing) {
  const auto window = open(100);
  std::atomic<int> count = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] { count += admitted(*window, 100'000, 3000); });
    }
    for (const std::int64_t limit : {200, 2000, 5000, 20'000})
      ASSERT_TRUE(window->grow(limit));
  }
  // Before a ring is large enough its capacity is the limit, so refusals are allowed; what was
  // admitted must all be counted.
  EXPECT_EQ(admitted(*window, 20'000, 30'000), 20'000 - count);
}

TEST_F(RateWindowTest, WhatCannotBeOpenedIsNotDamage) {
  const std::filesystem::path in_the_way = directory_ / "t.ring";
  std::filesystem::create_directory(in_the_way);
  EXPECT_FALSE(RateWindow::open(directory_ / "t.ring", 10, clock_, "boot-1"));
  EXPECT_TRUE(std::filesystem::is_directory(in_the_way));
}

/// Runs `body` in a child process and kills it -9 after `admissions` or more were made.
TEST_F(RateWindowTest, KillingTheProcessAtAnyMomentNeverAdmitsMore) {
  auto* shared = static_cast<std::atomic<int>*>(
      ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  constexpr int kLimit = 5000;
  constexpr int kKills = 20;
  for (int round = 0; round < kKills; ++round) {
    const pid_t child = ::fork();
    if (child == 0) {
      const auto window = open(kLimit);
      std::vector<std::jthread> threads;
      for (int i = 0; i < 3; ++i) {
        threads.emplace_back([&] {
          for (;;) {
            if (window->admit(kLimit).admitted) ++*shared;
          }
        });
      }
      threads.clear();
    }
    const int goal = (round + 1) * kLimit / (kKills + 5);
    while (shared->load() < goal)
      ::sched_yield();
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
  }
  const int seen = *shared;
  const auto window = open(kLimit);
  const int rest = admitted(*window, kLimit, kLimit);
  // Each kill can catch a thread between its admission and the count of it.
  EXPECT_LE(seen + rest, kLimit);
  EXPECT_GE(seen + rest, kLimit - 3 * kKills);
  ::munmap(shared, 4096);
}

}  // namespace
}  // namespace insula::gateway
