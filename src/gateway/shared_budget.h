#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <utility>

#include "gateway/budget.h"
#include "gateway/limiter.h"
#include "gateway/shared_limit.h"

namespace insula::gateway {

/// The budgets of one owner that replicas share: this one's own account, held to what this one
/// holds of each in its period.
///
/// Threads: any, without locks.
class SharedBudget {
 public:
  /// In the order of kBudgetKinds; null: there is no such budget.
  using Shares = std::array<std::shared_ptr<SharedLimit>, kBudgetKinds.size()>;

  SharedBudget(std::shared_ptr<BudgetAccount> account, Shares shares)
      : account_(std::move(account)), shares_(std::move(shares)) {}

  /// As BudgetAccount::reserve(). When there is no room, `shortage` says whether the store may have
  /// some.
  [[nodiscard]] std::optional<BudgetMet> reserve(const Charge& charge,
                                                 const BudgetConfig& most,
                                                 Shortage& shortage);

 private:
  using Uses = std::array<std::optional<SharedLimit::Use>, kBudgetKinds.size()>;

  [[nodiscard]] bool is_over(const Uses& uses);
  [[nodiscard]] BudgetMet missed(BudgetMet met, const BudgetConfig& most, Shortage& shortage);

  const std::shared_ptr<BudgetAccount> account_;
  const Shares shares_;
};

}  // namespace insula::gateway
