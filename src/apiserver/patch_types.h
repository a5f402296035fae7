#pragma once

#include <string_view>

#include "base/error.h"
#include "cel/function.h"
#include "cel/type.h"
#include "cel/value.h"
#include "json/value.h"

/// How expressions say what is to be changed in an object, and what that is as JSON.
/// Spec: Kubernetes, "Mutating Admission Policy"; KEP-3962.
namespace insula::apiserver {

/// What expressions can make: `Object` and `Object.FIELD...FIELD` with any fields, and `JSONPatch`.
/// Null for other names.
[[nodiscard]] cel::TypePtr patch_type(std::string_view name);

/// Of an expression that gives fields to apply: `Object`.
[[nodiscard]] const cel::TypePtr& apply_configuration_type();
/// Of one that gives operations: `list(JSONPatch)`.
[[nodiscard]] const cel::TypePtr& json_patch_type();

/// Those that expressions of admission have, and `jsonpatch.escapeKey()`. Threads: const.
[[nodiscard]] const cel::FunctionTable& patch_functions();

/// The fields that an Object sets. Requires: a value of apply_configuration_type().
/// Errors: kInvalid for objects whose types are not those of the fields that they are the values
/// of, and for what is nothing in JSON.
[[nodiscard]] Result<json::Value> apply_configuration_of(const cel::Value& value);

/// The operations as RFC 6902 has them. Requires: a value of json_patch_type().
/// Errors: as above.
[[nodiscard]] Result<json::Value> json_patch_of(const cel::Value& value);

}  // namespace insula::apiserver
