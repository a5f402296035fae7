#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "gateway/config.h"

namespace insula::gateway {

struct UsageRow;

/// What requests have used, or may use: tokens, and what they cost in nano-units of the price
/// list's currency.
struct Charge {
  std::int64_t tokens = 0;
  std::int64_t spend = 0;

  void add(const Charge& more);

  bool operator==(const Charge&) const = default;
};

/// One of the budgets that an owner may have.
struct BudgetKind {
  std::string_view name;  // as in a Tenant: `tokensPerDay`
  std::int64_t Charge::* unit;
  std::optional<std::int64_t> BudgetConfig::* most;
  bool monthly;
};

inline constexpr std::array<BudgetKind, 4> kBudgetKinds = {
    {{"tokensPerDay", &Charge::tokens, &BudgetConfig::tokens_per_day, false},
     {"tokensPerMonth", &Charge::tokens, &BudgetConfig::tokens_per_month, true},
     {"spendPerDay", &Charge::spend, &BudgetConfig::spend_per_day, false},
     {"spendPerMonth", &Charge::spend, &BudgetConfig::spend_per_month, true}}};

/// `1000 tokens per day`, `12.5 USD per month`.
[[nodiscard]] std::string budget_text(const BudgetKind& kind,
                                      std::int64_t amount,
                                      std::string_view currency);

/// The day and the calendar month of UTC that a moment is in.
struct BudgetPeriods {
  std::int64_t day = 0;    // since 1970
  std::int64_t month = 0;  // since January of the year 0

  [[nodiscard]] static BudgetPeriods at(WallTime now);

  [[nodiscard]] std::int64_t of(const BudgetKind& kind) const { return kind.monthly ? month : day; }

  /// When a period of this kind began.
  [[nodiscard]] static WallTime begin(const BudgetKind& kind, std::int64_t period);

  /// When the period of this kind that `now` is in is over.
  [[nodiscard]] static WallTime end(const BudgetKind& kind, WallTime now);

  /// The first hour of the month, as UsageKey has hours.
  [[nodiscard]] static std::int64_t first_hour_of_month(WallTime now);

  bool operator==(const BudgetPeriods&) const = default;
};

/// What an owner has used in a day and in the month that it is in.
struct UsedSums {
  BudgetPeriods periods;
  Charge day;
  Charge month;
};

/// The budget that a request met.
struct BudgetMet {
  const BudgetKind* kind = nullptr;
  std::int64_t limit = 0;
  std::int64_t used = 0;
  /// What it needed.
  std::int64_t needed = 0;
  WallTime resets;

  /// It would have had room but for what running requests have reserved.
  [[nodiscard]] bool is_only_reserved() const { return needed <= limit - used && used < limit; }

  /// No day or month has room for it.
  [[nodiscard]] bool is_never_enough() const { return limit == 0 || needed > limit; }
};

/// What one owner has used of its budgets, and what its running requests have reserved.
///
/// One number for each budget holds what is used in the present period and what is reserved; a
/// request is admitted by one compare-and-swap on it, so that however many ask at once what is used
/// and reserved is never more than the budget, unless a request used more than it had reserved.
/// That counts, and nothing is admitted until the period is over. What a request uses belongs to
/// the period in which it is settled, as in the ledger.
///
/// Nothing of it is durable: it begins with the sums of the ledger, which has all that was settled
/// and, once a start has recovered them, the requests that a kill cut off.
///
/// Periods follow the wall clock forward: set back, it leaves the later period as the present one.
///
/// Threads: any, without locks; begin_with() while nobody else uses it. Lifetime: the clock
/// outlives it.
class BudgetAccount {
 public:
  explicit BudgetAccount(const Clock& clock) : clock_(&clock) {}

  /// What was used before.
  void begin_with(const UsedSums& sums);

  /// The account is another owner's from here on, who has used that; what is reserved goes on.
  /// Threads: any.
  void begin_anew(const UsedSums& sums);

  /// Reserves the charge of every budget there is. Of the first that has no room it says so, and
  /// then nothing is reserved.
  [[nodiscard]] std::optional<BudgetMet> reserve(const Charge& charge, const BudgetConfig& most);

  /// Whether something is used up, whatever would be asked for.
  [[nodiscard]] std::optional<BudgetMet> look(const BudgetConfig& most);

  /// Ends a reservation: its request has used `used`.
  void settle(const Charge& reserved, const Charge& used);

  struct State {
    std::int64_t used = 0;
    std::int64_t reserved = 0;
  };

  /// The day or month that the budget at this place of kBudgetKinds is in.
  [[nodiscard]] std::int64_t period(std::size_t kind);

  /// Of the budget at this place of kBudgetKinds.
  [[nodiscard]] State state(std::size_t kind);

  /// Whether nothing is used in the present month, nor reserved.
  [[nodiscard]] bool is_untouched();

 private:
  struct Counter {
    std::atomic<std::int64_t> period{0};
    std::atomic<std::int64_t> used{0};
    std::atomic<std::int64_t> held{0};  // used and reserved

    void roll(std::int64_t now);
  };

  /// The counters, all in the present periods.
  void roll(WallTime now);
  [[nodiscard]] BudgetMet met(std::size_t kind,
                              std::int64_t limit,
                              std::int64_t needed,
                              WallTime now) const;

  const Clock* clock_;
  std::array<Counter, kBudgetKinds.size()> counters_;
};

/// What tenants, their models, keys and members have used in a month, from the ledger's rows.
class UsedThisMonth {
 public:
  /// Spend counts in `currency` only.
  UsedThisMonth(WallTime now, std::string currency)
      : periods_(BudgetPeriods::at(now)), currency_(std::move(currency)) {}

  /// Requires: a row of one hour of the month, of one model, key and member.
  void add(const UsageRow& row);

  using ByName = std::map<std::string, UsedSums, std::less<>>;

  struct Tenant {
    UsedSums total;
    ByName models;
    ByName keys;
    ByName members;
  };

  /// By name and uid.
  [[nodiscard]] const Tenant& of(const std::string& tenant, const std::string& uid) const;

  /// In one of the maps above.
  [[nodiscard]] UsedSums in(const ByName& names, std::string_view name) const;

 private:
  [[nodiscard]] UsedSums none() const { return {.periods = periods_, .day = {}, .month = {}}; }

  BudgetPeriods periods_;
  std::string currency_;
  std::map<std::pair<std::string, std::string>, Tenant> tenants_;
};

}  // namespace insula::gateway
