#include "api/custom/definition_protobuf.h"

#include <bit>
#include <initializer_list>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/protobuf.h"
#include "api/protobuf_wire.h"
#include "json/parse.h"
#include "json/write.h"

namespace insula::api {
namespace {

using ::testing::HasSubstr;

std::string text(std::uint32_t tag, std::string_view value) {
  std::string out;
  wire::append_bytes_field(out, tag, value);
  return out;
}

std::string whole(std::uint32_t tag, std::uint64_t value) {
  std::string out;
  wire::append_varint_field(out, tag, value);
  return out;
}

std::string real(std::uint32_t tag, double value) {
  std::string out;
  wire::append_fixed64_field(out, tag, std::bit_cast<std::uint64_t>(value));
  return out;
}

std::string entry(std::uint32_t tag, std::string_view key, std::string_view value) {
  return text(tag, text(1, key) + text(2, value));
}

/// A definition of one version with this schema, as a message in its envelope.
std::string definition(std::string_view schema) {
  CustomResourceDefinition object;
  object.metadata.name = "widgets.example.com";
  object.spec.group = "example.com";
  std::string message;
  encode_protobuf_message(type_of<CustomResourceDefinition>(), &object, message);
  const std::string version = text(1, "v1") + whole(2, 1) + whole(3, 1) + text(4, text(1, schema));
  // A second spec is merged into the first.
  message += text(2, text(7, version));
  std::string out("k8s\0", 4);
  out += text(1, text(1, "apiextensions.k8s.io/v1") + text(2, "CustomResourceDefinition"));
  return out + text(2, message);
}

std::string schema_of(std::string_view message) {
  CustomResourceDefinition object;
  const Result<> read = decode_definition_protobuf(definition(message), object);
  if (!read) return "error: " + read.error().message();
  if (object.spec.versions.size() != 1) return "error: no version";
  auto value = json::parse(object.spec.versions[0].schema->open_apiv3_schema.text);
  if (!value) return value.error().message();
  return json::write(*value);
}

TEST(DefinitionProtobuf, ReadsWhatASchemaSays) {
  EXPECT_EQ(schema_of(text(5, "object") + text(4, "") + whole(10, 0) + whole(37, 1)),
            R"({"type":"object","nullable":true})");
  EXPECT_EQ(schema_of(entry(29, "spec", text(5, "object") + text(23, "a") + text(23, "b"))),
            R"({"properties":{"spec":{"type":"object","required":["a","b"]}}})");
  EXPECT_EQ(schema_of(real(9, 3) + real(11, -0.5) + whole(13, 20)),
            R"({"maximum":3,"minimum":-0.5,"maxLength":20})");
  EXPECT_EQ(schema_of(text(8, text(1, R"({"a":[1]})")) + text(20, text(1, "\"x\"")) +
                      text(20, text(1, "null"))),
            R"({"default":{"a":[1]},"enum":["x",null]})");
  EXPECT_EQ(schema_of(text(24, text(1, text(5, "string")))), R"({"items":{"type":"string"}})");
  EXPECT_EQ(schema_of(text(24, text(2, text(5, "string")) + text(2, text(5, "integer")))),
            R"({"items":[{"type":"string"},{"type":"integer"}]})");
  EXPECT_EQ(schema_of(text(30, whole(1, 1))), R"({"additionalProperties":true})");
  EXPECT_EQ(schema_of(text(30, whole(1, 1) + text(2, text(5, "string")))),
            R"({"additionalProperties":{"type":"string"}})");
  EXPECT_EQ(schema_of(text(27, text(23, "a")) + text(27, text(23, "b"))),
            R"({"anyOf":[{"required":["a"]},{"required":["b"]}]})");
  EXPECT_EQ(schema_of(whole(38, 1) + whole(40, 0) + text(41, "name") + text(42, "map")),
            R"({"x-kubernetes-preserve-unknown-fields":true,"x-kubernetes-list-map-keys":["name"],)"
            R"("x-kubernetes-list-type":"map"})");
  EXPECT_EQ(schema_of(text(44, text(1, "self.a > 0") + text(2, "") + whole(6, 0))),
            R"({"x-kubernetes-validations":[{"rule":"self.a > 0","optionalOldSelf":false}]})");
}

/// The schema after it was written and read again.
std::string again(std::string_view schema) {
  CustomResourceDefinition object;
  object.spec.versions.emplace_back();
  object.spec.versions[0].name = "v1";
  object.spec.versions[0].schema.emplace();
  object.spec.versions[0].schema->open_apiv3_schema.text = schema;
  std::string message;
  encode_definition_protobuf(object, message);
  CustomResourceDefinition read;
  const Result<> done = decode_definition_protobuf(
      protobuf_envelope("apiextensions.k8s.io/v1", "CustomResourceDefinition", message), read);
  if (!done) return "error: " + done.error().message();
  if (read.spec.versions.size() != 1 || !read.spec.versions[0].schema) return "error: no schema";
  return read.spec.versions[0].schema->open_apiv3_schema.text;
}

TEST(DefinitionProtobuf, WritesWhatItReads) {
  for (const std::string_view schema :
       {R"({"id":"i","$schema":"s","$ref":"r","description":"d","type":"object","format":"f"})",
        R"({"title":"t","default":{"a":[1,null]},"maximum":3,"exclusiveMaximum":true})",
        R"({"default":null})",
        R"({"minimum":-0.5,"exclusiveMinimum":true,"maxLength":20,"minLength":0,"pattern":"^a"})",
        R"({"maxItems":2,"minItems":1,"uniqueItems":true,"multipleOf":0.25,"enum":["x",null,{}]})",
        R"({"maxProperties":2,"minProperties":1,"required":["a","b"]})",
        R"({"items":{"type":"string"}})",
        R"({"items":[{"type":"string"},{"type":"integer"}]})",
        R"({"allOf":[{"required":["a"]}],"oneOf":[{},{"nullable":true}],"not":{"type":"null"}})",
        R"({"properties":{"a":{"properties":{"b":{"type":"integer"}}},"c":{}}})",
        R"({"additionalProperties":true})",
        R"({"additionalProperties":false})",
        R"({"additionalProperties":{"type":"string"}})",
        R"({"patternProperties":{"^x":{"type":"string"}},"definitions":{"d":{"type":"object"}}})",
        R"({"dependencies":{"a":["b","c"],"d":{"type":"object"}},"additionalItems":false})",
        R"({"externalDocs":{"description":"d","url":"u"},"example":{"a":1}})",
        R"({"x-kubernetes-preserve-unknown-fields":false,"x-kubernetes-embedded-resource":true})",
        R"({"x-kubernetes-int-or-string":true,"x-kubernetes-list-map-keys":["name"]})",
        R"({"x-kubernetes-list-type":"map","x-kubernetes-map-type":"atomic"})",
        R"({"x-kubernetes-validations":[{"rule":"r","message":"m","messageExpression":"e",)"
        R"("reason":"FieldValueInvalid","fieldPath":".a","optionalOldSelf":true}]})"})
    EXPECT_EQ(again(schema), schema);
  EXPECT_EQ(again("null"), "");
}

TEST(DefinitionProtobuf, IsWrittenAsKubernetesReadsIt) {
  CustomResourceDefinition object;
  object.spec.versions.emplace_back();
  object.spec.versions[0].schema.emplace();
  object.spec.versions[0].schema->open_apiv3_schema.text =
      R"({"additionalProperties":{"type":"string"},"items":[{}],"default":1})";
  std::string message;
  encode_definition_protobuf(object, message);
  EXPECT_THAT(message,
              HasSubstr(text(4, text(1, text(8, text(1, "1")) + text(24, text(2, "")) +
                                            text(30, whole(1, 1) + text(2, text(5, "string")))))));
}

TEST(DefinitionProtobuf, KeepsTheRest) {
  CustomResourceDefinition object;
  ASSERT_TRUE(decode_definition_protobuf(definition(text(5, "object")), object));
  EXPECT_EQ(object.metadata.name, "widgets.example.com");
  EXPECT_EQ(object.spec.group, "example.com");
  EXPECT_EQ(object.spec.versions.at(0).name, "v1");
  EXPECT_TRUE(object.spec.versions[0].storage);
}

TEST(DefinitionProtobuf, RefusesWhatIsNoSchema) {
  EXPECT_THAT(schema_of(text(8, text(1, "{"))), HasSubstr("a value that is no JSON"));
  EXPECT_THAT(schema_of("\x0a\xff"), HasSubstr("unexpected end or wrong field"));
  std::string deep = text(5, "object");
  for (int i = 0; i < kSchemaDepthMax; ++i)
    deep = text(28, deep);
  EXPECT_THAT(schema_of(deep), HasSubstr("nested deeper than 100 levels"));
  CustomResourceDefinition object;
  EXPECT_FALSE(decode_definition_protobuf("k8s", object));
}

}  // namespace
}  // namespace insula::api
