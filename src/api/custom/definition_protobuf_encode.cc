#include <bit>
#include <cstdint>
#include <span>
#include <string>

#include "api/custom/definition_protobuf.h"
#include "api/custom/schema_members.h"
#include "api/protobuf.h"
#include "api/protobuf_wire.h"
#include "json/parse.h"
#include "json/write.h"

namespace insula::api {

namespace {

using wire::MessageField;

/// Numbers in the messages that stand for one of two things.
constexpr std::uint32_t kFirst = 1;
constexpr std::uint32_t kSecond = 2;

class SchemaWriter {
 public:
  explicit SchemaWriter(std::string& out) : out_(out) {}

  void write_schema(const json::Value& schema) { write_object(schema, kSchemaMembers); }

 private:
  void write_object(const json::Value& object, std::span<const SchemaMember> members) {
    for (const SchemaMember& member : members) {
      const json::Value& value = object[member.name];
      if (!value.is_null() || (member.form == SchemaForm::kJson && is_given(object, member.name)))
        write(member, value);
    }
  }

  static bool is_given(const json::Value& object, std::string_view name) {
    return object.is_object() && object.as_object()->find(name) != nullptr;
  }

  void write(const SchemaMember& member, const json::Value& value) {
    switch (member.form) {
      case SchemaForm::kText:
      case SchemaForm::kPresentText:
        wire::append_bytes_field(out_, member.tag, value.text());
        return;
      case SchemaForm::kFlag:
      case SchemaForm::kPresentFlag:
        wire::append_varint_field(out_, member.tag, value == json::Value(true) ? 1 : 0);
        return;
      case SchemaForm::kInteger:
        wire::append_varint_field(out_, member.tag,
                                  static_cast<std::uint64_t>(value.as_int64().value_or(0)));
        return;
      case SchemaForm::kNumber:
        wire::append_fixed64_field(out_, member.tag,
                                   std::bit_cast<std::uint64_t>(value.as_double().value_or(0)));
        return;
      case SchemaForm::kTexts:
      case SchemaForm::kJsons:
      case SchemaForm::kSchemas:
      case SchemaForm::kRules:
        for_each(value, [&](const json::Value& element) { write_element(member, element); });
        return;
      case SchemaForm::kSchemaMap:
      case SchemaForm::kDependencyMap:
        write_entries(member, value);
        return;
      default:
        write_message(member, value);
        return;
    }
  }

  template <class Each>
  static void for_each(const json::Value& list, Each each) {
    if (!list.is_array()) return;
    for (const json::Value& element : *list.as_array())
      each(element);
  }

  void write_element(const SchemaMember& member, const json::Value& element) {
    if (member.form == SchemaForm::kTexts)
      wire::append_bytes_field(out_, member.tag, element.text());
    else
      write_message(member, element);
  }

  void write_entries(const SchemaMember& member, const json::Value& map) {
    if (!map.is_object()) return;
    const bool schemas = member.form == SchemaForm::kSchemaMap;
    for (const auto& [key, value] : *map.as_object()) {
      const MessageField entry(out_, member.tag);
      wire::append_bytes_field(out_, kFirst, key);
      const MessageField content(out_, kSecond);
      if (schemas)
        write_schema(value);
      else
        write_choice(SchemaForm::kDependencyMap, value);
    }
  }

  void write_message(const SchemaMember& member, const json::Value& value) {
    const MessageField message(out_, member.tag);
    switch (member.form) {
      case SchemaForm::kJson:
      case SchemaForm::kJsons:
        wire::append_bytes_field(out_, kFirst, json::write(value));
        return;
      case SchemaForm::kSchemaOrList:
      case SchemaForm::kSchemaOrFlag:
        write_choice(member.form, value);
        return;
      case SchemaForm::kRules:
        write_object(value, kRuleMembers);
        return;
      case SchemaForm::kDocumentation:
        write_object(value, kDocumentationMembers);
        return;
      default:
        write_schema(value);
        return;
    }
  }

  /// A schema, or else a list of schemas, a list of names, or a flag.
  void write_choice(SchemaForm form, const json::Value& value) {
    if (form == SchemaForm::kSchemaOrFlag) {
      const bool allows = value.is_object() || value == json::Value(true);
      wire::append_varint_field(out_, kFirst, allows ? 1 : 0);
    }
    if (value.is_object()) {
      const MessageField schema(out_, form == SchemaForm::kSchemaOrFlag ? kSecond : kFirst);
      write_schema(value);
      return;
    }
    for_each(value, [&](const json::Value& element) {
      if (form == SchemaForm::kDependencyMap) {
        wire::append_bytes_field(out_, kSecond, element.text());
        return;
      }
      const MessageField schema(out_, kSecond);
      write_schema(element);
    });
  }

  std::string& out_;
};

void write_version(const CustomResourceDefinitionVersion& version, std::string& out) {
  CustomResourceDefinitionVersion rest = version;
  rest.schema.reset();
  encode_protobuf_message(type_of<CustomResourceDefinitionVersion>(), &rest, out);
  if (!version.schema) return;
  const MessageField validation(out, kVersionSchema);
  const std::string& text = version.schema->open_apiv3_schema.text;
  if (text.empty()) return;
  const auto schema = json::parse(text);
  if (!schema || schema->is_null()) return;
  const MessageField props(out, kOpenApiSchema);
  SchemaWriter(out).write_schema(*schema);
}

}  // namespace

void encode_definition_protobuf(const CustomResourceDefinition& definition, std::string& out) {
  CustomResourceDefinition rest = definition;
  rest.spec.versions.clear();
  // Messages of the same member are merged: the versions follow the rest of the spec.
  encode_protobuf_message(type_of<CustomResourceDefinition>(), &rest, out);
  const MessageField spec(out, kDefinitionSpec);
  for (const CustomResourceDefinitionVersion& version : definition.spec.versions) {
    const MessageField message(out, kSpecVersions);
    write_version(version, out);
  }
}

}  // namespace insula::api
