#include "tenancy/controller.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controller/owner.h"
#include "controller/testing/harness.h"

namespace insula::tenancy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

class TenantControllerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    events_.start();
    for (controller::Mirror* mirror : std::initializer_list<controller::Mirror*>{
             &tenants_, &namespaces_, &accounts_, &quotas_, &ranges_, &policies_, &services_,
             &deployments_, &pods_, &role_bindings_, &cluster_roles_, &cluster_role_bindings_}) {
      mirror->start();
    }
    controller_.start();
  }

  static api::Tenant tenant_of(const std::string& name) {
    api::Tenant tenant;
    tenant.metadata.name = name;
    tenant.spec.gateway.service.name = "llm-service";
    tenant.spec.gateway.service.port = 8000;
    tenant.spec.quota.gpus = 2;
    tenant.spec.quota.memory = *api::Quantity::parse("16Gi");
    return tenant;
  }

  static api::Tenant serving(const std::string& name) {
    api::Tenant tenant = tenant_of(name);
    tenant.spec.serve.emplace().image = "insula/llm-sim";
    tenant.spec.serve->replicas = 2;
    return tenant;
  }

  api::Tenant now(const std::string& name = "a") { return *world_.get<api::Tenant>("", name); }

  std::string ready(const std::string& name = "a") {
    const api::Tenant tenant = now(name);
    return tenant.status.phase + ": " + tenant.status.conditions.at(0).message;
  }

  // The namespace controller's part.
  void make_account(const std::string& name_space) {
    api::ServiceAccount account;
    account.metadata.namespace_ = name_space;
    account.metadata.name = "default";
    world_.create(account);
    world_.advance(20ms);
  }

  // What the deployment controller would report.
  void report_available(int replicas) {
    api::Deployment deployment = *world_.get<api::Deployment>("a", "llm-service");
    deployment.status.observed_generation = deployment.metadata.generation;
    deployment.status.available_replicas = replicas;
    world_.update_status(deployment);
    world_.settle();
  }

  controller::testing::Harness world_;
  controller::Informer<api::Tenant> tenants_{world_.api};
  controller::Informer<api::Namespace> namespaces_{world_.api};
  controller::Informer<api::ServiceAccount> accounts_{world_.api};
  controller::Informer<api::ResourceQuota> quotas_{world_.api};
  controller::Informer<api::LimitRange> ranges_{world_.api};
  controller::Informer<api::NetworkPolicy> policies_{world_.api};
  controller::Informer<api::Service> services_{world_.api};
  controller::Informer<api::Deployment> deployments_{world_.api};
  controller::Informer<api::Pod> pods_{world_.api};
  controller::Informer<api::RoleBinding> role_bindings_{world_.api};
  controller::Informer<api::ClusterRole> cluster_roles_{world_.api};
  controller::Informer<api::ClusterRoleBinding> cluster_role_bindings_{world_.api};
  controller::EventRecorder events_{world_.api, world_.runtime, "tenant-controller"};
  TenantController controller_{world_.api,
                               world_.runtime,
                               {tenants_,
                                namespaces_,
                                accounts_,
                                quotas_,
                                ranges_,
                                policies_,
                                services_,
                                deployments_,
                                pods_,
                                {role_bindings_, cluster_roles_, cluster_role_bindings_}},
                               events_,
                               "http://127.0.0.1:8080/"};
};

TEST_F(TenantControllerTest, MakesATenantWhole) {
  world_.create(tenant_of("a"));
  world_.settle();
  const auto name_space = world_.get<api::Namespace>("", "a");
  ASSERT_TRUE(name_space.has_value());
  EXPECT_EQ(controller::controller_uid(name_space->metadata), now().metadata.uid);
  EXPECT_TRUE(world_.get<api::ResourceQuota>("a", "tenant-quota").has_value());
  EXPECT_TRUE(world_.get<api::LimitRange>("a", "tenant-defaults").has_value());
  EXPECT_EQ(world_.list<api::NetworkPolicy>("a").size(), 5U);
  EXPECT_EQ(now().status.phase, "Ready");
  EXPECT_EQ(now().status.url, "http://127.0.0.1:8080/a");
  EXPECT_THAT(now().status.namespaces, ElementsAre("a"));
  EXPECT_EQ(now().status.observed_generation, now().metadata.generation);
}

TEST_F(TenantControllerTest, GivesMembersTheirNamespacesAndASightOfTheTenant) {
  api::Tenant tenant = tenant_of("a");
  tenant.spec.namespaces = {"x", "y"};
  world_.create(tenant);
  world_.settle();
  for (const char* name : {"x", "y"}) {
    const auto binding = world_.get<api::RoleBinding>(name, "tenant-members");
    ASSERT_TRUE(binding.has_value());
    EXPECT_EQ(binding->role_ref.name, "insula:tenant-member");
    ASSERT_EQ(binding->subjects.size(), 1U);
    EXPECT_EQ(binding->subjects[0].kind, "Group");
    EXPECT_EQ(binding->subjects[0].name, "insula:tenant:a");
    EXPECT_EQ(controller::controller_uid(binding->metadata), now().metadata.uid);
  }
  const auto reader = world_.get<api::ClusterRole>("", "insula:tenant:a");
  ASSERT_TRUE(reader.has_value());
  ASSERT_EQ(reader->rules.size(), 1U);
  EXPECT_THAT(reader->rules[0].verbs, ElementsAre("get"));
  EXPECT_THAT(reader->rules[0].resource_names, ElementsAre("a"));
  const auto seen = world_.get<api::ClusterRoleBinding>("", "insula:tenant:a");
  ASSERT_TRUE(seen.has_value());
  EXPECT_EQ(seen->role_ref.name, "insula:tenant:a");
  EXPECT_EQ(seen->subjects.at(0).name, "insula:tenant:a");
}

TEST_F(TenantControllerTest, SaysWhichSecretAProviderLacks) {
  const auto providers = [&] {
    for (const api::Condition& condition : now().status.conditions) {
      if (condition.type == "ProvidersReady")
        return fmt::format("{} {}: {}", condition.status, condition.reason, condition.message);
    }
    return std::string();
  };
  api::TenantBackend backend;
  backend.provider.emplace().base_url = "https://p/v1";
  backend.provider->api_key_ref = api::TenantKeyRef{"key", "", "k"};
  api::TenantModel model;
  model.name = "m";
  model.backends = {backend};
  api::Tenant tenant = tenant_of("a");
  tenant.spec.gateway.models = {model};
  world_.create(tenant);
  world_.settle();
  EXPECT_EQ(providers(), "False SecretUnusable: model m: Secret a/key does not exist");
  EXPECT_EQ(now().status.phase, "Ready");

  api::Secret secret;
  secret.metadata.name = "key";
  secret.metadata.namespace_ = "a";
  secret.data = {{"other", "x"}};
  world_.create(secret);
  world_.settle();
  EXPECT_EQ(providers(), "False SecretUnusable: model m: Secret a/key has no entry k");

  secret = *world_.get<api::Secret>("a", "key");
  secret.data["k"] = "sk-1";
  world_.update(secret);
  world_.settle();
  EXPECT_EQ(providers(), "True SecretsPresent: the Secrets of all providers are in place");

  tenant = now();
  tenant.spec.gateway.models.clear();
  world_.update(tenant);
  world_.settle();
  EXPECT_EQ(providers(), "");
}

TEST_F(TenantControllerTest, PutsBackTheRightsOfItsMembers) {
  world_.create(tenant_of("a"));
  world_.settle();
  const auto binding = [&] { return *world_.get<api::RoleBinding>("a", "tenant-members"); };
  api::RoleBinding wider = binding();
  wider.subjects.push_back({"Group", "rbac.authorization.k8s.io", "system:authenticated", {}});
  world_.update(wider);
  world_.settle();
  EXPECT_EQ(binding().subjects.size(), 1U);
  ASSERT_TRUE(world_.remove<api::RoleBinding>("a", "tenant-members"));
  world_.settle();
  EXPECT_EQ(binding().role_ref.name, "insula:tenant-member");
  api::ClusterRole reader = *world_.get<api::ClusterRole>("", "insula:tenant:a");
  reader.rules[0].resource_names.clear();
  world_.update(reader);
  world_.settle();
  EXPECT_THAT(world_.get<api::ClusterRole>("", "insula:tenant:a")->rules[0].resource_names,
              ElementsAre("a"));
}

TEST_F(TenantControllerTest, ReplacesABindingOfThatNameThatLeadsElsewhere) {
  api::RoleBinding forged;
  forged.metadata.name = "tenant-members";
  forged.metadata.namespace_ = "a";
  forged.role_ref = {"rbac.authorization.k8s.io", "Role", "mine"};
  world_.add_namespace("a");
  world_.create(forged);
  world_.settle();
  world_.create(tenant_of("a"));
  world_.settle();
  const auto binding = world_.get<api::RoleBinding>("a", "tenant-members");
  ASSERT_TRUE(binding.has_value());
  EXPECT_EQ(binding->role_ref.name, "insula:tenant-member");
  EXPECT_EQ(binding->subjects.at(0).name, "insula:tenant:a");
}

TEST_F(TenantControllerTest, IsReadyOnceItsModelServerAnswersAndSaysWhyNotBefore) {
  world_.create(serving("a"));
  world_.settle();
  EXPECT_EQ(ready(), "Pending: the namespace has no service account yet");
  make_account("a");
  EXPECT_EQ(ready(), "Pending: deployment llm-service: 0 of 2 pods available");
  api::Pod pod;
  pod.metadata.namespace_ = "a";
  pod.metadata.name = "llm-service-1";
  pod.metadata.labels["app"] = "llm-service";
  pod = world_.create(pod);
  api::PodCondition& waits = pod.status.conditions.emplace_back();
  waits.type = "PodScheduled";
  waits.status = "False";
  waits.message = "0/1 nodes are available: 1 Insufficient nvidia.com/gpu.";
  world_.update_status(pod);
  world_.settle();
  report_available(0);
  EXPECT_EQ(ready(),
            "Pending: deployment llm-service: 0 of 2 pods available: pod llm-service-1: 0/1 nodes "
            "are available: 1 "
            "Insufficient nvidia.com/gpu.");
  report_available(1);
  EXPECT_EQ(now().status.phase, "Ready");
}

TEST_F(TenantControllerTest, SaysWhatHoldsAPodBackThoughNothingElseChanges) {
  world_.create(serving("a"));
  world_.settle();
  make_account("a");
  report_available(0);
  api::Pod pod;
  pod.metadata.namespace_ = "a";
  pod.metadata.name = "llm-service-1";
  pod.metadata.labels["app"] = "llm-service";
  pod = world_.create(pod);
  world_.settle();
  api::ContainerStatus& status = pod.status.container_statuses.emplace_back();
  status.state.waiting.emplace().reason = "ImagePullBackOff";
  status.state.waiting->message = "no image nowhere/llm here";
  world_.update_status(pod);
  world_.settle();
  EXPECT_THAT(ready(), HasSubstr("ImagePullBackOff: no image nowhere/llm here"));
}

TEST_F(TenantControllerTest, AdoptsANamespaceThatNobodyHas) {
  world_.add_namespace("a");
  world_.create(tenant_of("a"));
  world_.settle();
  EXPECT_EQ(controller::controller_uid(world_.get<api::Namespace>("", "a")->metadata),
            now().metadata.uid);
  EXPECT_EQ(now().status.phase, "Ready");
}

TEST_F(TenantControllerTest, RefusesANamespaceOfAnotherTenantWhateverItsLabelSays) {
  world_.create(tenant_of("a"));
  world_.settle();
  api::Namespace name_space = *world_.get<api::Namespace>("", "a");
  name_space.metadata.labels["insula.dev/tenant"] = "b";
  world_.update(name_space);
  api::Tenant other = tenant_of("b");
  other.spec.namespaces = {"a"};
  world_.create(other);
  world_.settle();
  EXPECT_EQ(ready("b"), "Failed: namespace a belongs to Tenant a");
  EXPECT_TRUE(now("b").status.namespaces.empty());
  EXPECT_EQ(controller::controller_uid(world_.get<api::Namespace>("", "a")->metadata),
            now("a").metadata.uid);
  // And takes it as soon as it is free.
  ASSERT_TRUE(world_.remove<api::Tenant>("", "a"));
  world_.settle();
  name_space = *world_.get<api::Namespace>("", "a");
  name_space.spec.finalizers.clear();
  (void)*world_.run(world_.api.update(client::target_of(name_space, "finalize"),
                                      api::encode_json(name_space), {}));
  world_.settle();
  EXPECT_EQ(now("b").status.phase, "Ready");
}

TEST_F(TenantControllerTest, PutsLimitsBackThatSomebodyTookAway) {
  world_.create(tenant_of("a"));
  world_.settle();
  ASSERT_TRUE(world_.remove<api::NetworkPolicy>("a", "default-deny"));
  api::ResourceQuota quota = *world_.get<api::ResourceQuota>("a", "tenant-quota");
  quota.spec.hard["requests.nvidia.com/gpu"] = api::Quantity::of(100);
  world_.update(quota);
  world_.settle();
  EXPECT_TRUE(world_.get<api::NetworkPolicy>("a", "default-deny").has_value());
  EXPECT_EQ(
      world_.get<api::ResourceQuota>("a", "tenant-quota")->spec.hard.at("requests.nvidia.com/gpu"),
      api::Quantity::of(2));
}

TEST_F(TenantControllerTest, LetsAUserScaleTheModelServerUntilTheSpecSaysAnotherNumber) {
  world_.create(serving("a"));
  world_.settle();
  make_account("a");
  api::Deployment deployment = *world_.get<api::Deployment>("a", "llm-service");
  deployment.spec.replicas = 5;
  world_.update(deployment);
  world_.settle();
  EXPECT_EQ(world_.get<api::Deployment>("a", "llm-service")->spec.replicas, 5);
  api::Tenant tenant = now();
  tenant.spec.serve->image = "another";
  world_.update(tenant);
  world_.settle();
  deployment = *world_.get<api::Deployment>("a", "llm-service");
  EXPECT_EQ(deployment.spec.replicas, 5);
  EXPECT_EQ(deployment.spec.template_.spec.containers.at(0).image, "another");
  tenant = now();
  tenant.spec.serve->replicas = 1;
  world_.update(tenant);
  world_.settle();
  EXPECT_EQ(world_.get<api::Deployment>("a", "llm-service")->spec.replicas, 1);
}

TEST_F(TenantControllerTest, DoesNotTouchAServiceOfTheUsersOwn) {
  world_.add_namespace("a");
  api::Service mine;
  mine.metadata.namespace_ = "a";
  mine.metadata.name = "llm-service";
  world_.create(mine);
  world_.create(serving("a"));
  world_.settle();
  make_account("a");
  EXPECT_THAT(ready(),
              HasSubstr("Failed: service a/llm-service exists and does not belong to the tenant"));
  EXPECT_TRUE(world_.get<api::Service>("a", "llm-service")->spec.ports.empty());
}

TEST_F(TenantControllerTest, StopsServingWhenTheSpecNoLongerAsksForIt) {
  world_.create(serving("a"));
  world_.settle();
  make_account("a");
  api::Tenant tenant = now();
  tenant.spec.serve.reset();
  world_.update(tenant);
  world_.settle();
  EXPECT_FALSE(world_.get<api::Deployment>("a", "llm-service").has_value());
  EXPECT_FALSE(world_.get<api::Service>("a", "llm-service").has_value());
}

TEST_F(TenantControllerTest, GoesAfterItsNamespaces) {
  world_.create(tenant_of("a"));
  world_.settle();
  ASSERT_TRUE(world_.remove<api::Tenant>("", "a"));
  world_.settle();
  EXPECT_TRUE(world_.get<api::Namespace>("", "a")->metadata.deletion_timestamp.has_value());
  EXPECT_EQ(ready(), "Terminating: namespaces a are being emptied");
  api::Namespace name_space = *world_.get<api::Namespace>("", "a");
  name_space.spec.finalizers.clear();
  (void)*world_.run(world_.api.update(client::target_of(name_space, "finalize"),
                                      api::encode_json(name_space), {}));
  world_.settle();
  EXPECT_FALSE(world_.get<api::Tenant>("", "a").has_value());
}

TEST_F(TenantControllerTest, AddsUpWhatIsUsedInAllNamespaces) {
  api::Tenant tenant = tenant_of("a");
  tenant.spec.namespaces = {"a-1", "a-2"};
  world_.create(tenant);
  world_.settle();
  for (const char* name_space : {"a-1", "a-2"}) {
    api::ResourceQuota quota = *world_.get<api::ResourceQuota>(name_space, "tenant-quota");
    quota.status.used["requests.nvidia.com/gpu"] = api::Quantity::of(1);
    world_.update_status(quota);
  }
  world_.settle();
  EXPECT_EQ(now().status.used.at("requests.nvidia.com/gpu"), api::Quantity::of(2));
}

TEST_F(TenantControllerTest, ComesToRest) {
  world_.create(serving("a"));
  world_.settle();
  make_account("a");
  report_available(2);
  const std::int64_t revision = world_.api.revision();
  world_.advance(1h);
  EXPECT_EQ(world_.api.revision(), revision);
}

}  // namespace
}  // namespace insula::tenancy
