#include "gateway/shared_limit.h"

#include <atomic>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gateway/limit_replica.h"
#include "gateway/rate_window.h"
#include "gateway/shared_budget.h"
#include "gateway/shared_windows.h"
#include "gateway/testing/model_limit_store.h"
#include "gateway/token_window.h"
#include "testing/fake_clock.h"
#include "testing/temp_dir.h"

namespace insula::gateway {
namespace {

using ::insula::testing::FakeClock;
using std::chrono::hours;
using std::chrono::seconds;

/// A replica alone with a store, which lends it whatever there is.
class Alone {
 public:
  explicit Alone(const Clock& clock)
      : clock_(clock),
        lease(std::make_shared<ReplicaLease>(clock)),
        replica({.id = "alone", .incarnation = 1}, lease) {
    store.say_fresh();
  }

  void ask() {
    const auto call = replica.begin(clock_.now());
    ASSERT_TRUE(call);
    ASSERT_TRUE(replica.finish(store.apply(*call), clock_.now()));
  }

 private:
  const Clock& clock_;

 public:
  ModelLimitStore store;
  std::shared_ptr<ReplicaLease> lease;
  LimitReplica replica;
};

TEST(SharedLimit, GivesNothingBackThatIsBeingTakenByOtherThreads) {
  constexpr std::int64_t kMost = 20'000;
  const insula::testing::TempDir dir;
  const std::shared_ptr<RateWindow> window =
      *RateWindow::open(dir / "window.ring", kMost, system_clock(), "boot");
  const auto lease = std::make_shared<ReplicaLease>(system_clock());
  lease->renew(system_clock().now());
  const auto share = std::make_shared<SharedLimit>("requests/a", LendingTerms::requests(), lease,
                                                   [&] { return window->counted(); });
  SharedRequests requests(window, share);
  std::atomic<bool> stop = false;
  std::atomic<std::int64_t> admitted = 0;
  std::vector<std::jthread> threads;
  threads.reserve(2);
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      while (!stop)
        admitted += requests.admit(kMost).admitted ? 1 : 0;
    });
  }
  std::int64_t given_back = 0;
  std::int64_t before = 0;
  for (int i = 0; i < 200; ++i) {
    const auto demand = share->demand(system_clock().now(), true);
    ASSERT_TRUE(demand && *demand);
    given_back += before - (*demand)->have;
    // From here on the store may lend the rest to others.
    std::this_thread::yield();
    ASSERT_LE(window->counted(), (*demand)->have);
    share->settle(**demand, {.granted = 40, .hungry = true, .open = true, .is_member = true},
                  system_clock().now());
    before = (*demand)->have + 40;
  }
  stop = true;
  threads.clear();
  EXPECT_LE(admitted, before);
  EXPECT_GT(admitted, 0);
  EXPECT_GT(given_back, 0);
}

class SharedBudgetTest : public ::testing::Test {
 protected:
  static constexpr std::size_t kDay = 0;  // of kBudgetKinds

  SharedBudgetTest() {
    share_ = std::make_shared<SharedLimit>(
        "budget/a", LendingTerms::budget(), alone_.lease,
        [this] {
          const BudgetAccount::State state = account_->state(kDay);
          return state.used + state.reserved;
        },
        LendingPeriod{.now = [this] { return account_->period(kDay); },
                      .age =
                          [this](std::int64_t period) {
                            return std::chrono::floor<std::chrono::milliseconds>(
                                clock_.wall() - BudgetPeriods::begin(kBudgetKinds[kDay], period));
                          }});
    alone_.replica.add(share_);
    budget_.emplace(account_, SharedBudget::Shares{share_, nullptr, nullptr, nullptr});
    alone_.ask();
  }

  /// Whether there is room, when the store was asked.
  bool reserve(std::int64_t tokens) {
    Shortage shortage = Shortage::kNone;
    for (int i = 0; i < 10; ++i) {
      met_ = budget_->reserve({.tokens = tokens}, most_, shortage = Shortage::kNone);
      if (!met_) return true;
      if (shortage != Shortage::kAsking) return false;
      clock_.advance(std::chrono::milliseconds(50));
      alone_.ask();
    }
    return false;
  }

  FakeClock clock_;
  Alone alone_{clock_};
  std::shared_ptr<BudgetAccount> account_ = std::make_shared<BudgetAccount>(clock_);
  std::shared_ptr<SharedLimit> share_;
  std::optional<SharedBudget> budget_;
  BudgetConfig most_{.tokens_per_day = 1000};
  std::optional<BudgetMet> met_;
};

TEST_F(SharedBudgetTest, IsReservedOfWhatIsHeldAndSaysTheNumbersOfAll) {
  EXPECT_TRUE(reserve(600));
  EXPECT_FALSE(reserve(500));
  EXPECT_EQ(met_->limit, 1000);
  EXPECT_EQ(met_->needed, 500);
  account_->settle({.tokens = 600}, {.tokens = 450});
  EXPECT_TRUE(reserve(500));
  EXPECT_FALSE(reserve(51));
  // More than the budget is no question for the store.
  EXPECT_FALSE(reserve(1001));
  EXPECT_TRUE(met_->is_never_enough());
}

TEST_F(SharedBudgetTest, WhatIsHeldOfADayIsNotForTheNextOne) {
  EXPECT_TRUE(reserve(300));
  account_->settle({.tokens = 300}, {.tokens = 300});
  EXPECT_TRUE(reserve(100));
  EXPECT_GE(share_->held(), 400);
  clock_.advance(hours(24));
  Shortage shortage = Shortage::kNone;
  EXPECT_TRUE(budget_->reserve({.tokens = 1}, most_, shortage));
  EXPECT_EQ(shortage, Shortage::kAsking);
  alone_.ask();
  // What is still reserved counts in the day in which it will be settled.
  EXPECT_FALSE(reserve(901));
  EXPECT_TRUE(reserve(900));
  EXPECT_FALSE(reserve(1));
}

TEST_F(SharedBudgetTest, WhatWasUsedBeyondItsReservationCountsForAll) {
  EXPECT_TRUE(reserve(100));
  account_->settle({.tokens = 100}, {.tokens = 1200});
  alone_.ask();
  EXPECT_EQ(share_->held(), 1200);
  EXPECT_EQ(alone_.store.state().owners.begin()->second.front().amount, 1200);
  EXPECT_FALSE(reserve(1));
}

TEST(SharedWindows, TokensBeyondTheLimitAreDebtThatAllReplicasWaitFor) {
  FakeClock clock;
  const insula::testing::TempDir dir;
  Alone alone(clock);
  const std::shared_ptr<TokenWindow> window = *TokenWindow::open(dir / "tokens", clock, "boot");
  const auto share = std::make_shared<SharedLimit>("tokens/a", LendingTerms::tokens(), alone.lease,
                                                   [&] { return window->counted(); });
  SharedTokens tokens(window, share);
  alone.replica.add(share);
  alone.ask();
  EXPECT_EQ(tokens.reserve(10, 100).shortage, Shortage::kAsking);
  alone.ask();
  ASSERT_TRUE(tokens.reserve(10, 100).admitted);
  tokens.settle(10, 150);
  alone.ask();
  EXPECT_EQ(share->held(), 150);
  EXPECT_FALSE(tokens.reserve(1, 100).admitted);
  for (int i = 0; i < 62; ++i) {
    clock.advance(seconds(1));
    alone.ask();
  }
  EXPECT_FALSE(tokens.reserve(1, 100).admitted);
  alone.ask();
  EXPECT_TRUE(tokens.reserve(1, 100).admitted);
}

}  // namespace
}  // namespace insula::gateway
