#include "gateway/budget.h"

#include <atomic>
#include <list>
#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/random.h"
#include "gateway/limits.h"
#include "gateway/usage_ledger.h"
#include "testing/fake_clock.h"

namespace insula::gateway {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""s;

class BudgetTest : public ::testing::Test {
 protected:
  testing::FakeClock clock_;  // the second of January 2026
  BudgetAccount account_{clock_};
};

TEST_F(BudgetTest, AdmitsWhatThereIsRoomForAndSettlesByWhatWasUsed) {
  const BudgetConfig most{.tokens_per_day = 100};
  EXPECT_FALSE(account_.reserve({.tokens = 60}, most));
  const auto met = account_.reserve({.tokens = 50}, most);
  ASSERT_TRUE(met);
  EXPECT_EQ(met->kind->name, "tokensPerDay");
  EXPECT_EQ(met->limit, 100);
  EXPECT_TRUE(met->is_only_reserved());
  EXPECT_EQ(met->resets, WallTime(std::chrono::sys_days(std::chrono::year(2026) / 1 / 3)));
  account_.settle({.tokens = 60}, {.tokens = 70});
  EXPECT_EQ(account_.state(0).used, 70);
  EXPECT_EQ(account_.state(0).reserved, 0);
  const auto used_up = account_.reserve({.tokens = 31}, most);
  ASSERT_TRUE(used_up);
  EXPECT_FALSE(used_up->is_only_reserved());
  EXPECT_FALSE(used_up->is_never_enough());
  EXPECT_TRUE(account_.reserve({.tokens = 101}, most)->is_never_enough());
  EXPECT_FALSE(account_.reserve({.tokens = 30}, most));
  // Nothing is left, not even for what says that it needs nothing.
  EXPECT_TRUE(account_.reserve({}, most));
  EXPECT_TRUE(account_.look(most));
  EXPECT_TRUE(account_.reserve({}, {.spend_per_month = 0})->is_never_enough());
}

TEST_F(BudgetTest, OfSeveralBudgetsAllHaveRoomOrNothingIsReserved) {
  const BudgetConfig most{.tokens_per_day = 100, .spend_per_month = 5};
  EXPECT_EQ(account_.reserve({.tokens = 90, .spend = 6}, most)->kind->name, "spendPerMonth");
  for (std::size_t i = 0; i < kBudgetKinds.size(); ++i)
    EXPECT_EQ(account_.state(i).reserved, 0);
  EXPECT_FALSE(account_.reserve({.tokens = 90, .spend = 5}, most));
}

TEST_F(BudgetTest, ANewDayAndANewMonthBeginAtZeroAndKeepWhatIsReserved) {
  const BudgetConfig most{.tokens_per_day = 100, .tokens_per_month = 250};
  account_.settle({}, {.tokens = 80});
  EXPECT_FALSE(account_.reserve({.tokens = 20}, most));
  clock_.advance(24h);
  // The 20 run on and are of the day in which they are settled.
  EXPECT_TRUE(account_.reserve({.tokens = 81}, most));
  account_.settle({.tokens = 20}, {.tokens = 10});
  EXPECT_EQ(account_.state(0).used, 10);
  EXPECT_EQ(account_.state(1).used, 90);
  EXPECT_FALSE(account_.reserve({.tokens = 90}, most));
  account_.settle({.tokens = 90}, {.tokens = 90});
  clock_.advance(24h);
  EXPECT_EQ(account_.reserve({.tokens = 90}, most)->kind->name, "tokensPerMonth");
  clock_.advance(27 * 24h);  // to the 31st
  EXPECT_TRUE(account_.reserve({.tokens = 90}, most));
  clock_.advance(24h);
  EXPECT_FALSE(account_.reserve({.tokens = 90}, most));
  EXPECT_EQ(account_.state(1).used, 0);
  // A clock that is set back brings no earlier period back.
  account_.settle({.tokens = 90}, {.tokens = 90});
  clock_.step_wall(-48h);
  EXPECT_EQ(account_.state(1).used, 90);
}

TEST_F(BudgetTest, MonthsEndWhereTheCalendarSays) {
  using std::chrono::sys_days;
  using std::chrono::year;
  const auto end = [](sys_days day) {
    return std::chrono::floor<std::chrono::days>(
        BudgetPeriods::end(kBudgetKinds[1], WallTime(day) + 23h));
  };
  EXPECT_EQ(end(year(2028) / 2 / 29), sys_days(year(2028) / 3 / 1));
  EXPECT_EQ(end(year(2026) / 12 / 31), sys_days(year(2027) / 1 / 1));
  EXPECT_EQ(BudgetPeriods::at(sys_days(year(2026) / 12 / 31)).month + 1,
            BudgetPeriods::at(sys_days(year(2027) / 1 / 1)).month);
  EXPECT_EQ(BudgetPeriods::first_hour_of_month(WallTime(sys_days(year(1970) / 2 / 9)) + 5h),
            31 * 24);
}

TEST_F(BudgetTest, BeginsWithTheSumsOfTheLedger) {
  UsedThisMonth used(clock_.wall(), "USD");
  const std::int64_t hour =
      std::chrono::floor<std::chrono::hours>(clock_.wall().time_since_epoch()).count();
  const auto row = [&](std::int64_t at, const char* key, const char* member, const char* currency) {
    UsageRow made{.tenant = "t",
                  .uid = "u",
                  .model = "m",
                  .key = key,
                  .member = member,
                  .currency = currency,
                  .hour = at,
                  .counts = {.requests = 1, .prompt_tokens = 2, .completion_tokens = 3}};
    made.counts.cost = 7;
    return made;
  };
  used.add(row(hour, "token", "ann", "USD"));
  used.add(row(hour - 24, "token", "ann", "USD"));
  used.add(row(hour, "k", "", "EUR"));
  const auto& tenant = used.of("t", "u");
  EXPECT_EQ(tenant.total.day, (Charge{.tokens = 10, .spend = 7}));
  EXPECT_EQ(tenant.total.month, (Charge{.tokens = 15, .spend = 14}));
  EXPECT_EQ(used.in(tenant.keys, "k").month, (Charge{.tokens = 5}));
  EXPECT_EQ(used.in(tenant.members, "ann").day, (Charge{.tokens = 5, .spend = 7}));
  // A key is no member.
  EXPECT_FALSE(tenant.members.contains(""));
  EXPECT_EQ(used.of("t", "another").total.month, Charge{});
  account_.begin_with(used.in(tenant.models, "m"));
  EXPECT_EQ(account_.state(0).used, 10);
  EXPECT_EQ(account_.state(3).used, 14);
  clock_.advance(24h);
  EXPECT_EQ(account_.state(0).used, 0);
  EXPECT_EQ(account_.state(3).used, 14);
}

TEST_F(BudgetTest, ManyThreadsUseUpExactlyTheBudget) {
  constexpr std::int64_t kBudget = 200'000;
  const BudgetConfig most{.tokens_per_day = kBudget, .spend_per_month = 3 * kBudget};
  std::atomic<std::int64_t> used = 0;
  std::atomic<bool> exceeded = false;
  std::vector<std::jthread> threads;
  threads.reserve(8);
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    threads.emplace_back([&, seed] {
      SeededRandom random(seed);
      for (int refused = 0; refused < 1000;) {
        const auto tokens = static_cast<std::int64_t>(1 + random.below(50));
        if (account_.reserve({.tokens = tokens, .spend = 3 * tokens}, most)) {
          ++refused;
          continue;
        }
        const auto of_them = static_cast<std::int64_t>(random.below(tokens + 1));
        if (used.fetch_add(of_them) + of_them > kBudget) exceeded = true;
        account_.settle({.tokens = tokens, .spend = 3 * tokens},
                        {.tokens = of_them, .spend = 3 * of_them});
      }
    });
  }
  threads.clear();
  EXPECT_FALSE(exceeded);
  EXPECT_GE(used, kBudget * 99 / 100);
  EXPECT_EQ(account_.state(0).used, used);
  EXPECT_EQ(account_.state(0).reserved, 0);
  EXPECT_EQ(account_.state(3).used, 3 * used);
}

/// Tenant, key, model and member with budgets of every kind, and beside them what a plain list says
/// that they hold.
class BudgetModelTest : public BudgetTest {
 protected:
  static constexpr std::size_t kOwners = kLimitScopes.size();

  struct Running {
    std::unique_ptr<Admission> admission;
    Charge reserved;
  };

  BudgetModelTest() {
    for (std::size_t i = 0; i < kOwners; ++i) {
      const auto size = static_cast<std::int64_t>(i + 1);
      limits_[i].most.budget = {.tokens_per_day = 900 + 150 * size,
                                .tokens_per_month = 6000 + 900 * size,
                                .spend_per_day = 4000 - 300 * size,
                                .spend_per_month = 27'000 - 2000 * size};
    }
    start();
  }

  /// A process with what its ledger says.
  void start() {
    for (std::size_t i = 0; i < kOwners; ++i) {
      limits_[i].running = std::make_shared<std::atomic<std::int64_t>>(0);
      limits_[i].budget = std::make_shared<BudgetAccount>(clock_);
      limits_[i].budget->begin_with({.periods = periods_, .day = day_, .month = month_});
      set_[kLimitScopes[i]] = &limits_[i];
    }
  }

  void pass_time(std::chrono::nanoseconds time) {
    clock_.advance(time);
    const BudgetPeriods now = BudgetPeriods::at(clock_.wall());
    if (now.day != periods_.day) day_ = {};
    if (now.month != periods_.month) month_ = {};
    periods_ = now;
  }

  [[nodiscard]] Charge reserved() const {
    Charge sum;
    for (const Running& each : running_)
      sum.add(each.reserved);
    return sum;
  }

  /// Whether every budget of every owner has room for it.
  [[nodiscard]] bool has_room(const Charge& charge) const {
    for (const Limits& limits : limits_) {
      for (const BudgetKind& kind : kBudgetKinds) {
        const std::int64_t held = (kind.monthly ? month_ : day_).*kind.unit + reserved().*kind.unit;
        if (held + std::max<std::int64_t>(charge.*kind.unit, 1) > limits.most.budget.*kind.most)
          return false;
      }
    }
    return true;
  }

  void settle(Running& request, const Charge& used) {
    request.admission->settle(used.tokens, used.spend);
    day_.add(used);
    month_.add(used);
  }

  /// The next start bills what had passed, no more than was reserved.
  void kill() {
    for (const Running& request : running_) {
      const Charge used{.tokens = request.reserved.tokens / 2, .spend = request.reserved.spend / 2};
      day_.add(used);
      month_.add(used);
    }
    running_.clear();
    start();
  }

  void expect_the_same() {
    for (const Limits& limits : limits_) {
      for (std::size_t i = 0; i < kBudgetKinds.size(); ++i) {
        const BudgetKind& kind = kBudgetKinds[i];
        const BudgetAccount::State state = limits.budget->state(i);
        ASSERT_EQ(state.used, (kind.monthly ? month_ : day_).*kind.unit) << kind.name;
        ASSERT_EQ(state.reserved, reserved().*kind.unit) << kind.name;
        ASSERT_LE(state.used + state.reserved, limits.most.budget.*kind.most) << kind.name;
      }
    }
  }

  BudgetPeriods periods_ = BudgetPeriods::at(clock_.wall());
  Charge day_;
  Charge month_;
  std::array<Limits, kOwners> limits_;
  LimitSet set_;
  std::list<Running> running_;
};

TEST_F(BudgetModelTest, NoOrderOfReservationsSettlementsAndKillsExceedsAnyBudgetOrWastesOne) {
  SeededRandom random(11);
  const auto below = [&](std::int64_t most) {
    return static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(most)));
  };
  int admitted = 0;
  int refused = 0;
  for (int step = 0; step < 60'000; ++step) {
    const std::int64_t what = below(100);
    const Charge charge{.tokens = below(60), .spend = below(200)};
    if (what < 45) {
      Running request{std::make_unique<Admission>(), charge};
      const bool expected = has_room(charge);
      const auto met = request.admission->take(set_, charge.tokens, charge.spend);
      ASSERT_EQ(!met, expected) << step;
      if (!met) running_.push_back(std::move(request));
      ++(met ? refused : admitted);
    } else if (what < 98 && !running_.empty()) {
      auto request = std::next(running_.begin(), below(static_cast<std::int64_t>(running_.size())));
      if (what < 60) {
        const bool expected = has_room(charge);
        ASSERT_EQ(!request->admission->reserve_more(charge.tokens, charge.spend), expected) << step;
        if (expected) request->reserved.add(charge);
      } else {
        settle(*request, {.tokens = below(request->reserved.tokens + 1),
                          .spend = below(request->reserved.spend + 1)});
        running_.erase(request);
      }
    } else if (what == 98) {
      pass_time(std::chrono::minutes(below(600)));
    } else if (what == 99 && below(20) == 0) {
      kill();
    }
    expect_the_same();
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(admitted, 1000);
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace insula::gateway
