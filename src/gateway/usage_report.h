#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "gateway/budget_report.h"
#include "gateway/usage_ledger.h"

namespace insula::gateway {

/// Sums, with their costs by currency in nano-units.
struct UsageTotal {
  UsageCounts counts;
  std::map<std::string, std::int64_t> costs;

  void add(const UsageRow& row);
};

/// The answer to a question about usage.
struct UsageAnswer {
  UsageBy by = UsageBy::kModelAndKey;
  std::vector<UsageRow> rows;
  /// Former tenants of the name that was asked for, whose usage is not among the rows.
  std::size_t former = 0;
  /// Of the tenant that was asked for, with its keys, models and members; or of all tenants.
  std::vector<BudgetRow> budgets = {};
};

/// `hour`, `day`, `model`, `key` or `member`; empty for kModelAndKey.
[[nodiscard]] std::string_view name_of(UsageBy by);
/// Errors: kBadRequest for any other word.
[[nodiscard]] Result<UsageBy> usage_by(std::string_view name);

/// As JSON: `tenants`, each with its sums by model and by key; or, when they are kept apart by
/// something else, `rows`. Besides `total`, `formerTenants` and `budgets`. What GET /usage answers.
[[nodiscard]] std::string usage_json(const UsageAnswer& answer);

/// As CSV: a line for each row. Spec: RFC 4180.
[[nodiscard]] std::string usage_csv(const UsageAnswer& answer);

}  // namespace insula::gateway
