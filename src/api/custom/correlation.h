#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "api/custom/schema_node.h"
#include "json/value.h"

namespace insula::api {

/// The elements that a list had before a write, by what tells them apart: the keys of a list of
/// type map. Those of other lists are not known again, however much they look alike.
///
/// Lifetime: the list and the schema outlive it.
class OldElements {
 public:
  /// `old` may be null, or no list.
  OldElements(const json::Value* old, const SchemaNode& node);

  /// What the element at this place was, or null.
  [[nodiscard]] const json::Value* find(const json::Value& element, std::size_t place);

 private:
  void index();

  const json::Array* elements_;
  const SchemaNode& node_;
  bool indexed_ = false;
  std::map<std::string, const json::Value*> by_keys_;
};

/// Whether a write leaves a value as it was, so that it is right whatever its schema has become.
/// The order of a list of type map says nothing. An object with members that the schema does not
/// describe has always changed.
/// Spec: Kubernetes, "Validation ratcheting".
[[nodiscard]] bool is_unchanged(const json::Value& value,
                                const json::Value& old,
                                const SchemaNode& node);

/// Whether every write changes what is at this path of an object: the object itself by its
/// metadata, apiVersion and kind by the conversion between versions.
[[nodiscard]] bool always_changes(std::string_view path);

}  // namespace insula::api
