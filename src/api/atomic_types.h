#pragma once

#include <span>

#include "api/schema.h"

namespace insula::api {

/// The structs that server-side apply takes as one value wherever they stand: who sets one of its
/// members owns it whole. A field that says `granular` is taken apart all the same.
/// Spec: Kubernetes' `x-kubernetes-map-type: atomic`.
[[nodiscard]] std::span<const TypeInfo* const> atomic_types();

}  // namespace insula::api
