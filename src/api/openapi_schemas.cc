#include "api/openapi_schemas.h"

#include <algorithm>

#include "api/any_kind.h"
#include "api/atomic_types.h"
#include "api/custom/custom_kind.h"
#include "api/custom/schema_document.h"
#include "json/parse.h"

namespace insula::api {
namespace {

using json::Array;
using json::Object;
using json::Value;

constexpr std::string_view kQuantity = "io.k8s.apimachinery.pkg.api.resource.Quantity";
constexpr std::string_view kTime = "io.k8s.apimachinery.pkg.apis.meta.v1.Time";
constexpr std::string_view kMicroTime = "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime";
constexpr std::string_view kIntOrString = "io.k8s.apimachinery.pkg.util.intstr.IntOrString";
constexpr std::string_view kRawExtension = "io.k8s.apimachinery.pkg.runtime.RawExtension";

constexpr std::string_view kFieldsV1 = "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1";

Value reference(std::string_view name) {
  return Object{{"$ref", "#/components/schemas/" + std::string(name)}};
}

std::string schema_name(const TypeInfo& type) {
  return std::string(type.package) + "." + std::string(type.name);
}

Value one_of(std::string_view a, std::string_view b) {
  return Array{Object{{"type", a}}, Object{{"type", b}}};
}

Value well_known_schema(std::string_view name) {
  if (name == kQuantity) {
    return Object{{"description", "An amount: a number with a suffix, such as 500m, 2 or 1Gi."},
                  {"oneOf", one_of("string", "number")}};
  }
  if (name == kTime)
    return Object{{"description", "A point in time, RFC 3339, to the second."},
                  {"type", "string"},
                  {"format", "date-time"}};
  if (name == kMicroTime) {
    return Object{{"description", "A point in time, RFC 3339, to the microsecond."},
                  {"type", "string"},
                  {"format", "date-time"}};
  }
  if (name == kIntOrString) {
    return Object{{"description", "A number or a name; percentages are names."},
                  {"format", "int-or-string"},
                  {"oneOf", one_of("integer", "string")}};
  }
  if (name == kFieldsV1)
    return Object{{"description", "A set of fields, each a member."}, {"type", "object"}};
  if (name == kRawExtension) return Object{{"description", "Any object."}, {"type", "object"}};
  return Object{{"description", "A patch; its form is told by the media type."},
                {"type", "object"}};
}

Value scalar(std::string_view type, std::string_view format = {}) {
  Value out = Object{{"type", type}};
  if (!format.empty()) out["format"] = format;
  return out;
}

Value default_of(const FieldInfo& field) {
  const bool text =
      field.value->kind == ValueKind::kString || (field.value->kind == ValueKind::kPointer &&
                                                  field.value->element->kind == ValueKind::kString);
  if (text) return Value(field.default_value);
  auto parsed = json::parse(field.default_value);
  return parsed ? *std::move(parsed) : Value(field.default_value);
}

std::string_view list_type_name(ListType type) {
  switch (type) {
    case ListType::kNone:
      return {};
    case ListType::kAtomic:
      return "atomic";
    case ListType::kSet:
      return "set";
    case ListType::kMap:
      return "map";
    case ListType::kGranular:
      return "granular";
  }
  return {};
}

Array split(std::string_view list) {
  Array out;
  while (!list.empty()) {
    const std::string_view item = list.substr(0, list.find(','));
    out.emplace_back(item);
    list.remove_prefix(std::min(list.size(), item.size() + 1));
  }
  return out;
}

/// The values that are known, said of the text itself.
void add_enum(const FieldInfo& field, Value& property) {
  if (field.enum_values.empty()) return;
  const ValueKind kind = field.value->kind;
  Value& text = kind == ValueKind::kList  ? property["items"]
                : kind == ValueKind::kMap ? property["additionalProperties"]
                                          : property;
  text["enum"] = split(field.enum_values);
}

void add_extensions(const FieldInfo& field, Value& property) {
  const bool list = field.value->kind == ValueKind::kList;
  if (field.list_type != ListType::kNone) {
    property[list ? "x-kubernetes-list-type" : "x-kubernetes-map-type"] =
        list_type_name(field.list_type);
  }
  if (!field.list_keys.empty()) property["x-kubernetes-list-map-keys"] = split(field.list_keys);
  std::string strategy;
  const auto add = [&strategy, &field](FieldFlag flag, std::string_view name) {
    if (!field.has(flag)) return;
    if (!strategy.empty()) strategy += ',';
    strategy += name;
  };
  add(kPatchMerge, "merge");
  add(kPatchRetainKeys, "retainKeys");
  add(kPatchReplace, "replace");
  if (!strategy.empty()) property["x-kubernetes-patch-strategy"] = strategy;
  if (!field.merge_key.empty()) property["x-kubernetes-patch-merge-key"] = field.merge_key;
}

void add_type_meta(Value& properties) {
  properties["apiVersion"] = Object{
      {"description", "APIVersion defines the group and version of this form of the object."},
      {"type", "string"}};
  properties["kind"] = Object{{"description", "What kind of object this is."}, {"type", "string"}};
}

}  // namespace

Value group_version_kind(std::string_view group, std::string_view version, std::string_view kind) {
  return Object{{"group", group}, {"version", version}, {"kind", kind}};
}

void OpenApiSchemas::add(std::string name, Value schema) {
  schemas_.set(std::move(name), std::move(schema));
}

Value OpenApiSchemas::ref(const TypeInfo& type) {
  std::string name = schema_name(type);
  Value out = reference(name);
  if (seen_.insert(std::move(name)).second) pending_.push_back(&type);
  return out;
}

Value OpenApiSchemas::well_known_ref(std::string_view name) {
  if (seen_.emplace(name).second) add(std::string(name), well_known_schema(name));
  return reference(name);
}

Value OpenApiSchemas::list_ref(const Kind& kind) {
  std::string name = std::string(kind.type.package) + "." + list_kind_of(kind);
  Value out = reference(name);
  if (!seen_.insert(name).second) return out;
  Value properties;
  add_type_meta(properties);
  properties["items"] =
      Object{{"description", "The objects."}, {"type", "array"}, {"items", ref(kind.type)}};
  const Kind* status = find_kind("meta.k8s.io/v1", "Status");
  const FieldInfo* metadata = status != nullptr ? status->type.find("metadata") : nullptr;
  if (metadata != nullptr) properties["metadata"] = property(*metadata);
  add(std::move(name),
      Object{{"description", "A list of " + std::string(kind.kind) + "."},
             {"type", "object"},
             {"required", Array{"items"}},
             {"properties", std::move(properties)},
             {"x-kubernetes-group-version-kind",
              Array{group_version_kind(kind.group, kind.version, list_kind_of(kind))}}});
  return out;
}

Value OpenApiSchemas::value_schema(const ValueInfo& info) {
  switch (info.kind) {
    case ValueKind::kString:
      return scalar("string");
    case ValueKind::kBool:
      return scalar("boolean");
    case ValueKind::kInt32:
      return scalar("integer", "int32");
    case ValueKind::kInt64:
      return scalar("integer", "int64");
    case ValueKind::kDouble:
      return scalar("number", "double");
    case ValueKind::kBytes:
      return scalar("string", "byte");
    case ValueKind::kTime:
      return well_known_ref(kTime);
    case ValueKind::kMicroTime:
      return well_known_ref(kMicroTime);
    case ValueKind::kQuantity:
      return well_known_ref(kQuantity);
    case ValueKind::kIntOrString:
      return well_known_ref(kIntOrString);
    case ValueKind::kRawJson:
      return well_known_ref(kRawExtension);
    case ValueKind::kStruct:
      return ref(*info.type);
    case ValueKind::kList:
      return Object{{"type", "array"}, {"items", value_schema(*info.element)}};
    case ValueKind::kMap:
      return Object{{"type", "object"}, {"additionalProperties", value_schema(*info.element)}};
    case ValueKind::kPointer:
      return value_schema(*info.element);
  }
  return {};
}

/// What is kept as JSON is told of by what it is, where that is known.
Value OpenApiSchemas::raw_schema(const FieldInfo& field) {
  if (field.name == "fieldsV1") return well_known_ref(kFieldsV1);
  if (field.name != "openAPIV3Schema") return well_known_ref(kRawExtension);
  if (seen_.emplace(kSchemaProps).second) {
    for (auto& [name, schema] : schema_props())
      add(name, std::move(schema));
  }
  return reference(kSchemaProps);
}

Value OpenApiSchemas::property(const FieldInfo& field) {
  Value out;
  Value schema =
      field.value->kind == ValueKind::kRawJson ? raw_schema(field) : value_schema(*field.value);
  if (!field.doc.empty()) out["description"] = field.doc;
  if (schema.find("$ref") != nullptr) {
    // In OpenAPI 3.0 nothing beside a $ref counts.
    out["allOf"] = Array{std::move(schema)};
    if (field.value->kind == ValueKind::kStruct) out["default"] = Object();
  } else {
    for (auto& [key, value] : *schema.as_object())
      out[key] = std::move(value);
  }
  if (!field.default_value.empty()) out["default"] = default_of(field);
  add_enum(field, out);
  add_extensions(field, out);
  return out;
}

/// What its definition says, with the members that every object has.
Value OpenApiSchemas::custom_schema(const CustomKind& kind) {
  Value out = kind.schema_document();
  if (out["type"].is_null()) out["type"] = "object";
  const FieldInfo* metadata = kind.type.find("metadata");
  Value properties = Object();
  add_type_meta(properties);
  properties["metadata"] = property(*metadata);
  if (const Object* own = kind.schema_document()["properties"].as_object()) {
    for (const auto& [name, schema] : *own) {
      if (properties.find(name) == nullptr) properties[name] = schema;
    }
  }
  out["properties"] = std::move(properties);
  out["x-kubernetes-group-version-kind"] =
      Array{group_version_kind(kind.group, kind.version, kind.kind)};
  return out;
}

Value OpenApiSchemas::struct_schema(const TypeInfo& type) {
  if (type.kind != nullptr && custom_kind(*type.kind) != nullptr)
    return custom_schema(*custom_kind(*type.kind));
  Value out = Object{{"description", type.doc}, {"type", "object"}};
  Array required;
  Value properties = Object();
  if (type.kind != nullptr) add_type_meta(properties);
  for (const FieldInfo& field : type.fields) {
    properties[field.name] = property(field);
    if (field.has(kRequired)) required.emplace_back(field.name);
  }
  if (!required.empty()) out["required"] = std::move(required);
  out["properties"] = std::move(properties);
  if (std::ranges::find(atomic_types(), &type) != atomic_types().end())
    out["x-kubernetes-map-type"] = "atomic";
  if (type.kind != nullptr) {
    const std::string_view group =
        type.kind->group == "meta.k8s.io" ? std::string_view() : type.kind->group;
    out["x-kubernetes-group-version-kind"] =
        Array{group_version_kind(group, type.kind->version, type.kind->kind)};
  }
  return out;
}

Value OpenApiSchemas::take() {
  while (!pending_.empty()) {
    const TypeInfo& type = *pending_.back();
    pending_.pop_back();
    add(schema_name(type), struct_schema(type));
  }
  schemas_.sort();
  return std::move(schemas_);
}

}  // namespace insula::api
