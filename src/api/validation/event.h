#pragma once

#include <string_view>

#include "api/field_errors.h"
#include "api/gen/core_v1.h"

/// The rules on Events of those who write them by events.k8s.io/v1, which are stricter than
/// core/v1's (validate() in kinds.h).
/// Spec: Kubernetes 1.36, pkg/apis/core/validation/events.go (behaviour and texts).
namespace insula::api {

void validate_new_api(const Event& object, FieldErrors& errors);
void validate_create_new_api(const Event& object, FieldErrors& errors);
/// Only a series may go on.
void validate_update_new_api(const Event& object,
                             const Event& old,
                             std::string_view subresource,
                             FieldErrors& errors);

}  // namespace insula::api
