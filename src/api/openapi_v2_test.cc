#include "api/openapi_v2.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "api/custom/custom_kinds.h"
#include "api/protobuf_wire.h"
#include "api/test_objects.h"
#include "json/write.h"

namespace insula::api {
namespace {

using json::Object;
using json::Value;

void collect_refs(const Value& value, std::vector<std::string>& refs) {
  if (const auto* array = value.as_array()) {
    for (const Value& element : *array)
      collect_refs(element, refs);
  } else if (const auto* object = value.as_object()) {
    for (const auto& member : *object) {
      if (member.key == "$ref" && member.value.is_string()) refs.emplace_back(member.value.text());
      collect_refs(member.value, refs);
    }
  }
}

/// The content of every field of a message, by its number.
std::multimap<std::uint32_t, std::string> fields_of(std::string_view message) {
  std::multimap<std::uint32_t, std::string> out;
  wire::Reader reader(message);
  wire::Field field;
  while (!reader.at_end()) {
    if (!reader.next(field)) {
      ADD_FAILURE() << "no message";
      break;
    }
    out.emplace(field.tag, field.type == wire::Type::kBytes ? std::string(field.bytes)
                                                            : std::to_string(field.number));
  }
  return out;
}

/// The content of the only field of this number.
std::string only(std::string_view message, std::uint32_t number) {
  const auto fields = fields_of(message);
  EXPECT_EQ(fields.count(number), 1U) << number;
  const auto found = fields.find(number);
  return found == fields.end() ? std::string() : found->second;
}

/// The value of the entry with this name in a list of named messages.
std::string entry(std::string_view message, std::uint32_t list, std::string_view name) {
  const auto fields = fields_of(message);
  const auto [begin, end] = fields.equal_range(list);
  const auto found =
      std::find_if(begin, end, [&](const auto& each) { return only(each.second, 1) == name; });
  if (found == end) {
    ADD_FAILURE() << "no entry " << name;
    return {};
  }
  return only(found->second, 2);
}

/// What the document of a custom kind with this schema, in flow style, says of it.
Value custom_definition(const std::string& schema) {
  auto definition = read_object(
                        R"(
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: widgets, kind: Widget}
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: )" +
                        schema + R"(}}]
status:
  acceptedNames: {plural: widgets, kind: Widget, listKind: WidgetList}
  conditions: [{type: Established, status: 'True', reason: x, message: x}])")
                        .as<CustomResourceDefinition>();
  CustomKinds kinds;
  kinds.put(definition);
  const Kind* const widget = kinds.served().back();
  const Value document = openapi_v2({&widget, 1});
  return document["definitions"]["com.example.v1.Widget"];
}

/// What it says of the property `p` with this schema, as JSON.
std::string custom_property(const std::string& schema) {
  const Value widget = custom_definition("{type: object, properties: {p: " + schema + "}}");
  return json::write(widget["properties"]["p"]);
}

TEST(OpenApiV2, EveryReferenceHasItsDefinition) {
  const Value document = openapi_v2();
  EXPECT_EQ(document["swagger"].text(), "2.0");
  std::vector<std::string> refs;
  collect_refs(document["definitions"], refs);
  EXPECT_GT(refs.size(), 500U);
  constexpr std::string_view kPrefix = "#/definitions/";
  for (const std::string& ref : refs) {
    ASSERT_TRUE(ref.starts_with(kPrefix)) << ref;
    EXPECT_NE(document["definitions"].find(ref.substr(kPrefix.size())), nullptr) << ref;
  }
}

TEST(OpenApiV2, DefinitionsSayWhatOlderClientsRead) {
  const Value document = openapi_v2();
  const Value& definitions = document["definitions"];
  const Value& deployment = definitions["io.k8s.api.apps.v1.Deployment"];
  EXPECT_EQ(json::write(deployment["x-kubernetes-group-version-kind"]),
            R"([{"group":"apps","version":"v1","kind":"Deployment"}])");
  // A reference stands beside its description, where OpenAPI v3 has allOf.
  const Value& spec = deployment["properties"]["spec"];
  EXPECT_EQ(spec["$ref"].text(), "#/definitions/io.k8s.api.apps.v1.DeploymentSpec");
  EXPECT_FALSE(spec["description"].text().empty());
  const Value& containers = definitions["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"];
  EXPECT_EQ(containers["x-kubernetes-patch-merge-key"].text(), "name");
  EXPECT_EQ(containers["items"]["$ref"].text(), "#/definitions/io.k8s.api.core.v1.Container");
  EXPECT_EQ(json::write(definitions["io.k8s.api.core.v1.PodSpec"]["required"]),
            R"(["containers"])");
  EXPECT_EQ(
      json::write(definitions["io.k8s.api.core.v1.PodSpec"]["properties"]["restartPolicy"]["enum"]),
      R"(["Always","Never","OnFailure"])");
  // Either of two types is a text, which clients take a number for.
  EXPECT_EQ(definitions["io.k8s.apimachinery.pkg.util.intstr.IntOrString"]["type"].text(),
            "string");
  EXPECT_EQ(definitions["io.k8s.apimachinery.pkg.api.resource.Quantity"]["type"].text(), "string");
}

TEST(OpenApiV2, PatchesTellThatDryRunsAreKnown) {
  const Value document = openapi_v2();
  const Value& patch =
      document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"];
  EXPECT_EQ(json::write(patch["x-kubernetes-group-version-kind"]),
            R"({"group":"apps","version":"v1","kind":"Deployment"})");
  EXPECT_TRUE(std::ranges::any_of(*patch["parameters"].as_array(), [](const Value& each) {
    return each["name"].text() == "dryRun" && each["in"].text() == "query";
  }));
}

TEST(OpenApiV2, CustomKindsKeepTheirBoundsAndLoseTheirAlternatives) {
  EXPECT_EQ(custom_property("{type: string, enum: [a, b], pattern: a|b, default: a, minLength: 1}"),
            R"({"type":"string","enum":["a","b"],"pattern":"a|b","default":"a","minLength":1})");
  EXPECT_EQ(custom_property("{type: integer, format: int32, minimum: 1, exclusiveMinimum: true, "
                            "not: {enum: [3]}, anyOf: [{maximum: 5}, {minimum: 7}]}"),
            R"({"type":"integer","format":"int32","minimum":1,"exclusiveMinimum":true})");
  EXPECT_EQ(custom_property("{x-kubernetes-int-or-string: true, "
                            "anyOf: [{type: integer}, {type: string}]}"),
            R"({"x-kubernetes-int-or-string":true})");
  EXPECT_EQ(custom_property("{type: array, maxItems: 2, items: {type: object, required: [n], "
                            "properties: {n: {type: string}}}}"),
            R"({"type":"array","maxItems":2,"items":{"type":"object","required":["n"],)"
            R"("properties":{"n":{"type":"string"}}}})");
}

TEST(OpenApiV2, CustomKindsSayNothingOfWhatClientsWouldRefuse) {
  EXPECT_EQ(custom_property("{type: object, description: d, "
                            "x-kubernetes-preserve-unknown-fields: true, "
                            "properties: {a: {type: string}}}"),
            R"({"description":"d","x-kubernetes-preserve-unknown-fields":true})");
  EXPECT_EQ(custom_property("{type: array, x-kubernetes-preserve-unknown-fields: true, "
                            "items: {type: string}}"),
            R"({"x-kubernetes-preserve-unknown-fields":true})");
  EXPECT_EQ(custom_property("{type: string, nullable: true, maxLength: 3}"), R"({"maxLength":3})");
  EXPECT_EQ(custom_property("{type: object, required: [a, b], properties: "
                            "{a: {type: string, nullable: true}, b: {type: string}}}"),
            R"({"type":"object","required":["b"],)"
            R"("properties":{"a":{},"b":{"type":"string"}}})");
}

TEST(OpenApiV2, CustomKindsHaveTheMembersOfAllObjects) {
  const Value widget =
      custom_definition("{type: object, description: A widget., properties: {p: {type: string}}}");
  EXPECT_EQ(widget["description"].text(), "A widget.");
  EXPECT_EQ(widget["properties"]["metadata"]["$ref"].text(),
            "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta");
  EXPECT_EQ(widget["properties"]["kind"]["type"].text(), "string");
  constexpr const char* kKind = R"([{"group":"example.com","version":"v1","kind":"Widget"}])";
  EXPECT_EQ(json::write(widget["x-kubernetes-group-version-kind"]), kKind);
  // Of what may have any members nothing is known, not even that it has metadata.
  EXPECT_EQ(json::write(custom_definition("{type: object, description: A widget., "
                                          "x-kubernetes-preserve-unknown-fields: true, "
                                          "properties: {p: {type: string}}}")),
            std::string(R"({"type":"object","x-kubernetes-group-version-kind":)") + kKind + "}");
}

TEST(OpenApiV2, ProtobufSaysTheSame) {
  const std::string document = openapi_v2_protobuf(openapi_v2());
  EXPECT_EQ(only(document, 1), "2.0");
  const std::string definitions = only(document, 9);
  const std::string deployment = entry(definitions, 1, "io.k8s.api.apps.v1.Deployment");
  EXPECT_EQ(only(only(deployment, 22), 1), "object");
  const std::string spec = entry(only(deployment, 25), 1, "spec");
  EXPECT_EQ(only(spec, 1), "#/definitions/io.k8s.api.apps.v1.DeploymentSpec");
  // An extension is a name and its value as YAML.
  EXPECT_EQ(only(entry(deployment, 31, "x-kubernetes-group-version-kind"), 2),
            R"([{"group":"apps","version":"v1","kind":"Deployment"}])");
  const std::string pod_spec = entry(definitions, 1, "io.k8s.api.core.v1.PodSpec");
  EXPECT_EQ(only(pod_spec, 19), "containers");
  const std::string containers = entry(only(pod_spec, 25), 1, "containers");
  EXPECT_EQ(only(only(only(containers, 23), 1), 1), "#/definitions/io.k8s.api.core.v1.Container");
  const std::string labels =
      entry(only(entry(definitions, 1, "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"), 25), 1,
            "labels");
  EXPECT_EQ(only(only(only(only(labels, 21), 1), 22), 1), "string");

  const std::string item =
      entry(only(document, 8), 2, "/api/v1/namespaces/{namespace}/pods/{name}");
  const std::string patch = only(item, 8);
  const auto fields = fields_of(patch);
  const auto [begin, end] = fields.equal_range(8);
  EXPECT_TRUE(std::any_of(begin, end, [](const auto& parameter) {
    return only(only(only(only(parameter.second, 1), 2), 3), 4) == "dryRun";
  }));
}

TEST(OpenApiV2, ProtobufHasTheBounds) {
  const Value document =
      Object{{"swagger", "2.0"},
             {"paths", Object()},
             {"definitions", Object{{"w", Object{{"type", "integer"},
                                                 {"minimum", 1},
                                                 {"exclusiveMinimum", true},
                                                 {"maxLength", 7},
                                                 {"pattern", "a|b"},
                                                 {"default", Object{{"a", 1}}},
                                                 {"enum", json::Array{1, "b"}}}}}}};
  const std::string schema = entry(only(openapi_v2_protobuf(document), 9), 1, "w");
  EXPECT_EQ(only(schema, 9), std::to_string(std::bit_cast<std::uint64_t>(1.0)));
  EXPECT_EQ(only(schema, 10), "1");
  EXPECT_EQ(only(schema, 11), "7");
  EXPECT_EQ(only(schema, 13), "a|b");
  EXPECT_EQ(only(only(schema, 5), 2), R"({"a":1})");
  std::vector<std::string> values;
  for (const auto& [number, content] : fields_of(schema)) {
    if (number == 20) values.push_back(only(content, 2));
  }
  EXPECT_EQ(values, (std::vector<std::string>{"1", R"("b")"}));
}

}  // namespace
}  // namespace insula::api
