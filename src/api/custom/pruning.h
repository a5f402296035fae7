#pragma once

#include <string>
#include <vector>

#include "api/custom/schema_node.h"
#include "json/value.h"

/// What is done to every custom object that is read, from a request or from the store, before
/// anybody looks at it. Both are idempotent.
/// Spec: Kubernetes, "Controlling pruning", "Defaulting" and "Defaulting and Nullable".
namespace insula::api {

/// Takes off the members that the schema does not know, and adds their paths to `unknown` when it
/// is set. `content` is an object of the root without apiVersion, kind and metadata.
void prune(json::Object& content, const SchemaNode& root, std::vector<std::string>* unknown);

/// Puts in what the schema has for members that are left out, or are null where they may not be.
/// A null that may not be and has no default goes.
void set_schema_defaults(json::Object& content, const SchemaNode& root);

/// Same for any value, as one that is a default itself.
void prune_value(json::Value& value, const SchemaNode& node);
void set_schema_defaults(json::Value& value, const SchemaNode& node);

}  // namespace insula::api
