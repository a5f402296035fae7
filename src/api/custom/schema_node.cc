#include "api/custom/schema_node.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "json/parse.h"

namespace insula::api {

namespace {

using json::Value;

std::vector<std::string> texts(const Value& list) {
  std::vector<std::string> out;
  if (const json::Array* array = list.as_array()) {
    for (const Value& item : *array)
      out.emplace_back(item.text());
  }
  return out;
}

std::vector<SchemaNode> nodes(const Value& list) {
  std::vector<SchemaNode> out;
  if (const json::Array* array = list.as_array()) {
    for (const Value& item : *array)
      out.push_back(SchemaNode::parse(item));
  }
  return out;
}

std::unique_ptr<SchemaNode> node(const Value& schema) {
  return std::make_unique<SchemaNode>(SchemaNode::parse(schema));
}

bool truth(const Value& value) {
  return value.as_bool().value_or(false);
}

void read_bounds(const Value& schema, SchemaNode& out) {
  out.minimum = schema["minimum"].as_double();
  out.maximum = schema["maximum"].as_double();
  out.multiple_of = schema["multipleOf"].as_double();
  out.exclusive_minimum = truth(schema["exclusiveMinimum"]);
  out.exclusive_maximum = truth(schema["exclusiveMaximum"]);
  out.length_min = schema["minLength"].as_int64();
  out.length_max = schema["maxLength"].as_int64();
  out.items_min = schema["minItems"].as_int64();
  out.items_max = schema["maxItems"].as_int64();
  out.properties_min = schema["minProperties"].as_int64();
  out.properties_max = schema["maxProperties"].as_int64();
}

void read_rules(const Value& schema, SchemaNode& out) {
  const json::Array* rules = schema["x-kubernetes-validations"].as_array();
  if (rules == nullptr) return;
  for (const Value& rule : *rules) {
    out.rules.push_back({std::string(rule["rule"].text()), std::string(rule["message"].text()),
                         std::string(rule["messageExpression"].text()),
                         std::string(rule["reason"].text()), std::string(rule["fieldPath"].text()),
                         rule["optionalOldSelf"].as_bool()});
  }
}

}  // namespace

// NOLINTNEXTLINE(misc-no-recursion): as deep as the schema, which has kSchemaDepthMax
SchemaNode SchemaNode::parse(const Value& schema) {
  SchemaNode out;
  out.type = schema["type"].text();
  out.format = schema["format"].text();
  out.nullable = truth(schema["nullable"]);
  out.int_or_string = truth(schema["x-kubernetes-int-or-string"]);
  out.preserve_unknown = truth(schema["x-kubernetes-preserve-unknown-fields"]);
  out.embedded = truth(schema["x-kubernetes-embedded-resource"]);
  out.list_type = schema["x-kubernetes-list-type"].text();
  out.map_type = schema["x-kubernetes-map-type"].text();
  out.list_keys = texts(schema["x-kubernetes-list-map-keys"]);
  std::vector<std::string> keys = out.list_keys;
  std::ranges::sort(keys);
  out.sorted_keys = fmt::format("{}", fmt::join(keys, ","));
  if (const Value* value = schema.find("default"); value != nullptr) out.default_value = *value;
  if (const json::Object* properties = schema["properties"].as_object()) {
    for (const auto& [name, property] : *properties)
      out.properties.emplace(name, node(property));
  }
  if (const Value* items = schema.find("items"); items != nullptr && items->is_object())
    out.items = node(*items);
  if (const Value* additional = schema.find("additionalProperties"); additional != nullptr) {
    if (additional->is_object() || truth(*additional)) out.additional = node(*additional);
  }
  if (const json::Array* values = schema["enum"].as_array()) out.enumeration = *values;
  if (const std::string_view pattern = schema["pattern"].text(); !pattern.empty()) {
    if (auto compiled = cel::Pattern::compile(pattern)) out.pattern = *std::move(compiled);
  }
  read_bounds(schema, out);
  out.required = texts(schema["required"]);
  out.all_of = nodes(schema["allOf"]);
  out.any_of = nodes(schema["anyOf"]);
  out.one_of = nodes(schema["oneOf"]);
  if (const Value* negated = schema.find("not"); negated != nullptr && negated->is_object())
    out.negated = node(*negated);
  read_rules(schema, out);
  return out;
}

const SchemaNode* SchemaNode::property(std::string_view name) const {
  const auto it = properties.find(name);
  return it == properties.end() ? nullptr : it->second.get();
}

const SchemaNode* SchemaNode::member(std::string_view name) const {
  const SchemaNode* found = property(name);
  return found != nullptr ? found : additional.get();
}

Value schema_value(std::string_view text) {
  if (text.empty()) return json::Object();
  return json::parse(text).value_or(json::Object());
}

}  // namespace insula::api
