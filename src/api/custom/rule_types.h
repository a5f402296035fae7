#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "api/custom/schema_node.h"
#include "cel/checker.h"
#include "cel/cost.h"
#include "cel/type.h"

/// What rules know of the values of a schema. Private to what compiles rules.
namespace insula::api {

struct RuleType {
  cel::TypePtr type;
  std::unique_ptr<cel::Extent> extent;
  std::uint64_t least_bytes;  // of a value as JSON
};

/// The type of values with this schema; none when rules cannot see them, for there is no telling
/// what they are. `is_object`: they are objects of the API, with a kind and a name.
/// Spec: Kubernetes, "Validation rules"; apiserver, pkg/cel/common, SchemaDeclType.
[[nodiscard]] std::optional<RuleType> rule_type(const SchemaNode& node, bool is_object);

/// The variables of rules about a value, `self` and `oldSelf`, and the functions.
[[nodiscard]] cel::Environment rule_environment(const cel::TypePtr& self, bool optional_old);

/// What expressions know of an object with this schema, as rules at its root do.
[[nodiscard]] cel::TypePtr expression_type(const SchemaNode& root);

/// The name by which rules know a property: `a-b` is `a__dash__b`, `in` is `__in__`. Empty for one
/// that they cannot name.
[[nodiscard]] std::string escaped_property(std::string_view name);

/// A text without the blanks around it.
[[nodiscard]] std::string trimmed(std::string_view text);

/// Index of oldSelf among the variables.
inline constexpr std::size_t kOldSelf = 1;

}  // namespace insula::api
