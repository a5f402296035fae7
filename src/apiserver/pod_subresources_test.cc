#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apiserver/test_server.h"
#include "json/parse.h"
#include "json/write.h"

namespace insula::apiserver {
namespace {

using ::testing::HasSubstr;

constexpr const char* kPod = "/api/v1/namespaces/a/pods/x";
constexpr const char* kMerge = "application/merge-patch+json";
constexpr const char* kStrategic = "application/strategic-merge-patch+json";

class PodSubresourcesTest : public ::testing::Test {
 protected:
  void SetUp() override { make_namespace("{}"); }

  void make_namespace(const std::string& labels) {
    server_.send("POST", "/api/v1/namespaces",
                 fmt::format(R"({{"metadata":{{"name":"a","labels":{}}}}})", labels));
  }

  void make_pod(const std::string& resources = "{}") {
    const auto made = server_.send(
        "POST", "/api/v1/namespaces/a/pods",
        fmt::format(R"({{"metadata":{{"name":"x"}},"spec":{{"nodeName":"n","containers":)"
                    R"([{{"name":"c","image":"i","resources":{}}}]}}}})",
                    resources));
    ASSERT_EQ(made.status, 201) << made.body;
  }

  void make(const std::string& path, const std::string& body) {
    const auto made = server_.send("POST", path, body);
    ASSERT_EQ(made.status, 201) << made.body;
  }

  http::Response debug(const std::string& more = "") {
    return server_.send("PATCH", std::string(kPod) + "/ephemeralcontainers",
                        R"({"spec":{"ephemeralContainers":[{"name":"e","image":"i","resources":{},)"
                        R"("targetContainerName":"c")" +
                            more + "}]}}",
                        kStrategic);
  }

  http::Response resize(const std::string& resources) {
    return server_.send(
        "PATCH", std::string(kPod) + "/resize",
        fmt::format(R"({{"spec":{{"containers":[{{"name":"c","resources":{}}}]}}}})", resources),
        kStrategic);
  }

  void make_quota(const std::string& hard, const std::string& name = "q") {
    make("/api/v1/namespaces/a/resourcequotas",
         fmt::format(R"({{"metadata":{{"name":"{}"}},"spec":{{"hard":{}}}}})", name, hard));
  }

  /// What a node says that has observed the generation, and whose container has the resources.
  void report(int generation, const std::string& resources) {
    const json::Value parsed = *json::parse(resources);
    const json::Value* requests = parsed.find("requests");
    const auto done = server_.send(
        "PATCH", std::string(kPod) + "/status",
        fmt::format(R"({{"status":{{"observedGeneration":{},"containerStatuses":[{{"name":"c",)"
                    R"("image":"i","imageID":"i","ready":true,"restartCount":0,)"
                    R"("state":{{"running":{{}}}},"allocatedResources":{},"resources":{}}}]}}}})",
                    generation, requests == nullptr ? "{}" : json::write(*requests), resources),
        kMerge);
    ASSERT_EQ(done.status, 200) << done.body;
  }

  json::Value get(const std::string& path) { return server_.parsed(server_.send("GET", path)); }

  std::string used(const std::string& key, const std::string& name = "q") {
    return std::string(
        get("/api/v1/namespaces/a/resourcequotas/" + name)["status"]["used"][key].text());
  }

  TestServer server_;
};

TEST_F(PodSubresourcesTest, AddsAnEphemeralContainerAsKubectlDebugDoes) {
  make_pod();
  const auto added = debug();
  ASSERT_EQ(added.status, 200) << added.body;
  const json::Value pod = get(std::string(kPod) + "/ephemeralcontainers");
  EXPECT_EQ(pod["metadata"]["generation"].as_int64(), 2);
  ASSERT_EQ(pod["spec"]["ephemeralContainers"].as_array()->size(), 1U);
  const json::Value& container = (*pod["spec"]["ephemeralContainers"].as_array())[0];
  EXPECT_EQ(container["terminationMessagePolicy"].text(), "File");
  EXPECT_EQ(json::write(get(kPod)), json::write(pod));
}

TEST_F(PodSubresourcesTest, ReplacesNothingButEphemeralContainers) {
  make_pod();
  json::Value pod = get(kPod);
  pod["metadata"]["labels"]["a"] = "b";
  pod["spec"]["hostname"] = "h";
  json::Value container;
  container["name"] = "e";
  container["image"] = "i";
  pod["spec"]["ephemeralContainers"] = json::Array{container};
  const auto put =
      server_.send("PUT", std::string(kPod) + "/ephemeralcontainers", json::write(pod));
  ASSERT_EQ(put.status, 200) << put.body;
  const json::Value now = get(kPod);
  EXPECT_EQ(now["spec"]["ephemeralContainers"].as_array()->size(), 1U);
  EXPECT_EQ(now["metadata"].find("labels"), nullptr);
  EXPECT_EQ(now["spec"].find("hostname"), nullptr);
  const auto gone = server_.send("PATCH", std::string(kPod) + "/ephemeralcontainers",
                                 R"([{"op":"remove","path":"/spec/ephemeralContainers"}])",
                                 "application/json-patch+json");
  EXPECT_EQ(gone.status, 422);
  EXPECT_THAT(gone.body, HasSubstr(R"(existing ephemeral containers \"e\" may not be removed)"));
}

TEST_F(PodSubresourcesTest, HoldsEphemeralContainersToTheLevelOfTheNamespace) {
  make_pod();
  server_.send("PATCH", "/api/v1/namespaces/a",
               R"({"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"baseline"}}})",
               kMerge);
  const auto refused = debug(R"(,"securityContext":{"privileged":true})");
  EXPECT_EQ(refused.status, 403);
  EXPECT_THAT(refused.body, HasSubstr(R"(violates PodSecurity \"baseline:latest\": privileged)"));
  EXPECT_EQ(debug().status, 200);
}

TEST_F(PodSubresourcesTest, BoundsEphemeralContainersThatRunAtOnceInATenantsPod) {
  make("/api/v1/namespaces",
       R"({"metadata":{"name":"t","ownerReferences":[{"apiVersion":"insula.dev/v1alpha1",)"
       R"("kind":"Tenant","name":"t","uid":"u","controller":true}]}})");
  const std::string pod = "/api/v1/namespaces/t/pods/x";
  const auto add = [&](const std::string& path, int number) {
    return server_.send(
        "PATCH", path + "/ephemeralcontainers",
        fmt::format(R"({{"spec":{{"ephemeralContainers":[{{"name":"e{}","image":"i"}}]}}}})",
                    number),
        kStrategic);
  };
  make("/api/v1/namespaces/t/pods",
       R"({"metadata":{"name":"x"},"spec":{"containers":[{"name":"c","image":"i"}]}})");
  for (int i = 0; i < 10; ++i)
    ASSERT_EQ(add(pod, i).status, 200);
  const auto refused = add(pod, 10);
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(
      server_.parsed(refused)["message"].text(),
      "pods \"x\" is forbidden: at most 10 ephemeral containers may run at once in a tenant's "
      "pod, and this would make 11: wait until some have ended");
  const auto ended = server_.send(
      "PATCH", pod + "/status",
      R"({"status":{"ephemeralContainerStatuses":[{"name":"e3","image":"i","imageID":"",)"
      R"("ready":false,"restartCount":0,"state":{"terminated":{"exitCode":0}}}]}})",
      kMerge);
  ASSERT_EQ(ended.status, 200) << ended.body;
  EXPECT_EQ(add(pod, 10).status, 200);
  EXPECT_EQ(add(pod, 11).status, 403);
  make_pod();
  for (int i = 0; i < 11; ++i)
    EXPECT_EQ(add(kPod, i).status, 200) << "nobody's tenant";
}

TEST_F(PodSubresourcesTest, ListsBothSubresourcesWithTheirVerbs) {
  const json::Value list = get("/api/v1");
  int found = 0;
  for (const json::Value& resource : *list["resources"].as_array()) {
    if (resource["name"].text() != "pods/ephemeralcontainers" &&
        resource["name"].text() != "pods/resize")
      continue;
    ++found;
    EXPECT_EQ(json::write(resource["verbs"]), R"(["get","patch","update"])");
    EXPECT_EQ(resource["kind"].text(), "Pod");
  }
  EXPECT_EQ(found, 2);
}

void make_node(TestServer& server, const std::string& cpu) {
  server.send("POST", "/api/v1/nodes", R"({"metadata":{"name":"n"}})");
  const auto done = server.send(
      "PATCH", "/api/v1/nodes/n/status",
      fmt::format(R"({{"status":{{"allocatable":{{"cpu":"{}","memory":"8Gi"}}}}}})", cpu), kMerge);
  ASSERT_EQ(done.status, 200) << done.body;
}

TEST_F(PodSubresourcesTest, ChangesCpuAndMemoryOfAPod) {
  make_node(server_, "4");
  make_pod(R"({"requests":{"cpu":"1","memory":"1Gi"}})");
  const auto resized = resize(R"({"requests":{"cpu":"2"},"limits":{"memory":"2Gi"}})");
  ASSERT_EQ(resized.status, 200) << resized.body;
  const json::Value pod = get(std::string(kPod) + "/resize");
  EXPECT_EQ(json::write((*pod["spec"]["containers"].as_array())[0]["resources"]),
            R"({"limits":{"memory":"2Gi"},"requests":{"cpu":"2","memory":"1Gi"}})");
  EXPECT_EQ(pod["metadata"]["generation"].as_int64(), 2);
}

TEST_F(PodSubresourcesTest, RefusesAResizeThatTheWholeNodeCouldNotHold) {
  make_node(server_, "4");
  make_pod(R"({"requests":{"cpu":"1"}})");
  const auto refused = resize(R"({"requests":{"cpu":"5"}})");
  EXPECT_EQ(refused.status, 403);
  const json::Value status = server_.parsed(refused);
  EXPECT_EQ(status["message"].text(),
            "pods \"x\" is forbidden: node didn't have enough allocatable resources: cpu, "
            "requested: 5000, allocatable: 4000");
  EXPECT_EQ((*status["details"]["causes"].as_array())[0]["reason"].text(), "NodeCapacity");
}

TEST_F(PodSubresourcesTest, HoldsAResizeToTheLimitRangesOfTheNamespace) {
  make_node(server_, "4");
  make("/api/v1/namespaces/a/limitranges",
       R"({"metadata":{"name":"l"},"spec":{"limits":[{"type":"Container","max":{"cpu":"2"}}]}})");
  make_pod(R"({"requests":{"cpu":"1"},"limits":{"cpu":"1"}})");
  const auto refused = resize(R"({"limits":{"cpu":"3"}})");
  EXPECT_EQ(refused.status, 403);
  EXPECT_THAT(refused.body, HasSubstr("maximum cpu usage per Container is 2, but limit is 3"));
  EXPECT_EQ(resize(R"({"limits":{"cpu":"2"}})").status, 200);
}

TEST_F(PodSubresourcesTest, ChargesAResizeToTheQuotaAndGivesBackWhatTheNodeGaveBack) {
  make_node(server_, "4");
  make("/api/v1/namespaces/a/resourcequotas",
       R"({"metadata":{"name":"q"},"spec":{"hard":{"requests.cpu":"3"}}})");
  make_pod(R"({"requests":{"cpu":"1"}})");
  EXPECT_EQ(used("requests.cpu"), "1");
  const auto refused = resize(R"({"requests":{"cpu":"3500m"}})");
  EXPECT_EQ(refused.status, 403);
  EXPECT_THAT(refused.body, HasSubstr("exceeded quota: q, requested: requests.cpu=2500m, used: "
                                      "requests.cpu=1, limited: requests.cpu=3"));
  ASSERT_EQ(resize(R"({"requests":{"cpu":"3"}})").status, 200);
  EXPECT_EQ(used("requests.cpu"), "3");
  report(2, R"({"requests":{"cpu":"3"}})");
  ASSERT_EQ(resize(R"({"requests":{"cpu":"2"}})").status, 200);
  EXPECT_EQ(used("requests.cpu"), "3") << "the node still holds it";
  report(3, R"({"requests":{"cpu":"2"}})");
  EXPECT_EQ(used("requests.cpu"), "2");
}

constexpr const char* kHold = "insula.dev/resize-hold";

TEST_F(PodSubresourcesTest, ChargesWhatTheNodeMayHaveGivenUntilItHasSeenALaterResize) {
  make_node(server_, "4");
  make_quota(R"({"limits.memory":"10Gi"})");
  make_pod(R"({"requests":{"memory":"64Mi"},"limits":{"memory":"512Mi"}})");
  report(1, R"({"limits":{"memory":"512Mi"}})");
  ASSERT_EQ(resize(R"({"limits":{"memory":"9Gi"}})").status, 200);
  ASSERT_EQ(resize(R"({"limits":{"memory":"256Mi"}})").status, 200);
  EXPECT_EQ(used("limits.memory"), "9Gi") << "the node may have given it already";
  report(1, R"({"limits":{"memory":"512Mi"}})");
  EXPECT_EQ(used("limits.memory"), "9Gi") << "it had not seen either";
  make_quota(R"({"limits.memory":"10Gi"})", "r");
  EXPECT_EQ(used("limits.memory", "r"), "9Gi") << "counted anew";
  const auto forged =
      server_.send("PATCH", kPod,
                   fmt::format(R"({{"metadata":{{"annotations":{{"{}":null}}}}}})", kHold), kMerge);
  ASSERT_EQ(forged.status, 200) << forged.body;
  EXPECT_EQ(used("limits.memory"), "9Gi") << "not the owner's to lower";
  report(3, R"({"limits":{"memory":"256Mi"}})");
  EXPECT_EQ(used("limits.memory"), "256Mi");
  EXPECT_EQ(get(kPod)["metadata"]["annotations"].find(kHold), nullptr);
}

TEST_F(PodSubresourcesTest, RefusesAResizeToNoLimitWhereAQuotaWantsOne) {
  make_node(server_, "4");
  make_pod(R"({"requests":{"cpu":"500m","memory":"0"},"limits":{"cpu":"1","memory":"64Mi"}})");
  EXPECT_EQ(resize(R"({"limits":{"memory":"0"}})").status, 200);
  ASSERT_EQ(resize(R"({"limits":{"memory":"64Mi"}})").status, 200);
  make_quota(R"({"limits.memory":"1Gi","requests.cpu":"5"})");
  const auto refused = resize(R"({"limits":{"memory":"0"}})");
  EXPECT_EQ(refused.status, 403);
  EXPECT_THAT(refused.body, HasSubstr("failed quota: q: must specify limits.memory for: c"));
}

TEST_F(PodSubresourcesTest, AMaximumHoldsAgainstAResizeToNoLimit) {
  make_node(server_, "4");
  make(
      "/api/v1/namespaces/a/limitranges",
      R"({"metadata":{"name":"l"},"spec":{"limits":[{"type":"Container","max":{"memory":"1Gi"}}]}})");
  make_pod(R"({"requests":{"cpu":"500m","memory":"0"},"limits":{"cpu":"1","memory":"64Mi"}})");
  const auto refused = resize(R"({"limits":{"memory":"0"}})");
  EXPECT_EQ(refused.status, 403);
  EXPECT_THAT(refused.body,
              HasSubstr("maximum memory usage per Container is 1Gi.  No limit is specified"));
}

TEST_F(PodSubresourcesTest, NeverRefusesTheReportOfANodeByAQuota) {
  make_quota(R"({"limits.memory":"1Gi"})");
  make_pod(R"({"requests":{"memory":"64Mi"},"limits":{"memory":"512Mi"}})");
  report(1, R"({"limits":{"memory":"9Gi"}})");
  EXPECT_EQ(used("limits.memory"), "9Gi") << "it is so, whatever is allowed";
}

}  // namespace
}  // namespace insula::apiserver
