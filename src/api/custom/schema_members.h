#pragma once

#include <array>
#include <cstdint>
#include <string_view>

/// The schemas of a CustomResourceDefinition: their keywords, in the order in which they are kept,
/// with their form and their number in protobuf. Private to what reads and writes them.
/// Spec: Kubernetes 1.36, apiextensions.k8s.io/v1 generated.proto, JSONSchemaProps.
namespace insula::api {

/// Members of the messages that lead to the schemas.
inline constexpr std::uint32_t kDefinitionSpec = 2;  // of CustomResourceDefinition
inline constexpr std::uint32_t kSpecVersions = 7;    // of CustomResourceDefinitionSpec
inline constexpr std::uint32_t kVersionSchema = 4;   // of CustomResourceDefinitionVersion
inline constexpr std::uint32_t kOpenApiSchema = 1;   // of CustomResourceValidation

/// What a member of a schema is: on the wire, and in JSON.
enum class SchemaForm : std::uint8_t {
  kText,         // left out when empty
  kPresentText,  // there when it is on the wire
  kFlag,         // left out when false
  kPresentFlag,  // there when it is on the wire
  kInteger,
  kNumber,
  kJson,  // a message with JSON in it
  kSchema,
  kSchemaOrList,
  kSchemaOrFlag,
  kTexts,  // repeated
  kJsons,
  kSchemas,
  kRules,
  kSchemaMap,  // repeated entries
  kDependencyMap,
  kDocumentation,
};

struct SchemaMember {
  std::uint32_t tag;
  std::string_view name;
  SchemaForm form;
};

inline constexpr std::array<SchemaMember, 44> kSchemaMembers = {{
    {1, "id", SchemaForm::kText},
    {2, "$schema", SchemaForm::kText},
    {3, "$ref", SchemaForm::kPresentText},
    {4, "description", SchemaForm::kText},
    {5, "type", SchemaForm::kText},
    {6, "format", SchemaForm::kText},
    {7, "title", SchemaForm::kText},
    {8, "default", SchemaForm::kJson},
    {9, "maximum", SchemaForm::kNumber},
    {10, "exclusiveMaximum", SchemaForm::kFlag},
    {11, "minimum", SchemaForm::kNumber},
    {12, "exclusiveMinimum", SchemaForm::kFlag},
    {13, "maxLength", SchemaForm::kInteger},
    {14, "minLength", SchemaForm::kInteger},
    {15, "pattern", SchemaForm::kText},
    {16, "maxItems", SchemaForm::kInteger},
    {17, "minItems", SchemaForm::kInteger},
    {18, "uniqueItems", SchemaForm::kFlag},
    {19, "multipleOf", SchemaForm::kNumber},
    {20, "enum", SchemaForm::kJsons},
    {21, "maxProperties", SchemaForm::kInteger},
    {22, "minProperties", SchemaForm::kInteger},
    {23, "required", SchemaForm::kTexts},
    {24, "items", SchemaForm::kSchemaOrList},
    {25, "allOf", SchemaForm::kSchemas},
    {26, "oneOf", SchemaForm::kSchemas},
    {27, "anyOf", SchemaForm::kSchemas},
    {28, "not", SchemaForm::kSchema},
    {29, "properties", SchemaForm::kSchemaMap},
    {30, "additionalProperties", SchemaForm::kSchemaOrFlag},
    {31, "patternProperties", SchemaForm::kSchemaMap},
    {32, "dependencies", SchemaForm::kDependencyMap},
    {33, "additionalItems", SchemaForm::kSchemaOrFlag},
    {34, "definitions", SchemaForm::kSchemaMap},
    {35, "externalDocs", SchemaForm::kDocumentation},
    {36, "example", SchemaForm::kJson},
    {37, "nullable", SchemaForm::kFlag},
    {38, "x-kubernetes-preserve-unknown-fields", SchemaForm::kPresentFlag},
    {39, "x-kubernetes-embedded-resource", SchemaForm::kFlag},
    {40, "x-kubernetes-int-or-string", SchemaForm::kFlag},
    {41, "x-kubernetes-list-map-keys", SchemaForm::kTexts},
    {42, "x-kubernetes-list-type", SchemaForm::kPresentText},
    {43, "x-kubernetes-map-type", SchemaForm::kPresentText},
    {44, "x-kubernetes-validations", SchemaForm::kRules},
}};

inline constexpr std::array<SchemaMember, 6> kRuleMembers = {{
    {1, "rule", SchemaForm::kText},
    {2, "message", SchemaForm::kText},
    {3, "messageExpression", SchemaForm::kText},
    {4, "reason", SchemaForm::kPresentText},
    {5, "fieldPath", SchemaForm::kText},
    {6, "optionalOldSelf", SchemaForm::kPresentFlag},
}};

inline constexpr std::array<SchemaMember, 2> kDocumentationMembers = {{
    {1, "description", SchemaForm::kText},
    {2, "url", SchemaForm::kText},
}};

}  // namespace insula::api
