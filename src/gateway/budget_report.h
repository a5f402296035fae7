#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "gateway/budget.h"
#include "gateway/limits.h"
#include "gateway/snapshot.h"
#include "telemetry/metrics.h"

namespace insula::gateway {

/// How much of one budget is used.
struct BudgetRow {
  std::string tenant;
  LimitScope scope = LimitScope::kTenant;
  std::string name;  // of the key, model or member; empty: it is the tenant's
  const BudgetKind* kind = nullptr;
  std::int64_t limit = 0;
  std::int64_t used = 0;
  std::int64_t reserved = 0;  // of a member it is not known
  std::string currency;       // of money
  WallTime resets;
};

/// The budgets of all tenants, without those of their keys, models and members.
[[nodiscard]] std::vector<BudgetRow> budgets_of_tenants(const Snapshot& snapshot, WallTime now);

/// The budgets of one tenant and of its keys and models, and of its members by what they have used
/// this month. Of members the first kMembersReported.
inline constexpr std::size_t kMembersReported = 1000;
[[nodiscard]] std::vector<BudgetRow> budgets_of(const Snapshot& snapshot,
                                                const Tenant& tenant,
                                                const UsedThisMonth& used,
                                                WallTime now);

/// How much of each tenant's budgets is used, as metrics.
class BudgetGauges {
 public:
  explicit BudgetGauges(MetricsRegistry& registry) : registry_(registry) {}

  void update(const Snapshot& snapshot, WallTime now);

 private:
  MetricsRegistry& registry_;
  /// By tenant and budget; those that are gone stand at 0.
  std::map<std::pair<std::string, std::string>, Gauge*> known_;
};

}  // namespace insula::gateway
