#pragma once

#include <map>
#include <string>
#include <string_view>

#include "api/gen/core_v1.h"
#include "api/quantity.h"

/// What a pod costs, for quota, placement and quality of service.
namespace insula::api {

/// What must be free for the pod: the sum over its containers and sidecars, or what its init
/// containers need at once if that is more, plus the overhead. The pod's own resources win.
/// Spec: Kubernetes 1.36, component-helpers/resource.
[[nodiscard]] std::map<std::string, Quantity> pod_requests(const PodSpec& spec);
[[nodiscard]] std::map<std::string, Quantity> pod_limits(const PodSpec& spec);

/// Whether a change of resources counts that the node says is infeasible. It does where a report of
/// the node must not make a pod larger, for it can become feasible; there, what the node may hold
/// without having said so yet counts as well (resize_hold.h).
enum class InfeasibleResize : bool { kLeftOut, kCounts };

/// The same of a pod whose resources may be changing: of what is asked for, what its node holds for
/// each container and what the container has, the most.
[[nodiscard]] std::map<std::string, Quantity> pod_requests(const Pod& pod,
                                                           InfeasibleResize infeasible);
[[nodiscard]] std::map<std::string, Quantity> pod_limits(const Pod& pod,
                                                         InfeasibleResize infeasible);

/// Whether limits hold the resource to anything. Of cpu and memory a limit of 0 is none: it runs
/// without.
[[nodiscard]] bool is_limited(const std::map<std::string, Quantity>& limits,
                              const std::string& resource);

/// Guaranteed, Burstable or BestEffort, by requests and limits of cpu and memory.
[[nodiscard]] std::string_view qos_class(const PodSpec& spec);

}  // namespace insula::api
