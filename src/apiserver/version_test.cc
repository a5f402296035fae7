#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/gen/autoscaling_v1.h"
#include "api/gen/autoscaling_v2.h"
#include "api/gen/core_v1.h"
#include "api/gen/events_v1.h"
#include "apiserver/test_server.h"

namespace insula::apiserver {
namespace {

using ::testing::HasSubstr;

constexpr const char* kFirst = "/apis/autoscaling/v1/namespaces/a/horizontalpodautoscalers";
constexpr const char* kSecond = "/apis/autoscaling/v2/namespaces/a/horizontalpodautoscalers";
constexpr const char* kEvents = "/api/v1/namespaces/a/events";
constexpr const char* kNewEvents = "/apis/events.k8s.io/v1/namespaces/a/events";
constexpr const char* kAutoscaler = R"({"metadata":{"name":"h"},"spec":{"maxReplicas":4,
    "targetCPUUtilizationPercentage":55,"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"d"}}})";

class VersionsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    server_.send("POST", "/api/v1/namespaces", R"({"metadata":{"name":"a"}})");
  }

  json::Value get(const std::string& path) { return server_.parsed(server_.send("GET", path)); }

  TestServer server_;
};

TEST_F(VersionsTest, AnObjectIsWrittenAsOneAndReadAsAnother) {
  const auto made = server_.send("POST", kFirst, kAutoscaler);
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(server_.parsed(made)["apiVersion"].text(), "autoscaling/v1");
  EXPECT_THAT(made.headers.get("Warning"), HasSubstr("nothing is scaled by it"));

  const json::Value second = get(std::string(kSecond) + "/h");
  EXPECT_EQ(second["apiVersion"].text(), "autoscaling/v2");
  const json::Value& metric = (*second["spec"]["metrics"].as_array())[0];
  EXPECT_EQ(metric["resource"]["target"]["averageUtilization"].as_int64(), 55);
  EXPECT_EQ(second["metadata"]["uid"], server_.parsed(made)["metadata"]["uid"]);
  EXPECT_EQ(server_.send("POST", kSecond, kAutoscaler).status, 409);
}

TEST_F(VersionsTest, AChangeInOneVersionKeepsWhatOnlyTheOtherCanSay) {
  server_.send("POST", kSecond, R"({"metadata":{"name":"h"},"spec":{"maxReplicas":4,
      "scaleTargetRef":{"kind":"Deployment","name":"d"},"behavior":{"scaleDown":{"selectPolicy":"Disabled"}}}})");
  const auto patched =
      server_.send("PATCH", std::string(kFirst) + "/h", R"({"spec":{"maxReplicas":7}})",
                   "application/merge-patch+json");
  ASSERT_EQ(patched.status, 200) << patched.body;
  EXPECT_EQ(server_.parsed(patched)["apiVersion"].text(), "autoscaling/v1");
  const json::Value second = get(std::string(kSecond) + "/h");
  EXPECT_EQ(second["spec"]["maxReplicas"].as_int64(), 7);
  EXPECT_EQ(second["spec"]["behavior"]["scaleDown"]["selectPolicy"].text(), "Disabled");
}

TEST_F(VersionsTest, ListsSelectAndTablesAreOfTheVersionAskedFor) {
  const auto made = server_.send("POST", kEvents, R"({"metadata":{"name":"e"},"reason":"Tested",
      "involvedObject":{"kind":"Pod","namespace":"a","name":"p"},"message":"m","type":"Normal"})");
  ASSERT_EQ(made.status, 201) << made.body;
  const json::Value list = get(std::string(kNewEvents) + "?fieldSelector=regarding.name%3Dp");
  EXPECT_EQ(list["kind"].text(), "EventList");
  ASSERT_EQ(list["items"].as_array()->size(), 1U);
  const json::Value& event = (*list["items"].as_array())[0];
  EXPECT_EQ(event["apiVersion"].text(), "events.k8s.io/v1");
  EXPECT_EQ(event["note"].text(), "m");
  EXPECT_TRUE(get(std::string(kNewEvents) + "?fieldSelector=regarding.name%3Dq")["items"]
                  .as_array()
                  ->empty());
  EXPECT_EQ(server_.send("GET", std::string(kNewEvents) + "?fieldSelector=involvedObject.name%3Dp")
                .status,
            400);
  auto request = server_.request("GET", kNewEvents);
  request.headers.set("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io");
  const json::Value table = server_.parsed(server_.send(std::move(request)));
  const json::Value& row = (*table["rows"].as_array())[0];
  EXPECT_EQ((*row["cells"].as_array())[3].text(), "pod/p");
}

TEST_F(VersionsTest, AWatchSeesChangesOfTheOtherVersion) {
  Registry& registry = *server_.registry;
  const Target target{&api::kind_of<api::EventV1>(), "a", "", ""};
  auto watch = registry.watch(target, Selectors(), registry.store().revision());
  ASSERT_TRUE(watch);
  server_.send("POST", kEvents, R"({"metadata":{"name":"e"},"reason":"Tested",
      "involvedObject":{"namespace":"a"},"message":"m"})");
  server_.send("DELETE", std::string(kEvents) + "/e");
  const auto changes = watch->take();
  ASSERT_TRUE(changes);
  ASSERT_EQ(changes->size(), 2U);
  EXPECT_THAT((*changes)[0].entry->value, HasSubstr(R"("apiVersion":"events.k8s.io/v1")"));
  EXPECT_EQ((*changes)[1].type, ObjectEvent::Type::kDeleted);
  EXPECT_THAT((*changes)[1].entry->value, HasSubstr(R"("note":"m")"));
}

TEST_F(VersionsTest, BothVersionsOfAnObjectAreDeletedTogether) {
  server_.send("POST", kFirst, kAutoscaler);
  EXPECT_EQ(server_.send("DELETE", kFirst).status, 200);
  EXPECT_EQ(server_.send("GET", std::string(kSecond) + "/h").status, 404);
}

TEST_F(VersionsTest, ThePreferredVersionIsTheHighest) {
  const json::Value group = get("/apis/autoscaling");
  EXPECT_EQ(group["preferredVersion"]["version"].text(), "v2");
  EXPECT_EQ(group["versions"].as_array()->size(), 2U);
}

TEST_F(VersionsTest, WorkloadsThatNothingActsOnAreScaledAllTheSame) {
  const auto made =
      server_.send("POST", "/apis/apps/v1/namespaces/a/statefulsets",
                   R"({"metadata":{"name":"s"},"spec":{"selector":{"matchLabels":{"a":"b"}},
      "template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"i"}]}}}})");
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_THAT(made.headers.get("Warning"), HasSubstr("StatefulSet is stored but not acted on"));
  const auto scaled = server_.send("PATCH", "/apis/apps/v1/namespaces/a/statefulsets/s/scale",
                                   R"({"spec":{"replicas":3}})", "application/merge-patch+json");
  ASSERT_EQ(scaled.status, 200) << scaled.body;
  EXPECT_EQ(server_.parsed(scaled)["status"]["selector"].text(), "a=b");
  const json::Value set = get("/apis/apps/v1/namespaces/a/statefulsets/s");
  EXPECT_EQ(set["spec"]["replicas"].as_int64(), 3);
  EXPECT_EQ(set["metadata"]["generation"].as_int64(), 2);
}

TEST_F(VersionsTest, AReportOnAnObjectIsNotWarnedOf) {
  server_.send("POST", kSecond, kAutoscaler);
  const auto status = server_.send("PATCH", std::string(kSecond) + "/h/status",
                                   R"({"status":{"currentReplicas":1,"desiredReplicas":1}})",
                                   "application/merge-patch+json");
  ASSERT_EQ(status.status, 200) << status.body;
  EXPECT_EQ(status.headers.get("Warning"), "");
}

TEST_F(VersionsTest, PodsGetThePriorityOfTheirClass) {
  constexpr const char* kClasses = "/apis/scheduling.k8s.io/v1/priorityclasses";
  const auto pod = [&](const std::string& name, const std::string& more) {
    const auto made = server_.send(
        "POST", "/api/v1/namespaces/a/pods",
        fmt::format(
            R"({{"metadata":{{"name":"{}"}},"spec":{{"containers":[{{"name":"c","image":"i"}}]{}}}}})",
            name, more));
    EXPECT_EQ(made.status, 201) << made.body;
    return server_.parsed(made);
  };
  const json::Value none = pod("none", "");
  EXPECT_EQ(none["spec"]["priority"].as_int64(), 0);
  EXPECT_EQ(none["spec"]["preemptionPolicy"].text(), "PreemptLowerPriority");
  server_.send("POST", kClasses,
               R"({"metadata":{"name":"high"},"value":100,"preemptionPolicy":"Never"})");
  server_.send("POST", kClasses,
               R"({"metadata":{"name":"usual"},"value":10,"globalDefault":true})");
  const json::Value high = pod("named", R"(,"priorityClassName":"high")");
  EXPECT_EQ(high["spec"]["priority"].as_int64(), 100);
  EXPECT_EQ(high["spec"]["preemptionPolicy"].text(), "Never");
  const json::Value usual = pod("unnamed", "");
  EXPECT_EQ(usual["spec"]["priorityClassName"].text(), "usual");
  EXPECT_EQ(usual["spec"]["priority"].as_int64(), 10);
  const auto second = server_.send(
      "POST", kClasses, R"({"metadata":{"name":"lower"},"value":5,"globalDefault":true})");
  EXPECT_EQ(second.status, 403);
  EXPECT_THAT(second.body, HasSubstr("PriorityClass usual is already marked as default. Only one "
                                     "default can exist"));
  const auto patched = [&](const std::string& name, bool is_default) {
    return server_
        .send("PATCH", std::string(kClasses) + "/" + name,
              fmt::format(R"({{"globalDefault":{}}})", is_default), "application/merge-patch+json")
        .status;
  };
  EXPECT_EQ(patched("high", true), 403);
  EXPECT_EQ(patched("usual", true), 200);
  EXPECT_EQ(patched("usual", false), 200);
  EXPECT_EQ(patched("high", true), 200);
}

TEST_F(VersionsTest, AnIngressWithoutAClassGetsTheDefaultOne) {
  const std::string classes = "/apis/networking.k8s.io/v1/ingressclasses";
  const auto add_class = [&](std::string_view name, bool is_default) {
    const auto made = server_.send(
        "POST", classes,
        fmt::format(
            R"({{"metadata":{{"name":"{}","annotations":{{"ingressclass.kubernetes.io/is-default-class":"{}"}}}},
                 "spec":{{"controller":"example.com/c"}}}})",
            name, is_default));
    EXPECT_EQ(made.status, 201) << made.body;
  };
  int count = 0;
  const auto class_of = [&](std::string_view annotations, std::string_view spec) {
    const auto made = server_.send("POST", "/apis/networking.k8s.io/v1/namespaces/a/ingresses",
                                   fmt::format(R"({{"metadata":{{"name":"i{}"{}}},"spec":{{{}
                        "defaultBackend":{{"service":{{"name":"s","port":{{"number":80}}}}}}}}}})",
                                               ++count, annotations, spec));
    EXPECT_EQ(made.status, 201) << made.body;
    return std::string(server_.parsed(made)["spec"]["ingressClassName"].text("none"));
  };
  add_class("other", false);
  EXPECT_EQ(class_of("", ""), "none");
  add_class("b", true);
  add_class("a", true);
  EXPECT_THAT(class_of("", ""), ::testing::AnyOf("a", "b"));
  EXPECT_EQ(class_of("", R"("ingressClassName":"other",)"), "other");
  EXPECT_EQ(class_of(R"(,"annotations":{"kubernetes.io/ingress.class":"x"})", ""), "none");
}

TEST_F(VersionsTest, ARuntimeClassCanBeKeptAndNotUsed) {
  const auto made = server_.send("POST", "/apis/node.k8s.io/v1/runtimeclasses",
                                 R"({"metadata":{"name":"g"},"handler":"g"})");
  ASSERT_EQ(made.status, 201) << made.body;
  const auto pod = server_.send("POST", "/api/v1/namespaces/a/pods",
                                R"({"metadata":{"name":"p"},"spec":{"runtimeClassName":"g",
      "containers":[{"name":"c","image":"i"}]}})");
  EXPECT_EQ(pod.status, 403);
  EXPECT_THAT(pod.body, HasSubstr("is not supported by this server yet"));
}

}  // namespace
}  // namespace insula::apiserver
