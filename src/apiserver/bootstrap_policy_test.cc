#include "apiserver/bootstrap_policy.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apiserver/authorizer.h"
#include "apiserver/test_server.h"

namespace insula::apiserver {
namespace {

using ::testing::HasSubstr;
using ::testing::IsSupersetOf;

constexpr const char* kRoles = "/apis/rbac.authorization.k8s.io/v1/";

TEST(BootstrapPolicy, HasTheRolesOfComponentsThatOthersRun) {
  std::vector<std::string> names;
  for (const api::ClusterRole& role : default_cluster_roles())
    names.push_back(role.metadata.name);
  EXPECT_THAT(
      names, IsSupersetOf({"system:node", "system:kube-scheduler", "system:kube-controller-manager",
                           "system:kubelet-api-admin", "system:persistent-volume-provisioner",
                           "system:certificates.k8s.io:kubelet-serving-approver"}));
  for (const api::ClusterRole& role : default_cluster_roles())
    EXPECT_TRUE(!role.rules.empty() || role.aggregation_rule) << role.metadata.name;
}

TEST(BootstrapPolicy, LetsApproversApproveForTheirSignerOnly) {
  TestServer server;
  ASSERT_TRUE(server.run(reconcile_policy(*server.registry)));
  const auto answer = server.send(
      "GET", std::string(kRoles) +
                 "clusterroles/system:certificates.k8s.io:kube-apiserver-client-approver");
  EXPECT_THAT(answer.body, HasSubstr(R"("resourceNames":["kubernetes.io/kube-apiserver-client"])"));
}

TEST(BootstrapPolicy, LetsReadersSeeWhoSignsClients) {
  TestServer server;
  server.send("POST", "/api/v1/namespaces", R"({"metadata":{"name":"kube-system"}})");
  // Twice, as at every start.
  for (int i = 0; i < 2; ++i)
    ASSERT_TRUE(server.run(reconcile_namespaced_policy(*server.registry)));
  const auto bound = server.send(
      "POST", std::string(kRoles) + "namespaces/kube-system/rolebindings",
      R"({"metadata":{"name":"b"},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"Role",)"
      R"("name":"extension-apiserver-authentication-reader"},"subjects":[{"kind":"User",)"
      R"("apiGroup":"rbac.authorization.k8s.io","name":"ann"}]})");
  ASSERT_EQ(bound.status, 201) << bound.body;
  Authorizer authorizer(server.registry->store());
  const auto may_get = [&](const char* name) {
    RequestInfo info;
    info.is_resource = true;
    info.verb = "get";
    info.version = "v1";
    info.resource = "configmaps";
    info.name_space = "kube-system";
    info.name = name;
    return authorizer.decide({"ann", {}}, info).allowed;
  };
  EXPECT_TRUE(may_get(kAuthenticationConfig));
  EXPECT_FALSE(may_get("other"));
}

}  // namespace
}  // namespace insula::apiserver
