#pragma once

#include "api/custom/kind_catalog.h"
#include "api/kind.h"

namespace insula::apiserver {

/// Notes in the status of a ValidatingAdmissionPolicy where its expressions do not fit the kinds
/// that it names: an expression sees objects of any kind, and is only refused for what no object
/// could have. Nothing for other kinds, and for what rules with wildcards stand for. `kinds` are
/// those that there are.
/// Spec: Kubernetes, "Validating Admission Policy", type checking.
void note_types(const api::Kind& kind, void* policy, api::KindCatalog& kinds);

}  // namespace insula::apiserver
