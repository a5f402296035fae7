#include "api/openapi_v2.h"

#include <set>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "api/custom/custom_kind.h"
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

Value reference(const Value& name) {
  return std::string(kDefinitions).append(name.text().substr(kSchemas.size()));
}

/// The schemas of a map by what makes one of v2 of each.
template <typename Make>
Value schemas_of(const Value& schemas, Make make) {
  Object out;
  for (const auto& [name, schema] : *schemas.as_object())
    out.set(name, make(schema));
  return out;
}

/// What v2 says of a schema's alternatives, as far as it has a word for them.
void set_combined(const Value& schema,
                  std::string_view key,
                  const Value& alternatives,
                  Value& out) {
  const Value& first = (*alternatives.as_array())[0];
  if (key == "allOf") {
    out["$ref"] = reference(first["$ref"]);
  } else if (schema.find("type") == nullptr && first.find("type") != nullptr) {
    out["type"] = "string";
  }
}

bool is_kept_as_it_is(std::string_view key) {
  return key == "type" || key == "format" || key == "enum" || key == "description" ||
         key == "required" || key.starts_with("x-kubernetes-");
}

/// The schema of a built-in type in the words of OpenAPI v2, which has neither alternatives nor
/// defaults that kubectl would read: a reference stands beside its description, and what may be a
/// number or a text is a text, in whose place clients take numbers.
// NOLINTNEXTLINE(misc-no-recursion): as deep as the schema
Value definition(const Value& schema) {
  Value out = Object();
  for (const auto& [key, value] : *schema.as_object()) {
    if (key == "$ref") {
      out["$ref"] = reference(value);
    } else if (key == "allOf" || key == "oneOf") {
      set_combined(schema, key, value, out);
    } else if (key == "properties") {
      out[key] = schemas_of(value, definition);
    } else if (key == "items" || key == "additionalProperties") {
      out[key] = definition(value);
    } else if (is_kept_as_it_is(key)) {
      out[key] = value;
    }
  }
  return out;
}

bool is_open(const Value& schema) {
  return schema["x-kubernetes-preserve-unknown-fields"].as_bool() == true;
}

bool is_nullable(const Value& schema) {
  return schema["nullable"].as_bool() == true;
}

/// Those that have to be there and may not be null: what may be null has no type in v2, and clients
/// would miss it where it is null.
Array required_of(const Value& schema) {
  Array out;
  if (is_nullable(schema["additionalProperties"])) return out;
  const bool has_properties = !is_open(schema) && !is_nullable(schema);
  for (const Value& name : *schema["required"].as_array()) {
    if (!has_properties || !is_nullable(schema["properties"][name.text()])) out.push_back(name);
  }
  return out;
}

/// Whether v2 says nothing of this member of a custom kind's schema: it has no word for it, or
/// clients of this version refuse what they have no type for, so that nothing is said of what may
/// be null or have members that no schema knows.
bool is_left_out(const Value& schema, std::string_view key) {
  if (key == "allOf" || key == "anyOf" || key == "oneOf" || key == "not" || key == "nullable")
    return true;
  const bool untyped = is_nullable(schema) || is_open(schema);
  if (key == "properties" || key == "items") return untyped;
  if (key != "type") return false;
  if (is_nullable(schema)) return true;
  if (schema["type"].text() == "array") return is_open(schema) || !schema["items"].is_object();
  return schema["type"].text() == "object" && is_open(schema);
}

/// The schema within a custom kind's in the words of OpenAPI v2.
/// Spec: Kubernetes, "Publish validation schema in OpenAPI".
// NOLINTNEXTLINE(misc-no-recursion): as deep as the schema, which has kSchemaDepthMax
Value custom_definition(const Value& schema) {
  Value out = Object();
  for (const auto& [key, value] : *schema.as_object()) {
    if (is_left_out(schema, key)) continue;
    if (key == "properties") {
      out[key] = schemas_of(value, custom_definition);
    } else if (key == "items" || key == "additionalProperties") {
      out[key] = value.is_object() ? custom_definition(value) : value;
    } else if (key != "required") {
      out[key] = value;
    } else if (Array names = required_of(schema); !names.empty()) {
      out[key] = std::move(names);
    }
  }
  return out;
}

/// The schema of a custom kind itself, with the members that all objects have.
Value custom_kind_definition(const Value& schema) {
  constexpr const char* kKinds = "x-kubernetes-group-version-kind";
  if (is_open(schema)) return Object{{"type", "object"}, {kKinds, schema[kKinds]}};
  Value out = custom_definition(schema);
  out["properties"]["metadata"] = definition(schema["properties"]["metadata"]);
  return out;
}

std::set<std::string> names_of_custom_kinds(KindList served) {
  std::set<std::string> out;
  for (const Kind* kind : served) {
    if (custom_kind(*kind) != nullptr)
      out.insert(fmt::format("{}.{}", kind->type.package, kind->type.name));
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

Array media_types(const Value& content) {
  Array out;
  for (const auto& media : *content.as_object())
    out.emplace_back(media.key);
  return out;
}

/// The patch of an object at a path.
Value patch_item(const Value& patch) {
  Array parameters;
  for (const Value& each : *patch["parameters"].as_array())
    parameters.push_back(parameter(each));
  Value operation = Object{{"operationId", patch["operationId"]},
                           {"consumes", media_types(patch["requestBody"]["content"])},
                           {"produces", media_types(patch["responses"]["200"]["content"])},
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
  const std::set<std::string> custom = names_of_custom_kinds(served);
  const Value index = json::parse(openapi_index(served)).value();
  for (const auto& entry : *index["paths"].as_object()) {
    const auto text = openapi_document(entry.key, served);
    INSULA_CHECK(text.has_value(), entry.key);
    const Value document = json::parse(*text).value();
    for (const auto& [path, item] : *document["paths"].as_object()) {
      // That of a proxy patches what is behind it, not an object.
      const Value* patch = item.find("patch");
      if (patch != nullptr && patch->find("requestBody") != nullptr)
        paths.set(path, patch_item(*patch));
    }
    for (const auto& [name, schema] : *document["components"]["schemas"].as_object()) {
      if (definitions.contains(name)) continue;
      definitions.set(name,
                      custom.contains(name) ? custom_kind_definition(schema) : definition(schema));
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
