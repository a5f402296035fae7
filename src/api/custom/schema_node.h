#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/custom/schema_rule.h"
#include "base/error.h"
#include "cel/pattern.h"
#include "json/value.h"

namespace insula::api {

/// Bounds of one schema. The largest that operators bring have some 10'000 nodes and 30 levels.
inline constexpr std::size_t kSchemaNodesMax = 100'000;
inline constexpr std::size_t kSchemaDepthMax = 100;

/// One node of a structural schema: what a value may be.
///
/// Threads: deeply const once made.
/// Spec: Kubernetes, "Specifying a structural schema"; OpenAPI 3.0, "Schema Object".
struct SchemaNode {
  using Properties = std::map<std::string, std::unique_ptr<SchemaNode>, std::less<>>;

  std::string type;  // empty for int-or-string and for anything
  std::string format;
  bool nullable = false;
  bool int_or_string = false;
  bool preserve_unknown = false;
  bool embedded = false;
  std::string list_type;
  std::string map_type;
  std::vector<std::string> list_keys;
  std::string sorted_keys;  // list_keys, sorted, with commas between them
  std::optional<json::Value> default_value;
  Properties properties;
  std::unique_ptr<SchemaNode> items;
  std::unique_ptr<SchemaNode> additional;  // of members that are no properties

  std::optional<std::vector<json::Value>> enumeration;
  std::optional<cel::Pattern> pattern;
  std::optional<double> minimum;
  std::optional<double> maximum;
  std::optional<double> multiple_of;
  bool exclusive_minimum = false;
  bool exclusive_maximum = false;
  std::optional<std::int64_t> length_min;
  std::optional<std::int64_t> length_max;
  std::optional<std::int64_t> items_min;
  std::optional<std::int64_t> items_max;
  std::optional<std::int64_t> properties_min;
  std::optional<std::int64_t> properties_max;
  std::vector<std::string> required;
  std::vector<SchemaNode> all_of;
  std::vector<SchemaNode> any_of;
  std::vector<SchemaNode> one_of;
  std::unique_ptr<SchemaNode> negated;
  std::vector<SchemaRule> rules;  // x-kubernetes-validations

  /// Reads a schema that check_schema() has found right; of any other what can be read.
  [[nodiscard]] static SchemaNode parse(const json::Value& schema);

  /// The property of this name, or null.
  [[nodiscard]] const SchemaNode* property(std::string_view name) const;
  /// The property of this name, else what additional members are, or null.
  [[nodiscard]] const SchemaNode* member(std::string_view name) const;
};

/// The schema of a CustomResourceDefinition's version as it was written (RawJson), or an object
/// without anything.
[[nodiscard]] json::Value schema_value(std::string_view text);

}  // namespace insula::api
