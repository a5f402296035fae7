#include "gateway/shared_budget.h"

#include <algorithm>

namespace insula::gateway {

/// Whether a period has begun anew since what may be used of it was looked at.
bool SharedBudget::is_over(const Uses& uses) {
  for (std::size_t i = 0; i < uses.size(); ++i) {
    if (uses[i] && account_->period(i) != uses[i]->period()) return true;
  }
  return false;
}

/// The numbers are those of all replicas, as far as this one knows them.
BudgetMet SharedBudget::missed(BudgetMet met, const BudgetConfig& most, Shortage& shortage) {
  const auto kind = static_cast<std::size_t>(met.kind - kBudgetKinds.data());
  SharedLimit* share = shares_[kind].get();
  if (share == nullptr) return met;
  met.limit = (most.*met.kind->most).value_or(met.limit);
  met.used = std::max(met.used, met.limit - share->free());
  if (met.needed <= met.limit && met.limit > 0)
    shortage = share->miss(std::max<std::int64_t>(met.needed, 1));
  return met;
}

std::optional<BudgetMet> SharedBudget::reserve(const Charge& charge,
                                               const BudgetConfig& most,
                                               Shortage& shortage) {
  std::optional<BudgetMet> met;
  {
    Uses uses;
    BudgetConfig held = most;
    for (std::size_t i = 0; i < uses.size(); ++i) {
      auto& limit = held.*kBudgetKinds[i].most;
      if (shares_[i] == nullptr || !limit) continue;
      shares_[i]->set_limit(*limit);
      uses[i].emplace(*shares_[i]);
      limit = std::min(*limit, uses[i]->most());
    }
    met = account_->reserve(charge, held);
    if (!met) {
      if (!is_over(uses)) {
        for (std::size_t i = 0; i < uses.size(); ++i) {
          if (uses[i]) shares_[i]->took(charge.*kBudgetKinds[i].unit);
        }
        return std::nullopt;
      }
      // What was held was of the period before.
      account_->settle(charge, {});
    }
  }
  return met ? missed(*met, most, shortage) : reserve(charge, most, shortage);
}

}  // namespace insula::gateway
