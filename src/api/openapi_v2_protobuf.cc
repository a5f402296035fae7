#include <bit>

#include "api/openapi_v2.h"
#include "api/protobuf_wire.h"
#include "json/write.h"

namespace insula::api {
namespace {

using json::Value;
using wire::append_bytes_field;
using wire::MessageField;

/// Numbers of the fields of gnostic's messages, by the message.
namespace document {
constexpr std::uint32_t kSwagger = 1;
constexpr std::uint32_t kInfo = 2;
constexpr std::uint32_t kPaths = 8;
constexpr std::uint32_t kDefinitions = 9;
}  // namespace document

namespace info {
constexpr std::uint32_t kTitle = 1;
constexpr std::uint32_t kVersion = 2;
}  // namespace info

/// NamedSchema, NamedPathItem, NamedResponseValue and NamedAny are alike.
namespace named {
constexpr std::uint32_t kName = 1;
constexpr std::uint32_t kValue = 2;
}  // namespace named

/// The lists of NamedSchema in Definitions and in Properties.
constexpr std::uint32_t kAdditionalProperties = 1;
constexpr std::uint32_t kAnyYaml = 2;
constexpr std::uint32_t kPathsPath = 2;
constexpr std::uint32_t kPathItemPatch = 8;

namespace schema {
constexpr std::uint32_t kRef = 1;
constexpr std::uint32_t kDefault = 5;
constexpr std::uint32_t kRequired = 19;
constexpr std::uint32_t kEnum = 20;
constexpr std::uint32_t kAdditionalPropertiesItem = 21;
constexpr std::uint32_t kType = 22;
constexpr std::uint32_t kItems = 23;
constexpr std::uint32_t kProperties = 25;
constexpr std::uint32_t kVendorExtension = 31;

/// A field of the message whose value is one of JSON's plain ones, by its name there.
struct Plain {
  std::string_view name;
  std::uint32_t number;
};

constexpr Plain kTexts[] = {
    {"$ref", kRef}, {"format", 2}, {"title", 3}, {"description", 4}, {"pattern", 13}};
constexpr Plain kDoubles[] = {{"multipleOf", 6}, {"maximum", 7}, {"minimum", 9}};
constexpr Plain kTruths[] = {
    {"exclusiveMaximum", 8}, {"exclusiveMinimum", 10}, {"uniqueItems", 16}};
constexpr Plain kCounts[] = {{"maxLength", 11}, {"minLength", 12},     {"maxItems", 14},
                             {"minItems", 15},  {"maxProperties", 17}, {"minProperties", 18}};
}  // namespace schema

/// A schema within AdditionalPropertiesItem and ItemsItem, a value of TypeItem.
constexpr std::uint32_t kItem = 1;
/// The truth in AdditionalPropertiesItem.
constexpr std::uint32_t kItemBoolean = 2;

namespace operation {
constexpr std::uint32_t kOperationId = 5;
constexpr std::uint32_t kProduces = 6;
constexpr std::uint32_t kConsumes = 7;
constexpr std::uint32_t kParameters = 8;
constexpr std::uint32_t kResponses = 9;
constexpr std::uint32_t kVendorExtension = 13;
}  // namespace operation

/// ParametersItem.parameter, Parameter.non_body_parameter, NonBodyParameter.query_parameter.
constexpr std::uint32_t kParameter = 1;
constexpr std::uint32_t kNonBodyParameter = 2;
constexpr std::uint32_t kQueryParameter = 3;

namespace query {
constexpr std::uint32_t kIn = 2;
constexpr std::uint32_t kDescription = 3;
constexpr std::uint32_t kName = 4;
constexpr std::uint32_t kType = 6;
constexpr std::uint32_t kUniqueItems = 20;
}  // namespace query

/// Responses.response_code, ResponseValue.response, Response.description.
constexpr std::uint32_t kResponseCode = 1;
constexpr std::uint32_t kResponse = 1;
constexpr std::uint32_t kResponseDescription = 1;

void append_text(std::string& out, std::uint32_t field, const Value& text) {
  if (!text.text().empty()) append_bytes_field(out, field, text.text());
}

void append_texts(std::string& out, std::uint32_t field, const Value& texts) {
  const json::Array* array = texts.as_array();
  if (array == nullptr) return;
  for (const Value& text : *array)
    append_bytes_field(out, field, text.text());
}

/// A value of any form travels as YAML; JSON is YAML.
void append_any(std::string& out, std::uint32_t field, const Value& value) {
  const MessageField any(out, field);
  append_bytes_field(out, kAnyYaml, json::write(value));
}

/// Members that begin with `x-`.
void append_extensions(std::string& out, std::uint32_t field, const Value& from) {
  for (const auto& [key, value] : *from.as_object()) {
    if (!key.starts_with("x-")) continue;
    const MessageField extension(out, field);
    append_bytes_field(out, named::kName, key);
    append_any(out, named::kValue, value);
  }
}

double number_of(const Value& value) {
  if (const auto number = value.as_double()) return *number;
  return static_cast<double>(value.as_int64().value_or(0));
}

/// What bounds a value, and what it is unless it is given.
void append_bounds(std::string& out, const Value& from) {
  for (const schema::Plain& field : schema::kDoubles) {
    if (const Value* value = from.find(field.name)) {
      wire::append_fixed64_field(out, field.number,
                                 std::bit_cast<std::uint64_t>(number_of(*value)));
    }
  }
  for (const schema::Plain& field : schema::kTruths) {
    if (from[field.name].as_bool() == true) wire::append_varint_field(out, field.number, 1);
  }
  for (const schema::Plain& field : schema::kCounts) {
    if (const auto count = from[field.name].as_int64())
      wire::append_varint_field(out, field.number, static_cast<std::uint64_t>(*count));
  }
  if (const Value* value = from.find("default")) append_any(out, schema::kDefault, *value);
  if (const json::Array* values = from["enum"].as_array()) {
    for (const Value& value : *values)
      append_any(out, schema::kEnum, value);
  }
}

void append_schema(std::string& out, const Value& from);

// NOLINTNEXTLINE(misc-no-recursion): as deep as the schema
void append_named_schemas(std::string& out, const Value& schemas) {
  for (const auto& [name, value] : *schemas.as_object()) {
    const MessageField entry(out, kAdditionalProperties);
    append_bytes_field(out, named::kName, name);
    const MessageField body(out, named::kValue);
    append_schema(out, value);
  }
}

// NOLINTNEXTLINE(misc-no-recursion): as deep as the schema
void append_schema(std::string& out, const Value& from) {
  for (const schema::Plain& field : schema::kTexts)
    append_text(out, field.number, from[field.name]);
  append_bounds(out, from);
  append_texts(out, schema::kRequired, from["required"]);
  if (const Value* values = from.find("additionalProperties")) {
    const MessageField item(out, schema::kAdditionalPropertiesItem);
    if (const auto allowed = values->as_bool()) {
      wire::append_varint_field(out, kItemBoolean, *allowed ? 1 : 0);
    } else {
      const MessageField body(out, kItem);
      append_schema(out, *values);
    }
  }
  if (const Value* type = from.find("type")) {
    const MessageField item(out, schema::kType);
    append_bytes_field(out, kItem, type->text());
  }
  if (const Value* element = from.find("items")) {
    const MessageField item(out, schema::kItems);
    const MessageField body(out, kItem);
    append_schema(out, *element);
  }
  if (const Value* properties = from.find("properties")) {
    const MessageField body(out, schema::kProperties);
    append_named_schemas(out, *properties);
  }
  append_extensions(out, schema::kVendorExtension, from);
}

void append_query_parameter(std::string& out, const Value& from) {
  const MessageField item(out, operation::kParameters);
  const MessageField parameter(out, kParameter);
  const MessageField non_body(out, kNonBodyParameter);
  const MessageField body(out, kQueryParameter);
  append_text(out, query::kIn, from["in"]);
  append_text(out, query::kDescription, from["description"]);
  append_text(out, query::kName, from["name"]);
  append_text(out, query::kType, from["type"]);
  wire::append_varint_field(out, query::kUniqueItems, 1);
}

void append_operation(std::string& out, const Value& from) {
  append_text(out, operation::kOperationId, from["operationId"]);
  append_texts(out, operation::kProduces, from["produces"]);
  append_texts(out, operation::kConsumes, from["consumes"]);
  for (const Value& parameter : *from["parameters"].as_array())
    append_query_parameter(out, parameter);
  const MessageField responses(out, operation::kResponses);
  for (const auto& [code, response] : *from["responses"].as_object()) {
    const MessageField entry(out, kResponseCode);
    append_bytes_field(out, named::kName, code);
    const MessageField value(out, named::kValue);
    const MessageField body(out, kResponse);
    append_text(out, kResponseDescription, response["description"]);
  }
}

void append_paths(std::string& out, const Value& paths) {
  for (const auto& [path, item] : *paths.as_object()) {
    const MessageField entry(out, kPathsPath);
    append_bytes_field(out, named::kName, path);
    const MessageField body(out, named::kValue);
    const MessageField patch(out, kPathItemPatch);
    append_operation(out, item["patch"]);
    append_extensions(out, operation::kVendorExtension, item["patch"]);
  }
}

}  // namespace

std::string openapi_v2_protobuf(const Value& from) {
  std::string out;
  append_text(out, document::kSwagger, from["swagger"]);
  {
    const MessageField head(out, document::kInfo);
    append_text(out, info::kTitle, from["info"]["title"]);
    append_text(out, info::kVersion, from["info"]["version"]);
  }
  {
    const MessageField paths(out, document::kPaths);
    append_paths(out, from["paths"]);
  }
  const MessageField definitions(out, document::kDefinitions);
  append_named_schemas(out, from["definitions"]);
  return out;
}

}  // namespace insula::api
