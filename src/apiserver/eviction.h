#pragma once

#include "api/gen/core_v1.h"
#include "apiserver/registry.h"
#include "base/clock.h"
#include "base/error.h"
#include "store/store.h"

namespace insula::apiserver {

/// Asks the PodDisruptionBudget of a pod for its eviction, and charges it there in the same
/// transaction: two evictions cannot have the same one. A pod that does not run needs no leave.
///
/// Errors: kTooManyRequests with the cause DisruptionBudget when the budget does not allow it now;
/// kInternal when more than one budget is the pod's.
/// Spec: Kubernetes, "API-initiated Eviction".
Result<> grant_eviction(store::Transaction& transaction, const Target& target, WallTime now);

/// Says on the pod why it goes: the condition DisruptionTarget.
void mark_evicted(api::Pod& pod, WallTime now);

}  // namespace insula::apiserver
