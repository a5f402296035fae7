#pragma once

#include <map>
#include <optional>
#include <string>

#include "api/gen/core_v1.h"
#include "api/quantity.h"

namespace insula::node {

/// What the pods that a node has accepted take of it.
struct RoomTaken {
  std::map<std::string, api::Quantity> requests;
  int pods = 0;

  void add(const api::PodSpec& pod);
};

struct NodeRoom {
  api::Quantity cpu;
  api::Quantity memory;
  int pods = 0;
};

/// Why a pod is not accepted, in kubelet's words.
struct Rejection {
  std::string reason;  // OutOfcpu, OutOfmemory, OutOfpods
  std::string message;
  std::string why;  // the message without the verdict
};

/// Whether a pod fits beside the others. The scheduler sees to that for what it places; a pod that
/// names its node itself has nobody to ask but the node. GPUs are the allocator's.
/// Spec: kubelet, admission of pods (lifecycle/predicate.go).
[[nodiscard]] std::optional<Rejection> reject_for_room(const api::PodSpec& pod,
                                                       const RoomTaken& taken,
                                                       const NodeRoom& room);

/// Whether a specification requests more cpu or memory than the other.
[[nodiscard]] bool asks_for_more(const api::PodSpec& pod, const api::PodSpec& than);

}  // namespace insula::node
