#pragma once

#include <string_view>

#include "api/field_errors.h"
#include "api/gen/apiextensions_v1.h"

/// The rules of CustomResourceDefinitions, as kinds.h has those of other kinds.
/// Spec: Kubernetes 1.36, apiextensions validation (behaviour and texts).
namespace insula::api {

void validate(const CustomResourceDefinition& object, FieldErrors& errors);
void validate_create(const CustomResourceDefinition& object, FieldErrors& errors);
void validate_update(const CustomResourceDefinition& object,
                     const CustomResourceDefinition& old,
                     std::string_view subresource,
                     FieldErrors& errors);

}  // namespace insula::api
