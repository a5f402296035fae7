#pragma once

#include <string>
#include <vector>

#include "api/gen/core_v1.h"

namespace insula::apiserver {

/// Gives a new pod's containers what a LimitRange sets for those that say nothing, and notes it in
/// the annotation `kubernetes.io/limit-ranger`.
void apply_limit_defaults(const api::LimitRange& range, api::Pod& pod);

/// What of a pod is outside a LimitRange, in Kubernetes' words; empty when nothing is.
[[nodiscard]] std::vector<std::string> limit_violations(const api::LimitRange& range,
                                                        const api::Pod& pod);

}  // namespace insula::apiserver
