#include "api/custom/schema_check.h"

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "api/custom/pruning.h"
#include "api/custom/schema_node.h"
#include "api/custom/value_check.h"
#include "cel/pattern.h"
#include "json/write.h"

namespace insula::api {

namespace {

using json::Value;

constexpr std::array<std::string_view, 6> kTypes = {"array",  "boolean", "integer",
                                                    "number", "object",  "string"};

struct Forbidden {
  std::string_view keyword;
  std::string_view why;
};

constexpr Forbidden kNowhere[] = {
    {"id", "id is not supported"},
    {"additionalItems", "additionalItems is not supported"},
    {"patternProperties", "patternProperties is not supported"},
    {"definitions", "definitions is not supported"},
    {"dependencies", "dependencies is not supported"},
    {"$ref", "$ref is not supported"},
};

/// What only the schema itself may say, none of the conditions in it.
constexpr Forbidden kNotInConditions[] = {
    {"additionalProperties", "must be undefined to be structural"},
    {"default", "must be undefined to be structural"},
    {"title", "must be empty to be structural"},
    {"description", "must be empty to be structural"},
    {"nullable", "must be false to be structural"},
    {"x-kubernetes-preserve-unknown-fields", "must be false to be structural"},
    {"x-kubernetes-embedded-resource", "must be false to be structural"},
    {"x-kubernetes-int-or-string", "must be false to be structural"},
    {"x-kubernetes-list-map-keys", "must be empty to be structural"},
    {"x-kubernetes-list-type", "must be undefined to be structural"},
    {"x-kubernetes-map-type", "must be undefined to be structural"},
    {"x-kubernetes-validations", "must be empty to be structural"},
};

enum class Level : std::uint8_t { kRoot, kField, kItem };

bool truth(const Value& value) {
  return value.as_bool().value_or(false);
}

bool is_scalar(std::string_view type) {
  return type != "object" && type != "array" && !type.empty();
}

ShownValue shown(const Value& value) {
  return ShownValue::json(json::write(value));
}

/// `anyOf: [{type: integer}, {type: string}]`, as generators write for int-or-string.
bool is_int_or_string(const Value& any_of) {
  const json::Array* both = any_of.as_array();
  return both != nullptr && both->size() == 2 && (*both)[0]["type"].text() == "integer" &&
         (*both)[1]["type"].text() == "string";
}

class SchemaChecker {
 public:
  explicit SchemaChecker(FieldErrors& errors) : errors_(errors) {}

  // NOLINTNEXTLINE(misc-no-recursion): as deep as the schema
  void check(const Value& schema, const FieldPath& path, Level level, std::size_t depth) {
    if (!enter(schema, path, depth)) return;
    everywhere(schema, path);
    extensions(schema, path);
    structural(schema, path, level);
    if (level == Level::kRoot || truth(schema["x-kubernetes-embedded-resource"]))
      object_meta(schema, path, level);
    if (const json::Object* properties = schema["properties"].as_object()) {
      const FieldPath inner = path.child("properties");
      for (const auto& [name, property] : *properties)
        check(property, inner.key(name), Level::kField, depth + 1);
    }
    if (const Value* items = schema.find("items"); items != nullptr && items->is_object())
      check(*items, path.child("items"), Level::kItem, depth + 1);
    if (const Value& additional = schema["additionalProperties"]; additional.is_object())
      check(additional, path.child("additionalProperties"), Level::kField, depth + 1);
    conditions(schema, path, depth, truth(schema["x-kubernetes-int-or-string"]));
    default_value(schema, path);
  }

 private:
  /// Whether there is room for one schema more.
  bool enter(const Value& schema, const FieldPath& path, std::size_t depth) {
    if (full_) return false;
    if (!schema.is_object()) {
      errors_.invalid(path, shown(schema), "must be a schema");
      return false;
    }
    if (++nodes_ > kSchemaNodesMax) {
      full_ = true;
      errors_.forbidden(path,
                        fmt::format("a schema may have at most {} schemas in it", kSchemaNodesMax));
      return false;
    }
    if (depth < kSchemaDepthMax) return true;
    full_ = true;
    errors_.forbidden(path, fmt::format("a schema may be at most {} deep", kSchemaDepthMax));
    return false;
  }

  void everywhere(const Value& schema, const FieldPath& path) {
    const std::string_view type = schema["type"].text();
    if (type == "null") {
      errors_.forbidden(path.child("type"),
                        "type cannot be set to null, use nullable as an alternative");
    } else if (!type.empty() && std::ranges::find(kTypes, type) == kTypes.end()) {
      errors_.not_supported(path.child("type"), type,
                            std::vector<std::string_view>(kTypes.begin(), kTypes.end()));
    }
    for (const auto& [keyword, why] : kNowhere) {
      if (schema.find(keyword) != nullptr) errors_.forbidden(path.child(keyword), why);
    }
    if (const Value* items = schema.find("items"); items != nullptr && items->is_array())
      errors_.forbidden(path.child("items"), "items must be a schema object and not an array");
    if (truth(schema["uniqueItems"])) {
      errors_.forbidden(path.child("uniqueItems"),
                        "uniqueItems cannot be set to true since the runtime complexity becomes "
                        "quadratic");
    }
    if (const std::string_view pattern = schema["pattern"].text(); !pattern.empty()) {
      if (const auto compiled = cel::Pattern::compile(pattern); !compiled) {
        errors_.invalid(
            path.child("pattern"), pattern,
            "must be a valid regular expression, but isn't: " + compiled.error().message());
      }
    }
    const json::Object* properties = schema["properties"].as_object();
    if (schema.find("additionalProperties") != nullptr && properties != nullptr &&
        !properties->empty() && schema["additionalProperties"].as_bool() != true) {
      errors_.forbidden(path.child("additionalProperties"),
                        "additionalProperties and properties are mutual exclusive");
    }
  }

  void extensions(const Value& schema, const FieldPath& path) {
    constexpr std::string_view kPreserve = "x-kubernetes-preserve-unknown-fields";
    if (schema[kPreserve].as_bool() == false)
      errors_.invalid(path.child(kPreserve), false, "must be true or undefined");
    if (truth(schema["x-kubernetes-int-or-string"])) {
      for (const std::string_view other :
           {kPreserve, std::string_view("x-kubernetes-embedded-resource")}) {
        if (truth(schema[other]))
          errors_.invalid(path.child(other), true,
                          "must be false if x-kubernetes-int-or-string is true");
      }
    }
    map_type(schema, path);
    list_type(schema, path);
  }

  /// `type`, where another keyword prescribes it.
  void type_must_be(const Value& schema,
                    std::string_view wanted,
                    std::string_view why,
                    const FieldPath& path) {
    const std::string_view type = schema["type"].text();
    if (type.empty()) {
      errors_.required(path.child("type"), why);
    } else if (type != wanted) {
      errors_.invalid(path.child("type"), type, why);
    }
  }

  void map_type(const Value& schema, const FieldPath& path) {
    const std::string_view map = schema["x-kubernetes-map-type"].text();
    if (map.empty()) return;
    type_must_be(schema, "object", "must be object if x-kubernetes-map-type is specified", path);
    if (map != "atomic" && map != "granular")
      errors_.not_supported(path.child("x-kubernetes-map-type"), map, {"atomic", "granular"});
  }

  void list_type(const Value& schema, const FieldPath& path) {
    const std::string_view list = schema["x-kubernetes-list-type"].text();
    const FieldPath at = path.child("x-kubernetes-list-type");
    const json::Array* keys = schema["x-kubernetes-list-map-keys"].as_array();
    const bool has_keys = keys != nullptr && !keys->empty();
    if (has_keys && list != "map") {
      constexpr std::string_view kWhy = "must be map if x-kubernetes-list-map-keys is non-empty";
      if (list.empty())
        errors_.required(at, kWhy);
      else
        errors_.invalid(at, list, kWhy);
    }
    if (list.empty()) return;
    type_must_be(schema, "array", "must be array if x-kubernetes-list-type is specified", path);
    if (list != "atomic" && list != "set" && list != "map")
      errors_.not_supported(at, list, {"atomic", "set", "map"});
    const Value& items = schema["items"];
    const FieldPath item = path.child("items");
    if (list != "atomic" && truth(items["nullable"]))
      errors_.forbidden(item.child("nullable"),
                        fmt::format("cannot be nullable when x-kubernetes-list-type is {}", list));
    if (list == "set") set_items(items, item);
    if (list != "map") return;
    if (!has_keys) {
      errors_.required(path.child("x-kubernetes-list-map-keys"),
                       "must not be empty if x-kubernetes-list-type is map");
    } else {
      list_keys(items, *keys, path);
    }
  }

  void set_items(const Value& items, const FieldPath& path) {
    constexpr std::string_view kWhy =
        "must be atomic as item of a list with x-kubernetes-list-type=set";
    for (const auto& [type, keyword] : {std::pair("array", "x-kubernetes-list-type"),
                                        std::pair("object", "x-kubernetes-map-type")}) {
      const std::string_view given = items[keyword].text();
      const bool default_is_atomic = std::string_view(type) == "array";
      if (items["type"].text() != type || given == "atomic") continue;
      if (given.empty() && default_is_atomic) continue;
      errors_.invalid(path.child(keyword), given, kWhy);
    }
  }

  void list_keys(const Value& items, const json::Array& keys, const FieldPath& path) {
    const FieldPath item = path.child("items");
    if (!items.is_object())
      return errors_.required(item, "must have a schema if x-kubernetes-list-type is map");
    if (items["type"].text() != "object") {
      errors_.invalid(item.child("type"), items["type"].text(),
                      "must be object if parent array's x-kubernetes-list-type is map");
    }
    std::set<std::string_view> seen;
    const json::Array* required = items["required"].as_array();
    for (const Value& key : keys) {
      const Value* property = items["properties"].find(key.text());
      const FieldPath at = item.child("properties").key(key.text());
      const FieldPath all = path.child("x-kubernetes-list-map-keys");
      if (!seen.insert(key.text()).second)
        errors_.invalid(all, shown(keys), "must not contain duplicate entries");
      if (property == nullptr) {
        errors_.invalid(all, shown(keys), "entries must all be names of item properties");
        continue;
      }
      if (!is_scalar((*property)["type"].text()) &&
          !truth((*property)["x-kubernetes-int-or-string"])) {
        errors_.invalid(at.child("type"), (*property)["type"].text(),
                        "must be a scalar type if parent array's x-kubernetes-list-type is map");
      }
      const bool is_required =
          required != nullptr && std::ranges::find(*required, key) != required->end();
      if (!is_required && property->find("default") == nullptr) {
        errors_.required(at.child("default"),
                         "this property is in x-kubernetes-list-map-keys, so it must have a "
                         "default or be a required property");
      }
      if (truth((*property)["nullable"])) {
        errors_.forbidden(at.child("nullable"),
                          "this property is in x-kubernetes-list-map-keys, so it cannot be "
                          "nullable");
      }
    }
  }

  void structural(const Value& schema, const FieldPath& path, Level level) {
    const std::string_view type = schema["type"].text();
    const bool free = truth(schema["x-kubernetes-preserve-unknown-fields"]) ||
                      truth(schema["x-kubernetes-int-or-string"]);
    if (truth(schema["x-kubernetes-embedded-resource"])) {
      type_must_be(schema, "object", "must be object if x-kubernetes-embedded-resource is true",
                   path);
      const json::Object* properties = schema["properties"].as_object();
      if (!free && (properties == nullptr || properties->empty())) {
        errors_.required(path.child("properties"),
                         "must not be empty if x-kubernetes-embedded-resource is true without "
                         "x-kubernetes-preserve-unknown-fields");
      }
      if (schema.find("additionalProperties") != nullptr)
        errors_.forbidden(path.child("additionalProperties"),
                          "must not be used if x-kubernetes-embedded-resource is set");
    } else if (type.empty() && level == Level::kRoot) {
      errors_.required(path.child("type"), "must not be empty at the root");
    } else if (type.empty() && !free) {
      errors_.required(path.child("type"), level == Level::kItem
                                               ? "must not be empty for specified array items"
                                               : "must not be empty for specified object fields");
    }
    if (level == Level::kRoot) {
      if (!type.empty() && type != "object")
        errors_.invalid(path.child("type"), type, "must be object at the root");
      if (schema.find("additionalProperties") != nullptr)
        errors_.forbidden(path.child("additionalProperties"), "must not be used at the root");
      if (truth(schema["nullable"]))
        errors_.forbidden(path.child("nullable"), "nullable cannot be true at the root");
    }
    if (type == "array" && schema.find("items") == nullptr)
      errors_.required(path.child("items"), "must be specified");
  }

  /// apiVersion, kind and metadata, which every object has and no schema defines.
  void object_meta(const Value& schema, const FieldPath& path, Level level) {
    const FieldPath properties = path.child("properties");
    for (const char* name : {"kind", "apiVersion"}) {
      const Value* found = schema["properties"].find(name);
      if (found != nullptr && (*found)["type"].text() != "string")
        errors_.invalid(properties.key(name).child("type"), (*found)["type"].text(),
                        "must be string");
    }
    const Value* metadata = schema["properties"].find("metadata");
    if (metadata == nullptr || !metadata->is_object()) return;
    const FieldPath at = properties.key("metadata");
    if ((*metadata)["type"].text() != "object")
      errors_.invalid(at.child("type"), (*metadata)["type"].text(), "must be object");
    if (level != Level::kRoot) return;
    bool only_names = true;
    for (const auto& [keyword, value] : *metadata->as_object()) {
      if (keyword == "type" || keyword == "description") continue;
      only_names = only_names && keyword == "properties" && value.is_object();
      if (!only_names) break;
      for (const auto& [name, property] : *value.as_object())
        only_names = only_names && (name == "name" || name == "generateName");
    }
    if (!only_names) {
      errors_.forbidden(at,
                        "must not specify anything other than name and generateName, but metadata "
                        "is implicitly specified");
    }
  }

  // NOLINTNEXTLINE(misc-no-recursion): as above
  void conditions(const Value& schema,
                  const FieldPath& path,
                  std::size_t depth,
                  bool int_or_string) {
    for (const char* keyword : {"anyOf", "allOf", "oneOf"}) {
      const json::Array* list = schema[keyword].as_array();
      if (list == nullptr) continue;
      for (std::size_t i = 0; i < list->size(); ++i) {
        const bool types =
            int_or_string &&
            ((keyword == std::string_view("anyOf") && is_int_or_string(schema[keyword])) ||
             (keyword == std::string_view("allOf") && i == 0 &&
              is_int_or_string((*list)[0]["anyOf"])));
        if (types && keyword == std::string_view("anyOf")) continue;
        condition((*list)[i], path.child(keyword).index(i), depth + 1, types);
      }
    }
    if (const Value* negated = schema.find("not"); negated != nullptr)
      condition(*negated, path.child("not"), depth + 1, false);
  }

  /// `types`: it may have the alternatives of an int-or-string.
  // NOLINTNEXTLINE(misc-no-recursion): as above
  void condition(const Value& schema, const FieldPath& path, std::size_t depth, bool types) {
    if (!enter(schema, path, depth)) return;
    everywhere(schema, path);
    if (!schema["type"].text().empty())
      errors_.forbidden(path.child("type"), "must be empty to be structural");
    for (const auto& [keyword, why] : kNotInConditions) {
      const Value* found = schema.find(keyword);
      if (found != nullptr && found->as_bool() != false)
        errors_.forbidden(path.child(keyword), why);
    }
    if (const json::Object* properties = schema["properties"].as_object()) {
      for (const auto& [name, property] : *properties) {
        const FieldPath at = path.child("properties").key(name);
        if (name == "metadata" && depth == 1)
          errors_.forbidden(at, "must not be specified in a nested context");
        condition(property, at, depth + 1, false);
      }
    }
    if (const Value* items = schema.find("items"); items != nullptr && items->is_object())
      condition(*items, path.child("items"), depth + 1, false);
    conditions(schema, path, depth, types);
  }

  void default_value(const Value& schema, const FieldPath& path) {
    const Value* given = schema.find("default");
    if (given == nullptr || full_) return;
    const SchemaNode node = SchemaNode::parse(schema);
    Value pruned = *given;
    prune_value(pruned, node);
    const FieldPath at = path.child("default");
    if (!(pruned == *given)) errors_.invalid(at, shown(*given), "must not have unknown fields");
    set_schema_defaults(pruned, node);
    ValueErrors wrong;
    check_value(pruned, nullptr, node, at.text(), wrong);
    for (const FieldCause& cause : std::move(wrong).take())
      errors_.invalid(FieldPath(cause.field), shown(*given), cause.message);
  }

  FieldErrors& errors_;
  std::size_t nodes_ = 0;
  bool full_ = false;
};

}  // namespace

void check_schema(const Value& schema, const FieldPath& path, FieldErrors& errors) {
  SchemaChecker(errors).check(schema, path, Level::kRoot, 0);
}

}  // namespace insula::api
