#pragma once

#include <optional>
#include <string>

#include "api/gen/insula_v1alpha1.h"
#include "base/error.h"
#include "cli/options.h"
#include "gateway/config.h"

namespace insula::cli {

/// The flags of a budget, the same for a tenant and for a key.
struct BudgetOptions {
  std::optional<long> tokens_per_day = std::nullopt;
  std::optional<long> tokens_per_month = std::nullopt;
  std::string spend_per_day = {};  // amounts such as 12.50; empty: not given
  std::string spend_per_month = {};

  void declare(Options& options);

  /// Whether any of the flags was.
  [[nodiscard]] bool given() const;

  /// For the gateway. Errors: kInvalid, naming the flag.
  [[nodiscard]] Result<gateway::BudgetConfig> config() const;

  /// Sets what was given. Errors: as config().
  [[nodiscard]] Result<> apply_to(api::TenantBudget& budget) const;
};

}  // namespace insula::cli
