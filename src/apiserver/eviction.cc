#include "apiserver/eviction.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "api/gen/policy_v1.h"
#include "api/validation/metadata.h"
#include "apiserver/object.h"

namespace insula::apiserver {

namespace {

using BudgetPtr = std::shared_ptr<const api::PodDisruptionBudget>;

/// Evictions that were granted and are not yet seen by the controller; more are a sign that it does
/// not run.
constexpr std::size_t kDisruptedPodsMax = 2000;

std::vector<BudgetPtr> budgets_of(const store::Transaction& transaction, const api::Pod& pod) {
  std::vector<BudgetPtr> out;
  const api::Kind& kind = api::kind_of<api::PodDisruptionBudget>();
  transaction.scan(store_key(kind, pod.metadata.namespace_, ""), [&](const store::EntryPtr& entry) {
    BudgetPtr budget = object_of<api::PodDisruptionBudget>(*entry);
    if (budget->spec.selector && api::matches(*budget->spec.selector, pod.metadata.labels))
      out.push_back(std::move(budget));
    return true;
  });
  return out;
}

bool is_ready(const api::Pod& pod) {
  return std::ranges::any_of(pod.status.conditions, [](const api::PodCondition& condition) {
    return condition.type == "Ready" && condition.status == "True";
  });
}

bool needs_no_leave(const api::Pod& pod) {
  const std::string& phase = pod.status.phase;
  return phase == "Succeeded" || phase == "Failed" || phase == "Pending" || phase.empty() ||
         pod.metadata.deletion_timestamp;
}

/// A pod that is not ready is no loss: always, or while enough others are.
bool is_no_loss(const api::PodDisruptionBudget& budget, const api::Pod& pod) {
  if (is_ready(pod)) return false;
  if (budget.spec.unhealthy_pod_eviction_policy == "AlwaysAllow") return true;
  return budget.status.desired_healthy > 0 &&
         budget.status.current_healthy >= budget.status.desired_healthy;
}

std::unexpected<Error> refuse(std::string why) {
  return std::unexpected(Error(ErrorCode::kTooManyRequests,
                               "Cannot evict pod as it would violate the pod's disruption budget.")
                             .with_causes({{"", "DisruptionBudget", std::move(why)}}));
}

Result<> check_budget(const api::PodDisruptionBudget& budget) {
  const api::PodDisruptionBudgetStatus& status = budget.status;
  if (status.observed_generation < budget.metadata.generation) {
    return refuse(fmt::format("The disruption budget {} is still being processed by the server.",
                              budget.metadata.name));
  }
  if (status.disrupted_pods.size() > kDisruptedPodsMax) {
    return fail(
        ErrorCode::kForbidden,
        fmt::format("poddisruptionbudgets.policy \"{}\" is forbidden: DisruptedPods map too "
                    "big - too many evictions not confirmed by PDB controller",
                    budget.metadata.name));
  }
  if (status.disruptions_allowed > 0) return {};
  return refuse(fmt::format("The disruption budget {} needs {} healthy pods and has {} currently",
                            budget.metadata.name, status.desired_healthy, status.current_healthy));
}

void charge(store::Transaction& transaction,
            const api::PodDisruptionBudget& budget,
            const std::string& pod,
            WallTime now) {
  const api::Kind& kind = api::kind_of<api::PodDisruptionBudget>();
  auto next = std::make_shared<api::PodDisruptionBudget>(budget);
  --next->status.disruptions_allowed;
  next->status.disrupted_pods[pod] = api::Time::from(now);
  transaction.put(store_key(kind, next->metadata.namespace_, next->metadata.name),
                  [&](store::Revision revision) {
                    next->metadata.resource_version = std::to_string(revision);
                    return store::Encoded{encode(kind, next.get()), next};
                  });
}

}  // namespace

Result<> grant_eviction(store::Transaction& transaction, const Target& target, WallTime now) {
  const api::Kind& kind = api::kind_of<api::Pod>();
  const store::EntryPtr entry = transaction.find(store_key(kind, target.name_space, target.name));
  if (!entry) return {};  // for the deletion to say
  const auto pod = object_of<api::Pod>(*entry);
  if (needs_no_leave(*pod)) return {};
  const std::vector<BudgetPtr> budgets = budgets_of(transaction, *pod);
  if (budgets.empty()) return {};
  if (budgets.size() > 1) {
    return fail(ErrorCode::kInternal,
                "This pod has more than one PodDisruptionBudget, which the eviction subresource "
                "does not support.");
  }
  if (is_no_loss(*budgets[0], *pod)) return {};
  INSULA_TRY_VOID(check_budget(*budgets[0]));
  charge(transaction, *budgets[0], pod->metadata.name, now);
  return {};
}

void mark_evicted(api::Pod& pod, WallTime now) {
  auto& conditions = pod.status.conditions;
  const auto known = std::ranges::find(conditions, "DisruptionTarget", &api::PodCondition::type);
  if (known != conditions.end() && known->status == "True") return;
  if (known != conditions.end()) conditions.erase(known);
  api::PodCondition& target = conditions.emplace_back();
  target.type = "DisruptionTarget";
  target.status = "True";
  target.reason = "EvictionByEvictionAPI";
  target.message = "Eviction API: evicting";
  target.last_transition_time = api::Time::from(now);
}

}  // namespace insula::apiserver
