#include "apiserver/flowcontrol/flow_match.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "api/flow_control.h"
#include "api/test_objects.h"
#include "apiserver/flowcontrol/flow_index.h"
#include "apiserver/flowcontrol/flow_objects.h"
#include "apiserver/test_server.h"

namespace insula::apiserver {
namespace {

User member(const char* name, std::vector<std::string> groups = {}) {
  groups.emplace_back(kAuthenticated);
  return {name, std::move(groups)};
}

User account(const std::string& name_space, const std::string& name) {
  return member(("system:serviceaccount:" + name_space + ":" + name).c_str(),
                {"system:serviceaccounts", "system:serviceaccounts:" + name_space});
}

RequestInfo info(std::string_view line) {
  const std::size_t space = line.find(' ');
  return *parse_request_info(line.substr(0, space), line.substr(space + 1));
}

TEST(FlowMatch, RequestsOfTheStartHaveTheFlowsOfKubernetes) {
  struct Row {
    User user;
    const char* request = nullptr;
    const char* schema = nullptr;
    const char* level = nullptr;
    const char* distinguisher = nullptr;
  };

  const User anonymous{kAnonymous, {kUnauthenticated}};
  const User node = member("system:node:n1", {"system:nodes"});
  const Row rows[] = {
      {member("root", {kMasters}), "DELETE /api/v1/namespaces/a/pods/x", "exempt", "exempt", ""},
      {anonymous, "GET /readyz", "probes", "exempt", ""},
      {anonymous, "GET /readyz/ping", "probes", "exempt", ""},
      {anonymous, "GET /readyzz", "global-default", "global-default", "system:anonymous"},
      {member("eve"), "GET /livez", "probes", "exempt", ""},
      {member("eve"), "GET /api/v1/namespaces/a/pods", "global-default", "global-default", "eve"},
      {node, "PUT /apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n1",
       "system-node-high", "node-high", "system:node:n1"},
      {node, "PATCH /api/v1/nodes/n1/status", "system-node-high", "node-high", "system:node:n1"},
      {node, "GET /api/v1/pods?watch=true", "system-nodes", "system", "system:node:n1"},
      {member("insula-gateway", {"insula:gateway"}), "GET /apis/insula.dev/v1alpha1/tenants",
       "insula-gateway", "system", "insula-gateway"},
      {member("insula-metrics", {"insula:metrics"}), "GET /metrics", "insula-metrics", "system",
       "insula-metrics"},
      {member("system:kube-scheduler"), "POST /api/v1/namespaces/a/pods/x/binding",
       "kube-scheduler", "workload-high", "a"},
      {member("system:kube-scheduler"),
       "PUT /apis/coordination.k8s.io/v1/namespaces/kube-system/leases/s", "system-leader-election",
       "leader-election", "system:kube-scheduler"},
      {account("kube-system", "operator"), "GET /api/v1/namespaces/b/secrets",
       "kube-system-service-accounts", "workload-high", "b"},
      {account("kube-system-x", "operator"), "GET /api/v1/namespaces/b/secrets", "service-accounts",
       "workload-low", "system:serviceaccount:kube-system-x:operator"},
      {{"nobody", {}}, "GET /api", "", "", ""},
  };
  TestServer server;
  ASSERT_TRUE(server.run(reconcile_flow_objects(*server.registry)));
  FlowIndex index(*server.store);
  EXPECT_TRUE(index.refresh());
  EXPECT_FALSE(index.refresh());
  for (const Row& row : rows) {
    const RequestInfo request = info(row.request);
    const auto& schemas = index.schemas();
    const auto it = std::ranges::find_if(
        schemas, [&](const auto& schema) { return matches(schema->spec, row.user, request); });
    const std::string name = it == schemas.end() ? "" : (*it)->metadata.name;
    EXPECT_EQ(name, row.schema) << row.request << " " << row.user.name;
    if (it == schemas.end()) continue;
    EXPECT_EQ((*it)->spec.priority_level_configuration.name, row.level) << row.request;
    EXPECT_EQ(flow_distinguisher((*it)->spec, row.user, request), row.distinguisher) << row.request;
  }
}

bool matches_rule(const std::string& rule, const char* request) {
  const auto object = api::read_object(
      "apiVersion: flowcontrol.apiserver.k8s.io/v1\nkind: FlowSchema\nspec: "
      "{priorityLevelConfiguration: {name: p}, rules: [{subjects: [{kind: User, user: {name: "
      "'*'}}], " +
      rule + "}]}");
  return matches(object.as<api::FlowSchema>().spec, member("eve"), info(request));
}

TEST(FlowMatch, ResourcesAreMatchedWithTheirSubresourceAndScope) {
  const std::string pods =
      "resourceRules: [{verbs: [get, list], apiGroups: [''], resources: [pods, pods/status], "
      "namespaces: [a]}]";
  EXPECT_TRUE(matches_rule(pods, "GET /api/v1/namespaces/a/pods/x"));
  EXPECT_TRUE(matches_rule(pods, "GET /api/v1/namespaces/a/pods"));
  EXPECT_TRUE(matches_rule(pods, "GET /api/v1/namespaces/a/pods/x/status"));
  EXPECT_FALSE(matches_rule(pods, "GET /api/v1/namespaces/a/pods/x/log"));
  EXPECT_FALSE(matches_rule(pods, "PUT /api/v1/namespaces/a/pods/x"));
  EXPECT_FALSE(matches_rule(pods, "GET /api/v1/namespaces/b/pods/x"));
  EXPECT_FALSE(matches_rule(pods, "GET /api/v1/pods"));
  EXPECT_FALSE(matches_rule(pods, "GET /apis/x/v1/namespaces/a/pods/x"));
  EXPECT_FALSE(matches_rule(pods, "GET /healthz"));
  const std::string all_scopes =
      "resourceRules: [{verbs: ['*'], apiGroups: ['*'], resources: ['*'], clusterScope: true}]";
  EXPECT_TRUE(matches_rule(all_scopes, "GET /api/v1/pods"));
  EXPECT_FALSE(matches_rule(all_scopes, "GET /api/v1/namespaces/a/pods"));
}

TEST(FlowMatch, PathsAreMatchedWithWhatIsBelowThem) {
  const std::string paths =
      "nonResourceRules: [{verbs: [get], nonResourceURLs: [/metrics, '/debug/*']}]";
  EXPECT_TRUE(matches_rule(paths, "GET /metrics"));
  EXPECT_TRUE(matches_rule(paths, "GET /metrics/node"));
  EXPECT_TRUE(matches_rule(paths, "GET /debug/x/y"));
  EXPECT_FALSE(matches_rule(paths, "GET /debugger"));
  EXPECT_FALSE(matches_rule(paths, "POST /metrics"));
  EXPECT_FALSE(matches_rule(paths, "GET /api/v1/namespaces/a/pods"));
}

}  // namespace
}  // namespace insula::apiserver
