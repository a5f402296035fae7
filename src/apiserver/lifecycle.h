#pragma once

#include <string_view>

#include "api/kind.h"
#include "apiserver/registry.h"
#include "base/clock.h"
#include "base/error.h"

namespace insula::apiserver {

/// Applies a delete request to an object: sets deletionTimestamp and grace period where somebody
/// has to finish first (the node a pod, finalizers anything), and the finalizers that the
/// propagation asks for. A second request may only shorten the grace period. Spec: Kubernetes,
/// "Garbage Collection" and "Finalizers"; "Pod Lifecycle", termination.
void mark_deleted(const api::Kind& kind, void* object, const DeleteQuery& query, WallTime now);

/// Namespaces that every cluster needs.
/// Errors: kForbidden.
[[nodiscard]] Result<> check_deletable(const api::Kind& kind, std::string_view name);

/// The object was deleted and nobody has to do anything more: it leaves the store.
[[nodiscard]] bool is_finished(const api::Kind& kind, const void* object);

/// For `namespaces/x/finalize`: makes `object` equal to `present` but for its spec.finalizers.
void keep_all_but_finalizers(void* object, const void* present);

}  // namespace insula::apiserver
