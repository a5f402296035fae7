#include <functional>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apiserver/kind_index.h"
#include "apiserver/test_server.h"
#include "async/task_group.h"
#include "json/write.h"

namespace insula::apiserver {
namespace {

using ::testing::HasSubstr;

constexpr const char* kDefinitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
constexpr const char* kWidgets = "/apis/example.com/v1/namespaces/a/widgets";
constexpr const char* kWidget = "/apis/example.com/v1/namespaces/a/widgets/w";

constexpr const char* kSchema = R"({
  "type": "object",
  "description": "A thing for tests.",
  "properties": {
    "spec": {
      "type": "object",
      "required": ["size"],
      "properties": {
        "size": {"type": "integer", "minimum": 1, "maximum": 10},
        "color": {"type": "string", "enum": ["red", "green"], "default": "red"},
        "replicas": {"type": "integer", "default": 1},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true,
                 "properties": {"known": {"type": "string"}}},
        "parts": {
          "type": "array",
          "x-kubernetes-list-type": "map",
          "x-kubernetes-list-map-keys": ["name"],
          "items": {
            "type": "object",
            "required": ["name"],
            "properties": {"name": {"type": "string"}, "count": {"type": "integer"}}
          }
        }
      }
    },
    "status": {
      "type": "object",
      "properties": {
        "replicas": {"type": "integer"},
        "selector": {"type": "string"},
        "phase": {"type": "string"}
      }
    }
  }
})";

json::Value schema() {
  return *json::parse(kSchema);
}

json::Value version(std::string_view name, bool storage, json::Value schema) {
  return json::Object{
      {"name", name},
      {"served", true},
      {"storage", storage},
      {"schema", json::Object{{"openAPIV3Schema", std::move(schema)}}},
      {"subresources",
       json::Object{{"status", json::Object()},
                    {"scale", json::Object{{"specReplicasPath", ".spec.replicas"},
                                           {"statusReplicasPath", ".status.replicas"},
                                           {"labelSelectorPath", ".status.selector"}}}}},
      {"selectableFields", json::Array{json::Object{{"jsonPath", ".spec.color"}}}},
      {"additionalPrinterColumns",
       json::Array{
           json::Object{{"name", "Size"}, {"type", "integer"}, {"jsonPath", ".spec.size"}},
           json::Object{{"name", "Phase"},
                        {"type", "string"},
                        {"priority", 1},
                        {"jsonPath", ".status.phase"}},
           json::Object{
               {"name", "Age"}, {"type", "date"}, {"jsonPath", ".metadata.creationTimestamp"}}}}};
}

json::Value definition(json::Array versions) {
  return json::Object{
      {"metadata", json::Object{{"name", "widgets.example.com"}}},
      {"spec", json::Object{{"group", "example.com"},
                            {"scope", "Namespaced"},
                            {"names", json::Object{{"plural", "widgets"},
                                                   {"kind", "Widget"},
                                                   {"shortNames", json::Array{"wd"}},
                                                   {"categories", json::Array{"all"}}}},
                            {"versions", std::move(versions)}}}};
}

class CustomResourcesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(post("/api/v1/namespaces", R"({"metadata":{"name":"a"}})").status, 201);
    const auto made = post(kDefinitions, json::write(definition({version("v1", true, schema())})));
    ASSERT_EQ(made.status, 201) << made.body;
  }

  http::Response post(const std::string& url, const std::string& body) {
    return server.send("POST", url, body);
  }

  http::Response make(std::string_view name, std::string_view spec) {
    return post(kWidgets, fmt::format(R"({{"apiVersion":"example.com/v1","kind":"Widget",)"
                                      R"("metadata":{{"name":"{}"}},"spec":{}}})",
                                      name, spec));
  }

  http::Response patch(const std::string& url,
                       const std::string& body,
                       const char* type = "application/merge-patch+json") {
    return server.send("PATCH", url, body, type);
  }

  json::Value get(const std::string& url) { return server.parsed(server.send("GET", url)); }

  std::string message(const http::Response& response) {
    return std::string(server.parsed(response)["message"].text());
  }

  /// Changes the definition; `edit` gets its spec.
  http::Response redefine(const std::function<void(json::Value& spec)>& edit) {
    json::Value object = get(std::string(kDefinitions) + "/widgets.example.com");
    edit(object["spec"]);
    return server.send("PUT", std::string(kDefinitions) + "/widgets.example.com",
                       json::write(object));
  }

  TestServer server;
};

TEST_F(CustomResourcesTest, EstablishesADefinitionAtOnce) {
  const auto made = get(std::string(kDefinitions) + "/widgets.example.com");
  const json::Array& conditions = *made["status"]["conditions"].as_array();
  ASSERT_EQ(conditions.size(), 2U);
  EXPECT_EQ(conditions[0]["type"].text(), "NamesAccepted");
  EXPECT_EQ(conditions[0]["status"].text(), "True");
  EXPECT_EQ(conditions[1]["type"].text(), "Established");
  EXPECT_EQ(conditions[1]["status"].text(), "True");
  EXPECT_EQ(made["status"]["acceptedNames"]["singular"].text(), "widget");
  EXPECT_EQ(made["status"]["acceptedNames"]["listKind"].text(), "WidgetList");
  EXPECT_EQ((*made["status"]["storedVersions"].as_array())[0].text(), "v1");
  EXPECT_EQ(made["spec"]["conversion"]["strategy"].text(), "None");
}

TEST_F(CustomResourcesTest, KeepsWhatTheSchemaKnowsAndFillsItsDefaults) {
  const auto made = make("w", R"({"size":2,"free":{"any":[{"thing":1}]},"unknown":1,)"
                              R"("parts":[{"name":"p","x":1}]})");
  ASSERT_EQ(made.status, 201) << made.body;
  const json::Value object = server.parsed(made);
  EXPECT_EQ(json::write(object["spec"]),
            R"({"size":2,"free":{"any":[{"thing":1}]},"parts":[{"name":"p"}],"color":"red",)"
            R"("replicas":1})");
  EXPECT_EQ(object["metadata"]["generation"].as_int64(), 1);
  EXPECT_EQ(made.headers.get("Warning"), R"(299 - "unknown field \"spec.parts[0].x\"")");
  EXPECT_EQ(server.send("GET", kWidget).body, made.body);
}

TEST_F(CustomResourcesTest, RefusesUnknownFieldsWhereThatIsWanted) {
  const auto refused = post(std::string(kWidgets) + "?fieldValidation=Strict",
                            R"({"metadata":{"name":"w"},"spec":{"size":1,"x":1,"size":2}})");
  EXPECT_EQ(refused.status, 400);
  EXPECT_THAT(message(refused), HasSubstr("strict decoding error: unknown field \"spec.x\", "
                                          "duplicate field \"spec.size\""));
}

TEST_F(CustomResourcesTest, RefusesWhatTheSchemaForbids) {
  const auto refused = make("w", R"({"size":"big","color":"blue"})");
  EXPECT_EQ(refused.status, 422);
  EXPECT_EQ(message(refused),
            "Widget.example.com \"w\" is invalid: [spec.size: Invalid value: \"string\": spec.size "
            "in body must be of type integer: \"string\", spec.color: Unsupported value: "
            "\"blue\": supported values: \"red\", \"green\"]");
  const json::Value details = server.parsed(refused)["details"];
  EXPECT_EQ(details["kind"].text(), "Widget");
  EXPECT_EQ(details["group"].text(), "example.com");
  EXPECT_EQ((*details["causes"].as_array())[0]["reason"].text(), "FieldValueTypeInvalid");
  EXPECT_EQ(message(make("w", R"({"size":11})")),
            "Widget.example.com \"w\" is invalid: spec.size: Invalid value: 11: spec.size in body "
            "should be less than or equal to 10");
  EXPECT_EQ(message(make("w", "{}")),
            "Widget.example.com \"w\" is invalid: spec.size: Required value");
}

TEST_F(CustomResourcesTest, UpdatesPatchesAndCountsGenerations) {
  json::Value object = server.parsed(make("w", R"({"size":2})"));
  object["spec"]["size"] = 3;
  object["status"]["phase"] = "ignored";
  const auto updated = server.send("PUT", kWidget, json::write(object));
  ASSERT_EQ(updated.status, 200) << updated.body;
  object = server.parsed(updated);
  EXPECT_EQ(object["metadata"]["generation"].as_int64(), 2);
  EXPECT_EQ(object.find("status"), nullptr);
  const auto labelled = server.parsed(patch(kWidget, R"({"metadata":{"labels":{"l":"x"}}})"));
  EXPECT_EQ(labelled["metadata"]["generation"].as_int64(), 2);
  const auto replaced = patch(kWidget, R"([{"op":"replace","path":"/spec/size","value":4}])",
                              "application/json-patch+json");
  EXPECT_EQ(server.parsed(replaced)["spec"]["size"].as_int64(), 4);
  EXPECT_EQ(server.parsed(replaced)["metadata"]["generation"].as_int64(), 3);
  EXPECT_EQ(
      patch(kWidget, R"({"spec":{"size":5}})", "application/strategic-merge-patch+json").status,
      415);
  EXPECT_EQ(patch(kWidget, R"({"spec":{"size":99}})").status, 422);
}

TEST_F(CustomResourcesTest, ReportsStatusByItsSubresourceOnly) {
  make("w", R"({"size":2})");
  const auto reported =
      patch(std::string(kWidget) + "/status", R"({"status":{"phase":"Ready"},"spec":{"size":9}})");
  ASSERT_EQ(reported.status, 200) << reported.body;
  const json::Value object = server.parsed(reported);
  EXPECT_EQ(object["status"]["phase"].text(), "Ready");
  EXPECT_EQ(object["spec"]["size"].as_int64(), 2);
  EXPECT_EQ(object["metadata"]["generation"].as_int64(), 1);
  EXPECT_EQ(server.parsed(patch(kWidget, R"({"status":null})"))["status"]["phase"].text(), "Ready");
}

TEST_F(CustomResourcesTest, ScalesByItsPaths) {
  make("w", R"({"size":2,"replicas":3})");
  patch(std::string(kWidget) + "/status", R"({"status":{"replicas":2,"selector":"app=w"}})");
  const std::string url = std::string(kWidget) + "/scale";
  const json::Value scale = get(url);
  EXPECT_EQ(scale["kind"].text(), "Scale");
  EXPECT_EQ(scale["spec"]["replicas"].as_int64(), 3);
  EXPECT_EQ(scale["status"]["replicas"].as_int64(), 2);
  EXPECT_EQ(scale["status"]["selector"].text(), "app=w");
  const auto scaled = patch(url, R"({"spec":{"replicas":5}})");
  ASSERT_EQ(scaled.status, 200) << scaled.body;
  const json::Value object = get(kWidget);
  EXPECT_EQ(object["spec"]["replicas"].as_int64(), 5);
  EXPECT_EQ(object["metadata"]["generation"].as_int64(), 2);
  EXPECT_EQ(patch(url, R"({"spec":{"replicas":-1}})").status, 422);
}

TEST_F(CustomResourcesTest, AppliesByOwnersOfFields) {
  const auto apply = [&](const std::string& manager, const std::string& spec) {
    return patch(
        std::string(kWidget) + "?fieldManager=" + manager,
        R"({"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"w"},"spec":)" + spec +
            "}",
        "application/apply-patch+yaml");
  };
  ASSERT_EQ(apply("one", R"({"size":2,"parts":[{"name":"p","count":1}]})").status, 201);
  const auto second = apply("two", R"({"parts":[{"name":"q","count":2}]})");
  ASSERT_EQ(second.status, 200) << second.body;
  EXPECT_EQ(server.parsed(second)["spec"]["parts"].as_array()->size(), 2U);
  const auto conflict = apply("two", R"({"size":3})");
  EXPECT_EQ(conflict.status, 409);
  EXPECT_EQ(message(conflict), "Apply failed with 1 conflict: conflict with \"one\": .spec.size");
  const auto undeclared = apply("two", R"({"nothing":3})");
  EXPECT_EQ(undeclared.status, 400) << undeclared.body;
  EXPECT_THAT(message(undeclared), HasSubstr(".spec.nothing: field not declared in schema"));
}

TEST_F(CustomResourcesTest, ListsByLabelsFieldsAndInTables) {
  make("w", R"({"size":2})");
  make("x", R"({"size":3,"color":"green"})");
  const json::Value all = get(kWidgets);
  EXPECT_EQ(all["kind"].text(), "WidgetList");
  EXPECT_EQ(all["items"].as_array()->size(), 2U);
  const json::Value green = get(std::string(kWidgets) + "?fieldSelector=spec.color%3Dgreen");
  ASSERT_EQ(green["items"].as_array()->size(), 1U);
  EXPECT_EQ((*green["items"].as_array())[0]["metadata"]["name"].text(), "x");
  EXPECT_EQ(server.send("GET", std::string(kWidgets) + "?fieldSelector=spec.size%3D2").status, 400);
  auto request = server.request("GET", kWidgets);
  request.headers.set("Accept", "application/json;as=Table;g=meta.k8s.io;v=v1");
  const json::Value table = server.parsed(server.send(std::move(request)));
  std::string headers;
  for (const json::Value& column : *table["columnDefinitions"].as_array())
    headers += std::string(column["name"].text()) + " ";
  EXPECT_EQ(headers, "Name Size Phase Age ");
  EXPECT_EQ((*table["columnDefinitions"].as_array())[2]["priority"].as_int64(), 1);
  const json::Value& cells = (*table["rows"].as_array())[0]["cells"];
  EXPECT_EQ((*cells.as_array())[0].text(), "w");
  EXPECT_EQ((*cells.as_array())[1].as_int64(), 2);
  EXPECT_TRUE((*cells.as_array())[2].is_null());
}

TEST_F(CustomResourcesTest, DeletesOneAndAll) {
  make("w", R"({"size":2})");
  make("x", R"({"size":2})");
  EXPECT_EQ(server.send("DELETE", kWidget).status, 200);
  EXPECT_EQ(server.send("GET", kWidget).status, 404);
  EXPECT_EQ(server.send("DELETE", kWidgets).status, 200);
  EXPECT_TRUE(get(kWidgets)["items"].as_array()->empty());
}

TEST_F(CustomResourcesTest, ShowsInDiscovery) {
  const json::Value list = get("/apis/example.com/v1");
  const json::Value& widget = (*list["resources"].as_array())[0];
  EXPECT_EQ(json::write(widget),
            R"({"name":"widgets","singularName":"widget","namespaced":true,"kind":"Widget",)"
            R"("verbs":["create","delete","deletecollection","get","list","patch","update",)"
            R"("watch"],"shortNames":["wd"],"categories":["all"]})");
  EXPECT_EQ(list["resources"].as_array()->size(), 3U);
  EXPECT_THAT(server.send("GET", "/apis").body, HasSubstr(R"("name":"example.com")"));
  auto request = server.request("GET", "/apis");
  request.headers.set("Accept",
                      "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList");
  EXPECT_THAT(
      server.send(std::move(request)).body,
      HasSubstr(R"("responseKind":{"group":"example.com","version":"v1","kind":"Widget"})"));
}

TEST_F(CustomResourcesTest, ShowsInOpenApi) {
  const std::string index = server.send("GET", "/openapi/v3").body;
  EXPECT_THAT(index, HasSubstr("apis/example.com/v1"));
  const json::Value document = get("/openapi/v3/apis/example.com/v1");
  const json::Value& schema = document["components"]["schemas"]["com.example.v1.Widget"];
  EXPECT_EQ(schema["description"].text(), "A thing for tests.");
  EXPECT_EQ(schema["properties"]["spec"]["properties"]["size"]["maximum"].as_int64(), 10);
  EXPECT_NE(schema["properties"]["metadata"].find("allOf"), nullptr);
  EXPECT_EQ(json::write(schema["x-kubernetes-group-version-kind"]),
            R"([{"group":"example.com","version":"v1","kind":"Widget"}])");
  const json::Value v2 = get("/openapi/v2");
  const json::Value& spec = v2["definitions"]["com.example.v1.Widget"]["properties"]["spec"];
  EXPECT_EQ(spec["type"].text(), "object");
  EXPECT_EQ(json::write(spec["properties"]["free"]),
            R"({"type":"object","x-kubernetes-preserve-unknown-fields":true})");
  ASSERT_EQ(redefine([](json::Value& spec) {
              (*spec["versions"].as_array())[0]["schema"]["openAPIV3Schema"]["description"] = "New";
            }).status,
            200);
  EXPECT_NE(server.send("GET", "/openapi/v3").body, index);
  EXPECT_THAT(server.send("GET", "/openapi/v3/apis/example.com/v1").body, HasSubstr("\"New\""));
}

TEST_F(CustomResourcesTest, PrefersTheMostStableVersion) {
  ASSERT_EQ(redefine([](json::Value& spec) {
              for (const char* name : {"v2alpha1", "foo1", "v1beta2", "v1beta10", "v2", "v10"})
                spec["versions"].as_array()->push_back(version(name, false, schema()));
            }).status,
            200);
  std::string order;
  for (const json::Value& one : *get("/apis/example.com")["versions"].as_array())
    order += std::string(one["version"].text()) + " ";
  EXPECT_EQ(order, "v10 v2 v1 v1beta10 v1beta2 v2alpha1 foo1 ");
}

TEST_F(CustomResourcesTest, BoundsTheValuesOfAnObject) {
  std::string many = "[0";
  for (int i = 0; i < 1'200'000; ++i)
    many += ",0";
  const auto refused = make("w", R"({"size":1,"free":{"x":)" + many + "]}}");
  EXPECT_EQ(refused.status, 413) << refused.body.substr(0, 200);
}

TEST_F(CustomResourcesTest, ServesOneObjectInAllVersions) {
  make("w", R"({"size":2})");
  ASSERT_EQ(redefine([](json::Value& spec) {
              json::Value older = version("v1beta1", false, schema());
              older["deprecated"] = true;
              spec["versions"].as_array()->push_back(std::move(older));
            }).status,
            200);
  const std::string beta = "/apis/example.com/v1beta1/namespaces/a/widgets";
  EXPECT_EQ(get(beta + "/w")["apiVersion"].text(), "example.com/v1beta1");
  EXPECT_EQ(get(kWidget)["apiVersion"].text(), "example.com/v1");
  const auto made = post(beta, R"({"apiVersion":"example.com/v1beta1","kind":"Widget",)"
                               R"("metadata":{"name":"x"},"spec":{"size":1}})");
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(server.parsed(made)["apiVersion"].text(), "example.com/v1beta1");
  EXPECT_EQ(made.headers.get("Warning"), "299 - \"example.com/v1beta1 Widget is deprecated\"");
  EXPECT_THAT(server.store->find("widgets.example.com/a/x")->value,
              HasSubstr(R"("apiVersion":"example.com/v1")"));
  EXPECT_EQ(patch(beta + "/w", R"({"spec":{"size":7}})").status, 200);
  EXPECT_EQ(get(kWidget)["spec"]["size"].as_int64(), 7);
  ASSERT_EQ(redefine([](json::Value& spec) {
              (*spec["versions"].as_array())[1]["served"] = false;
            }).status,
            200);
  EXPECT_EQ(server.send("GET", beta + "/w").status, 404);
}

TEST_F(CustomResourcesTest, ReadsStoredObjectsByTheNewSchema) {
  make("w", R"({"size":2,"free":{"x":1}})");
  ASSERT_EQ(redefine([](json::Value& spec) {
              json::Value& properties =
                  (*spec["versions"].as_array())[0]["schema"]["openAPIV3Schema"]["properties"]
                                                ["spec"]["properties"];
              properties.as_object()->erase("free");
              properties["shape"] = json::Object{{"type", "string"}, {"default", "round"}};
            }).status,
            200);
  for (const json::Value& object : {get(kWidget), (*get(kWidgets)["items"].as_array())[0]}) {
    EXPECT_EQ(object["spec"]["shape"].text(), "round");
    EXPECT_EQ(object["spec"].find("free"), nullptr);
  }
}

TEST_F(CustomResourcesTest, LetsUnchangedValuesBeThatANewSchemaForbids) {
  make("w", R"({"size":9})");
  ASSERT_EQ(redefine([](json::Value& spec) {
              (*spec["versions"].as_array())[0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
                                            ["properties"]["size"]["maximum"] = 5;
            }).status,
            200);
  EXPECT_EQ(patch(kWidget, R"({"spec":{"color":"green"}})").status, 200);
  EXPECT_EQ(patch(kWidget, R"({"spec":{"size":8}})").status, 422);
}

TEST_F(CustomResourcesTest, RefusesNewObjectsOfADefinitionThatIsBeingDeleted) {
  make("w", R"({"size":2})");
  const auto deleted = server.send("DELETE", std::string(kDefinitions) + "/widgets.example.com");
  ASSERT_EQ(deleted.status, 200) << deleted.body;
  const json::Value object = server.parsed(deleted);
  EXPECT_EQ((*object["metadata"]["finalizers"].as_array())[0].text(),
            "customresourcecleanup.apiextensions.k8s.io");
  const auto refused = make("x", R"({"size":2})");
  EXPECT_EQ(refused.status, 405);
  EXPECT_EQ(message(refused), "create not allowed while custom resource definition is terminating");
  EXPECT_EQ(server.send("DELETE", kWidget).status, 200);
  patch(std::string(kDefinitions) + "/widgets.example.com", R"({"metadata":{"finalizers":null}})");
  EXPECT_EQ(server.send("GET", kWidgets).status, 404);
  EXPECT_EQ(server.send("GET", "/apis/example.com").status, 404);
}

TEST_F(CustomResourcesTest, GivesNamesToWhoWaitsForThem) {
  json::Value other = definition({version("v1", true, schema())});
  other["metadata"]["name"] = "gadgets.example.com";
  other["spec"]["names"] =
      json::Object{{"plural", "gadgets"}, {"kind", "Gadget"}, {"shortNames", json::Array{"wd"}}};
  ASSERT_EQ(post(kDefinitions, json::write(other)).status, 201);
  const std::string url = std::string(kDefinitions) + "/gadgets.example.com";
  json::Value waiting = get(url);
  EXPECT_EQ((*waiting["status"]["conditions"].as_array())[0]["reason"].text(),
            "ShortNamesConflict");
  EXPECT_EQ((*waiting["status"]["conditions"].as_array())[0]["message"].text(),
            "\"wd\" is already in use");
  EXPECT_EQ(server.send("GET", "/apis/example.com/v1/namespaces/a/gadgets").status, 404);
  ASSERT_EQ(
      redefine([](json::Value& spec) { spec["names"].as_object()->erase("shortNames"); }).status,
      200);
  EXPECT_EQ((*get(url)["status"]["conditions"].as_array())[1]["status"].text(), "True");
  EXPECT_EQ(server.send("GET", "/apis/example.com/v1/namespaces/a/gadgets").status, 200);
}

TEST_F(CustomResourcesTest, CountsAgainstQuotas) {
  make("w", R"({"size":2})");
  const auto quota =
      post("/api/v1/namespaces/a/resourcequotas",
           R"({"metadata":{"name":"q"},"spec":{"hard":{"count/widgets.example.com":"2"}}})");
  ASSERT_EQ(quota.status, 201) << quota.body;
  EXPECT_EQ(server.parsed(quota)["status"]["used"]["count/widgets.example.com"].text(), "1");
  EXPECT_EQ(make("x", R"({"size":2})").status, 201);
  const auto refused = make("y", R"({"size":2})");
  EXPECT_EQ(refused.status, 403);
  EXPECT_THAT(message(refused), HasSubstr("exceeded quota: q"));
}

TEST_F(CustomResourcesTest, AsksTheRulesOfItsSchema) {
  ASSERT_EQ(
      redefine([](json::Value& spec) {
        (*spec["versions"].as_array())[0]["schema"]["openAPIV3Schema"]["x-kubernetes-validations"] =
            json::Array{
                json::Object{{"rule", "self.metadata.name != 'bad'"}, {"message", "a bad name"}},
                json::Object{{"rule", "self.spec.size >= oldSelf.spec.size"}}};
      }).status,
      200);
  EXPECT_EQ(message(make("bad", R"({"size":2})")),
            "Widget.example.com \"bad\" is invalid: <nil>: Invalid value: \"object\": a bad name");
  ASSERT_EQ(make("w", R"({"size":2})").status, 201);
  EXPECT_EQ(patch(kWidget, R"({"spec":{"size":3}})").status, 200);
  EXPECT_THAT(message(patch(kWidget, R"({"spec":{"size":1}})")),
              HasSubstr("failed rule: self.spec.size >= oldSelf.spec.size"));
  EXPECT_THAT(message(make("x", R"({"size":"x"})")),
              HasSubstr("some validation rules were not checked because the object was invalid"));
}

TEST_F(CustomResourcesTest, ServesKindsOfTheWholeCluster) {
  json::Value cluster = definition({version("v1", true, schema())});
  cluster["metadata"]["name"] = "gadgets.example.com";
  cluster["spec"]["scope"] = "Cluster";
  cluster["spec"]["names"] = json::Object{{"plural", "gadgets"}, {"kind", "Gadget"}};
  ASSERT_EQ(post(kDefinitions, json::write(cluster)).status, 201);
  const std::string url = "/apis/example.com/v1/gadgets";
  EXPECT_EQ(post(url, R"({"metadata":{"name":"g"},"spec":{"size":1}})").status, 201);
  EXPECT_EQ(get(url + "/g")["metadata"].find("namespace"), nullptr);
  EXPECT_EQ(server.send("GET", "/apis/example.com/v1/namespaces/a/gadgets/g").status, 404);
}

TEST_F(CustomResourcesTest, ShowsMetadataAlone) {
  make("w", R"({"size":2})");
  auto request = server.request("GET", kWidgets);
  request.headers.set("Accept", "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1");
  const json::Value list = server.parsed(server.send(std::move(request)));
  EXPECT_EQ(list["kind"].text(), "PartialObjectMetadataList");
  EXPECT_EQ((*list["items"].as_array())[0]["metadata"]["name"].text(), "w");
  EXPECT_EQ((*list["items"].as_array())[0].find("spec"), nullptr);
}

TEST_F(CustomResourcesTest, ChangesNothingInADryRun) {
  EXPECT_EQ(
      post(std::string(kWidgets) + "?dryRun=All", R"({"metadata":{"name":"w"},"spec":{"size":1}})")
          .status,
      201);
  EXPECT_EQ(server.send("GET", kWidget).status, 404);
}

TEST_F(CustomResourcesTest, KeepsWhatADefinitionIsKnownBy) {
  const auto refused = redefine([](json::Value& spec) { spec["scope"] = "Cluster"; });
  EXPECT_EQ(refused.status, 422);
  EXPECT_EQ(message(refused),
            "CustomResourceDefinition.apiextensions.k8s.io \"widgets.example.com\" is invalid: "
            "spec.scope: Invalid value: \"Cluster\": field is immutable");
}

TEST_F(CustomResourcesTest, AreOpenToThoseWithRightsToThem) {
  const auto list_as_alice = [this] {
    auto request = server.request("GET", kWidgets);
    request.headers.set("Impersonate-User", "alice");
    return server.send(std::move(request));
  };
  const auto refused = list_as_alice();
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(message(refused),
            "widgets.example.com is forbidden: User \"alice\" cannot list resource \"widgets\" in "
            "API group \"example.com\" in the namespace \"a\"");
  const std::string rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/a/";
  post(rbac + "roles",
       R"({"metadata":{"name":"r"},"rules":[{"apiGroups":["example.com"],"resources":["widgets"],)"
       R"("verbs":["list"]}]})");
  post(
      rbac + "rolebindings",
      R"({"metadata":{"name":"b"},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"Role",)"
      R"("name":"r"},"subjects":[{"apiGroup":"rbac.authorization.k8s.io","kind":"User",)"
      R"("name":"alice"}]})");
  EXPECT_EQ(list_as_alice().status, 200);
}

TEST_F(CustomResourcesTest, RefusesProtobuf) {
  EXPECT_EQ(server.send("POST", kWidgets, "k8s", "application/vnd.kubernetes.protobuf").status,
            415);
  EXPECT_EQ(server.send("POST", kDefinitions, "k8s", "application/vnd.kubernetes.protobuf").status,
            415);
}

TEST_F(CustomResourcesTest, WatchesObjectsAndEndsWithTheDefinition) {
  make("w", R"({"size":2})");
  // The answer is complete once the watch has ended, which it does long before its time.
  std::string seen;
  auto send = [this](http::Request request) -> Task<std::string> {
    auto answer = co_await server.client.send(server.origin, std::move(request), server.deadline());
    co_return answer ? answer->body : answer.error().message();
  };
  auto change = [&]() -> Task<> {
    (void)co_await send(
        server.request("PATCH", kWidget, R"({"spec":{"size":3}})", "application/merge-patch+json"));
    (void)co_await send(server.request(
        "PATCH", std::string(kDefinitions) + "/widgets.example.com",
        R"([{"op":"add","path":"/spec/versions/0/schema/openAPIV3Schema/title","value":"x"}])",
        "application/json-patch+json"));
  };
  auto both = [&]() -> Task<> {
    TaskGroup others;
    others.spawn(change());
    seen = co_await send(server.request("GET", std::string(kWidgets) + "?watch=1&resourceVersion=" +
                                                   std::to_string(server.store->revision())));
  };
  run_until_complete(server.loop, both());
  EXPECT_THAT(seen, HasSubstr(R"("type":"MODIFIED")"));
  EXPECT_THAT(seen, HasSubstr(R"("size":3)"));
}

TEST_F(CustomResourcesTest, OutlivesARestart) {
  make("w", R"({"size":2})");
  const std::string before = server.send("GET", kWidget).body;
  const auto store = *store::Store::open(std::make_unique<store::MemoryJournal>(server.disk), {});
  Registry registry(*store, server.loop.clock(), server.random);
  KindIndex kinds(*store);
  const api::Kind* kind = kinds.find("example.com", "v1", "widgets");
  ASSERT_NE(kind, nullptr);
  const auto entry = registry.get({kind, "a", "w", ""});
  ASSERT_TRUE(entry);
  EXPECT_EQ((*entry)->value, before);
  ListQuery green;
  green.selectors = *Selectors::parse(*kind, "", "spec.color=red");
  EXPECT_EQ(registry.list({kind, "a", "", ""}, green)->entries.size(), 1U);
}

}  // namespace
}  // namespace insula::apiserver
