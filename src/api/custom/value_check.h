#pragma once

#include <string>
#include <vector>

#include "api/custom/schema_node.h"
#include "base/error.h"
#include "json/value.h"

namespace insula::api {

/// What is wrong with a value, in the words that Kubernetes has for custom objects: causes with
/// the path of the field, such as `spec.replicas: Invalid value: "string": spec.replicas in body
/// must be of type integer: "string"`.
///
/// What is beyond kCausesMax causes is not told.
class ValueErrors {
 public:
  static constexpr std::size_t kCausesMax = 100;

  /// Of the whole object when the path is empty, which Kubernetes writes `<nil>`.
  void add(const std::string& path, std::string_view reason, std::string message);
  void invalid(const std::string& path, const json::Value& value, std::string_view detail);

  [[nodiscard]] bool empty() const { return causes_.empty(); }

  [[nodiscard]] std::size_t size() const { return causes_.size(); }

  void append(std::vector<FieldCause> causes);

  /// Whether something is missing, too much, or of another type than rules expect.
  [[nodiscard]] bool blocks_rules() const;

  [[nodiscard]] std::vector<FieldCause> take() && { return std::move(causes_); }

 private:
  std::vector<FieldCause> causes_;
};

/// Checks a value against its schema: types, formats, bounds, enumerations, combinations. Not its
/// rules (rule_set.h), nor what lists and embedded objects must be (invariants.h).
///
/// `path` is that of the value, empty for the whole object. `old`, which may be null, is what the
/// value was: what does not change (correlation.h) is right, so that a schema may become stricter.
/// Spec: Kubernetes, "Validation", "Validation ratcheting".
void check_value(const json::Value& value,
                 const json::Value* old,
                 const SchemaNode& node,
                 const std::string& path,
                 ValueErrors& errors);

/// Whether a text is of a format of OpenAPI that is known; true for one that is not.
[[nodiscard]] bool is_of_format(std::string_view text, std::string_view format);

/// A text in quotes, any other value as JSON.
[[nodiscard]] std::string shown_value(const json::Value& value);

/// `spec`, `spec.replicas`: the path of a member.
[[nodiscard]] std::string member_path(const std::string& path, std::string_view name);

}  // namespace insula::api
