#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apiserver/test_server.h"
#include "json/write.h"

namespace insula::apiserver {
namespace {

using ::testing::HasSubstr;

constexpr const char* kPods = "/api/v1/namespaces/a/pods/";
constexpr const char* kBudgets = "/apis/policy/v1/namespaces/a/poddisruptionbudgets";

class EvictionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    server.send("POST", "/api/v1/namespaces", R"({"metadata":{"name":"a"}})");
  }

  void make_pod(const std::string& name, bool ready = true) {
    const auto made = server.send(
        "POST", "/api/v1/namespaces/a/pods",
        fmt::format(R"({{"metadata":{{"name":"{}","labels":{{"app":"web"}}}},)"
                    R"("spec":{{"nodeName":"n","containers":[{{"name":"c","image":"i"}}]}}}})",
                    name));
    ASSERT_EQ(made.status, 201) << made.body;
    patch(kPods + name + "/status",
          fmt::format(R"({{"status":{{"phase":"Running","conditions":[{{"type":"Ready",)"
                      R"("status":"{}"}}]}}}})",
                      ready ? "True" : "False"));
  }

  /// A budget that its controller has seen, with these numbers in its status.
  void make_budget(const std::string& name, int allowed, int healthy, int desired) {
    const auto made =
        server.send("POST", kBudgets,
                    fmt::format(R"({{"metadata":{{"name":"{}"}},"spec":{{"minAvailable":1,)"
                                R"("selector":{{"matchLabels":{{"app":"web"}}}}}}}})",
                                name));
    ASSERT_EQ(made.status, 201) << made.body;
    patch(std::string(kBudgets) + "/" + name + "/status",
          fmt::format(R"({{"status":{{"observedGeneration":1,"disruptionsAllowed":{},)"
                      R"("currentHealthy":{},"desiredHealthy":{},"expectedPods":3}}}})",
                      allowed, healthy, desired));
  }

  void patch(const std::string& path, const std::string& body) {
    const auto done = server.send("PATCH", path, body, "application/merge-patch+json");
    ASSERT_EQ(done.status, 200) << done.body;
  }

  http::Response evict(const std::string& name, const std::string& query = "") {
    return server.send("POST", kPods + name + "/eviction" + query,
                       fmt::format(R"({{"metadata":{{"name":"{}"}}}})", name));
  }

  json::Value pod(const std::string& name) {
    return TestServer::parsed(server.send("GET", kPods + name));
  }

  json::Value budget(const std::string& name) {
    return TestServer::parsed(server.send("GET", std::string(kBudgets) + "/" + name));
  }

  TestServer server;
};

TEST_F(EvictionTest, IsChargedToTheBudgetAndToldOnThePod) {
  make_pod("x");
  make_budget("b", 1, 3, 2);
  const auto evicted = evict("x");
  EXPECT_EQ(evicted.status, 201) << evicted.body;
  EXPECT_EQ(budget("b")["status"]["disruptionsAllowed"].as_int64(), 0);
  EXPECT_NE(budget("b")["status"]["disruptedPods"]["x"].text(), "");
  const json::Value going = pod("x");
  EXPECT_NE(going["metadata"]["deletionTimestamp"].text(), "");
  EXPECT_THAT(json::write(going["status"]["conditions"]), HasSubstr("EvictionByEvictionAPI"));
}

TEST_F(EvictionTest, IsRefusedWhenTheBudgetIsUsedUp) {
  make_pod("x");
  make_pod("y");
  make_budget("b", 1, 3, 2);
  EXPECT_EQ(evict("x").status, 201);
  const auto refused = evict("y");
  EXPECT_EQ(refused.status, 429);
  EXPECT_THAT(refused.body,
              HasSubstr("Cannot evict pod as it would violate the pod's disruption budget."));
  EXPECT_THAT(refused.body, HasSubstr(R"("reason":"DisruptionBudget")"));
  EXPECT_THAT(refused.body,
              HasSubstr("The disruption budget b needs 2 healthy pods and has 3 currently"));
  EXPECT_EQ(pod("y")["metadata"]["deletionTimestamp"].text(), "");
}

TEST_F(EvictionTest, WaitsForABudgetThatWasChanged) {
  make_pod("x");
  make_budget("b", 1, 3, 2);
  patch(std::string(kBudgets) + "/b", R"({"spec":{"minAvailable":2}})");
  const auto refused = evict("x");
  EXPECT_EQ(refused.status, 429);
  EXPECT_THAT(refused.body, HasSubstr("b is still being processed by the server"));
}

TEST_F(EvictionTest, OfAPodThatDoesNotRunNeedsNoLeave) {
  make_budget("b", 0, 1, 1);
  make_pod("x");
  patch(std::string(kPods) + "x/status", R"({"status":{"phase":"Succeeded"}})");
  EXPECT_EQ(evict("x").status, 201);
}

TEST_F(EvictionTest, OfAPodThatIsNotReadyIsFreeWhileEnoughOthersAre) {
  make_pod("x", false);
  make_budget("b", 0, 1, 2);
  EXPECT_EQ(evict("x").status, 429);
  patch(std::string(kBudgets) + "/b/status", R"({"status":{"currentHealthy":2}})");
  EXPECT_EQ(evict("x").status, 201);
  make_pod("y", false);
  patch(std::string(kBudgets) + "/b", R"({"spec":{"unhealthyPodEvictionPolicy":"AlwaysAllow"}})");
  EXPECT_EQ(evict("y").status, 201);
}

TEST_F(EvictionTest, IsRefusedUnderTwoBudgets) {
  make_pod("x");
  make_budget("b", 1, 3, 2);
  make_budget("c", 1, 3, 2);
  const auto refused = evict("x");
  EXPECT_EQ(refused.status, 500);
  EXPECT_THAT(refused.body, HasSubstr("more than one PodDisruptionBudget"));
}

TEST_F(EvictionTest, ThatIsOnlyTriedCostsNothing) {
  make_pod("x");
  make_budget("b", 1, 3, 2);
  EXPECT_EQ(evict("x", "?dryRun=All").status, 201);
  EXPECT_EQ(budget("b")["status"]["disruptionsAllowed"].as_int64(), 1);
  EXPECT_EQ(pod("x")["metadata"]["deletionTimestamp"].text(), "");
}

}  // namespace
}  // namespace insula::apiserver
