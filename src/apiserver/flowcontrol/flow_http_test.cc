#include <memory>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/gen/core_v1.h"
#include "apiserver/bootstrap_policy.h"
#include "apiserver/flowcontrol/flow_objects.h"
#include "apiserver/test_server.h"

namespace insula::apiserver {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr const char* kSchemas = "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas";
constexpr const char* kLevels = "/apis/flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations";
constexpr const char* kSchemaHeader = "X-Kubernetes-PF-FlowSchema-UID";
constexpr const char* kLevelHeader = "X-Kubernetes-PF-PriorityLevel-UID";

ApiServerOptions as(User user, std::size_t seats = 100) {
  ApiServerOptions options;
  options.plain_user = std::move(user);
  options.seats = seats;
  return options;
}

std::string uid_of(TestServer& server, const std::string& path) {
  return std::string(TestServer::parsed(server.send("GET", path))["metadata"]["uid"].text());
}

TEST(FlowHttp, AnswersNameTheirSchemaAndLevel) {
  TestServer server;
  ASSERT_TRUE(server.run(reconcile_flow_objects(*server.registry)));
  const auto answer = server.send("GET", "/api/v1/namespaces/a/pods/none");
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(answer.headers.get(kSchemaHeader), uid_of(server, std::string(kSchemas) + "/exempt"));
  EXPECT_EQ(answer.headers.get(kLevelHeader), uid_of(server, std::string(kLevels) + "/exempt"));
  EXPECT_EQ(server.send("GET", "/readyz").headers.get(kSchemaHeader),
            uid_of(server, std::string(kSchemas) + "/probes"));
}

TEST(FlowHttp, WithoutSeatsIsTooManyRequestsAndWhenToTryAgain) {
  TestServer server(as({"eve", {kAuthenticated}}, 0));
  ASSERT_TRUE(server.run(reconcile_policy(*server.registry)));
  const auto answer = server.send("GET", "/apis");
  EXPECT_EQ(answer.status, 429);
  EXPECT_EQ(answer.headers.get("Retry-After"), "1");
  EXPECT_EQ(server.parsed(answer)["reason"].text(), "TooManyRequests");
  EXPECT_EQ(server.parsed(answer)["message"].text(), "Too many requests, please try again later.");
  EXPECT_TRUE(answer.headers.contains(kSchemaHeader));
}

TEST(FlowHttp, ProbesAreAnsweredWhenNothingElseIs) {
  TestServer server(as({"eve", {kAuthenticated}}, 0));
  ASSERT_TRUE(server.run(reconcile_flow_objects(*server.registry)));
  EXPECT_EQ(server.send("GET", "/readyz").status, 200);
}

TEST(FlowHttp, LongListsComeInPiecesAndWhole) {
  TestServer server;
  ASSERT_EQ(server.send("POST", "/api/v1/namespaces", R"({"metadata":{"name":"default"}})").status,
            201);
  for (int i = 0; i < 40; ++i) {
    auto map = std::make_shared<api::ConfigMap>();
    map->metadata.name = fmt::format("m{:02}", i);
    map->metadata.namespace_ = "default";
    map->data["v"] = std::string(10'000, 'x');
    ASSERT_TRUE(server.run(server.registry->create(
        {&api::kind_of<api::ConfigMap>(), "default", "", ""}, map, WriteContext())));
  }
  const auto list = server.send("GET", "/api/v1/configmaps");
  EXPECT_EQ(list.headers.get("Content-Type"), "application/json");
  EXPECT_FALSE(list.headers.contains("Content-Length"));
  EXPECT_TRUE(list.headers.contains(kSchemaHeader));
  EXPECT_EQ(server.parsed(list)["items"].as_array()->size(), 40U);
  auto request = server.request("GET", "/api/v1/configmaps");
  request.headers.set("Accept", "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io");
  EXPECT_EQ(server.parsed(server.send(request))["items"].as_array()->size(), 40U);
  const auto few = server.send("GET", "/api/v1/configmaps?limit=2");
  EXPECT_TRUE(few.headers.contains("Content-Length"));
}

TEST(FlowHttp, ManyRowsComeInPieces) {
  TestServer server;
  for (int i = 0; i < 120; ++i) {
    auto account = std::make_shared<api::Namespace>();
    account->metadata.name = fmt::format("n{:03}", i);
    ASSERT_TRUE(server.run(server.registry->create({&api::kind_of<api::Namespace>(), "", "", ""},
                                                   account, WriteContext())));
  }
  auto request = server.request("GET", "/api/v1/namespaces");
  request.headers.set("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io");
  const auto table = server.send(request);
  EXPECT_FALSE(table.headers.contains("Content-Length"));
  EXPECT_GE(server.parsed(table)["rows"].as_array()->size(), 120U);
}

TEST(FlowHttp, DumpsAreForAdministrators) {
  TestServer server;
  ASSERT_TRUE(server.run(reconcile_flow_objects(*server.registry)));
  const std::string folder = "/debug/api_priority_and_fairness/";
  const auto levels = server.send("GET", folder + "dump_priority_levels");
  EXPECT_THAT(levels.body, StartsWith("PriorityLevelName, "));
  EXPECT_THAT(levels.body, HasSubstr("workload-low,"));
  EXPECT_THAT(server.send("GET", folder + "dump_requests?includeRequestDetails=1").body,
              HasSubstr("system:insula:control,"));
  EXPECT_EQ(server.send("GET", folder + "dump_everything").status, 404);
  TestServer other(as({"eve", {kAuthenticated}}));
  ASSERT_TRUE(other.run(reconcile_policy(*other.registry)));
  EXPECT_EQ(other.send("GET", folder + "dump_requests").status, 403);
}

TEST(FlowHttp, SchemasAndLevelsAreKeptLikeOtherKinds) {
  TestServer server;
  const auto made = server.send("POST", kSchemas, R"({"apiVersion":
    "flowcontrol.apiserver.k8s.io/v1","kind":"FlowSchema","metadata":{"name":"s"},"spec":{
    "priorityLevelConfiguration":{"name":"p"},"rules":[{"subjects":[{"kind":"Group","group":{
    "name":"g"}}],"nonResourceRules":[{"verbs":["*"],"nonResourceURLs":["*"]}]}]},"status":{
    "conditions":[{"type":"Dangling"}]}})");
  EXPECT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(server.parsed(made)["spec"]["matchingPrecedence"], json::Value(1000));
  EXPECT_THAT(made.body, Not(HasSubstr("conditions")));
  const auto changed =
      server.send("PATCH", std::string(kSchemas) + "/s", R"({"spec":{"matchingPrecedence":7}})",
                  "application/merge-patch+json");
  EXPECT_EQ(server.parsed(changed)["metadata"]["generation"], json::Value(2));
  const auto refused = server.send("POST", kLevels, R"({"apiVersion":
    "flowcontrol.apiserver.k8s.io/v1","kind":"PriorityLevelConfiguration","metadata":{"name":"p"},
    "spec":{"type":"Limited"}})");
  EXPECT_EQ(refused.status, 422);
  EXPECT_THAT(server.parsed(refused)["message"].text(),
              HasSubstr("PriorityLevelConfiguration.flowcontrol.apiserver.k8s.io \"p\" is invalid: "
                        "spec.limited: Required value: must not be empty when type is Limited"));
}

}  // namespace
}  // namespace insula::apiserver
