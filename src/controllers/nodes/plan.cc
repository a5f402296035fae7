#include "controllers/nodes/plan.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "controllers/pods.h"

namespace insula::controllers {

namespace {

WallTime last_sign(const api::Node& node, const api::Lease* lease, WallTime first_seen) {
  WallTime last = first_seen;
  if (lease != nullptr && lease->spec.renew_time)
    last = std::max(last, lease->spec.renew_time->wall());
  for (const api::NodeCondition& condition : node.status.conditions) {
    if (condition.type == "Ready") last = std::max(last, condition.last_heartbeat_time.wall());
  }
  return last;
}

api::NodeStatus silent_status(const api::Node& node, WallTime now) {
  api::NodeStatus status = node.status;
  for (const char* type : {"Ready", "MemoryPressure", "DiskPressure", "PIDPressure"}) {
    auto it = std::ranges::find(status.conditions, type, &api::NodeCondition::type);
    if (it == status.conditions.end()) {
      if (std::string_view(type) != "Ready") continue;
      it = status.conditions.emplace(status.conditions.end());
      it->type = type;
    }
    if (it->status == "Unknown") continue;
    it->status = "Unknown";
    it->reason = "NodeStatusUnknown";
    it->message = "Kubelet stopped posting node status.";
    it->last_transition_time = api::Time::from(now);
  }
  return status;
}

std::string ready_value(const api::NodeStatus& status) {
  const auto it = std::ranges::find(status.conditions, "Ready", &api::NodeCondition::type);
  return it == status.conditions.end() ? "Unknown" : it->status;
}

bool is_ours(const api::Taint& taint) {
  return taint.key == kNotReadyTaint || taint.key == kUnreachableTaint ||
         taint.key == kUnschedulableTaint;
}

void want(std::vector<api::Taint>& taints,
          const std::vector<api::Taint>& there,
          const char* key,
          const char* effect,
          WallTime now) {
  const auto known = std::ranges::find_if(
      there, [&](const api::Taint& taint) { return taint.key == key && taint.effect == effect; });
  if (known != there.end()) {
    taints.push_back(*known);
    return;
  }
  api::Taint taint;
  taint.key = key;
  taint.effect = effect;
  taint.time_added = api::Time::from(now);
  taints.push_back(std::move(taint));
}

}  // namespace

NodePlan plan_node(const api::Node& node,
                   const api::Lease* lease,
                   WallTime first_seen,
                   WallTime now) {
  NodePlan plan;
  const WallTime overdue = last_sign(node, lease, first_seen) + kNodeGrace;
  api::NodeStatus status = node.status;
  if (overdue <= now) {
    status = silent_status(node, now);
    if (!(status == node.status)) plan.status = status;
    plan.again_after = kNodeGrace;
  } else {
    plan.again_after =
        std::chrono::ceil<std::chrono::seconds>(overdue - now) + std::chrono::seconds(1);
  }

  std::vector<api::Taint> taints;
  const auto& there = node.spec.taints;
  std::ranges::copy_if(there, std::back_inserter(taints),
                       [](const api::Taint& taint) { return !is_ours(taint); });
  const std::string ready = ready_value(status);
  if (ready == "False") want(taints, there, kNotReadyTaint, "NoSchedule", now);
  if (ready == "Unknown") want(taints, there, kUnreachableTaint, "NoSchedule", now);
  if (node.spec.unschedulable) want(taints, there, kUnschedulableTaint, "NoSchedule", now);
  if (taints.size() != there.size() || !std::ranges::is_permutation(taints, there))
    plan.taints = std::move(taints);
  return plan;
}

PodGarbage plan_pod_garbage(const std::vector<PodPtr>& pods,
                            const std::set<std::string>& gone_nodes) {
  PodGarbage garbage;
  std::vector<PodPtr> finished;
  for (const PodPtr& pod : pods) {
    const std::string& node = pod->spec.node_name;
    const bool never_placed = node.empty() && pod->metadata.deletion_timestamp;
    if (never_placed || gone_nodes.contains(node)) {
      garbage.remove.push_back(pod);
    } else if (is_finished(*pod) && !pod->metadata.deletion_timestamp) {
      finished.push_back(pod);
    }
  }
  if (finished.size() <= kFinishedPodsMax) return garbage;
  std::ranges::sort(finished, {}, [](const PodPtr& pod) {
    return std::pair(pod->metadata.creation_timestamp, std::string_view(pod->metadata.name));
  });
  finished.resize(finished.size() - kFinishedPodsMax);
  std::ranges::move(finished, std::back_inserter(garbage.remove));
  return garbage;
}

}  // namespace insula::controllers
