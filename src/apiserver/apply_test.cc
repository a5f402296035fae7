#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apiserver/test_server.h"
#include "json/write.h"

namespace insula::apiserver {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kMaps = "/api/v1/namespaces/a/configmaps";
constexpr const char* kDeployments = "/apis/apps/v1/namespaces/a/deployments";
constexpr const char* kApplyType = "application/apply-patch+yaml";

class ApplyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    server_.send("POST", "/api/v1/namespaces", R"({"metadata":{"name":"a"}})");
  }

  http::Response apply(const std::string& path, std::string body, const std::string& query) {
    return server_.send("PATCH", path + "?" + query, std::move(body), kApplyType);
  }

  json::Value get(const std::string& path) { return server_.parsed(server_.send("GET", path)); }

  /// The fields of a manager of the object at `path`, or nothing.
  std::string fields(const std::string& path, std::string_view manager) {
    const json::Value object = get(path);
    const json::Value& entries = object["metadata"]["managedFields"];
    if (!entries.is_array()) return {};
    for (const json::Value& entry : *entries.as_array()) {
      if (entry["manager"].text() == manager) return json::write(entry["fieldsV1"]);
    }
    return {};
  }

  static std::string map(std::string_view data, std::string_view metadata = {}) {
    return fmt::format(
        R"({{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"m"{}}},"data":{}}})",
        metadata, data);
  }

  static std::string deployment(std::string_view spec) {
    return fmt::format(
        R"({{"apiVersion":"apps/v1","kind":"Deployment","metadata":{{"name":"d"}},"spec":{}}})",
        spec);
  }

  TestServer server_;
};

constexpr std::string_view kSpec =
    R"({"replicas":2,"selector":{"matchLabels":{"x":"y"}},"template":{"metadata":{"labels":{"x":"y"}},
        "spec":{"containers":[{"name":"c","image":"i","ports":[{"containerPort":80}]}]}}})";

const std::string kMap = std::string(kMaps) + "/m";
const std::string kDeployment = std::string(kDeployments) + "/d";

TEST_F(ApplyTest, CreatesWhatIsMissingAndOwnsWhatItSays) {
  const auto made = apply(kMap, map(R"({"k":"1"})"), "fieldManager=one");
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(fields(kMap, "one"), R"({"f:data":{"f:k":{}}})");
  const json::Value object = server_.parsed(made);
  const json::Value& entry = (*object["metadata"]["managedFields"].as_array())[0];
  EXPECT_EQ(entry["operation"].text(), "Apply");
  EXPECT_EQ(entry["apiVersion"].text(), "v1");
  EXPECT_EQ(entry["fieldsType"].text(), "FieldsV1");
  EXPECT_FALSE(entry["time"].text().empty());
}

TEST_F(ApplyTest, ReadsYaml) {
  const auto made =
      apply(kMap, "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: m\ndata:\n  k: 'yes'\n",
            "fieldManager=one");
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(get(kMap)["data"]["k"].text(), "yes");
}

TEST_F(ApplyTest, TheSameAgainWritesNothing) {
  apply(kDeployment, deployment(kSpec), "fieldManager=one");
  const json::Value before = get(kDeployment);
  const auto again = apply(kDeployment, deployment(kSpec), "fieldManager=one");
  ASSERT_EQ(again.status, 200) << again.body;
  EXPECT_EQ(server_.parsed(again), before);
}

TEST_F(ApplyTest, AFieldOfAnotherIsAConflictThatNamesIt) {
  apply(kMap, map(R"({"k":"1","l":"1"})"), "fieldManager=one");
  const auto refused = apply(kMap, map(R"({"k":"2"})"), "fieldManager=two");
  ASSERT_EQ(refused.status, 409) << refused.body;
  const json::Value status = server_.parsed(refused);
  EXPECT_EQ(status["reason"].text(), "Conflict");
  EXPECT_EQ(status["message"].text(),
            R"(Apply failed with 1 conflict: conflict with "one": .data.k)");
  const json::Value& cause = (*status["details"]["causes"].as_array())[0];
  EXPECT_EQ(cause["reason"].text(), "FieldManagerConflict");
  EXPECT_EQ(cause["field"].text(), ".data.k");
  EXPECT_EQ(cause["message"].text(), R"(conflict with "one")");

  const auto both = apply(kMap, map(R"({"k":"2","l":"2"})"), "fieldManager=two");
  EXPECT_EQ(server_.parsed(both)["message"].text(),
            "Apply failed with 2 conflicts: conflicts with \"one\":\n- .data.k\n- .data.l");
  EXPECT_EQ(get(kMap)["data"]["k"].text(), "1");
}

TEST_F(ApplyTest, ForceTakesFieldsOver) {
  apply(kMap, map(R"({"k":"1","l":"1"})"), "fieldManager=one");
  const auto forced = apply(kMap, map(R"({"k":"2"})"), "fieldManager=two&force=true");
  ASSERT_EQ(forced.status, 200) << forced.body;
  EXPECT_EQ(get(kMap)["data"]["k"].text(), "2");
  EXPECT_EQ(fields(kMap, "one"), R"({"f:data":{"f:l":{}}})");
  EXPECT_EQ(fields(kMap, "two"), R"({"f:data":{"f:k":{}}})");
}

TEST_F(ApplyTest, EqualValuesAreSharedAndStayUntilTheLastOwnerLeaves) {
  apply(kMap, map(R"({"k":"1"})"), "fieldManager=one");
  ASSERT_EQ(apply(kMap, map(R"({"k":"1","own":"2"})"), "fieldManager=two").status, 200);
  EXPECT_EQ(apply(kMap, map(R"({"own":"2"})"), "fieldManager=two").status, 200);
  EXPECT_EQ(get(kMap)["data"]["k"].text(), "1");
  EXPECT_EQ(apply(kMap, map("{}"), "fieldManager=one").status, 200);
  EXPECT_EQ(get(kMap)["data"].find("k"), nullptr);
  EXPECT_EQ(get(kMap)["data"]["own"].text(), "2");
}

TEST_F(ApplyTest, ElementsOfListsAreOwnedByTheirKeys) {
  ASSERT_EQ(apply(kDeployment, deployment(kSpec), "fieldManager=one").status, 201);
  EXPECT_THAT(
      fields(kDeployment, "one"),
      HasSubstr(
          R"("f:ports":{"k:{\"containerPort\":80,\"protocol\":\"TCP\"}":{".":{},"f:containerPort":{}}})"));
  const auto added = apply(
      kDeployment, deployment(R"({"template":{"spec":{"containers":[{"name":"e","image":"j"}]}}})"),
      "fieldManager=two");
  ASSERT_EQ(added.status, 200) << added.body;
  EXPECT_EQ(get(kDeployment)["spec"]["template"]["spec"]["containers"].as_array()->size(), 2U);
  ASSERT_EQ(apply(kDeployment, deployment("{}"), "fieldManager=two").status, 200);
  const json::Value left = get(kDeployment);
  const auto& containers = *left["spec"]["template"]["spec"]["containers"].as_array();
  ASSERT_EQ(containers.size(), 1U);
  EXPECT_EQ(containers[0]["name"].text(), "c");
}

TEST_F(ApplyTest, TwoElementsWithOneKeyAreRefused) {
  const auto refused =
      apply(kDeployment,
            deployment(R"({"template":{"spec":{"containers":[{"name":"c"},{"name":"c"}]}}})"),
            "fieldManager=one");
  EXPECT_EQ(refused.status, 400);
  EXPECT_THAT(server_.parsed(refused)["message"].text(),
              HasSubstr(R"(.spec.template.spec.containers: duplicate entries for key [name="c"])"));
}

TEST_F(ApplyTest, FinalizersAreASet) {
  apply(kMap, map("{}", R"(,"finalizers":["x/a"])"), "fieldManager=one");
  apply(kMap, map("{}", R"(,"finalizers":["x/b"])"), "fieldManager=two");
  EXPECT_EQ(json::write(get(kMap)["metadata"]["finalizers"]), R"(["x/a","x/b"])");
  EXPECT_EQ(fields(kMap, "two"), R"({"f:data":{},"f:metadata":{"f:finalizers":{"v:\"x/b\"":{}}}})");
  apply(kMap, map("{}"), "fieldManager=one");
  EXPECT_EQ(json::write(get(kMap)["metadata"]["finalizers"]), R"(["x/b"])");
}

TEST_F(ApplyTest, AnEmptyEntryTakesNothingFromOthers) {
  apply(kMap, map(R"({"a":"b"})", R"(,"labels":{"x":"y"})"), "fieldManager=one");
  const auto empty = apply(kMap, map("null", R"(,"labels":null)"), "fieldManager=two");
  ASSERT_EQ(empty.status, 200) << empty.body;
  EXPECT_EQ(json::write(get(kMap)["data"]), R"({"a":"b"})");
  EXPECT_EQ(json::write(get(kMap)["metadata"]["labels"]), R"({"x":"y"})");
  EXPECT_EQ(fields(kMap, "one"), R"({"f:data":{"f:a":{}},"f:metadata":{"f:labels":{"f:x":{}}}})");
}

TEST_F(ApplyTest, NullInPlaceOfAnothersValueIsAConflict) {
  apply(kDeployment, deployment(kSpec), "fieldManager=one");
  const auto refused = apply(kDeployment, deployment(R"({"selector":null})"), "fieldManager=two");
  EXPECT_EQ(refused.status, 409) << refused.body;
  EXPECT_THAT(refused.body, HasSubstr(".spec.selector"));
}

TEST_F(ApplyTest, AListThatIsOwnedWholeIsWhoseItIsWritten) {
  server_.send("POST", "/apis/rbac.authorization.k8s.io/v1/namespaces/a/roles",
               R"({"metadata":{"name":"r"}})");
  const std::string bindings = "/apis/rbac.authorization.k8s.io/v1/namespaces/a/rolebindings";
  const std::string binding = bindings + "/b";
  const auto body = [](std::string_view subjects) {
    return fmt::format(
        R"({{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"RoleBinding","metadata":{{"name":"b"}},{}
            "roleRef":{{"apiGroup":"rbac.authorization.k8s.io","kind":"Role","name":"r"}}}})",
        subjects);
  };
  const std::string bound = body(R"("subjects":[{"kind":"User","name":"u"}],)");
  ASSERT_EQ(server_.send("POST", bindings, bound).status, 201);
  EXPECT_EQ(apply(binding, bound, "fieldManager=two").status, 409) << "its defaults are not said";
  ASSERT_EQ(apply(binding, bound, "fieldManager=two&force=true").status, 200);
  EXPECT_EQ(apply(binding, bound, "fieldManager=two").status, 200);
  ASSERT_EQ(apply(binding, body(""), "fieldManager=two").status, 200);
  EXPECT_TRUE(get(binding)["subjects"].is_null());
}

TEST_F(ApplyTest, SelectorsAreOwnedWhole) {
  apply(kDeployment, deployment(kSpec), "fieldManager=one");
  EXPECT_THAT(fields(kDeployment, "one"), HasSubstr(R"("f:selector":{})"));
}

TEST_F(ApplyTest, UnknownFieldsAreToldWithTheirPath) {
  const auto refused = apply(kDeployment, deployment(R"({"foo":1})"), "fieldManager=one");
  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(server_.parsed(refused)["message"].text(),
            "failed to create typed patch object (a/d; apps/v1, Kind=Deployment): .spec.foo: field "
            "not declared in schema");
}

TEST_F(ApplyTest, OptionsAreChecked) {
  const auto nobody = server_.send("PATCH", kMap, map("{}"), kApplyType);
  EXPECT_EQ(nobody.status, 422);
  EXPECT_EQ(
      server_.parsed(nobody)["message"].text(),
      R"(PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch)");
  const auto force =
      server_.send("PATCH", kMap + "?force=true", "{}", "application/merge-patch+json");
  EXPECT_EQ(force.status, 422);
  EXPECT_THAT(force.body, HasSubstr("force: Forbidden: may not be specified for non-apply patch"));
  const std::string longest(129, 'm');
  EXPECT_EQ(apply(kMap, map("{}"), "fieldManager=" + longest).status, 422);
  EXPECT_EQ(apply(kMap, map("{}"), "fieldManager=a%0Ab").status, 422);
  EXPECT_EQ(
      server_.send("PATCH", kMap + "?fieldManager=one", map("{}"), "application/apply-patch+cbor")
          .status,
      415);
}

TEST_F(ApplyTest, AConfigurationIsOfTheObjectOfTheUrl) {
  const auto managed =
      apply(kMap, map("{}", R"(,"managedFields":[{"manager":"x"}])"), "fieldManager=one");
  EXPECT_EQ(managed.status, 400);
  EXPECT_EQ(server_.parsed(managed)["message"].text(), "metadata.managedFields must be nil");
  const auto version =
      apply(kMap, R"({"apiVersion":"v2","kind":"ConfigMap","metadata":{"name":"m"}})",
            "fieldManager=one");
  EXPECT_EQ(version.status, 400);
  EXPECT_EQ(server_.parsed(version)["message"].text(), "invalid object type: /v2, Kind=ConfigMap");
  EXPECT_EQ(apply(kMap, R"({"apiVersion":"v1","kind":"Secret"})", "fieldManager=one").status, 400);
  EXPECT_EQ(apply(std::string(kMaps) + "/n", map("{}"), "fieldManager=one").status, 400);
  EXPECT_EQ(apply(kMap, "a: [", "fieldManager=one").status, 400);
  EXPECT_EQ(apply(kMap, "kind: ConfigMap\nkind: ConfigMap\n", "fieldManager=one").status, 400);
  EXPECT_EQ(apply(kMap, R"({"kind":"ConfigMap","kind":"ConfigMap"})", "fieldManager=one").status,
            400);
  EXPECT_EQ(apply(kMap, "[]", "fieldManager=one").status, 400);
  EXPECT_EQ(server_.send("GET", kMap).status, 404);
}

TEST_F(ApplyTest, AnIdentityThatIsNotThePresentOneIsRefused) {
  EXPECT_EQ(apply(kMap, map("{}", R"(,"uid":"u")"), "fieldManager=one").status, 409);
  EXPECT_EQ(apply(kMap, map("{}", R"(,"resourceVersion":"7")"), "fieldManager=one").status, 404);
  ASSERT_EQ(apply(kMap, map("{}"), "fieldManager=one").status, 201);
  EXPECT_EQ(apply(kMap, map("{}", R"(,"uid":"u")"), "fieldManager=one").status, 422);
  EXPECT_EQ(apply(kMap, map("{}", R"(,"resourceVersion":"1")"), "fieldManager=one").status, 409);
}

TEST_F(ApplyTest, ADryRunChangesNothing) {
  const auto dry = apply(kMap, map(R"({"k":"1"})"), "fieldManager=one&dryRun=All");
  EXPECT_EQ(dry.status, 201);
  EXPECT_EQ(server_.send("GET", kMap).status, 404);
}

TEST_F(ApplyTest, StatusIsAppliedThroughItsSubresourceOnly) {
  apply(kDeployment, deployment(kSpec), "fieldManager=one");
  const auto status = apply(
      kDeployment + "/status",
      R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d"},"spec":{"replicas":9},
          "status":{"replicas":2}})",
      "fieldManager=two");
  ASSERT_EQ(status.status, 200) << status.body;
  const json::Value object = get(kDeployment);
  EXPECT_EQ(object["spec"]["replicas"].as_int64(), 2);
  EXPECT_EQ(object["status"]["replicas"].as_int64(), 2);
  EXPECT_EQ(fields(kDeployment, "two"), R"({"f:status":{"f:replicas":{}}})");
  const auto conflict = apply(
      kDeployment + "/status",
      R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d"},"status":{"replicas":3}})",
      "fieldManager=three");
  EXPECT_THAT(conflict.body,
              HasSubstr(R"(conflict with \"two\" with subresource \"status\": .status.replicas)"));
  EXPECT_EQ(apply(std::string(kDeployments) + "/nope/status",
                  R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"nope"}})",
                  "fieldManager=two")
                .status,
            404);
}

TEST_F(ApplyTest, AScaleOwnsTheReplicasOfItsObject) {
  apply(kDeployment, deployment(kSpec), "fieldManager=one");
  const std::string scale =
      R"({"apiVersion":"autoscaling/v1","kind":"Scale","metadata":{"name":"d"},"spec":{"replicas":5}})";
  const auto refused = apply(kDeployment + "/scale", scale, "fieldManager=two");
  ASSERT_EQ(refused.status, 409) << refused.body;
  EXPECT_THAT(refused.body, HasSubstr(".spec.replicas"));
  const auto forced = apply(kDeployment + "/scale", scale, "fieldManager=two&force=true");
  ASSERT_EQ(forced.status, 200) << forced.body;
  EXPECT_EQ(server_.parsed(forced)["kind"].text(), "Scale");
  EXPECT_EQ(get(kDeployment)["spec"]["replicas"].as_int64(), 5);
  EXPECT_EQ(fields(kDeployment, "two"), R"({"f:spec":{"f:replicas":{}}})");
  EXPECT_THAT(fields(kDeployment, "one"), Not(HasSubstr("f:replicas")));
}

TEST_F(ApplyTest, AVersionOfAKindIsAppliedAsWhatIsStored) {
  const std::string path = "/apis/autoscaling/v1/namespaces/a/horizontalpodautoscalers/h";
  const auto made = apply(
      path,
      R"({"apiVersion":"autoscaling/v1","kind":"HorizontalPodAutoscaler","metadata":{"name":"h"},
          "spec":{"maxReplicas":4,"targetCPUUtilizationPercentage":55,"scaleTargetRef":{"kind":"Deployment","name":"d"}}})",
      "fieldManager=one");
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(server_.parsed(made)["spec"]["targetCPUUtilizationPercentage"].as_int64(), 55);
  EXPECT_THAT(fields(path, "one"), HasSubstr(R"("f:maxReplicas":{})"));
  EXPECT_THAT(fields(path, "one"), HasSubstr(R"("f:metrics":{})"));
}

TEST_F(ApplyTest, WhoAppliesByKubectlKeepsWhatTheAnnotationSays) {
  const std::string last =
      R"({\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"m\"},\"data\":{\"k\":\"1\"}})";
  server_.send("POST", std::string(kMaps) + "?fieldManager=kubectl-client-side-apply",
               map(R"({"k":"1"})",
                   R"(,"annotations":{"kubectl.kubernetes.io/last-applied-configuration":")" +
                       last + "\"}"));
  EXPECT_EQ(apply(kMap, map(R"({"k":"2"})"), "fieldManager=other").status, 409);
  const auto applied = apply(kMap, map(R"({"k":"2"})"), "fieldManager=kubectl");
  ASSERT_EQ(applied.status, 200) << applied.body;
  EXPECT_EQ(get(kMap)["data"]["k"].text(), "2");
  EXPECT_THAT(
      std::string(
          get(kMap)["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"]
              .text()),
      HasSubstr(R"("k":"2")"));
}

TEST_F(ApplyTest, WhatKubectlDidNotApplyLastIsAConflictToItAsWell) {
  const std::string last =
      R"({\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"m\"},\"data\":{\"k\":\"1\"}})";
  server_.send("POST", std::string(kMaps) + "?fieldManager=kubectl-client-side-apply",
               map(R"({"k":"1"})",
                   R"(,"annotations":{"kubectl.kubernetes.io/last-applied-configuration":")" +
                       last + "\"}"));
  server_.send("PATCH", kMap + "?fieldManager=kubectl-edit", R"({"data":{"k":"3"}})",
               "application/merge-patch+json");
  const auto refused = apply(kMap, map(R"({"k":"2"})"), "fieldManager=kubectl");
  ASSERT_EQ(refused.status, 409) << refused.body;
  EXPECT_EQ(server_.parsed(refused)["message"].text(),
            R"(Apply failed with 1 conflict: conflict with "kubectl-edit" using v1: .data.k)");
}

TEST_F(ApplyTest, WhoMayPatchButNotCreateAppliesWhatIsThereOnly) {
  server_.allow("ann", "a", R"({"verbs":["patch"],"apiGroups":[""],"resources":["configmaps"]})");
  const auto by_ann = [&] {
    auto request = server_.request("PATCH", kMap + "?fieldManager=one", map("{}"), kApplyType);
    request.headers.set("Impersonate-User", "ann");
    return server_.send(std::move(request));
  };
  const auto refused = by_ann();
  EXPECT_EQ(refused.status, 403);
  EXPECT_THAT(refused.body, HasSubstr(R"(User \"ann\" cannot create resource \"configmaps\")"));
  ASSERT_EQ(apply(kMap, map("{}"), "fieldManager=two").status, 201);
  const auto applied = by_ann();
  EXPECT_EQ(applied.status, 200) << applied.body;
}

TEST_F(ApplyTest, AnObjectThatNobodyTracksWasSomebodysBefore) {
  server_.send("POST", kMaps, map(R"({"k":"1"})"));
  server_.send("PATCH", kMap, R"({"metadata":{"managedFields":[{}]}})",
               "application/merge-patch+json");
  const auto refused = apply(kMap, map(R"({"k":"2"})"), "fieldManager=one");
  EXPECT_THAT(refused.body, HasSubstr(R"(conflict with \"before-first-apply\" using v1: .data.k)"));
  ASSERT_EQ(apply(kMap, map(R"({"l":"2"})"), "fieldManager=one").status, 200);
  EXPECT_EQ(fields(kMap, "before-first-apply"), R"({"f:data":{".":{},"f:k":{}}})");
}

}  // namespace
}  // namespace insula::apiserver
