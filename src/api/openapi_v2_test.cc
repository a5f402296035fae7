#include "api/openapi_v2.h"

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "api/protobuf_wire.h"
#include "json/write.h"

namespace insula::api {
namespace {

using json::Value;

void collect_refs(const Value& value, std::vector<std::string>& refs) {
  if (const auto* array = value.as_array()) {
    for (const Value& element : *array)
      collect_refs(element, refs);
  } else if (const auto* object = value.as_object()) {
    for (const auto& member : *object) {
      if (member.key == "$ref") refs.emplace_back(member.value.text());
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

}  // namespace
}  // namespace insula::api
