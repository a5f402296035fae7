#pragma once

#include <string>
#include <vector>

#include "api/gen/core_v1.h"
#include "scheduler/cluster_state.h"

namespace insula::scheduler {

/// Why the pod cannot run on this node, in Kubernetes' words; empty: it can.
[[nodiscard]] std::vector<std::string> misfits(const api::Pod& pod, const NodeState& node);

struct Placement {
  std::string node;     // empty: nowhere
  std::string message;  // why nowhere: `0/1 nodes are available: 1 Insufficient nvidia.com/gpu.`
};

/// The node with the most room left among those that fit. Pure.
[[nodiscard]] Placement place(const api::Pod& pod, const ClusterState& cluster);

}  // namespace insula::scheduler
