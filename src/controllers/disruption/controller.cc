#include "controllers/disruption/controller.h"

#include <functional>
#include <map>
#include <string>
#include <utility>

#include "client/typed.h"
#include "controller/owner.h"
#include "controller/selector.h"
#include "controllers/pods.h"

namespace insula::controllers {

namespace {

bool same_for_budgets(const api::Pod& a, const api::Pod& b) {
  return a.metadata.labels == b.metadata.labels && is_ready(a) == is_ready(b) &&
         a.metadata.deletion_timestamp.has_value() == b.metadata.deletion_timestamp.has_value();
}

// Without a selector a budget has no pods; with an empty one, all of the namespace.
bool is_budget_of(const api::PodDisruptionBudget& budget, const api::Pod& pod) {
  return budget.spec.selector && controller::matches(*budget.spec.selector, pod.metadata.labels);
}

/// The replicas that an object of a mirror asks for, when it is the owner meant.
template <class T>
std::optional<std::int32_t> replicas_of(const controller::Informer<T>& mirror,
                                        const controller::Key& key,
                                        const std::string& uid) {
  const auto found = mirror.get(key);
  if (!found || found->metadata.uid != uid) return std::nullopt;
  return found->spec.replicas.value_or(1);
}

template <class T>
void on_scale(controller::Informer<T>& mirror, std::function<void(const std::string&)> changed) {
  mirror.on_change([changed = std::move(changed)](const T* before, const T* after) {
    if (before != nullptr && after != nullptr && before->spec.replicas == after->spec.replicas)
      return;
    changed((after != nullptr ? after : before)->metadata.namespace_);
  });
}

}  // namespace

DisruptionController::DisruptionController(client::Client& client,
                                           const controller::Runtime& runtime,
                                           Mirrors mirrors,
                                           controller::EventRecorder& events)
    : client_(client),
      clock_(runtime.clock),
      mirrors_(mirrors),
      events_(events),
      controller_({.name = "disruption"}, runtime, *this) {
  mirrors_.budgets.on_change(
      [this](const api::PodDisruptionBudget*, const api::PodDisruptionBudget* after) {
        if (after != nullptr) controller_.enqueue(controller::key_of(*after));
      });
  mirrors_.pods.on_change([this](const api::Pod* before, const api::Pod* after) {
    if (before != nullptr && after != nullptr && same_for_budgets(*before, *after)) return;
    if (before != nullptr) enqueue_budgets_of(*before);
    if (after != nullptr) enqueue_budgets_of(*after);
  });
  const auto scale_changed = [this](const std::string& name_space) {
    enqueue_namespace(name_space);
  };
  on_scale(mirrors_.deployments, scale_changed);
  on_scale(mirrors_.sets, scale_changed);
  on_scale(mirrors_.replications, scale_changed);
  on_scale(mirrors_.stateful_sets, scale_changed);
}

void DisruptionController::start() {
  controller_.start({&mirrors_.budgets, &mirrors_.pods, &mirrors_.deployments, &mirrors_.sets,
                     &mirrors_.replications, &mirrors_.stateful_sets});
}

void DisruptionController::enqueue_budgets_of(const api::Pod& pod) {
  for (const BudgetPtr& budget : mirrors_.budgets.list(pod.metadata.namespace_)) {
    if (is_budget_of(*budget, pod)) controller_.enqueue(controller::key_of(*budget));
  }
}

void DisruptionController::enqueue_namespace(const std::string& name_space) {
  for (const BudgetPtr& budget : mirrors_.budgets.list(name_space)) {
    if (needs_scale(*budget)) controller_.enqueue(controller::key_of(*budget));
  }
}

Task<Result<controller::Outcome>> DisruptionController::reconcile(controller::Key key) {
  const BudgetPtr budget = mirrors_.budgets.get(key);
  if (!budget || budget->metadata.deletion_timestamp) co_return controller::kDone;
  std::vector<PodPtr> pods = mirrors_.pods.list(key.name_space);
  std::erase_if(pods, [&budget](const PodPtr& pod) { return !is_budget_of(*budget, *pod); });
  bool unmanaged = false;
  const std::int32_t expected = needs_scale(*budget) ? expected_pods(pods, unmanaged) : 0;
  if (unmanaged) {
    events_.record(
        *budget, controller::EventType::kWarning, "UnmanagedPods",
        "some of its pods have no controller with a number of replicas and do not count; "
        "set spec.minAvailable to a number to have them counted");
  }
  DisruptionPlan plan = plan_disruptions(*budget, pods, expected, clock_.wall());
  INSULA_CO_TRY_VOID(co_await write_status(budget, std::move(plan.status)));
  if (plan.again_after) co_return controller::again_after(*plan.again_after);
  co_return controller::kDone;
}

std::int32_t DisruptionController::expected_pods(const std::vector<PodPtr>& pods,
                                                 bool& unmanaged) const {
  std::map<std::string, std::int32_t> by_owner;
  for (const PodPtr& pod : pods) {
    if (const std::optional<Scale> scale = scale_of(*pod)) {
      by_owner[scale->uid] = scale->replicas;
    } else {
      unmanaged = true;
    }
  }
  std::int32_t sum = 0;
  for (const auto& [uid, replicas] : by_owner)
    sum += replicas;
  return sum;
}

std::optional<DisruptionController::Scale> DisruptionController::scale_of(
    const api::Pod& pod) const {
  const api::OwnerReference* owner = controller::controller_of(pod.metadata);
  if (owner == nullptr) return std::nullopt;
  const std::string& name_space = pod.metadata.namespace_;
  const controller::Key key{name_space, owner->name};
  const auto scale = [](const api::OwnerReference& of, std::optional<std::int32_t> replicas) {
    return replicas ? std::optional(Scale{of.uid, *replicas}) : std::nullopt;
  };
  if (owner->kind == "ReplicationController")
    return scale(*owner, replicas_of(mirrors_.replications, key, owner->uid));
  if (owner->kind == "StatefulSet")
    return scale(*owner, replicas_of(mirrors_.stateful_sets, key, owner->uid));
  if (owner->kind != "ReplicaSet") return std::nullopt;
  const auto set = mirrors_.sets.get(key);
  if (!set || set->metadata.uid != owner->uid) return std::nullopt;
  // In the middle of a rollout it is the Deployment that says how many pods there should be.
  const api::OwnerReference* above = controller::controller_of(set->metadata);
  if (above != nullptr && above->kind == "Deployment")
    return scale(*above, replicas_of(mirrors_.deployments, {name_space, above->name}, above->uid));
  return scale(*owner, set->spec.replicas.value_or(1));
}

// With the resourceVersion that was read: an eviction that was granted meanwhile is not forgotten.
Task<Result<>> DisruptionController::write_status(BudgetPtr budget,
                                                  api::PodDisruptionBudgetStatus status) {
  if (status == budget->status) co_return Result<>{};
  api::PodDisruptionBudget next = *budget;
  next.status = std::move(status);
  INSULA_CO_TRY(const api::PodDisruptionBudget written,
                co_await client::update_status(client_, std::move(next)));
  mirrors_.budgets.observe(written);
  co_return Result<>{};
}

}  // namespace insula::controllers
