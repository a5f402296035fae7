#pragma once

#include <string>
#include <vector>

#include "api/custom/schema_node.h"
#include "json/value.h"

/// What is done to every custom object that is read, from a request or from the store, before
/// anybody looks at it. All are idempotent.
/// Spec: Kubernetes, "Controlling pruning", "Defaulting" and "Defaulting and Nullable".
namespace insula::api {

/// Takes off the members that the schema does not know, and adds their paths to `unknown` when it
/// is set. `content` is an object of the root without apiVersion, kind and metadata.
void prune(json::Object& content, const SchemaNode& root, std::vector<std::string>* unknown);

/// Takes off members that are null, may not be, and have no default.
void drop_nulls(json::Object& content, const SchemaNode& root);

/// Same, and puts in what the schema has for what is left out, or is null where it may not be.
void set_schema_defaults(json::Object& content, const SchemaNode& root);

/// Same for any value, as one that is a default itself.
void prune_value(json::Value& value, const SchemaNode& node);
void set_schema_defaults(json::Value& value, const SchemaNode& node);

}  // namespace insula::api
