#include "api/custom/schema_document.h"

#include <span>
#include <string>
#include <utility>

#include "api/custom/schema_members.h"

namespace insula::api {

namespace {

using json::Array;
using json::Object;
using json::Value;

std::string full_name(std::string_view name) {
  const std::string_view package = kSchemaProps.substr(0, kSchemaProps.rfind('.') + 1);
  return std::string(package).append(name);
}

Value reference(std::string_view name) {
  return Object{{"$ref", "#/components/schemas/" + full_name(name)}};
}

Value scalar(std::string_view type, std::string_view format = {}) {
  Object out{{"type", type}};
  if (!format.empty()) out.set("format", format);
  return out;
}

Value list_of(Value items) {
  return Object{
      {"type", "array"}, {"items", std::move(items)}, {"x-kubernetes-list-type", "atomic"}};
}

Value map_of(Value values) {
  return Object{{"type", "object"}, {"additionalProperties", std::move(values)}};
}

Value rules() {
  return Object{{"type", "array"},
                {"items", reference("ValidationRule")},
                {"x-kubernetes-list-type", "map"},
                {"x-kubernetes-list-map-keys", Array{"rule"}},
                {"x-kubernetes-patch-strategy", "merge"},
                {"x-kubernetes-patch-merge-key", "rule"}};
}

Value form_schema(SchemaForm form) {
  switch (form) {
    case SchemaForm::kText:
    case SchemaForm::kPresentText:
      return scalar("string");
    case SchemaForm::kFlag:
    case SchemaForm::kPresentFlag:
      return scalar("boolean");
    case SchemaForm::kInteger:
      return scalar("integer", "int64");
    case SchemaForm::kNumber:
      return scalar("number", "double");
    case SchemaForm::kJson:
      return reference("JSON");
    case SchemaForm::kSchema:
      return reference("JSONSchemaProps");
    case SchemaForm::kSchemaOrList:
      return reference("JSONSchemaPropsOrArray");
    case SchemaForm::kSchemaOrFlag:
      return reference("JSONSchemaPropsOrBool");
    case SchemaForm::kTexts:
      return list_of(scalar("string"));
    case SchemaForm::kJsons:
      return list_of(reference("JSON"));
    case SchemaForm::kSchemas:
      return list_of(reference("JSONSchemaProps"));
    case SchemaForm::kRules:
      return rules();
    case SchemaForm::kSchemaMap:
      return map_of(reference("JSONSchemaProps"));
    case SchemaForm::kDependencyMap:
      return map_of(reference("JSONSchemaPropsOrStringArray"));
    case SchemaForm::kDocumentation:
      return reference("ExternalDocumentation");
  }
  std::unreachable();
}

Value object_schema(std::string_view description, std::span<const SchemaMember> members) {
  Object properties;
  for (const SchemaMember& member : members)
    properties.set(std::string(member.name), form_schema(member.form));
  return Object{
      {"description", description}, {"type", "object"}, {"properties", std::move(properties)}};
}

/// Of what has no one type, which only its description tells.
Value open_schema(std::string_view description) {
  return Object{{"description", description}};
}

Value rule_schema() {
  Value out = object_schema("A rule in CEL that values must follow.", kRuleMembers);
  out["required"] = Array{"rule"};
  out["properties"]["reason"]["enum"] = Array{"FieldValueDuplicate", "FieldValueForbidden",
                                              "FieldValueInvalid", "FieldValueRequired"};
  return out;
}

}  // namespace

json::Object schema_props() {
  Object out;
  const auto add = [&out](std::string_view name, Value schema) {
    out.set(full_name(name), std::move(schema));
  };
  add("JSONSchemaProps",
      object_schema("What a value must be, as JSON Schema (draft 4) says it.", kSchemaMembers));
  add("JSONSchemaPropsOrArray", open_schema("A schema, or a list of them."));
  add("JSONSchemaPropsOrBool", open_schema("A schema, or whether anything goes."));
  add("JSONSchemaPropsOrStringArray", open_schema("A schema, or names of members."));
  add("JSON", open_schema("Any value."));
  add("ExternalDocumentation", object_schema("Where more is said.", kDocumentationMembers));
  add("ValidationRule", rule_schema());
  return out;
}

}  // namespace insula::api
