#include "gateway/budget.h"

#include <algorithm>

#include <fmt/format.h>

#include "gateway/credentials.h"
#include "gateway/prices.h"
#include "gateway/usage_counts.h"
#include "gateway/usage_ledger.h"

namespace insula::gateway {
namespace {

constexpr std::int64_t kMonthsPerYear = 12;
constexpr std::int64_t kHoursPerDay = 24;

std::chrono::year_month_day date_of(WallTime now) {
  return std::chrono::floor<std::chrono::days>(now);
}

/// Without running over: what is held stays below the largest number.
std::int64_t room_for(std::int64_t limit, std::int64_t held) {
  return held >= limit ? 0 : limit - std::max<std::int64_t>(held, 0);
}

}  // namespace

void Charge::add(const Charge& more) {
  tokens = saturating_sum(tokens, more.tokens);
  spend = saturating_sum(spend, more.spend);
}

std::string budget_text(const BudgetKind& kind, std::int64_t amount, std::string_view currency) {
  const bool money = kind.unit == &Charge::spend;
  return fmt::format("{} {} per {}", money ? cost_text(amount) : std::to_string(amount),
                     money ? currency : "tokens", kind.monthly ? "month" : "day");
}

BudgetPeriods BudgetPeriods::at(WallTime now) {
  const auto date = date_of(now);
  return {.day = std::chrono::floor<std::chrono::days>(now.time_since_epoch()).count(),
          .month = static_cast<int>(date.year()) * kMonthsPerYear +
                   static_cast<unsigned>(date.month()) - 1};
}

WallTime BudgetPeriods::begin(const BudgetKind& kind, std::int64_t period) {
  if (!kind.monthly) return WallTime(std::chrono::days(period));
  const auto year = std::chrono::year(static_cast<int>(period / kMonthsPerYear));
  const auto month = std::chrono::month(static_cast<unsigned>(period % kMonthsPerYear) + 1);
  return std::chrono::sys_days(year / month / 1);
}

WallTime BudgetPeriods::end(const BudgetKind& kind, WallTime now) {
  if (!kind.monthly) return std::chrono::floor<std::chrono::days>(now) + std::chrono::days(1);
  const auto date = date_of(now);
  const auto next = date.year() / date.month() + std::chrono::months(1);
  return std::chrono::sys_days(next / 1);
}

std::int64_t BudgetPeriods::first_hour_of_month(WallTime now) {
  const auto date = date_of(now);
  return std::chrono::sys_days(date.year() / date.month() / 1).time_since_epoch().count() *
         kHoursPerDay;
}

void BudgetAccount::Counter::roll(std::int64_t now) {
  std::int64_t before = period;
  while (before < now) {
    if (!period.compare_exchange_weak(before, now)) continue;
    // What is reserved goes on into the new period.
    held -= used.exchange(0);
    return;
  }
}

void BudgetAccount::roll(WallTime now) {
  const BudgetPeriods periods = BudgetPeriods::at(now);
  for (std::size_t i = 0; i < counters_.size(); ++i)
    counters_[i].roll(periods.of(kBudgetKinds[i]));
}

void BudgetAccount::begin_with(const UsedSums& sums) {
  for (std::size_t i = 0; i < counters_.size(); ++i) {
    const BudgetKind& kind = kBudgetKinds[i];
    const std::int64_t used = (kind.monthly ? sums.month : sums.day).*kind.unit;
    counters_[i].period = sums.periods.of(kind);
    counters_[i].used = used;
    counters_[i].held = used;
  }
}

void BudgetAccount::begin_anew(const UsedSums& sums) {
  for (std::size_t i = 0; i < counters_.size(); ++i) {
    const BudgetKind& kind = kBudgetKinds[i];
    const std::int64_t used = (kind.monthly ? sums.month : sums.day).*kind.unit;
    counters_[i].period = sums.periods.of(kind);
    counters_[i].held += used - counters_[i].used.exchange(used);
  }
}

BudgetMet BudgetAccount::met(std::size_t kind,
                             std::int64_t limit,
                             std::int64_t needed,
                             WallTime now) const {
  return {.kind = &kBudgetKinds[kind],
          .limit = limit,
          .used = counters_[kind].used,
          .needed = needed,
          .resets = BudgetPeriods::end(kBudgetKinds[kind], now)};
}

std::optional<BudgetMet> BudgetAccount::reserve(const Charge& charge, const BudgetConfig& most) {
  const WallTime now = clock_->wall();
  roll(now);
  for (std::size_t i = 0; i < counters_.size(); ++i) {
    const std::int64_t amount = charge.*kBudgetKinds[i].unit;
    // Those that are not limited count as well: a budget may be set at any time.
    const std::int64_t limit = (most.*kBudgetKinds[i].most).value_or(INT64_MAX);
    std::int64_t held = counters_[i].held;
    bool reserved = false;
    // What a request uses may be known only afterwards, so none may begin when nothing is left.
    while (!reserved && room_for(limit, held) >= std::max<std::int64_t>(amount, 1))
      reserved = counters_[i].held.compare_exchange_weak(held, held + amount);
    if (reserved) continue;
    for (std::size_t before = 0; before < i; ++before)
      counters_[before].held -= charge.*kBudgetKinds[before].unit;
    return met(i, limit, amount, now);
  }
  return std::nullopt;
}

std::optional<BudgetMet> BudgetAccount::look(const BudgetConfig& most) {
  const WallTime now = clock_->wall();
  roll(now);
  for (std::size_t i = 0; i < counters_.size(); ++i) {
    const auto& limit = most.*kBudgetKinds[i].most;
    if (limit && room_for(*limit, counters_[i].held) == 0) return met(i, *limit, 0, now);
  }
  return std::nullopt;
}

void BudgetAccount::settle(const Charge& reserved, const Charge& used) {
  roll(clock_->wall());
  for (std::size_t i = 0; i < counters_.size(); ++i) {
    const auto unit = kBudgetKinds[i].unit;
    // In this order: a period that begins in between takes off of what is held what it has used.
    counters_[i].held += used.*unit - reserved.*unit;
    counters_[i].used += used.*unit;
  }
}

BudgetAccount::State BudgetAccount::state(std::size_t kind) {
  roll(clock_->wall());
  const std::int64_t used = counters_[kind].used;
  return {.used = used, .reserved = std::max<std::int64_t>(counters_[kind].held - used, 0)};
}

std::int64_t BudgetAccount::period(std::size_t kind) {
  roll(clock_->wall());
  return counters_[kind].period;
}

bool BudgetAccount::is_untouched() {
  roll(clock_->wall());
  return std::ranges::all_of(
      counters_, [](const Counter& counter) { return counter.used == 0 && counter.held == 0; });
}

void UsedThisMonth::add(const UsageRow& row) {
  const Charge charge{
      .tokens = saturating_sum(row.counts.prompt_tokens, row.counts.completion_tokens),
      .spend = row.currency == currency_ ? row.counts.cost : 0};
  const bool today = row.hour / kHoursPerDay == periods_.day;
  Tenant& tenant = tenants_[{row.tenant, row.uid}];
  const auto add_to = [&](UsedSums& sums) {
    sums.periods = periods_;
    sums.month.add(charge);
    if (today) sums.day.add(charge);
  };
  add_to(tenant.total);
  add_to(tenant.models[row.model]);
  add_to(tenant.keys[row.key]);
  // Keys have none: what they used is not that of tokens without a subject.
  if (row.key == kTokenKey) add_to(tenant.members[row.member]);
}

const UsedThisMonth::Tenant& UsedThisMonth::of(const std::string& tenant,
                                               const std::string& uid) const {
  static const Tenant unused;
  const auto found = tenants_.find({tenant, uid});
  return found == tenants_.end() ? unused : found->second;
}

UsedSums UsedThisMonth::in(const ByName& names, std::string_view name) const {
  const auto found = names.find(name);
  return found == names.end() ? none() : found->second;
}

}  // namespace insula::gateway
