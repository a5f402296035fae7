#include "api/openapi.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "json/parse.h"
#include "json/write.h"

namespace insula::api {
namespace {

using json::Value;

Value document(std::string_view path) {
  const auto text = openapi_document(path);
  EXPECT_TRUE(text.has_value()) << path;
  return text ? json::parse(*text).value_or(Value("no JSON")) : Value();
}

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

TEST(OpenApi, IndexLeadsToADocumentForEveryGroupAndVersion) {
  const Value index = json::parse(openapi_index()).value();
  ASSERT_NE(index["paths"].find("api/v1"), nullptr);
  ASSERT_NE(index["paths"].find("apis/apps/v1"), nullptr);
  for (const auto& [path, entry] : *index["paths"].as_object()) {
    EXPECT_TRUE(entry["serverRelativeURL"].text().starts_with("/openapi/v3/" + path + "?hash="))
        << path;
    EXPECT_TRUE(openapi_document(path).has_value()) << path;
  }
  EXPECT_EQ(openapi_document("apis/nope/v1"), std::nullopt);
}

TEST(OpenApi, EveryReferenceHasItsSchema) {
  for (const char* path :
       {"api/v1", "apis/apps/v1", "apis/apiextensions.k8s.io/v1", "apis/insula.dev/v1alpha1"}) {
    const Value doc = document(path);
    std::vector<std::string> refs;
    collect_refs(doc, refs);
    EXPECT_GT(refs.size(), 10U);
    for (const auto& ref : refs) {
      const std::string name = ref.substr(ref.rfind('/') + 1);
      EXPECT_NE(doc["components"]["schemas"].find(name), nullptr) << ref;
    }
  }
}

TEST(OpenApi, PatchOperationsCarryWhatKubectlLooksFor) {
  const Value doc = document("apis/apps/v1");
  const Value& patch =
      doc["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"];
  EXPECT_EQ(json::write(patch["x-kubernetes-group-version-kind"]),
            R"({"group":"apps","version":"v1","kind":"Deployment"})");
  const auto& parameters = *patch["parameters"].as_array();
  EXPECT_TRUE(std::ranges::any_of(parameters, [](const Value& p) {
    return p["name"].text() == "fieldValidation" && p["in"].text() == "query";
  }));
  EXPECT_NE(patch["requestBody"]["content"].find("application/strategic-merge-patch+json"),
            nullptr);
}

TEST(OpenApi, AnswersHaveTheFormatsOfTheirKinds) {
  const auto formats = [](const char* path, const char* object) {
    const Value doc = document(path);
    std::vector<std::string> out;
    for (const auto& media :
         *doc["paths"][object]["get"]["responses"]["200"]["content"].as_object())
      out.push_back(media.key);
    return out;
  };
  EXPECT_EQ(formats("apis/apps/v1", "/apis/apps/v1/namespaces/{namespace}/deployments/{name}"),
            (std::vector<std::string>{"application/json", "application/yaml",
                                      "application/vnd.kubernetes.protobuf"}));
  EXPECT_EQ(formats("apis/insula.dev/v1alpha1", "/apis/insula.dev/v1alpha1/tenants"),
            (std::vector<std::string>{"application/json", "application/yaml"}));
}

TEST(OpenApi, SchemasCarryMergeKeysListTypesAndDescriptions) {
  const Value doc = document("api/v1");
  const Value& schemas = doc["components"]["schemas"];
  const Value& containers = schemas["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"];
  EXPECT_EQ(containers["x-kubernetes-patch-merge-key"].text(), "name");
  EXPECT_EQ(containers["x-kubernetes-patch-strategy"].text(), "merge");
  EXPECT_EQ(containers["x-kubernetes-list-type"].text(), "map");
  EXPECT_EQ(json::write(containers["x-kubernetes-list-map-keys"]), R"(["name"])");
  EXPECT_EQ(containers["items"]["$ref"].text(),
            "#/components/schemas/io.k8s.api.core.v1.Container");
  EXPECT_FALSE(containers["description"].text().empty());
  // The sources of a volume stand beside its name, and volumes retain the keys of one source.
  EXPECT_NE(schemas["io.k8s.api.core.v1.Volume"]["properties"].find("emptyDir"), nullptr);
  EXPECT_EQ(
      schemas["io.k8s.api.core.v1.PodSpec"]["properties"]["volumes"]["x-kubernetes-patch-strategy"]
          .text(),
      "merge,retainKeys");
  EXPECT_EQ(json::write(schemas["io.k8s.api.core.v1.Pod"]["x-kubernetes-group-version-kind"]),
            R"([{"group":"","version":"v1","kind":"Pod"}])");
}

TEST(OpenApi, EveryTypeAndFieldSaysWhatItMeans) {
  const Value doc = document("api/v1");
  for (const auto& [name, schema] : *doc["components"]["schemas"].as_object()) {
    EXPECT_FALSE(schema["description"].text().empty()) << name;
    if (schema.find("properties") == nullptr) continue;
    for (const auto& [field, property] : *schema["properties"].as_object()) {
      EXPECT_FALSE(property["description"].text().empty()) << name << "." << field;
    }
  }
}

TEST(OpenApi, NamesTheValuesThatTextsMayHave) {
  const Value doc = document("api/v1");
  const auto property = [&](std::string_view type, std::string_view name) {
    return doc["components"]["schemas"]["io.k8s.api.core.v1." + std::string(type)]["properties"]
              [name];
  };
  EXPECT_EQ(json::write(property("PodSpec", "restartPolicy")["enum"]),
            R"(["Always","Never","OnFailure"])");
  EXPECT_EQ(json::write(property("PersistentVolumeClaimSpec", "accessModes")["items"]),
            R"({"type":"string","enum":["ReadOnlyMany","ReadWriteMany","ReadWriteOnce",)"
            R"("ReadWriteOncePod"]})");
  EXPECT_EQ((*property("HostPathVolumeSource", "type")["enum"].as_array())[0].text(), "");
  EXPECT_TRUE(property("PodSpec", "hostname")["enum"].is_null());
}

TEST(OpenApi, DescribesTheSchemasOfDefinitions) {
  const Value doc = document("apis/apiextensions.k8s.io/v1");
  const std::string package = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.";
  const Value& schemas = doc["components"]["schemas"];
  const Value& properties = schemas[package + "JSONSchemaProps"]["properties"];
  EXPECT_EQ(properties["properties"]["additionalProperties"]["$ref"].text(),
            "#/components/schemas/" + package + "JSONSchemaProps");
  EXPECT_EQ(json::write(properties["maxLength"]), R"({"type":"integer","format":"int64"})");
  EXPECT_EQ(properties["x-kubernetes-validations"]["x-kubernetes-list-map-keys"].as_array()->size(),
            1U);
  EXPECT_EQ(json::write(schemas[package + "ValidationRule"]["required"]), R"(["rule"])");
}

}  // namespace
}  // namespace insula::api
