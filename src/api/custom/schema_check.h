#pragma once

#include <string>
#include <vector>

#include "api/field_errors.h"
#include "json/value.h"

namespace insula::api {

/// Whether a schema as it was written is a structural one that this server can enforce.
///
/// Spec: Kubernetes 1.36, apiextensions validation of openAPIV3Schema and structural schemas
/// (behaviour and texts).
void check_schema(const json::Value& schema, const FieldPath& path, FieldErrors& errors);

/// Takes off the members of a schema, and of the schemas in it, that are no keywords. `dropped`
/// gets where they were, below `path`.
void drop_unknown_keywords(json::Value& schema,
                           const std::string& path = {},
                           std::vector<std::string>* dropped = nullptr);

}  // namespace insula::api
