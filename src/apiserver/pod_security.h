#pragma once

#include <string>

#include "api/gen/core_v1.h"

namespace insula::apiserver {

/// Why a pod may not run beside other tenants' pods, by the `baseline` Pod Security Standard, in
/// the words of Kubernetes' PodSecurity admission; empty when it may. Spec: Kubernetes, "Pod
/// Security Standards", Baseline.
[[nodiscard]] std::string baseline_violation(const api::Pod& pod);

}  // namespace insula::apiserver
