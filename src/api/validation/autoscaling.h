#pragma once

#include <string_view>

#include "api/field_errors.h"
#include "api/gen/autoscaling_v2.h"

/// The rules of autoscalers, as kinds.h has those of other kinds.
/// Spec: Kubernetes 1.36, pkg/apis/autoscaling/validation (behaviour and texts).
namespace insula::api {

void validate(const HorizontalPodAutoscaler& object, FieldErrors& errors);
void validate_update(const HorizontalPodAutoscaler& object,
                     const HorizontalPodAutoscaler& old,
                     std::string_view subresource,
                     FieldErrors& errors);

}  // namespace insula::api
