#pragma once

#include <string_view>

#include "api/field_errors.h"
#include "api/gen/policy_v1.h"

/// The rules of disruption budgets, as kinds.h has those of other kinds.
/// Spec: Kubernetes 1.36, pkg/apis/policy/validation (behaviour and texts).
namespace insula::api {

void validate(const PodDisruptionBudget& object, FieldErrors& errors);
void validate_update(const PodDisruptionBudget& object,
                     const PodDisruptionBudget& old,
                     std::string_view subresource,
                     FieldErrors& errors);

}  // namespace insula::api
