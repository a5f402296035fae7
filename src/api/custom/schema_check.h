#pragma once

#include "api/field_errors.h"
#include "json/value.h"

namespace insula::api {

/// Whether a schema as it was written is a structural one that this server can enforce.
///
/// Spec: Kubernetes 1.36, apiextensions validation of openAPIV3Schema and structural schemas
/// (behaviour and texts).
void check_schema(const json::Value& schema, const FieldPath& path, FieldErrors& errors);

}  // namespace insula::api
