#include "api/custom/published.h"

#include <string>
#include <utility>

#include "api/gen/meta_v1.h"
#include "json/value.h"
#include "json/write.h"

namespace insula::api {

namespace {

using json::Object;
using json::Value;

Value struct_schema(const TypeInfo& type);

Value scalar(std::string_view type, std::string_view format = {}) {
  Object out{{"type", type}};
  if (!format.empty()) out.set("format", format);
  return out;
}

// NOLINTNEXTLINE(misc-no-recursion): as deep as the tables
Value value_schema(const ValueInfo& info) {
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
      return scalar("number");
    case ValueKind::kBytes:
      return scalar("string", "byte");
    case ValueKind::kTime:
    case ValueKind::kMicroTime:
      return scalar("string", "date-time");
    case ValueKind::kQuantity:
    case ValueKind::kIntOrString:
      return Object{{"x-kubernetes-int-or-string", true}};
    case ValueKind::kRawJson:
      return Object{{"type", "object"}, {"x-kubernetes-preserve-unknown-fields", true}};
    case ValueKind::kStruct:
      return struct_schema(*info.type);
    case ValueKind::kList:
      return Object{{"type", "array"}, {"items", value_schema(*info.element)}};
    case ValueKind::kMap:
      return Object{{"type", "object"}, {"additionalProperties", value_schema(*info.element)}};
    case ValueKind::kPointer:
      return value_schema(*info.element);
  }
  return {};
}

// NOLINTNEXTLINE(misc-no-recursion): as above
Value struct_schema(const TypeInfo& type) {
  json::Array required;
  Object properties;
  for (const FieldInfo& field : type.fields) {
    const bool metadata = field.value->type == &type_of<ObjectMeta>();
    Value schema = metadata ? Value(Object{{"type", "object"}}) : value_schema(*field.value);
    if (!metadata && !field.doc.empty()) schema["description"] = field.doc;
    if (field.has(kRequired)) required.emplace_back(field.name);
    properties.set(std::string(field.name), std::move(schema));
  }
  Object out{{"type", "object"}, {"description", type.doc}};
  if (!required.empty()) out.set("required", std::move(required));
  out.set("properties", std::move(properties));
  return out;
}

}  // namespace

CustomResourceDefinition published_definition(const Kind& kind) {
  CustomResourceDefinition out;
  out.metadata.name = kind.group_resource();
  out.spec.group = kind.group;
  out.spec.scope = kind.namespaced ? "Namespaced" : "Cluster";
  out.spec.names.plural = kind.plural;
  out.spec.names.singular = kind.singular;
  out.spec.names.kind = kind.kind;
  out.spec.names.short_names.assign(kind.short_names.begin(), kind.short_names.end());
  out.spec.names.categories.assign(kind.categories.begin(), kind.categories.end());
  CustomResourceDefinitionVersion& version = out.spec.versions.emplace_back();
  version.name = kind.version;
  version.served = true;
  version.storage = true;
  version.schema.emplace().open_apiv3_schema.text = json::write(struct_schema(kind.type));
  if (kind.has_subresource("status")) version.subresources.emplace().status.emplace();
  return out;
}

}  // namespace insula::api
