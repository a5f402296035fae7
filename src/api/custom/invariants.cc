#include "api/custom/invariants.h"

#include <algorithm>
#include <cctype>
#include <set>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "api/codec.h"
#include "api/custom/value_check.h"
#include "api/gen/meta_v1.h"
#include "api/validation/metadata.h"
#include "api/validation/names.h"
#include "json/write.h"

namespace insula::api {

namespace {

using json::Value;

ShownValue shown(const Value& value) {
  return ShownValue::json(shown_value(value));
}

/// Calls `visit` with a value, its schema and its path, then with all in it that has a schema.
template <class Visit>
// NOLINTNEXTLINE(misc-no-recursion): as deep as the value and the schema
void walk(const Value& value, const SchemaNode& node, const FieldPath& path, const Visit& visit) {
  visit(value, node, path);
  if (const json::Object* members = value.as_object()) {
    for (const auto& [name, member] : *members) {
      if (const SchemaNode* property = node.property(name))
        walk(member, *property, path.child(name), visit);
      else if (node.additional != nullptr)
        walk(member, *node.additional, path.key(name), visit);
    }
  }
  const json::Array* elements = value.as_array();
  if (elements == nullptr || node.items == nullptr) return;
  for (std::size_t i = 0; i < elements->size(); ++i)
    walk((*elements)[i], *node.items, path.index(i), visit);
}

constexpr std::string_view kNoText = "must be a string";
constexpr std::string_view kEmpty = "must not be empty";

void check_api_version(const Value& value, const FieldPath& path, FieldErrors& errors) {
  if (!value.is_string()) {
    errors.invalid(path, shown(value), kNoText);
  } else if (value.text().empty()) {
    errors.invalid(path, "", kEmpty);
  } else if (std::ranges::count(value.text(), '/') > 1) {
    errors.invalid(path, value.text(),
                   fmt::format("unexpected GroupVersion string: {}", value.text()));
  }
}

void check_kind(const Value& value, const FieldPath& path, FieldErrors& errors) {
  if (!value.is_string()) return errors.invalid(path, shown(value), kNoText);
  if (value.text().empty()) return errors.invalid(path, "", kEmpty);
  std::string lower(value.text());
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const Complaints wrong = check_dns1035_label(lower);
  if (wrong.empty()) return;
  errors.invalid(
      path, value.text(),
      fmt::format("may have mixed case, but should otherwise match: {}", fmt::join(wrong, ",")));
}

void check_embedded_object(const json::Object& object, const FieldPath& path, FieldErrors& errors) {
  for (const auto& [name, check] :
       {std::pair("apiVersion", &check_api_version), std::pair("kind", &check_kind)}) {
    if (const Value* found = object.find(name))
      check(*found, path.child(name), errors);
    else
      errors.required(path.child(name));
  }
  const Value* metadata = object.find("metadata");
  if (metadata == nullptr) return;
  const FieldPath at = path.child("metadata");
  if (const auto decoded = decode_json<ObjectMeta>(*metadata))
    validate_embedded_metadata(*decoded, at, errors);
  else
    errors.invalid(at, shown(*metadata), decoded.error().message());
}

/// What tells an element of a list of type map from the others.
Value keys_of(const Value& element, const SchemaNode& node) {
  json::Object out;
  for (const std::string& key : node.list_keys) {
    if (const Value* found = element.find(key)) out.set(key, *found);
  }
  return out;
}

}  // namespace

void check_embedded(const Value& object, const SchemaNode& root, FieldErrors& errors) {
  walk(object, root, FieldPath(""),
       [&](const Value& value, const SchemaNode& node, const FieldPath& path) {
         if (const json::Object* members = value.as_object(); members != nullptr && node.embedded)
           check_embedded_object(*members, path, errors);
       });
}

void check_list_types(const Value& object, const SchemaNode& root, FieldErrors& errors) {
  walk(object, root, FieldPath(""),
       [&](const Value& value, const SchemaNode& node, const FieldPath& path) {
         const bool map = node.list_type == "map";
         const json::Array* elements = value.as_array();
         if (elements == nullptr || (!map && node.list_type != "set")) return;
         std::set<std::string> seen;
         std::set<std::string> told;
         for (std::size_t i = 0; i < elements->size(); ++i) {
           const Value identity = map ? keys_of((*elements)[i], node) : (*elements)[i];
           std::string text = json::write(identity);
           if (seen.insert(text).second || !told.insert(std::move(text)).second) continue;
           errors.duplicate(path.index(i), shown(identity));
         }
       });
}

}  // namespace insula::api
