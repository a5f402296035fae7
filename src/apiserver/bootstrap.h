#pragma once

#include "apiserver/registry.h"
#include "async/task.h"
#include "base/error.h"

namespace insula::apiserver {

/// Makes what every cluster has from the start, where it is missing: the namespaces default,
/// kube-system, kube-public, kube-node-lease and insula-system.
Task<Result<>> ensure_system_objects(Registry& registry);

}  // namespace insula::apiserver
