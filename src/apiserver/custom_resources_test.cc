#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apiserver/test_custom_resources.h"
#include "async/task_group.h"

namespace insula::apiserver {
namespace {

using ::testing::HasSubstr;

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
                            R"({"apiVersion":"example.com/v1","kind":"Widget",)"
                            R"("metadata":{"name":"w"},"spec":{"size":1,"x":1,"size":2}})");
  EXPECT_EQ(refused.status, 400);
  EXPECT_THAT(message(refused), HasSubstr("strict decoding error: unknown field \"spec.x\", "
                                          "duplicate field \"spec.size\""));
}

TEST_F(CustomResourcesTest, MustSayWhatTheyAre) {
  make("w", R"({"size":2})");
  const std::string bare = R"({"metadata":{"name":"w"},"spec":{"size":1,"color":"red"}})";
  const std::string missing =
      "the object provided is unrecognized (must be of type Widget): Object 'Kind' is missing in "
      "'" +
      bare + R"(' ({"metadata":{"name":"w"},"spec ...))";
  const std::string unversioned = R"({"kind":"Widget","metadata":{"name":"w"},"spec":{"size":1}})";
  const std::string status = std::string(kWidget) + "/status";
  for (const auto& [method, url] :
       {std::pair<std::string, std::string>{"POST", kWidgets}, {"PUT", kWidget}, {"PUT", status}}) {
    const auto refused = server.send(method, url, bare);
    EXPECT_EQ(refused.status, 400) << url;
    EXPECT_EQ(message(refused), missing) << url;
    const auto other = server.send(method, url, unversioned);
    EXPECT_EQ(other.status, 400) << url;
    EXPECT_EQ(message(other),
              "the API version in the data () does not match the expected API "
              "version (example.com/v1)");
  }
  const auto gadget = server.send(
      "POST", kWidgets,
      R"({"apiVersion":"example.com/v1","kind":"Gadget","metadata":{"name":"g"},"spec":{"size":1}})");
  EXPECT_EQ(gadget.status, 422);
  EXPECT_EQ(message(gadget),
            "Gadget.example.com \"g\" is invalid: kind: Invalid value: \"Gadget\": must be Widget");
  const json::Value details = server.parsed(gadget)["details"];
  EXPECT_EQ(std::string(details["kind"].text()) + " " + std::string(details["name"].text()),
            "Gadget g");
  const auto yaml = server.send("POST", kWidgets, "metadata: {name: x}", "application/yaml");
  EXPECT_EQ(yaml.status, 400);
  EXPECT_THAT(message(yaml),
              HasSubstr("'metadata: {name: x}' (6d657461646174613a207b6e616d653a2078"));
  // What is built in may leave it to the URL.
  EXPECT_EQ(post("/api/v1/namespaces/a/configmaps", R"({"metadata":{"name":"c"}})").status, 201);
  const auto scaled = server.send("PUT", std::string(kWidget) + "/scale",
                                  R"({"metadata":{"name":"w"},"spec":{"replicas":2}})");
  EXPECT_EQ(scaled.status, 200) << scaled.body;
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
  const auto negative = patch(url, R"({"spec":{"replicas":-1}})");
  EXPECT_EQ(negative.status, 422);
  EXPECT_EQ(message(negative),
            "Widget.example.com \"w\" is invalid: .spec.replicas: Invalid value: -1: should be a "
            "non-negative integer");
}

TEST_F(CustomResourcesTest, HasNoScaleWithoutReplicas) {
  ASSERT_EQ(redefine([](json::Value& spec) {
              (*spec["versions"].as_array())[0]["subresources"]["scale"]["specReplicasPath"] =
                  ".spec.free.replicas";
            }).status,
            200);
  make("w", R"({"size":2})");
  const auto scale = server.send("GET", std::string(kWidget) + "/scale");
  EXPECT_EQ(scale.status, 500);
  EXPECT_THAT(message(scale),
              HasSubstr("the spec replicas field \".spec.free.replicas\" does not"));
  EXPECT_EQ(patch(std::string(kWidget) + "/scale", R"({"spec":{"replicas":4}})").status, 200);
  EXPECT_EQ(get(std::string(kWidget) + "/scale")["spec"]["replicas"].as_int64(), 4);
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
  const auto unknown = patch(
      std::string(kWidget) + "?fieldManager=two",
      R"({"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"w","nothing":3}})",
      "application/apply-patch+yaml");
  EXPECT_EQ(unknown.status, 400) << unknown.body;
  EXPECT_THAT(message(unknown), HasSubstr(".metadata.nothing: field not declared in schema"));
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
  EXPECT_EQ((*table["columnDefinitions"].as_array())[1]["description"].text(),
            "Custom resource definition column (in JSONPath format): .spec.size");
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

TEST_F(CustomResourcesTest, HaveFinalizersOfAnyQualifiedNameAndAWarning) {
  ASSERT_EQ(make("w", R"({"size":2})").status, 201);
  const auto hold = [&](std::string_view finalizers) {
    return patch(kWidget, fmt::format(R"({{"metadata":{{"finalizers":[{}]}}}})", finalizers));
  };
  const auto held = hold(R"("x.example.com","example.com/good")");
  ASSERT_EQ(held.status, 200) << held.body;
  EXPECT_THAT(std::string(held.headers.get("Warning")),
              HasSubstr(R"(metadata.finalizers: \"x.example.com\": prefer a domain-qualified )"
                        "finalizer name including a path (/) to avoid"));
  const auto again = patch(kWidget, R"({"metadata":{"labels":{"a":"b"}}})");
  ASSERT_EQ(again.status, 200) << again.body;
  EXPECT_FALSE(again.headers.contains("Warning")) << "it was said before";
  EXPECT_EQ(hold(R"("a b")").status, 422);
}

TEST_F(CustomResourcesTest, BoundsTheValuesOfAnObject) {
  std::string many = "[0";
  for (int i = 0; i < 1'200'000; ++i)
    many += ",0";
  const auto refused = make("w", R"({"size":1,"free":{"x":)" + many + "]}}");
  EXPECT_EQ(refused.status, 413) << refused.body.substr(0, 200);
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
            "Widget.example.com \"bad\" is invalid: <nil>: Invalid value: a bad name");
  ASSERT_EQ(make("w", R"({"size":2})").status, 201);
  EXPECT_EQ(patch(kWidget, R"({"spec":{"size":3}})").status, 200);
  EXPECT_THAT(message(patch(kWidget, R"({"spec":{"size":1}})")),
              HasSubstr("failed rule: self.spec.size >= oldSelf.spec.size"));
  EXPECT_THAT(message(make("x", R"({"size":"x"})")),
              HasSubstr("some validation rules were not checked because the object was invalid"));
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
  EXPECT_EQ(post(std::string(kWidgets) + "?dryRun=All",
                 R"({"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"w"},)"
                 R"("spec":{"size":1}})")
                .status,
            201);
  EXPECT_EQ(server.send("GET", kWidget).status, 404);
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
  server.allow("alice", "a",
               R"({"apiGroups":["example.com"],"resources":["widgets"],"verbs":["list"]})");
  EXPECT_EQ(list_as_alice().status, 200);
}

TEST_F(CustomResourcesTest, ReadsDefinitionsInProtobufAndNoObjects) {
  EXPECT_EQ(server.send("POST", kWidgets, "k8s", "application/vnd.kubernetes.protobuf").status,
            415);
  EXPECT_EQ(server.send("POST", kDefinitions, "k8s", "application/vnd.kubernetes.protobuf").status,
            400);
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
