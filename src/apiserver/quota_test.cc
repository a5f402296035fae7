#include "apiserver/quota.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/codec.h"
#include "api/gen/core_v1.h"
#include "apiserver/test_server.h"

namespace insula::apiserver {
namespace {

using ::testing::HasSubstr;

constexpr const char* kPods = "/api/v1/namespaces/a/pods";
constexpr const char* kQuotas = "/api/v1/namespaces/a/resourcequotas";

std::string pod(std::string_view name, std::string_view resources) {
  return fmt::format(
      R"({{"metadata":{{"name":"{}"}},"spec":{{"containers":[{{"name":"c","image":"i","resources":{}}}]}}}})",
      name, resources);
}

std::string gpus(int count) {
  return fmt::format(R"({{"limits":{{"nvidia.com/gpu":"{}"}}}})", count);
}

class QuotaTest : public ::testing::Test {
 protected:
  void SetUp() override {
    server.send("POST", "/api/v1/namespaces", R"({"metadata":{"name":"a"}})");
  }

  void make_quota(std::string_view name, std::string_view hard, std::string_view more = "") {
    const auto made = server.send(
        "POST", kQuotas,
        fmt::format(R"({{"metadata":{{"name":"{}"}},"spec":{{"hard":{}{}}}}})", name, hard, more));
    ASSERT_EQ(made.status, 201) << made.body;
  }

  std::string used(std::string_view name, std::string_view key) {
    const auto quota = server.parsed(server.send("GET", fmt::format("{}/{}", kQuotas, name)));
    return std::string(quota["status"]["used"][key].text());
  }

  std::string message(const http::Response& response) {
    return std::string(server.parsed(response)["message"].text());
  }

  TestServer server;
};

TEST_F(QuotaTest, CountsWhatIsThereWhenAQuotaIsMade) {
  ASSERT_EQ(server.send("POST", kPods, pod("x", gpus(2))).status, 201);
  make_quota("q", R"({"pods":"5","requests.nvidia.com/gpu":"8"})");
  EXPECT_EQ(used("q", "pods"), "1");
  EXPECT_EQ(used("q", "requests.nvidia.com/gpu"), "2");
}

TEST_F(QuotaTest, RefusesWhatWouldExceedItInKubernetesWords) {
  make_quota("q", R"({"requests.nvidia.com/gpu":"8"})");
  ASSERT_EQ(server.send("POST", kPods, pod("w", gpus(7))).status, 201);
  const auto refused = server.send("POST", kPods, pod("x", gpus(2)));
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(
      message(refused),
      "pods \"x\" is forbidden: exceeded quota: q, requested: requests.nvidia.com/gpu=2, used: "
      "requests.nvidia.com/gpu=7, limited: requests.nvidia.com/gpu=8");
  EXPECT_EQ(used("q", "requests.nvidia.com/gpu"), "7");
}

TEST_F(QuotaTest, ResourcesOfThePodCountForItsContainers) {
  make_quota("q", R"({"limits.memory":"1Gi","requests.memory":"1Gi"})");
  const auto made = server.send(
      "POST", kPods,
      R"({"metadata":{"name":"x"},"spec":{"resources":{"requests":{"memory":"1Gi"},"limits":{"memory":"1Gi"}},
          "containers":[{"name":"c","image":"i"}]}})");
  EXPECT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(used("q", "requests.memory"), "1Gi");
}

TEST_F(QuotaTest, DemandsThatPodsSayWhatTheyNeed) {
  make_quota("q", R"({"limits.memory":"1Gi","requests.cpu":"2"})");
  const auto refused = server.send("POST", kPods, pod("x", "{}"));
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(message(refused),
            "pods \"x\" is forbidden: failed quota: q: must specify limits.memory for: c; "
            "requests.cpu for: c");
}

TEST_F(QuotaTest, TakesALimitOfZeroForNone) {
  make_quota("q", R"({"limits.cpu":"2","limits.memory":"1Gi"})");
  const auto refused =
      server.send("POST", kPods, pod("x", R"({"limits":{"cpu":"1","memory":"0"}})"));
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(message(refused),
            "pods \"x\" is forbidden: failed quota: q: must specify limits.memory for: c");
}

TEST_F(QuotaTest, ALimitRangeGivesItsDefaultForALimitOfZero) {
  const auto made = server.send(
      "POST", "/api/v1/namespaces/a/limitranges",
      R"({"metadata":{"name":"l"},"spec":{"limits":[{"type":"Container","default":{"memory":"64Mi"}}]}})");
  ASSERT_EQ(made.status, 201) << made.body;
  make_quota("q", R"({"limits.memory":"1Gi"})");
  const auto created = server.send("POST", kPods, pod("x", R"({"limits":{"memory":"0"}})"));
  ASSERT_EQ(created.status, 201) << created.body;
  EXPECT_EQ(used("q", "limits.memory"), "64Mi");
}

TEST_F(QuotaTest, AMaximumOfALimitRangeRefusesALimitOfZero) {
  const auto made = server.send(
      "POST", "/api/v1/namespaces/a/limitranges",
      R"({"metadata":{"name":"l"},"spec":{"limits":[{"type":"Container","max":{"memory":"64Mi"},)"
      R"("default":{"cpu":"1"}}]}})");
  ASSERT_EQ(made.status, 201) << made.body;
  // The maximum is the default as well.
  ASSERT_EQ(server.send("POST", kPods, pod("x", R"({"limits":{"memory":"0"}})")).status, 201);
  const auto x = server.parsed(server.send("GET", std::string(kPods) + "/x"));
  EXPECT_EQ((*x["spec"]["containers"].as_array())[0]["resources"]["limits"]["memory"].text(),
            "64Mi");
}

TEST_F(QuotaTest, GivesBackWhatAPodHeldWhenItIsGoneOrHasEnded) {
  make_quota("q", R"({"pods":"1","count/pods":"5"})");
  ASSERT_EQ(server.send("POST", kPods, pod("x", "{}")).status, 201);
  EXPECT_EQ(server.send("POST", kPods, pod("y", "{}")).status, 403);
  const auto ended =
      server.send("PATCH", std::string(kPods) + "/x/status", R"({"status":{"phase":"Succeeded"}})",
                  "application/merge-patch+json");
  ASSERT_EQ(ended.status, 200) << ended.body;
  EXPECT_EQ(used("q", "pods"), "0");
  EXPECT_EQ(used("q", "count/pods"), "1");
  ASSERT_EQ(server.send("POST", kPods, pod("y", "{}")).status, 201);
  ASSERT_EQ(server.send("DELETE", std::string(kPods) + "/y?gracePeriodSeconds=0").status, 200);
  EXPECT_EQ(used("q", "pods"), "0");
}

TEST_F(QuotaTest, CountsObjectsOfAnyKind) {
  make_quota("q", R"({"configmaps":"1","count/secrets":"1"})");
  EXPECT_EQ(
      server.send("POST", "/api/v1/namespaces/a/configmaps", R"({"metadata":{"name":"m"}})").status,
      201);
  EXPECT_EQ(
      server.send("POST", "/api/v1/namespaces/a/configmaps", R"({"metadata":{"name":"n"}})").status,
      403);
  EXPECT_EQ(
      server.send("POST", "/api/v1/namespaces/a/secrets", R"({"metadata":{"name":"m"}})").status,
      201);
  EXPECT_EQ(
      server.send("POST", "/api/v1/namespaces/a/secrets", R"({"metadata":{"name":"n"}})").status,
      403);
}

TEST_F(QuotaTest, NamesSomeKindsWithoutTheWordCount) {
  make_quota("q", R"({"replicationcontrollers":"1","persistentvolumeclaims":"1"})");
  const auto made = [this](const char* plural, const char* object) {
    return server.send("POST", std::string("/api/v1/namespaces/a/") + plural, object).status;
  };
  for (const int status : {201, 403}) {
    EXPECT_EQ(made("replicationcontrollers",
                   R"({"metadata":{"generateName":"r"},"spec":{"selector":{"a":"b"},"template":{
                       "metadata":{"labels":{"a":"b"}},
                       "spec":{"containers":[{"name":"c","image":"i"}]}}}})"),
              status);
    EXPECT_EQ(made("persistentvolumeclaims",
                   R"({"metadata":{"generateName":"c"},"spec":{"accessModes":["ReadWriteOnce"],
                       "resources":{"requests":{"storage":"1Gi"}}}})"),
              status);
  }
}

TEST_F(QuotaTest, ChargesNothingOnADryRun) {
  make_quota("q", R"({"pods":"1"})");
  EXPECT_EQ(server.send("POST", std::string(kPods) + "?dryRun=All", pod("x", "{}")).status, 201);
  EXPECT_EQ(used("q", "pods"), "0");
}

TEST_F(QuotaTest, AdmitsExactlyTheLimitOfAHundredRacingCreates) {
  make_quota("q", R"({"requests.nvidia.com/gpu":"17"})");
  std::vector<Task<Result<http::Response>>> creates;
  for (int i = 0; i < 100; ++i)
    creates.push_back(server.client.send(
        server.origin, server.request("POST", kPods, pod(fmt::format("p{}", i), gpus(1))),
        server.deadline()));
  int admitted = 0;
  int refused = 0;
  for (const auto& answer : server.run(all(std::move(creates)))) {
    ASSERT_TRUE(answer);
    (answer->status == 201 ? admitted : refused) += 1;
    if (answer->status != 201) EXPECT_EQ(answer->status, 403) << answer->body;
  }
  EXPECT_EQ(admitted, 17);
  EXPECT_EQ(refused, 83);
  EXPECT_EQ(used("q", "requests.nvidia.com/gpu"), "17");
}

TEST_F(QuotaTest, HoldsOverAllNamespacesOfItsGroup) {
  ASSERT_EQ(server.send("POST", "/api/v1/namespaces", R"({"metadata":{"name":"b"}})").status, 201);
  for (const char* name_space : {"a", "b"}) {
    const auto made =
        server.send("POST", fmt::format("/api/v1/namespaces/{}/resourcequotas", name_space),
                    R"({"metadata":{"name":"q","annotations":{"insula.dev/shared-quota":"g"}},)"
                    R"("spec":{"hard":{"requests.nvidia.com/gpu":"3"}}})");
    ASSERT_EQ(made.status, 201) << made.body;
  }
  make_quota("other", R"({"requests.nvidia.com/gpu":"9"})");
  ASSERT_EQ(server.send("POST", kPods, pod("x", gpus(2))).status, 201);
  const auto refused = server.send("POST", "/api/v1/namespaces/b/pods", pod("y", gpus(2)));
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(
      message(refused),
      "pods \"y\" is forbidden: exceeded quota: q, requested: requests.nvidia.com/gpu=2, used: "
      "requests.nvidia.com/gpu=2, limited: requests.nvidia.com/gpu=3");
  ASSERT_EQ(server.send("POST", "/api/v1/namespaces/b/pods", pod("y", gpus(1))).status, 201);
  EXPECT_EQ(server.send("POST", kPods, pod("z", gpus(1))).status, 403);
}

TEST_F(QuotaTest, LooksOnlyAtPodsInItsScope) {
  make_quota("q", R"({"pods":"1"})", R"(,"scopes":["BestEffort"])");
  EXPECT_EQ(server.send("POST", kPods, pod("x", R"({"requests":{"cpu":"1"}})")).status, 201);
  EXPECT_EQ(used("q", "pods"), "0");
  EXPECT_EQ(server.send("POST", kPods, pod("y", "{}")).status, 201);
  EXPECT_EQ(server.send("POST", kPods, pod("z", "{}")).status, 403);
}

TEST_F(QuotaTest, FollowsAChangeOfTheLimitAtOnce) {
  make_quota("q", R"({"pods":"1"})");
  const auto raised = server.send("PATCH", std::string(kQuotas) + "/q",
                                  R"({"spec":{"hard":{"pods":"3","configmaps":"2"}}})",
                                  "application/merge-patch+json");
  const json::Value quota = server.parsed(raised);
  EXPECT_EQ(quota["status"]["hard"]["pods"].text(), "3") << raised.body;
  EXPECT_EQ(quota["status"]["used"]["configmaps"].text(), "0");
}

TEST(PodUsage, IsTheLargerOfContainersTogetherAndInitContainersInTurn) {
  const auto pod = api::decode_json<api::Pod>(R"({"spec":{
    "containers":[{"name":"a","resources":{"requests":{"cpu":"1","memory":"1Gi"}}},{"name":"b","resources":{"requests":{"cpu":"500m"}}}],
    "initContainers":[{"name":"i","resources":{"requests":{"cpu":"4"}}},
                      {"name":"s","restartPolicy":"Always","resources":{"requests":{"cpu":"100m"}}}],
    "overhead":{"cpu":"10m"}}})");
  ASSERT_TRUE(pod);
  const Usage usage = pod_usage(*pod);
  EXPECT_EQ(usage.at("requests.cpu").text(), "4010m");
  EXPECT_EQ(usage.at("memory").text(), "1Gi");
  EXPECT_FALSE(usage.contains("limits.cpu"));
}

TEST_F(QuotaTest, LimitRangeDefaultsDecideTheQualityOfService) {
  ASSERT_EQ(server
                .send("POST", "/api/v1/namespaces/a/limitranges",
                      R"({"metadata":{"name":"l"},"spec":{"limits":[{"type":"Container",
                          "default":{"cpu":"1","memory":"1Gi"}}]}})")
                .status,
            201);
  const auto made = server.send("POST", kPods, pod("x", "{}"));
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(server.parsed(made)["status"]["qosClass"].text(), "Guaranteed");
}

TEST_F(QuotaTest, SeesTheDefaultsOfALimitRange) {
  make_quota("q", R"({"limits.memory":"1Gi"})");
  const auto range = server.send("POST", "/api/v1/namespaces/a/limitranges",
                                 R"({"metadata":{"name":"l"},"spec":{"limits":[
    {"type":"Container","default":{"memory":"256Mi"},"defaultRequest":{"memory":"128Mi"},"max":{"memory":"512Mi"}}]}})");
  ASSERT_EQ(range.status, 201) << range.body;
  const auto made = server.send("POST", kPods, pod("x", "{}"));
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_THAT(
      made.body,
      HasSubstr(
          "LimitRanger plugin set: memory request for container c; memory limit for container c"));
  EXPECT_EQ(used("q", "limits.memory"), "256Mi");
  const auto refused = server.send("POST", kPods, pod("y", R"({"limits":{"memory":"2Gi"}})"));
  EXPECT_EQ(
      message(refused),
      "pods \"y\" is forbidden: maximum memory usage per Container is 512Mi, but limit is 2Gi");
}

}  // namespace
}  // namespace insula::apiserver
