#include "gateway/retry_budget.h"

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace insula::gateway {
namespace {

using std::chrono_literals::operator""s;
using std::chrono_literals::operator""ms;

constexpr SteadyTime kStart{86'400s};

int take_all(RetryBudget& budget, SteadyTime now) {
  int taken = 0;
  while (budget.take(now))
    ++taken;
  return taken;
}

TEST(RetryBudget, HasAFewRetriesForWhoAsksLittle) {
  RetryBudget budget;
  EXPECT_EQ(take_all(budget, kStart), RetryBudget::kFloor);
  EXPECT_FALSE(budget.take(kStart + 9999ms));
  EXPECT_EQ(take_all(budget, kStart + 10s), RetryBudget::kFloor);
}

TEST(RetryBudget, IsAFifthOfTheRequestsOfTheLastTenSeconds) {
  RetryBudget budget;
  for (int second = 0; second < 20; ++second) {
    for (int i = 0; i < 100; ++i)
      budget.count(kStart + std::chrono::seconds(second));
  }
  // Of the first ten seconds none counts any more.
  EXPECT_EQ(take_all(budget, kStart + 19s), RetryBudget::kFloor + 200);
  EXPECT_EQ(take_all(budget, kStart + 28s), 0);
  EXPECT_EQ(take_all(budget, kStart + 29s), RetryBudget::kFloor);
}

TEST(RetryBudget, HoldsWhateverTheRequestsAreWhenAllFail) {
  RetryBudget budget;
  int requests = 0;
  int retries = 0;
  for (int i = 0; i < 50'000; ++i) {
    const SteadyTime now = kStart + i * 1ms;
    budget.count(now);
    ++requests;
    if (budget.take(now)) ++retries;
    ASSERT_LE(retries, requests / 5 + RetryBudget::kFloor * (i / 10'000 + 1));
  }
  EXPECT_GE(retries, requests / 5);
}

TEST(RetryBudget, ThreadsTogetherTakeNoMoreThanThereIs) {
  for (int round = 0; round < 50; ++round) {
    RetryBudget budget;
    for (int i = 0; i < 500; ++i)
      budget.count(kStart);
    std::atomic<int> taken{0};
    {
      std::vector<std::jthread> threads;
      threads.reserve(4);
      for (int i = 0; i < 4; ++i)
        threads.emplace_back([&] { taken += take_all(budget, kStart + 1s); });
    }
    ASSERT_LE(taken, RetryBudget::kFloor + 100);
    ASSERT_GE(taken, RetryBudget::kFloor + 100 - 4);
  }
}

}  // namespace
}  // namespace insula::gateway
