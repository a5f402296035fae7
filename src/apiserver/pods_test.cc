#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/gen/core_v1.h"
#include "apiserver/event_expiry.h"
#include "apiserver/test_server.h"
#include "json/write.h"
#include "testing/fake_clock.h"

namespace insula::apiserver {
namespace {

using ::testing::HasSubstr;

constexpr const char* kPods = "/api/v1/namespaces/a/pods";
constexpr const char* kTenantNamespace = R"({"metadata":{"name":"t","ownerReferences":[
    {"apiVersion":"insula.dev/v1alpha1","kind":"Tenant","name":"t","uid":"u","controller":true}]}})";

std::string pod(std::string_view name, std::string_view more = "") {
  return fmt::format(
      R"({{"metadata":{{"name":"{}"}},"spec":{{"containers":[{{"name":"c","image":"i"}}]{}}}}})",
      name, more);
}

class PodsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    server.send("POST", "/api/v1/namespaces", R"({"metadata":{"name":"a"}})");
  }

  json::Value get(const std::string& name) {
    return server.parsed(server.send("GET", std::string(kPods) + "/" + name));
  }

  TestServer server;
};

TEST_F(PodsTest, BindsAPodToANodeOnce) {
  server.send("POST", kPods, pod("x"));
  const std::string binding = R"({"metadata":{"name":"x"},"target":{"kind":"Node","name":"n1"}})";
  EXPECT_EQ(server.send("POST", std::string(kPods) + "/x/binding", binding).status, 201);
  const json::Value bound = get("x");
  EXPECT_EQ(bound["spec"]["nodeName"].text(), "n1");
  EXPECT_EQ((*bound["status"]["conditions"].as_array())[0]["type"].text(), "PodScheduled");
  const auto again = server.send("POST", std::string(kPods) + "/x/binding", binding);
  EXPECT_EQ(again.status, 409);
  EXPECT_THAT(again.body, HasSubstr(R"(pod x is already assigned to node \"n1\")"));
}

TEST_F(PodsTest, KeepsTheTolerationsThatEveryPodHas) {
  server.send("POST", kPods, pod("x"));
  const auto put = server.send("PATCH", std::string(kPods) + "/x",
                               R"({"spec":{"tolerations":[{"key":"k","operator":"Exists"}]}})",
                               "application/merge-patch+json");
  ASSERT_EQ(put.status, 200) << put.body;
  const json::Value changed = server.parsed(put);
  const json::Array& tolerations = *changed["spec"]["tolerations"].as_array();
  ASSERT_EQ(tolerations.size(), 3U);
  EXPECT_EQ(tolerations[0]["key"].text(), "k");
  EXPECT_EQ(tolerations[1]["key"].text(), "node.kubernetes.io/not-ready");
  EXPECT_EQ(changed["metadata"]["generation"].as_int64(), 2);
}

TEST_F(PodsTest, SubresourcesHaveTheirOwnVerbsOnly) {
  server.send("POST", kPods, pod("x"));
  const std::string x = std::string(kPods) + "/x/";
  const json::Value before = get("x");
  const std::string patch = R"({"metadata":{"labels":{"a":"b"}}})";
  for (const char* subresource : {"binding", "eviction"}) {
    for (const char* method : {"GET", "PUT", "DELETE"}) {
      const std::string body =
          std::string_view(method) == "PUT" ? R"({"metadata":{"name":"x"}})" : "";
      EXPECT_EQ(server.send(method, x + subresource, body).status, 405) << method << subresource;
    }
    for (const char* type :
         {"application/merge-patch+json", "application/strategic-merge-patch+json"})
      EXPECT_EQ(server.send("PATCH", x + subresource, patch, type).status, 405) << type;
  }
  EXPECT_EQ(server.send("DELETE", x + "status").status, 405);
  EXPECT_EQ(server.send("PUT", x + "log", "{}").status, 405);
  EXPECT_EQ(server.send("DELETE", x + "exec").status, 405);
  EXPECT_EQ(server.send("GET", "/api/v1/namespaces/a/finalize").status, 405);
  EXPECT_EQ(get("x"), before);
}

TEST_F(PodsTest, LetsTheNodeFinishAPodThatRuns) {
  server.send("POST", kPods, pod("x"));
  server.send("POST", std::string(kPods) + "/x/binding",
              R"({"target":{"kind":"Node","name":"n1"}})");
  const auto asked = server.send("DELETE", std::string(kPods) + "/x");
  EXPECT_EQ(server.parsed(asked)["kind"].text(), "Pod");
  const json::Value going = get("x");
  EXPECT_EQ(going["metadata"]["deletionGracePeriodSeconds"].as_int64(), 30);
  EXPECT_NE(going["metadata"]["deletionTimestamp"].text(), "");
  server.send("DELETE", std::string(kPods) + "/x?gracePeriodSeconds=60");
  EXPECT_EQ(get("x")["metadata"]["deletionGracePeriodSeconds"].as_int64(), 30)
      << "a second delete may only shorten";
  EXPECT_EQ(server.send("DELETE", std::string(kPods) + "/x?gracePeriodSeconds=0").status, 200);
  EXPECT_EQ(server.send("GET", std::string(kPods) + "/x").status, 404);
}

TEST_F(PodsTest, RemovesAPodAtOnceThatNoNodeHas) {
  server.send("POST", kPods, pod("x"));
  EXPECT_EQ(server.send("DELETE", std::string(kPods) + "/x").status, 200);
  EXPECT_EQ(server.send("GET", std::string(kPods) + "/x").status, 404);
}

TEST_F(PodsTest, EvictsAPod) {
  const auto evict = [&](const std::string& version) {
    server.send("POST", kPods, pod("x"));
    return server.send("POST", std::string(kPods) + "/x/eviction",
                       R"({"apiVersion":")" + version +
                           R"(","kind":"Eviction","metadata":{"name":"x"},)"
                           R"("deleteOptions":{"gracePeriodSeconds":0}})");
  };
  for (const char* version : {"policy/v1", "policy/v1beta1"}) {
    const auto evicted = evict(version);
    EXPECT_EQ(evicted.status, 201) << evicted.body;
    EXPECT_EQ(server.send("GET", std::string(kPods) + "/x").status, 404);
  }
  EXPECT_EQ(evict("policy/v1alpha1").status, 400);
}

TEST_F(PodsTest, ADryEvictionLeavesThePod) {
  server.send("POST", kPods, pod("x"));
  const auto evicted = server.send("POST", std::string(kPods) + "/x/eviction",
                                   R"({"metadata":{"name":"x"},"deleteOptions":{"dryRun":["All"],)"
                                   R"("gracePeriodSeconds":0}})");
  EXPECT_EQ(evicted.status, 201) << evicted.body;
  const auto left = server.parsed(server.send("GET", std::string(kPods) + "/x"));
  EXPECT_EQ(left["metadata"]["name"].text(), "x");
  EXPECT_TRUE(left["metadata"].find("deletionTimestamp") == nullptr);
}

TEST_F(PodsTest, DeletesTheCollectionThatASelectorMatches) {
  for (const char* name : {"x", "y"})
    server.send("POST", kPods, pod(name));
  server.send("PATCH", std::string(kPods) + "/x", R"({"metadata":{"labels":{"app":"web"}}})",
              "application/merge-patch+json");
  const auto gone = server.send("DELETE", std::string(kPods) + "?labelSelector=app%3Dweb");
  EXPECT_EQ(server.parsed(gone)["items"].as_array()->size(), 1U) << gone.body;
  EXPECT_EQ(server.send("GET", std::string(kPods) + "/x").status, 404);
  EXPECT_EQ(server.send("GET", std::string(kPods) + "/y").status, 200);
}

TEST_F(PodsTest, KeepsStatusOutOfReachOfAnUpdateAndSpecOutOfReachOfAStatusUpdate) {
  server.send("POST", kPods, pod("x"));
  const std::string both = R"({"metadata":{"labels":{"a":"b"}},"status":{"phase":"Running"}})";
  server.send("PATCH", std::string(kPods) + "/x", both, "application/merge-patch+json");
  EXPECT_EQ(get("x")["status"]["phase"].text(), "Pending");
  server.send("PATCH", std::string(kPods) + "/x/status",
              R"({"spec":{"nodeName":"n"},"status":{"phase":"Running"}})",
              "application/merge-patch+json");
  EXPECT_EQ(get("x")["status"]["phase"].text(), "Running");
  EXPECT_EQ(get("x")["spec"]["nodeName"].text(), "");
}

TEST_F(PodsTest, RefusesHostAccessInATenantsNamespace) {
  const auto made = server.send("POST", "/api/v1/namespaces", kTenantNamespace);
  ASSERT_EQ(made.status, 201) << made.body;
  const auto refused = server.send(
      "POST", "/api/v1/namespaces/t/pods",
      pod("x", R"(,"hostNetwork":true,"volumes":[{"name":"v","hostPath":{"path":"/"}}])"));
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(server.parsed(refused)["message"].text(),
            "pods \"x\" is forbidden: violates PodSecurity \"baseline:latest\": host namespaces "
            "(hostNetwork=true), "
            "hostPath volumes (volume \"v\")");
  EXPECT_EQ(server.send("POST", "/api/v1/namespaces/t/pods", pod("y")).status, 201);
}

TEST_F(PodsTest, HoldsTenantsToEachBaselineControl) {
  server.send("POST", "/api/v1/namespaces", kTenantNamespace);
  const std::pair<const char*, const char*> cases[] = {
      {R"("seccompProfile":{"type":"Unconfined"})",
       R"(seccompProfile (pod must not set securityContext.seccompProfile.type to "Unconfined"))"},
      {R"("appArmorProfile":{"type":"Unconfined"})",
       R"(forbidden AppArmor profile (pod must not set AppArmor profile type to "Unconfined"))"},
      {R"("seLinuxOptions":{"type":"spc_t"})",
       R"(seLinuxOptions (pod set forbidden securityContext.seLinuxOptions: type "spc_t"))"},
      {R"("sysctls":[{"name":"kernel.msgmax","value":"1"}])", "forbidden sysctls (kernel.msgmax)"},
  };
  for (const auto& [context, why] : cases) {
    const auto refused =
        server.send("POST", "/api/v1/namespaces/t/pods",
                    pod("x", std::string(R"(,"securityContext":{)") + context + "}"));
    EXPECT_EQ(refused.status, 403) << context;
    EXPECT_EQ(
        server.parsed(refused)["message"].text(),
        std::string("pods \"x\" is forbidden: violates PodSecurity \"baseline:latest\": ") + why);
  }
  const char* harmless =
      R"(,"securityContext":{"seccompProfile":{"type":"RuntimeDefault"},"seLinuxOptions":{"type":"container_t"},
          "sysctls":[{"name":"net.ipv4.tcp_syncookies","value":"1"}]})";
  const auto allowed = server.send("POST", "/api/v1/namespaces/t/pods", pod("y", harmless));
  EXPECT_EQ(allowed.status, 201) << allowed.body;
}

TEST_F(PodsTest, RefusesProbesOfOtherHostsInATenantsNamespace) {
  server.send("POST", "/api/v1/namespaces", kTenantNamespace);
  for (const char* handler :
       {R"("readinessProbe":{"httpGet":{"host":"127.0.0.1","port":80}})",
        R"("livenessProbe":{"tcpSocket":{"host":"127.0.0.1","port":80}})",
        R"("lifecycle":{"postStart":{"httpGet":{"host":"127.0.0.1","port":80}}})"}) {
    const auto refused = server.send(
        "POST", "/api/v1/namespaces/t/pods",
        fmt::format(
            R"({{"metadata":{{"name":"x"}},"spec":{{"containers":[{{"name":"c","image":"i",{}}}]}}}})",
            handler));
    EXPECT_EQ(refused.status, 403) << handler;
    EXPECT_EQ(server.parsed(refused)["message"].text(),
              "pods \"x\" is forbidden: violates PodSecurity \"baseline:latest\": probe or "
              "lifecycle host (container \"c\" uses probe or lifecycle host \"127.0.0.1\")");
  }
}

TEST_F(PodsTest, RefusesAPriorityClassOrServiceAccountThatIsNotThere) {
  const auto message = [&](const http::Response& response) {
    return std::string(server.parsed(response)["message"].text());
  };
  const auto priority = server.send("POST", kPods, pod("x", R"(,"priorityClassName":"high")"));
  EXPECT_EQ(priority.status, 403);
  EXPECT_EQ(message(priority),
            "pods \"x\" is forbidden: no PriorityClass with name high was found");
  const auto account = server.send("POST", kPods, pod("x", R"(,"serviceAccountName":"robot")"));
  EXPECT_EQ(account.status, 403);
  EXPECT_EQ(message(account),
            "pods \"x\" is forbidden: error looking up service account a/robot: "
            "serviceaccount \"robot\" not found");
  const auto made =
      server.send("POST", "/api/v1/namespaces/a/serviceaccounts",
                  R"({"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"robot"}})");
  EXPECT_EQ(made.status, 201) << made.body;
  const auto both = server.send(
      "POST", kPods,
      pod("x", R"(,"serviceAccountName":"robot","priorityClassName":"system-node-critical")"));
  EXPECT_EQ(both.status, 201) << both.body;
  EXPECT_NE(both.body.find("2000001000"), both.body.npos);
}

TEST_F(PodsTest, KeepsTheClassesOfTheSystemFromTenants) {
  server.send("POST", "/api/v1/namespaces", kTenantNamespace);
  const std::string critical = pod("x", R"(,"priorityClassName":"system-cluster-critical")");
  const auto refused = server.send("POST", "/api/v1/namespaces/t/pods", critical);
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(server.parsed(refused)["message"].text(),
            "pods \"x\" is forbidden: pods with system-cluster-critical priorityClass is not "
            "permitted in t namespace");
  EXPECT_EQ(server.send("POST", kPods, critical).status, 201);
}

TEST_F(PodsTest, KeepsTheClassesOfTheSystem) {
  const std::string classes = "/apis/scheduling.k8s.io/v1/priorityclasses";
  const auto made = server.send(
      "POST", classes, R"({"metadata":{"name":"system-node-critical"},"value":2000001000})");
  EXPECT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(server.parsed(made)["metadata"]["generation"].as_int64(), 1);
  const auto refused = server.send("DELETE", classes + "/system-node-critical");
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(server.parsed(refused)["message"].text(),
            "priorityclasses.scheduling.k8s.io \"system-node-critical\" is forbidden: this is a "
            "system priority class and cannot be deleted");
}

TEST_F(PodsTest, RefusesAPriorityThatIsNotThatOfItsClass) {
  const auto number = server.send("POST", kPods, pod("x", R"(,"priority":7)"));
  EXPECT_EQ(number.status, 403);
  EXPECT_EQ(
      server.parsed(number)["message"].text(),
      "pods \"x\" is forbidden: the integer value of priority (7) must not be provided in pod "
      "spec; priority admission controller computed 0 from the given PriorityClass name");
  const auto policy = server.send("POST", kPods, pod("x", R"(,"preemptionPolicy":"Never")"));
  EXPECT_EQ(
      server.parsed(policy)["message"].text(),
      "pods \"x\" is forbidden: the string value of PreemptionPolicy (Never) must not be "
      "provided in pod spec; priority admission controller computed PreemptLowerPriority from "
      "the given PriorityClass name");
  EXPECT_EQ(server.send("POST", kPods, pod("x", R"(,"priority":0)")).status, 201);
}

TEST_F(PodsTest, KeepThePriorityThatIsNotSentAgain) {
  const json::Value made = server.parsed(server.send("POST", kPods, pod("x")));
  ASSERT_EQ(made["spec"]["priority"].as_int64(), 0);
  json::Value again = made;
  again["spec"].as_object()->erase("priority");
  again["spec"].as_object()->erase("preemptionPolicy");
  const auto replaced = server.send("PUT", std::string(kPods) + "/x", json::write(again));
  EXPECT_EQ(replaced.status, 200) << replaced.body;
  const auto nulls = server.send("PATCH", std::string(kPods) + "/x",
                                 R"({"spec":{"priority":null,"preemptionPolicy":null}})",
                                 "application/merge-patch+json");
  EXPECT_EQ(nulls.status, 200) << nulls.body;
  const json::Value now = get("x");
  EXPECT_EQ(now["spec"]["priority"].as_int64(), 0);
  EXPECT_EQ(now["spec"]["preemptionPolicy"].text(), "PreemptLowerPriority");
}

TEST_F(PodsTest, RefusesARuntimeClassThatIsNotThere) {
  const auto refused = server.send("POST", kPods, pod("x", R"(,"runtimeClassName":"gvisor")"));
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(server.parsed(refused)["message"].text(),
            "pods \"x\" is forbidden: pod rejected: RuntimeClass \"gvisor\" not found");
}

TEST_F(PodsTest, WarnsOfFieldsThatNothingActsOn) {
  const auto made = server.send("POST", kPods, pod("x", R"(,"shareProcessNamespace":true)"));
  EXPECT_EQ(made.status, 201);
  EXPECT_EQ(made.headers.get("Warning"),
            "299 - \"spec.shareProcessNamespace: not enforced by this server yet: each container "
            "has a process namespace of its own\"");
}

TEST_F(PodsTest, ScalesADeployment) {
  const std::string deployments = "/apis/apps/v1/namespaces/a/deployments";
  const auto made = server.send(
      "POST", deployments,
      R"({"metadata":{"name":"d"},"spec":{"replicas":2,"selector":{"matchLabels":{"a":"b"}},
    "template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"i"}]}}}})");
  ASSERT_EQ(made.status, 201) << made.body;
  const auto scale = server.parsed(server.send("GET", deployments + "/d/scale"));
  EXPECT_EQ(scale["kind"].text(), "Scale");
  EXPECT_EQ(scale["spec"]["replicas"].as_int64(), 2);
  EXPECT_EQ(scale["status"]["selector"].text(), "a=b");
  const auto patched = server.send("PATCH", deployments + "/d/scale", R"({"spec":{"replicas":5}})",
                                   "application/merge-patch+json");
  EXPECT_EQ(server.parsed(patched)["spec"]["replicas"].as_int64(), 5) << patched.body;
  const auto deployment = server.parsed(server.send("GET", deployments + "/d"));
  EXPECT_EQ(deployment["spec"]["replicas"].as_int64(), 5);
  EXPECT_EQ(deployment["metadata"]["generation"].as_int64(), 2);
  EXPECT_EQ(server
                .send("PATCH", deployments + "/d/scale", R"({"spec":{"replicas":-1}})",
                      "application/merge-patch+json")
                .status,
            422);
}

TEST_F(PodsTest, GivesServicesAddressesOfTheirOwn) {
  const std::string services = "/api/v1/namespaces/a/services";
  const auto one = server.parsed(
      server.send("POST", services, R"({"metadata":{"name":"s"},"spec":{"ports":[{"port":80}]}})"));
  const auto two = server.parsed(
      server.send("POST", services,
                  R"({"metadata":{"name":"u"},"spec":{"type":"NodePort","ports":[{"port":80}]}})"));
  EXPECT_EQ(one["spec"]["clusterIP"].text(), "10.96.0.2");
  EXPECT_EQ(two["spec"]["clusterIP"].text(), "10.96.0.3");
  EXPECT_EQ((*two["spec"]["ports"].as_array())[0]["nodePort"].as_int64(), 30000);
  const auto taken = server.send(
      "POST", services,
      R"({"metadata":{"name":"w"},"spec":{"clusterIP":"10.96.0.2","ports":[{"port":80}]}})");
  EXPECT_EQ(taken.status, 422);
  EXPECT_THAT(taken.body, HasSubstr("provided IP is already allocated"));
  const auto headless = server.parsed(server.send(
      "POST", services,
      R"({"metadata":{"name":"h"},"spec":{"clusterIP":"None","ports":[{"port":80}]}})"));
  EXPECT_EQ(headless["spec"]["clusterIP"].text(), "None");
}

TEST_F(PodsTest, ForgetsEventsAfterAnHour) {
  auto event = [](std::string_view name, std::string_view when) {
    return fmt::format(
        R"({{"metadata":{{"name":"{}"}},"involvedObject":{{"kind":"Pod","namespace":"a","name":"x"}},"reason":"R","lastTimestamp":"{}"}})",
        name, when);
  };
  const std::string events = "/api/v1/namespaces/a/events";
  ASSERT_EQ(server.send("POST", events, event("new", "2026-01-01T00:00:00Z")).status, 201);
  run_until_complete(server.loop, expire_events(*server.registry));
  EXPECT_EQ(server.send("GET", events + "/new").status, 200);
  testing::FakeClock later;
  later.advance(server.loop.clock().wall() - later.wall() + kEventLifetime +
                std::chrono::minutes(1));
  Registry registry(*server.store, later, server.random);
  run_until_complete(server.loop, expire_events(registry));
  EXPECT_EQ(server.send("GET", events + "/new").status, 404);
}

TEST_F(PodsTest, SaysThatTheNodeAgentIsMissing) {
  server.send("POST", kPods, pod("x"));
  const auto answer = server.send("GET", std::string(kPods) + "/x/log");
  EXPECT_EQ(answer.status, 503);
  EXPECT_THAT(answer.body, HasSubstr("no node agent is attached"));
}

}  // namespace
}  // namespace insula::apiserver
