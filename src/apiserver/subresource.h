#pragma once

#include <memory>
#include <string>
#include <vector>

#include "api/gen/autoscaling_v1.h"
#include "apiserver/registry.h"

namespace insula::apiserver {

/// The pod that a request to one of its subresources is about.
[[nodiscard]] Target pod_of(const Target& target);

/// Whether a Binding can be one of that pod. Errors: kBadRequest; kInvalid.
[[nodiscard]] Result<> check_binding(std::string_view pod, const Object& binding);

/// `pods/x/binding`: places the pod on the node that the Binding names.
/// Errors of the change: kConflict when the pod is placed or being deleted.
[[nodiscard]] Registry::Change bind_to(const Object& binding, WallTime now);

/// `pods/x/eviction`: the delete that the Eviction asks for. Errors: kInvalid.
[[nodiscard]] Result<DeleteQuery> eviction_query(const Object& eviction);

/// Whether its delete options ask for a dry run, as kubectl says it.
[[nodiscard]] bool is_dry_eviction(const Object& eviction);

/// What requests to a subresource carry: Scale, Binding, Eviction, else the kind's own.
[[nodiscard]] const api::Kind& body_kind(const api::Kind& kind, std::string_view subresource);

/// The Scale that stands for an object. Requires: the kind has that subresource.
[[nodiscard]] std::shared_ptr<api::Scale> scale_of(const api::Kind& kind, const void* object);

/// Whether an object says how many replicas are wanted, without which there is no Scale to read; to
/// write one is another matter. Errors: kInternal, for a custom object that does not, in
/// kube-apiserver's words.
[[nodiscard]] Result<> check_has_replicas(const api::Kind& kind, const void* object);

/// `deployments/x/scale` and the like: the Scale that stands for a stored object, as an entry of
/// its own. Requires: the kind has that subresource.
[[nodiscard]] store::EntryPtr scale_entry(const api::Kind& kind, const store::Entry& entry);

/// The members that lead to the wanted replicas of an object that is scaled.
[[nodiscard]] std::vector<std::string> replicas_path(const api::Kind& kind);

/// A change of Scales as one of the objects they stand for.
/// Errors of the change: kInvalid for negative replicas, kConflict for another resourceVersion.
[[nodiscard]] Registry::Change change_by_scale(const api::Kind& kind, Registry::Change change);

}  // namespace insula::apiserver
