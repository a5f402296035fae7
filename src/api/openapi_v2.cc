#include "api/openapi_v2.h"

#include <utility>

#include "api/openapi.h"
#include "base/check.h"
#include "base/version.h"
#include "json/parse.h"

namespace insula::api {
namespace {

using json::Array;
using json::Object;
using json::Value;

constexpr std::string_view kSchemas = "#/components/schemas/";
constexpr std::string_view kDefinitions = "#/definitions/";

Value definition(const Value& schema);

Value reference(const Value& name) {
  return std::string(kDefinitions).append(name.text().substr(kSchemas.size()));
}

Value definitions_of(const Value& schemas) {
  Object out;
  for (const auto& [name, schema] : *schemas.as_object())
    out.set(name, definition(schema));
  return out;
}

/// What v2 says of a schema's alternatives or conditions, as far as it has a word for them.
void set_combined(const Value& schema,
                  std::string_view key,
                  const Value& alternatives,
                  Value& out) {
  if (alternatives.as_array()->empty()) return;
  const Value& first = (*alternatives.as_array())[0];
  if (key == "allOf") {
    // Of a custom kind it is a condition.
    if (first.find("$ref") != nullptr) out["$ref"] = reference(first["$ref"]);
  } else if (schema.find("type") == nullptr && first.find("type") != nullptr) {
    out["type"] = "string";
  }
}

bool is_kept_as_it_is(std::string_view key) {
  return key == "type" || key == "format" || key == "description" || key == "required" ||
         (key.starts_with("x-kubernetes-") && key != "x-kubernetes-validations");
}

/// A schema in the words of OpenAPI v2, which has neither alternatives nor defaults that kubectl
/// would read: a reference stands beside its description, and what may be a number or a text is a
/// text, in whose place clients take numbers.
// NOLINTNEXTLINE(misc-no-recursion): as deep as the schema
Value definition(const Value& schema) {
  Value out = Object();
  // What may be null, or have members that no schema knows, clients of this version would refuse.
  const bool nullable = schema["nullable"].as_bool() == true;
  const bool open = nullable || schema["x-kubernetes-preserve-unknown-fields"].as_bool() == true;
  for (const auto& [key, value] : *schema.as_object()) {
    if (open && (key == "properties" || key == "items" || key == "required")) continue;
    if (nullable && key == "type") continue;
    if (key == "$ref") {
      out["$ref"] = reference(value);
    } else if (key == "allOf" || key == "oneOf") {
      set_combined(schema, key, value, out);
    } else if (key == "properties") {
      out[key] = definitions_of(value);
    } else if (key == "items" || key == "additionalProperties") {
      out[key] = value.as_object() == nullptr ? value : definition(value);
    } else if (is_kept_as_it_is(key)) {
      out[key] = value;
    }
  }
  return out;
}

Value parameter(const Value& v3) {
  return Object{{"name", v3["name"]},
                {"in", v3["in"]},
                {"description", v3["description"]},
                {"type", v3["schema"]["type"]},
                {"uniqueItems", true}};
}

/// The patch of an object at a path.
Value patch_item(const Value& patch) {
  Array parameters;
  for (const Value& each : *patch["parameters"].as_array())
    parameters.push_back(parameter(each));
  Array consumes;
  for (const auto& content : *patch["requestBody"]["content"].as_object())
    consumes.emplace_back(content.key);
  Value operation = Object{{"operationId", patch["operationId"]},
                           {"consumes", std::move(consumes)},
                           {"produces", Array{"application/json"}},
                           {"parameters", std::move(parameters)},
                           {"responses", Object{{"200", Object{{"description", "OK"}}}}}};
  for (const auto& [key, value] : *patch.as_object()) {
    if (key.starts_with("x-kubernetes-")) operation[key] = value;
  }
  return Object{{"patch", std::move(operation)}};
}

}  // namespace

Value openapi_v2(KindList served) {
  Object paths;
  Object definitions;
  const Value index = json::parse(openapi_index(served)).value();
  for (const auto& entry : *index["paths"].as_object()) {
    const auto text = openapi_document(entry.key, served);
    INSULA_CHECK(text.has_value(), entry.key);
    const Value document = json::parse(*text).value();
    for (const auto& [path, item] : *document["paths"].as_object()) {
      if (const Value* patch = item.find("patch")) paths.set(path, patch_item(*patch));
    }
    for (const auto& [name, schema] : *document["components"]["schemas"].as_object()) {
      if (!definitions.contains(name)) definitions.set(name, definition(schema));
    }
  }
  paths.sort();
  definitions.sort();
  return Object{{"swagger", "2.0"},
                {"info", Object{{"title", "Insula"}, {"version", std::string(version())}}},
                {"paths", std::move(paths)},
                {"definitions", std::move(definitions)}};
}

}  // namespace insula::api
