#pragma once

#include "api/field_errors.h"
#include "api/gen/flowcontrol_v1.h"

/// The rules of flow schemas and priority levels, as kinds.h has those of other kinds.
/// Spec: Kubernetes 1.36, pkg/apis/flowcontrol/validation (behaviour and texts).
namespace insula::api {

void validate(const FlowSchema& object, FieldErrors& errors);
void validate(const PriorityLevelConfiguration& object, FieldErrors& errors);

}  // namespace insula::api
