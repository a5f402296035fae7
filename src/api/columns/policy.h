#pragma once

#include <span>
#include <vector>

#include "api/gen/policy_v1.h"
#include "api/strategy.h"

namespace insula::api {

/// As columns.h has them for other kinds.
[[nodiscard]] std::span<const Column> pod_disruption_budget_columns();
[[nodiscard]] std::vector<Cell> cells(const PodDisruptionBudget& object, WallTime now);

}  // namespace insula::api
