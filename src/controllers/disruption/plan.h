#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "api/gen/core_v1.h"
#include "api/gen/policy_v1.h"
#include "base/clock.h"

namespace insula::controllers {

using PodPtr = std::shared_ptr<const api::Pod>;

/// How long a pod whose eviction was granted may stay undeleted before it counts again.
inline constexpr std::chrono::minutes kEvictionTimeout{2};

/// What a PodDisruptionBudget's status should say. Pure.
struct DisruptionPlan {
  api::PodDisruptionBudgetStatus status;
  /// When a pod whose eviction was granted counts again by the passing of time alone.
  std::optional<std::chrono::seconds> again_after;
};

/// `pods`: those that the budget's selector matches. `expected`: how many pods there should be of
/// those that own them, for percentages and maxUnavailable.
/// Spec: Kubernetes, PodDisruptionBudget, "Specifying a PodDisruptionBudget".
[[nodiscard]] DisruptionPlan plan_disruptions(const api::PodDisruptionBudget& budget,
                                              const std::vector<PodPtr>& pods,
                                              std::int32_t expected,
                                              WallTime now);

/// Whether the budget's numbers rest on what owns the pods.
[[nodiscard]] bool needs_scale(const api::PodDisruptionBudget& budget);

}  // namespace insula::controllers
