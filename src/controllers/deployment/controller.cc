#include "controllers/deployment/controller.h"

#include <algorithm>
#include <utility>

#include "client/typed.h"
#include "controller/owner.h"
#include "controller/selector.h"
#include "controllers/deployment/status.h"
#include "controllers/pods.h"

namespace insula::controllers {

DeploymentController::DeploymentController(client::Client& client,
                                           const controller::Runtime& runtime,
                                           Mirrors mirrors,
                                           controller::EventRecorder& events)
    : client_(client),
      clock_(runtime.clock),
      mirrors_(mirrors),
      events_(events),
      sets_by_owner_(mirrors.sets.add_index([](const api::ReplicaSet& set) {
        return std::vector<std::string>{controller::controller_uid(set.metadata)};
      })),
      pods_by_owner_(mirrors.pods.add_index([](const api::Pod& pod) {
        return std::vector<std::string>{controller::controller_uid(pod.metadata)};
      })),
      controller_({.name = "deployment"}, runtime, *this) {
  mirrors_.deployments.on_change([this](const api::Deployment*, const api::Deployment* after) {
    if (after != nullptr) controller_.enqueue(controller::key_of(*after));
  });
  mirrors_.sets.on_change([this](const api::ReplicaSet* before, const api::ReplicaSet* after) {
    if (before != nullptr) enqueue_owner(*before);
    if (after != nullptr) enqueue_owner(*after);
  });
  mirrors_.pods.on_change([this](const api::Pod* before, const api::Pod* after) {
    if (before != nullptr && (after == nullptr || is_finished(*after))) pod_gone(*before);
  });
}

void DeploymentController::start() {
  controller_.start({&mirrors_.deployments, &mirrors_.sets, &mirrors_.pods});
}

void DeploymentController::enqueue_owner(const api::ReplicaSet& set) {
  const api::OwnerReference* owner = controller::controller_of(set.metadata);
  if (owner != nullptr) {
    if (owner->kind == "Deployment") controller_.enqueue({set.metadata.namespace_, owner->name});
    return;
  }
  for (const DeploymentPtr& deployment : mirrors_.deployments.list(set.metadata.namespace_)) {
    if (deployment->spec.selector &&
        controller::matches(*deployment->spec.selector, set.metadata.labels)) {
      controller_.enqueue(controller::key_of(*deployment));
    }
  }
}

// Recreate waits for the last old pod, whose end changes no ReplicaSet's status.
void DeploymentController::pod_gone(const api::Pod& pod) {
  const api::OwnerReference* owner = controller::controller_of(pod.metadata);
  if (owner == nullptr || owner->kind != "ReplicaSet") return;
  if (const SetPtr set = mirrors_.sets.get({pod.metadata.namespace_, owner->name}))
    enqueue_owner(*set);
}

bool DeploymentController::old_pods_left(const api::Deployment& deployment,
                                         const std::vector<SetPtr>& sets) const {
  if (is_rolling(deployment)) return false;
  const SetPtr new_set = find_new_set(deployment, sets);
  return std::ranges::any_of(sets, [this, &new_set](const SetPtr& set) {
    if (set == new_set) return false;
    const auto pods = mirrors_.pods.by_index(pods_by_owner_, set->metadata.uid);
    return std::ranges::any_of(pods, [](const auto& pod) { return !is_finished(*pod); });
  });
}

Task<Result<controller::Outcome>> DeploymentController::reconcile(controller::Key key) {
  const DeploymentPtr deployment = mirrors_.deployments.get(key);
  if (!deployment) co_return controller::kDone;
  ObservedDeployment observed{*deployment, {}, false};
  INSULA_CO_TRY(observed.sets, co_await claim(deployment));
  observed.old_pods_left = old_pods_left(*deployment, observed.sets);
  DeploymentPlan plan = plan_deployment(observed, clock_.wall());
  INSULA_CO_TRY_VOID(co_await apply(deployment, plan));
  INSULA_CO_TRY_VOID(co_await write_status(deployment, plan));
  if (plan.again_after) co_return controller::again_after(*plan.again_after);
  co_return controller::kDone;
}

Task<Result<std::vector<SetPtr>>> DeploymentController::claim(DeploymentPtr deployment) {
  std::vector<SetPtr> sets = mirrors_.sets.by_index(sets_by_owner_, deployment->metadata.uid);
  if (deployment->metadata.deletion_timestamp || !deployment->spec.selector) co_return sets;
  std::vector<SetPtr> strays;
  std::erase_if(sets, [&](const SetPtr& set) {
    if (controller::matches(*deployment->spec.selector, set->metadata.labels)) return false;
    strays.push_back(set);
    return true;
  });
  for (const SetPtr& set : strays)
    INSULA_CO_TRY_VOID(co_await release(deployment, set));
  for (const SetPtr& set : mirrors_.sets.list(deployment->metadata.namespace_)) {
    if (controller::controller_of(set->metadata) != nullptr || set->metadata.deletion_timestamp)
      continue;
    if (!controller::matches(*deployment->spec.selector, set->metadata.labels)) continue;
    api::ReplicaSet adopted = *set;
    adopted.metadata.owner_references.push_back(controller::controlled_by(*deployment));
    INSULA_CO_TRY(api::ReplicaSet stored, co_await client::update(client_, std::move(adopted)));
    mirrors_.sets.observe(stored);
    sets.push_back(std::make_shared<const api::ReplicaSet>(std::move(stored)));
  }
  co_return sets;
}

Task<Result<>> DeploymentController::release(DeploymentPtr deployment, SetPtr set) {
  api::ReplicaSet released = *set;
  std::erase_if(released.metadata.owner_references,
                [&deployment](const api::OwnerReference& owner) {
                  return owner.uid == deployment->metadata.uid;
                });
  const Result<api::ReplicaSet> stored = co_await client::update(client_, std::move(released));
  if (!stored && stored.error().code() != ErrorCode::kNotFound)
    co_return std::unexpected(stored.error());
  if (stored) mirrors_.sets.observe(*stored);
  co_return Result<>{};
}

Task<Result<>> DeploymentController::apply(DeploymentPtr deployment, DeploymentPlan& plan) {
  if (plan.create) INSULA_CO_TRY_VOID(co_await create_set(deployment, plan));
  for (api::ReplicaSet& set : plan.update) {
    INSULA_CO_TRY(const api::ReplicaSet stored, co_await client::update(client_, std::move(set)));
    mirrors_.sets.observe(stored);
  }
  for (std::string& message : plan.events) {
    events_.record(*deployment, controller::EventType::kNormal, "ScalingReplicaSet",
                   std::move(message));
  }
  for (const SetPtr& set : plan.remove) {
    client::DeleteOptions options;
    options.precondition_uid = set->metadata.uid;
    options.propagation = client::Propagation::kBackground;
    const Result<> removed = co_await client::remove<api::ReplicaSet>(
        client_, set->metadata.namespace_, set->metadata.name, std::move(options));
    if (!removed && removed.error().code() != ErrorCode::kNotFound)
      co_return std::unexpected(removed.error());
  }
  co_return Result<>{};
}

Task<Result<>> DeploymentController::create_set(DeploymentPtr deployment, DeploymentPlan& plan) {
  const std::string name = plan.create->metadata.name;
  Result<api::ReplicaSet> stored = co_await client::create(client_, *std::move(plan.create));
  if (stored) {
    mirrors_.sets.observe(*stored);
    co_return Result<>{};
  }
  plan.events.clear();
  if (stored.error().code() == ErrorCode::kAlreadyExists) {
    INSULA_CO_TRY(const api::ReplicaSet there, co_await client::get<api::ReplicaSet>(
                                                   client_, deployment->metadata.namespace_, name));
    if (controller::controller_uid(there.metadata) == deployment->metadata.uid &&
        same_template(there.spec.template_, deployment->spec.template_)) {
      mirrors_.sets.observe(there);
      co_return Result<>{};
    }
    // Another template hashes to the same name: the next attempt takes another hash.
    plan.status.collision_count = plan.status.collision_count.value_or(0) + 1;
  } else {
    set_condition(
        plan.status,
        make_condition("Progressing", "False", "ReplicaSetCreateError", stored.error().message()),
        clock_.wall());
    events_.record(
        *deployment, controller::EventType::kWarning, "ReplicaSetCreateError",
        "Failed to create new replica set \"" + name + "\": " + stored.error().message());
  }
  INSULA_CO_TRY_VOID(co_await write_status(deployment, plan));
  co_return std::unexpected(std::move(stored).error());
}

Task<Result<>> DeploymentController::write_status(DeploymentPtr deployment,
                                                  const DeploymentPlan& plan) {
  api::Deployment next = *deployment;
  if (plan.revision) {
    next.metadata.annotations[std::string(kRevisionAnnotation)] = *plan.revision;
    if (next.metadata.annotations != deployment->metadata.annotations) {
      INSULA_CO_TRY(next, co_await client::update(client_, std::move(next)));
      mirrors_.deployments.observe(next);
    }
  }
  if (plan.status == deployment->status) co_return Result<>{};
  next.status = plan.status;
  INSULA_CO_TRY(const api::Deployment written,
                co_await client::update_status(client_, std::move(next)));
  mirrors_.deployments.observe(written);
  co_return Result<>{};
}

}  // namespace insula::controllers
