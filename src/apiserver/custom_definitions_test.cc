#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apiserver/kind_index.h"
#include "apiserver/test_custom_resources.h"

namespace insula::apiserver {
namespace {

using ::testing::HasSubstr;

using CustomDefinitionsTest = CustomResourcesTest;

TEST_F(CustomDefinitionsTest, TellsOfKeywordsThatNoSchemaHas) {
  const std::string url = std::string(kDefinitions) + "/widgets.example.com";
  const std::string at =
      "unknown field \\\"spec.versions[0].schema.openAPIV3Schema.properties.spec.minimun\\\"";
  json::Value object = get(url);
  (*object["spec"]["versions"]
        .as_array())[0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["minimun"] = 1;
  const auto refused = server.send("PUT", url + "?fieldValidation=Strict", json::write(object));
  EXPECT_EQ(refused.status, 400);
  EXPECT_THAT(refused.body, HasSubstr("strict decoding error: " + at));
  const auto warned = server.send("PUT", url, json::write(object));
  EXPECT_EQ(warned.status, 200) << warned.body;
  EXPECT_EQ(warned.headers.get("Warning"), "299 - \"" + at + "\"");
  EXPECT_THAT(warned.body, ::testing::Not(HasSubstr("minimun")));
}

TEST_F(CustomDefinitionsTest, EstablishesADefinitionAtOnce) {
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

TEST_F(CustomDefinitionsTest, ShowsInDiscovery) {
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

TEST_F(CustomDefinitionsTest, ShowsInOpenApi) {
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
            R"({"x-kubernetes-preserve-unknown-fields":true})");
  ASSERT_EQ(redefine([](json::Value& spec) {
              (*spec["versions"].as_array())[0]["schema"]["openAPIV3Schema"]["description"] = "New";
            }).status,
            200);
  EXPECT_NE(server.send("GET", "/openapi/v3").body, index);
  EXPECT_THAT(server.send("GET", "/openapi/v3/apis/example.com/v1").body, HasSubstr("\"New\""));
}

TEST_F(CustomDefinitionsTest, PrefersTheMostStableVersion) {
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

TEST_F(CustomDefinitionsTest, ServesOneObjectInAllVersions) {
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

TEST_F(CustomDefinitionsTest, ReadsStoredObjectsByTheNewSchema) {
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

TEST_F(CustomDefinitionsTest, ShowsOtherVersionsWithoutTheirDefaults) {
  ASSERT_EQ(redefine([](json::Value& spec) {
              json::Value other = schema();
              other["properties"]["spec"]["properties"]["shape"] =
                  json::Object{{"type", "string"}, {"default", "round"}};
              other["properties"]["spec"]["properties"].as_object()->erase("free");
              spec["versions"].as_array()->push_back(version("v1beta1", false, std::move(other)));
            }).status,
            200);
  const std::string beta = "/apis/example.com/v1beta1/namespaces/a/widgets";
  const auto made = post(beta, R"({"apiVersion":"example.com/v1beta1","kind":"Widget",)"
                               R"("metadata":{"name":"x"},"spec":{"size":1,"shape":"flat"}})");
  ASSERT_EQ(made.status, 201) << made.body;
  for (const json::Value& object :
       {server.parsed(made), get(beta + "/x"), (*get(beta)["items"].as_array())[0]}) {
    EXPECT_EQ(object["spec"].find("shape"), nullptr);
    EXPECT_EQ(object["spec"]["color"].text(), "red");
  }
  // What a version does not know it does not show.
  ASSERT_EQ(make("w", R"({"size":1,"free":{"x":1}})").status, 201);
  EXPECT_NE(get(kWidget)["spec"].find("free"), nullptr);
  EXPECT_EQ(get(beta + "/w")["spec"].find("free"), nullptr);
}

TEST_F(CustomDefinitionsTest, LetsUnchangedValuesBeThatANewSchemaForbids) {
  make("w", R"({"size":9})");
  ASSERT_EQ(redefine([](json::Value& spec) {
              (*spec["versions"].as_array())[0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
                                            ["properties"]["size"]["maximum"] = 5;
            }).status,
            200);
  EXPECT_EQ(patch(kWidget, R"({"spec":{"color":"green"}})").status, 200);
  EXPECT_EQ(patch(kWidget, R"({"spec":{"size":8}})").status, 422);
}

TEST_F(CustomDefinitionsTest, RefusesNewObjectsOfADefinitionThatIsBeingDeleted) {
  make("w", R"({"size":2})");
  const auto deleted = server.send("DELETE", std::string(kDefinitions) + "/widgets.example.com");
  ASSERT_EQ(deleted.status, 200) << deleted.body;
  const json::Value object = server.parsed(deleted);
  EXPECT_EQ((*object["metadata"]["finalizers"].as_array())[0].text(),
            "customresourcecleanup.apiextensions.k8s.io");
  const auto told = patch(std::string(kDefinitions) + "/widgets.example.com/status",
                          R"({"status":{"acceptedNames":{"categories":["x"]}}})");
  EXPECT_EQ(told.status, 200) << told.body;
  const auto refused = make("x", R"({"size":2})");
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(message(refused),
            "widgets.example.com \"x\" is forbidden: create not allowed while custom resource "
            "definition is terminating");
  EXPECT_EQ(server.send("DELETE", kWidget).status, 200);
  patch(std::string(kDefinitions) + "/widgets.example.com", R"({"metadata":{"finalizers":null}})");
  EXPECT_EQ(server.send("GET", kWidgets).status, 404);
  EXPECT_EQ(server.send("GET", "/apis/example.com").status, 404);
}

TEST_F(CustomDefinitionsTest, GivesNamesToWhoWaitsForThem) {
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

TEST_F(CustomDefinitionsTest, ServesKindsOfTheWholeCluster) {
  json::Value cluster = definition({version("v1", true, schema())});
  cluster["metadata"]["name"] = "gadgets.example.com";
  cluster["spec"]["scope"] = "Cluster";
  cluster["spec"]["names"] = json::Object{{"plural", "gadgets"}, {"kind", "Gadget"}};
  ASSERT_EQ(post(kDefinitions, json::write(cluster)).status, 201);
  const std::string url = "/apis/example.com/v1/gadgets";
  EXPECT_EQ(post(url, R"({"apiVersion":"example.com/v1","kind":"Gadget","metadata":{"name":"g"},)"
                      R"("spec":{"size":1}})")
                .status,
            201);
  EXPECT_EQ(get(url + "/g")["metadata"].find("namespace"), nullptr);
  EXPECT_EQ(server.send("GET", "/apis/example.com/v1/namespaces/a/gadgets/g").status, 404);
}

TEST_F(CustomDefinitionsTest, KeepsWhatADefinitionIsKnownBy) {
  const auto refused = redefine([](json::Value& spec) { spec["scope"] = "Cluster"; });
  EXPECT_EQ(refused.status, 422);
  EXPECT_EQ(message(refused),
            "CustomResourceDefinition.apiextensions.k8s.io \"widgets.example.com\" is invalid: "
            "spec.scope: Invalid value: \"Cluster\": field is immutable");
}

TEST_F(CustomDefinitionsTest, StayTheSameWhenTheyComeBackInProtobuf) {
  constexpr const char* kProtobuf = "application/vnd.kubernetes.protobuf";
  const std::string path = kDefinitions + std::string("/widgets.example.com");
  http::Request read = server.request("GET", path);
  read.headers.set("Accept", kProtobuf);
  const http::Response there = server.send(std::move(read));
  ASSERT_EQ(there.headers.get("Content-Type"), kProtobuf);
  const http::Response written = server.send(server.request("PUT", path, there.body, kProtobuf));
  ASSERT_EQ(written.status, 200) << written.body;
  const json::Value before = get(path);
  EXPECT_EQ(before["metadata"]["generation"].as_int64(), 1);
  EXPECT_EQ(json::write(server.parsed(written)), json::write(before));
}

}  // namespace
}  // namespace insula::apiserver
