#pragma once

#include "api/custom/schema_node.h"
#include "api/field_errors.h"
#include "json/value.h"

/// What holds of a custom object beside what its schema says of single values.
namespace insula::api {

/// Objects in it are objects of the API where the schema says x-kubernetes-embedded-resource.
/// Spec: Kubernetes, "RawExtension".
void check_embedded(const json::Value& object, const SchemaNode& root, FieldErrors& errors);

/// No two elements of a list of type set are equal, no two of one of type map have the same keys.
/// Spec: Kubernetes, "Merge strategy".
void check_list_types(const json::Value& object, const SchemaNode& root, FieldErrors& errors);

}  // namespace insula::api
