#include "controllers/disruption/controller.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controller/owner.h"
#include "controller/testing/harness.h"

namespace insula::controllers {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

class DisruptionControllerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    events_.start();
    for (controller::Mirror* mirror : std::initializer_list<controller::Mirror*>{
             &budgets_, &pods_, &deployments_, &sets_, &replications_, &stateful_sets_}) {
      mirror->start();
    }
    controller_.start();
  }

  void make_budget(api::IntOrString least) {
    api::PodDisruptionBudget budget;
    budget.metadata.namespace_ = "default";
    budget.metadata.name = "web";
    budget.spec.selector.emplace().match_labels["app"] = "web";
    budget.spec.min_available = std::move(least);
    world_.create(std::move(budget));
  }

  void make_pod(const std::string& name, const api::ReplicaSet* owner = nullptr) {
    api::Pod pod;
    pod.metadata.namespace_ = "default";
    pod.metadata.name = name;
    pod.metadata.labels["app"] = "web";
    if (owner != nullptr)
      pod.metadata.owner_references.push_back(controller::controlled_by(*owner));
    pod.spec.containers.emplace_back().name = "main";
    world_.create(std::move(pod));
    world_.run_pod("default", name);
    world_.settle();
  }

  api::PodDisruptionBudgetStatus status() {
    return world_.get<api::PodDisruptionBudget>("default", "web")->status;
  }

  controller::testing::Harness world_;
  controller::Informer<api::PodDisruptionBudget> budgets_{world_.api};
  controller::Informer<api::Pod> pods_{world_.api};
  controller::Informer<api::Deployment> deployments_{world_.api};
  controller::Informer<api::ReplicaSet> sets_{world_.api};
  controller::Informer<api::ReplicationController> replications_{world_.api};
  controller::Informer<api::StatefulSet> stateful_sets_{world_.api};
  controller::EventRecorder events_{world_.api, world_.runtime, "controllermanager"};
  DisruptionController controller_{
      world_.api,
      world_.runtime,
      {budgets_, pods_, deployments_, sets_, replications_, stateful_sets_},
      events_};
};

TEST_F(DisruptionControllerTest, FollowsItsPods) {
  make_budget(1);
  world_.settle();
  EXPECT_EQ(status().observed_generation, 1);
  EXPECT_EQ(status().disruptions_allowed, 0);
  make_pod("a");
  make_pod("b");
  EXPECT_EQ(status().current_healthy, 2);
  EXPECT_EQ(status().disruptions_allowed, 1);
  ASSERT_TRUE(world_.remove<api::Pod>("default", "a"));
  world_.settle();
  EXPECT_EQ(status().disruptions_allowed, 0);
  EXPECT_THAT(world_.events("web", "UnmanagedPods"), IsEmpty());
}

TEST_F(DisruptionControllerTest, TakesPartsOfWhatTheDeploymentAsksFor) {
  api::Deployment deployment;
  deployment.metadata.namespace_ = "default";
  deployment.metadata.name = "web";
  deployment.spec.replicas = 4;
  deployment.spec.selector.emplace().match_labels["app"] = "web";
  deployment.spec.template_.metadata.labels["app"] = "web";
  deployment.spec.template_.spec.containers.emplace_back().name = "main";
  deployment = world_.create(std::move(deployment));
  for (const char* name : {"old", "new"}) {
    api::ReplicaSet set;
    set.metadata.namespace_ = "default";
    set.metadata.name = name;
    set.metadata.owner_references.push_back(controller::controlled_by(deployment));
    set.spec.replicas = 3;
    set.spec.selector = deployment.spec.selector;
    set.spec.template_ = deployment.spec.template_;
    set = world_.create(std::move(set));
    make_pod(std::string(name) + "-1", &set);
    make_pod(std::string(name) + "-2", &set);
  }
  make_budget("50%");
  world_.settle();
  EXPECT_EQ(status().expected_pods, 4);
  EXPECT_EQ(status().desired_healthy, 2);
  EXPECT_EQ(status().disruptions_allowed, 2);
  deployment.spec.replicas = 8;
  deployment.metadata.resource_version.clear();
  world_.update(deployment);
  world_.settle();
  EXPECT_EQ(status().desired_healthy, 4);
  EXPECT_EQ(status().disruptions_allowed, 0);
}

TEST_F(DisruptionControllerTest, SaysThatPodsWithoutAControllerDoNotCount) {
  make_budget("50%");
  make_pod("a");
  world_.settle();
  EXPECT_EQ(status().expected_pods, 0);
  EXPECT_EQ(status().disruptions_allowed, 0);
  EXPECT_THAT(world_.events("web", "UnmanagedPods"), SizeIs(::testing::Ge(1)));
}

}  // namespace
}  // namespace insula::controllers
