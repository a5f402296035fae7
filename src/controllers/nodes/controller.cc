#include "controllers/nodes/controller.h"

#include <set>
#include <utility>
#include <vector>

#include "client/typed.h"

namespace insula::controllers {

NodeLifecycleController::NodeLifecycleController(client::Client& client,
                                                 const controller::Runtime& runtime,
                                                 Mirrors mirrors)
    : client_(client),
      clock_(runtime.clock),
      mirrors_(mirrors),
      controller_({.name = "node-lifecycle", .workers = 1}, runtime, *this) {
  mirrors_.nodes.on_change([this](const api::Node* before, const api::Node* after) {
    if (after == nullptr) {
      first_seen_.erase(before->metadata.name);
    } else {
      first_seen_.try_emplace(after->metadata.name, clock_.wall());
      controller_.enqueue(controller::key_of(*after));
    }
  });
}

void NodeLifecycleController::start() {
  controller_.start({&mirrors_.nodes, &mirrors_.leases});
}

Task<Result<controller::Outcome>> NodeLifecycleController::reconcile(controller::Key key) {
  const auto node = mirrors_.nodes.get(key);
  if (!node) co_return controller::kDone;
  const auto lease = mirrors_.leases.get({kNodeLeaseNamespace, key.name});
  NodePlan plan = plan_node(*node, lease.get(), first_seen_[key.name], clock_.wall());
  api::Node next = *node;
  if (plan.taints) {
    next.spec.taints = *std::move(plan.taints);
    INSULA_CO_TRY(next, co_await client::update(client_, std::move(next)));
    mirrors_.nodes.observe(next);
  }
  if (plan.status) {
    next.status = *std::move(plan.status);
    INSULA_CO_TRY(next, co_await client::update_status(client_, std::move(next)));
    mirrors_.nodes.observe(next);
  }
  co_return controller::again_after(plan.again_after);
}

PodGarbageCollector::PodGarbageCollector(client::Client& client,
                                         const controller::Runtime& runtime,
                                         Mirrors mirrors)
    : client_(client),
      clock_(runtime.clock),
      mirrors_(mirrors),
      controller_({.name = "pod-garbage", .workers = 1}, runtime, *this) {}

void PodGarbageCollector::start() {
  controller_.start({&mirrors_.pods, &mirrors_.nodes});
  controller_.enqueue({{}, "all"});
}

Task<Result<controller::Outcome>> PodGarbageCollector::reconcile(controller::Key) {
  std::vector<PodPtr> pods;
  std::set<std::string> missing;
  for (const auto& [key, pod] : mirrors_.pods.all()) {
    pods.push_back(pod);
    const std::string& node = pod->spec.node_name;
    if (!node.empty() && !mirrors_.nodes.get({{}, node})) missing.insert(node);
  }
  std::erase_if(missing_since_,
                [&missing](const auto& entry) { return !missing.contains(entry.first); });
  std::set<std::string> gone;
  for (const std::string& node : missing) {
    const SteadyTime since = missing_since_.try_emplace(node, clock_.now()).first->second;
    if (clock_.now() - since >= kOrphanGrace) gone.insert(node);
  }
  for (const PodPtr& pod : plan_pod_garbage(pods, gone).remove) {
    client::DeleteOptions options;
    options.grace_period_seconds = 0;
    options.precondition_uid = pod->metadata.uid;
    const Result<> removed = co_await client::remove<api::Pod>(
        client_, pod->metadata.namespace_, pod->metadata.name, std::move(options));
    if (!removed && removed.error().code() != ErrorCode::kNotFound)
      co_return std::unexpected(removed.error());
  }
  co_return controller::again_after(kPodGarbageInterval);
}

}  // namespace insula::controllers
