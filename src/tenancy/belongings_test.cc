#include "tenancy/belongings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/shared_quota.h"

namespace insula::tenancy {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

std::vector<std::pair<std::string, std::string>> texts(
    const std::map<std::string, api::Quantity>& amounts) {
  std::vector<std::pair<std::string, std::string>> found;
  for (const auto& [name, amount] : amounts)
    found.emplace_back(name, amount.text());
  return found;
}

class BelongingsTest : public ::testing::Test {
 protected:
  BelongingsTest() {
    tenant_.metadata.name = "demo-a";
    tenant_.metadata.uid = "u";
    tenant_.spec.gateway.service.name = "llm-service";
    tenant_.spec.gateway.service.port = 8000;
  }

  void serve(int replicas) {
    api::TenantServe& wanted = tenant_.spec.serve.emplace();
    wanted.image = "insula/llm-sim";
    wanted.replicas = replicas;
  }

  api::Tenant tenant_;
};

TEST_F(BelongingsTest, OwnsANamespaceOfItsOwnNameUnlessItNamesOthers) {
  tenant_.spec.namespaces = {"x", "y"};
  EXPECT_EQ(service_namespace(tenant_), "x");
  const api::Namespace made = desired_namespace(tenant_, "x");
  EXPECT_EQ(made.metadata.labels.at("insula.dev/tenant"), "demo-a");
  EXPECT_EQ(made.metadata.owner_references.at(0).uid, "u");
  EXPECT_TRUE(made.metadata.owner_references.at(0).controller.value_or(false));
}

TEST_F(BelongingsTest, LimitsRequestsAndLimitsAlike) {
  EXPECT_FALSE(desired_quota(tenant_, "demo-a").has_value());
  tenant_.spec.quota.gpus = 2;
  tenant_.spec.quota.memory = *api::Quantity::parse("16Gi");
  tenant_.spec.quota.cpu = *api::Quantity::parse("8");
  tenant_.spec.quota.pods = 10;
  EXPECT_THAT(texts(desired_quota(tenant_, "demo-a")->spec.hard),
              ElementsAre(Pair("limits.cpu", "8"), Pair("limits.memory", "16Gi"),
                          Pair("pods", "10"), Pair("requests.cpu", "8"),
                          Pair("requests.memory", "16Gi"), Pair("requests.nvidia.com/gpu", "2")));
}

TEST_F(BelongingsTest, LetsSeveralNamespacesDrawOnOneQuota) {
  tenant_.spec.quota.gpus = 2;
  EXPECT_EQ(api::shared_quota_group(*desired_quota(tenant_, "demo-a")), "");
  tenant_.spec.namespaces = {"x", "y"};
  EXPECT_EQ(api::shared_quota_group(*desired_quota(tenant_, "x")), "u");
  EXPECT_EQ(api::shared_quota_group(*desired_quota(tenant_, "y")), "u");
}

TEST_F(BelongingsTest, GivesContainersDefaultsForWhatTheQuotaCounts) {
  EXPECT_FALSE(desired_limit_range(tenant_, "demo-a").has_value());
  tenant_.spec.quota.gpus = 2;
  EXPECT_FALSE(desired_limit_range(tenant_, "demo-a").has_value());
  tenant_.spec.quota.memory = *api::Quantity::parse("8Gi");
  const api::LimitRangeItem item = desired_limit_range(tenant_, "demo-a")->spec.limits.at(0);
  EXPECT_THAT(texts(item.default_), ElementsAre(Pair("memory", "1Gi")));
  EXPECT_THAT(texts(item.default_request), ElementsAre(Pair("memory", "128Mi")));
}

TEST_F(BelongingsTest, NeverDefaultsToMoreThanASmallQuotaHolds) {
  tenant_.spec.quota.memory = *api::Quantity::parse("256Mi");
  tenant_.spec.quota.cpu = *api::Quantity::parse("200m");
  const api::LimitRangeItem item = desired_limit_range(tenant_, "demo-a")->spec.limits.at(0);
  EXPECT_THAT(texts(item.default_), ElementsAre(Pair("cpu", "25m"), Pair("memory", "32Mi")));
  EXPECT_THAT(texts(item.default_request), ElementsAre(Pair("cpu", "25m"), Pair("memory", "32Mi")));
}

TEST_F(BelongingsTest, DeniesByDefaultAndNamesItsNamespacesByTheServersLabel) {
  tenant_.spec.namespaces = {"x", "y"};
  const auto policies = desired_policies(tenant_, "x");
  ASSERT_EQ(policies.size(), 5U);
  EXPECT_EQ(policies[0].metadata.name, "default-deny");
  EXPECT_THAT(policies[0].spec.policy_types, ElementsAre("Ingress", "Egress"));
  EXPECT_TRUE(policies[0].spec.ingress.empty() && policies[0].spec.egress.empty());
  const auto& from =
      policies[1].spec.ingress.at(0).from.at(0).namespace_selector->match_expressions.at(0);
  EXPECT_EQ(from.key, "kubernetes.io/metadata.name");
  EXPECT_THAT(from.values, ElementsAre("x", "y"));
  const auto& except = policies[4].spec.egress.at(0).to.at(0).ip_block->except;
  EXPECT_THAT(except, ::testing::Contains("169.254.0.0/16"));
}

TEST_F(BelongingsTest, ServesNothingUnlessAsked) {
  EXPECT_FALSE(desired_deployment(tenant_) || desired_service(tenant_));
}

TEST_F(BelongingsTest, ServesOnTheGatewaysPortWithAGpuForEachPod) {
  serve(2);
  tenant_.spec.serve->model = "m";
  tenant_.spec.quota.gpus = 2;
  const api::Deployment deployment = *desired_deployment(tenant_);
  EXPECT_EQ(deployment.metadata.name, "llm-service");
  EXPECT_EQ(deployment.spec.replicas, 2);
  const api::Container& server = deployment.spec.template_.spec.containers.at(0);
  EXPECT_THAT(server.args, ElementsAre("--host", "$(POD_IP)", "--port", "8000", "--model", "m"));
  EXPECT_THAT(texts(server.resources.limits), ElementsAre(Pair("nvidia.com/gpu", "1")));
  const api::Service service = *desired_service(tenant_);
  EXPECT_EQ(service.spec.ports.at(0).port, 8000);
  EXPECT_EQ(service.spec.selector, deployment.spec.template_.metadata.labels);
  EXPECT_EQ(service.spec.selector, deployment.spec.selector->match_labels);
}

TEST_F(BelongingsTest, RollsWithinTheQuotaItHas) {
  serve(2);
  tenant_.spec.quota.gpus = 2;
  EXPECT_EQ(desired_deployment(tenant_)->spec.strategy.rolling_update->max_surge->number(), 0);
  EXPECT_EQ(desired_deployment(tenant_)->spec.strategy.rolling_update->max_unavailable->number(),
            1);
  tenant_.spec.quota.gpus = 3;
  EXPECT_EQ(desired_deployment(tenant_)->spec.strategy.rolling_update->max_surge->number(), 1);
  EXPECT_EQ(desired_deployment(tenant_)->spec.strategy.rolling_update->max_unavailable->number(),
            0);
}

TEST_F(BelongingsTest, MarksWhatItAppliedSoThatOnlyANewSpecChangesIt) {
  serve(1);
  const auto mark = [this] {
    return desired_deployment(tenant_)->metadata.annotations.at(kAppliedAnnotation);
  };
  const std::string before = mark();
  EXPECT_EQ(mark(), before);
  tenant_.spec.serve->image = "other";
  EXPECT_NE(mark(), before);
}

}  // namespace
}  // namespace insula::tenancy
