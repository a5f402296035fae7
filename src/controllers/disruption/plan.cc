#include "controllers/disruption/plan.h"

#include <algorithm>

#include "api/kind.h"
#include "controllers/pods.h"
#include "controllers/scaled.h"

namespace insula::controllers {

namespace {

/// Whose eviction was granted and who is still there.
std::map<std::string, api::Time> still_disrupted(const api::PodDisruptionBudget& budget,
                                                 const std::vector<PodPtr>& pods,
                                                 WallTime now,
                                                 DisruptionPlan& plan) {
  std::map<std::string, api::Time> out;
  for (const PodPtr& pod : pods) {
    const auto granted = budget.status.disrupted_pods.find(pod->metadata.name);
    if (pod->metadata.deletion_timestamp || granted == budget.status.disrupted_pods.end()) continue;
    const WallTime end = granted->second.wall() + kEvictionTimeout;
    if (end < now) continue;
    out.insert(*granted);
    const auto left = std::chrono::ceil<std::chrono::seconds>(end - now) + std::chrono::seconds(1);
    plan.again_after = plan.again_after ? std::min(*plan.again_after, left) : left;
  }
  return out;
}

void set_condition(const api::PodDisruptionBudget& budget,
                   api::PodDisruptionBudgetStatus& status,
                   WallTime now) {
  api::Condition next;
  next.type = "DisruptionAllowed";
  next.status = status.disruptions_allowed > 0 ? "True" : "False";
  next.reason = status.disruptions_allowed > 0 ? "SufficientPods" : "InsufficientPods";
  next.observed_generation = budget.metadata.generation;
  next.last_transition_time = api::Time::from(now);
  const auto it = std::ranges::find(status.conditions, next.type, &api::Condition::type);
  if (it == status.conditions.end()) {
    status.conditions.push_back(std::move(next));
    return;
  }
  if (it->status == next.status) next.last_transition_time = it->last_transition_time;
  *it = std::move(next);
}

}  // namespace

bool needs_scale(const api::PodDisruptionBudget& budget) {
  const auto& least = budget.spec.min_available;
  return budget.spec.max_unavailable.has_value() || (least && least->is_string());
}

DisruptionPlan plan_disruptions(const api::PodDisruptionBudget& budget,
                                const std::vector<PodPtr>& pods,
                                std::int32_t expected,
                                WallTime now) {
  DisruptionPlan plan;
  api::PodDisruptionBudgetStatus& status = plan.status;
  status.conditions = budget.status.conditions;
  status.observed_generation = budget.metadata.generation;
  status.expected_pods = needs_scale(budget) ? expected : static_cast<std::int32_t>(pods.size());
  if (const auto& most = budget.spec.max_unavailable) {
    status.desired_healthy = std::max(0, expected - scaled(*most, expected, Rounding::kUp));
  } else if (const auto& least = budget.spec.min_available) {
    status.desired_healthy = scaled(*least, expected, Rounding::kUp);
  }
  status.disrupted_pods = still_disrupted(budget, pods, now, plan);
  for (const PodPtr& pod : pods) {
    const bool counts = !pod->metadata.deletion_timestamp && is_ready(*pod) &&
                        !status.disrupted_pods.contains(pod->metadata.name);
    if (counts) ++status.current_healthy;
  }
  // With no pods expected there is nothing to take away; the first ones are safe until they are
  // counted.
  if (status.expected_pods > 0)
    status.disruptions_allowed = std::max(0, status.current_healthy - status.desired_healthy);
  set_condition(budget, status, now);
  return plan;
}

}  // namespace insula::controllers
