#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "api/gen/coordination_v1.h"
#include "api/gen/core_v1.h"
#include "base/clock.h"

namespace insula::controllers {

/// A node that has not renewed its Lease for this long is not ready. Kubernetes' default.
inline constexpr std::chrono::seconds kNodeGrace{40};
/// How long a pod bound to a node that does not exist is left alone: the node may be registering.
inline constexpr std::chrono::seconds kOrphanGrace{40};
/// Finished pods kept for their logs and exit codes; the oldest beyond it are deleted.
inline constexpr std::size_t kFinishedPodsMax = 1000;

inline constexpr const char* kNodeLeaseNamespace = "kube-node-lease";
inline constexpr const char* kNotReadyTaint = "node.kubernetes.io/not-ready";
inline constexpr const char* kUnreachableTaint = "node.kubernetes.io/unreachable";
inline constexpr const char* kUnschedulableTaint = "node.kubernetes.io/unschedulable";

struct NodePlan {
  /// Set when the conditions must change: the agent stopped reporting.
  std::optional<api::NodeStatus> status;
  /// Set when the taints must change.
  std::optional<std::vector<api::Taint>> taints;
  /// When to look again: the node would be overdue then.
  std::chrono::seconds again_after{0};
};

/// Marks a node whose agent is silent, and taints it so that nothing new is placed there. Pure.
///
/// Running pods are not evicted: there is one machine, nowhere else to go, and the pods of a silent
/// agent run on and are taken over by the next one. `lease` may be null. `first_seen`: since when
/// this process watches the node, so that a restart of the control plane does not blame the nodes.
[[nodiscard]] NodePlan plan_node(const api::Node& node,
                                 const api::Lease* lease,
                                 WallTime first_seen,
                                 WallTime now);

using PodPtr = std::shared_ptr<const api::Pod>;

struct PodGarbage {
  std::vector<PodPtr> remove;  // at once, without grace
};

/// Pods that nobody else will ever remove: bound to a node that is gone, being deleted without ever
/// having had a node, and finished ones beyond kFinishedPodsMax. `gone_nodes`: names that have been
/// missing for kOrphanGrace.
[[nodiscard]] PodGarbage plan_pod_garbage(const std::vector<PodPtr>& pods,
                                          const std::set<std::string>& gone_nodes);

}  // namespace insula::controllers
