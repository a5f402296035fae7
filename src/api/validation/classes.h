#pragma once

#include <string_view>

#include "api/field_errors.h"
#include "api/gen/node_v1.h"
#include "api/gen/scheduling_v1.h"

/// The rules of the classes that pods name, as kinds.h has those of other kinds.
/// Spec: Kubernetes 1.36, pkg/apis/{scheduling,node}/validation (behaviour and texts).
namespace insula::api {

void validate(const PriorityClass& object, FieldErrors& errors);
void validate_update(const PriorityClass& object,
                     const PriorityClass& old,
                     std::string_view subresource,
                     FieldErrors& errors);

void validate(const RuntimeClass& object, FieldErrors& errors);
void validate_update(const RuntimeClass& object,
                     const RuntimeClass& old,
                     std::string_view subresource,
                     FieldErrors& errors);

}  // namespace insula::api
