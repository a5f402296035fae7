#pragma once

#include "api/custom/schema_node.h"
#include "api/field_errors.h"

namespace insula::api {

/// Whether the rules of a schema can be compiled. Requires: check_schema() takes the schema.
void check_rules(const SchemaNode& root, const FieldPath& path, FieldErrors& errors);

/// Whether they cost too much for objects as large as they can be: each, and all together. What
/// Kubernetes would refuse is refused only as far as cel::estimated_cost() knows.
void check_rule_costs(const SchemaNode& root, const FieldPath& path, FieldErrors& errors);

}  // namespace insula::api
