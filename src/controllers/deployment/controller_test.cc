#include "controllers/deployment/controller.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controller/testing/harness.h"
#include "controllers/deployment/status.h"
#include "controllers/pods.h"
#include "controllers/replicaset/controller.h"

namespace insula::controllers {
namespace {

using ::testing::Contains;
using namespace std::chrono_literals;

// A Deployment with its ReplicaSet controller beneath, and a node played by the test.
class DeploymentControllerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    events_.start();
    for (controller::Mirror* mirror : std::initializer_list<controller::Mirror*>{
             &deployments_, &sets_, &pods_, &quotas_, &ranges_}) {
      mirror->start();
    }
    replica_sets_.start();
    controller_.start();
  }

  static api::Deployment web(int replicas) {
    api::Deployment deployment;
    deployment.metadata.namespace_ = "default";
    deployment.metadata.name = "web";
    deployment.spec.replicas = replicas;
    deployment.spec.selector.emplace().match_labels["app"] = "web";
    deployment.spec.template_.metadata.labels["app"] = "web";
    deployment.spec.template_.spec.containers.emplace_back().image = "v1";
    deployment.spec.progress_deadline_seconds = 600;
    return deployment;
  }

  api::Deployment now() { return *world_.get<api::Deployment>("default", "web"); }

  void change(const std::function<void(api::Deployment&)>& edit) {
    api::Deployment deployment = now();
    edit(deployment);
    world_.update(deployment);
    world_.settle();
  }

  void set_image(const std::string& image) {
    change([&](api::Deployment& deployment) {
      deployment.spec.template_.spec.containers[0].image = image;
    });
  }

  std::vector<api::Pod> running(const std::string& image) {
    std::vector<api::Pod> pods = world_.list<api::Pod>("default");
    std::erase_if(pods, [&](const api::Pod& pod) {
      return !is_active(pod) || pod.spec.containers[0].image != image;
    });
    return pods;
  }

  // The node's part: starts what waits and ends what was deleted.
  void run_node() {
    for (const api::Pod& pod : world_.list<api::Pod>("default")) {
      if (pod.metadata.deletion_timestamp) {
        client::DeleteOptions at_once;
        at_once.grace_period_seconds = 0;
        (void)world_.remove<api::Pod>("default", pod.metadata.name, at_once);
      } else if (!is_ready(pod)) {
        world_.run_pod("default", pod.metadata.name);
      }
    }
    world_.settle();
  }

  void roll_out() {
    for (int i = 0; i < 20; ++i)
      run_node();
  }

  std::string progressing() {
    const api::DeploymentStatus status = now().status;
    const api::DeploymentCondition* condition = find_condition(status, "Progressing");
    return condition == nullptr ? "" : condition->status + " " + condition->reason;
  }

  controller::testing::Harness world_;
  controller::Informer<api::Deployment> deployments_{world_.api};
  controller::Informer<api::ReplicaSet> sets_{world_.api};
  controller::Informer<api::Pod> pods_{world_.api};
  controller::Informer<api::ResourceQuota> quotas_{world_.api};
  controller::Informer<api::LimitRange> ranges_{world_.api};
  controller::EventRecorder events_{world_.api, world_.runtime, "deployment-controller"};
  ReplicaSetController replica_sets_{
      world_.api, world_.runtime, {sets_, pods_, quotas_, ranges_}, events_};
  DeploymentController controller_{
      world_.api, world_.runtime, {deployments_, sets_, pods_}, events_};
};

TEST_F(DeploymentControllerTest, BringsItsPodsUpAndSaysSo) {
  world_.create(web(3));
  world_.settle();
  EXPECT_EQ(progressing(), "True ReplicaSetUpdated");
  roll_out();
  const api::DeploymentStatus status = now().status;
  EXPECT_EQ(status.replicas, 3);
  EXPECT_EQ(status.updated_replicas, 3);
  EXPECT_EQ(status.available_replicas, 3);
  EXPECT_EQ(status.unavailable_replicas, 0);
  EXPECT_EQ(status.observed_generation, now().metadata.generation);
  EXPECT_EQ(progressing(), "True NewReplicaSetAvailable");
  EXPECT_EQ(find_condition(status, "Available")->status, "True");
  EXPECT_EQ(now().metadata.annotations.at("deployment.kubernetes.io/revision"), "1");
  EXPECT_EQ(world_.list<api::ReplicaSet>("default").size(), 1U);
}

TEST_F(DeploymentControllerTest, RollsToANewTemplateAndKeepsTheOldSetForRollback) {
  world_.create(web(4));
  roll_out();
  set_image("v2");
  roll_out();
  EXPECT_EQ(running("v2").size(), 4U);
  EXPECT_TRUE(running("v1").empty());
  EXPECT_EQ(now().metadata.annotations.at("deployment.kubernetes.io/revision"), "2");
  EXPECT_EQ(world_.list<api::ReplicaSet>("default").size(), 2U);
  EXPECT_EQ(progressing(), "True NewReplicaSetAvailable");
}

TEST_F(DeploymentControllerTest, GoesBackToAnEarlierTemplateWithANewRevision) {
  world_.create(web(2));
  roll_out();
  set_image("v2");
  roll_out();
  set_image("v1");
  roll_out();
  EXPECT_EQ(running("v1").size(), 2U);
  EXPECT_EQ(world_.list<api::ReplicaSet>("default").size(), 2U);
  EXPECT_EQ(now().metadata.annotations.at("deployment.kubernetes.io/revision"), "3");
}

TEST_F(DeploymentControllerTest, CountsOnFromTheRevisionOfASetThatItAdopts) {
  const auto deploy_beside = [&](const std::string& revision) {
    api::ReplicaSet old;
    old.metadata.namespace_ = "default";
    old.metadata.name = "old";
    old.metadata.labels["app"] = "web";
    old.metadata.annotations["deployment.kubernetes.io/revision"] = revision;
    old.spec.selector.emplace().match_labels["app"] = "web";
    old.spec.template_.metadata.labels["app"] = "web";
    old.spec.template_.spec.containers.emplace_back().image = "v0";
    world_.create(old);
    world_.create(web(1));
    roll_out();
    const std::string counted = now().metadata.annotations.at("deployment.kubernetes.io/revision");
    (void)world_.remove<api::Deployment>("default", "web", {});
    for (const api::ReplicaSet& set : world_.list<api::ReplicaSet>("default"))
      (void)world_.remove<api::ReplicaSet>("default", set.metadata.name, {});
    world_.settle();
    return counted;
  };
  EXPECT_EQ(deploy_beside("3546343826724305832"), "3546343826724305833");
  EXPECT_EQ(deploy_beside("9223372036854775807"), "9223372036854775807") << "there is no next one";
}

TEST_F(DeploymentControllerTest, KeepsServingWhileTheNewPodsDoNotComeUp) {
  world_.create(web(4));
  roll_out();
  set_image("broken");
  world_.settle();
  // 25%: one pod more than wanted, one fewer available.
  EXPECT_GE(running("v1").size(), 3U);
  EXPECT_LE(running("v1").size() + running("broken").size(), 5U);
  world_.advance(601s);
  EXPECT_EQ(progressing(), "False ProgressDeadlineExceeded");
  EXPECT_GE(running("v1").size(), 3U);
}

TEST_F(DeploymentControllerTest, GivesUpASetThatItDoesNotSelectAnyMore) {
  world_.create(web(2));
  roll_out();
  api::ReplicaSet set = world_.list<api::ReplicaSet>("default").at(0);
  set.metadata.labels["app"] = "spare";
  world_.update(set);
  roll_out();
  set = *world_.get<api::ReplicaSet>("default", set.metadata.name);
  EXPECT_TRUE(set.metadata.owner_references.empty());
  EXPECT_EQ(set.spec.replicas, 2);
  // The deployment makes itself another one.
  EXPECT_EQ(world_.list<api::ReplicaSet>("default").size(), 2U);
  EXPECT_EQ(running("v1").size(), 4U);
  EXPECT_EQ(now().status.available_replicas, 2);
}

TEST_F(DeploymentControllerTest, ReplacesAllAtOnceWithRecreate) {
  api::Deployment deployment = web(3);
  deployment.spec.strategy.type = "Recreate";
  world_.create(deployment);
  roll_out();
  set_image("v2");
  // The old ones are told to stop; nothing new starts beside them.
  EXPECT_TRUE(running("v1").empty());
  EXPECT_TRUE(running("v2").empty());
  roll_out();
  EXPECT_EQ(running("v2").size(), 3U);
}

TEST_F(DeploymentControllerTest, HoldsARolloutWhilePausedButScales) {
  world_.create(web(2));
  roll_out();
  change([](api::Deployment& deployment) { deployment.spec.paused = true; });
  EXPECT_EQ(progressing(), "Unknown DeploymentPaused");
  set_image("v2");
  change([](api::Deployment& deployment) { deployment.spec.replicas = 3; });
  roll_out();
  EXPECT_EQ(running("v1").size(), 3U);
  EXPECT_TRUE(running("v2").empty());
  change([](api::Deployment& deployment) { deployment.spec.paused = false; });
  roll_out();
  EXPECT_EQ(running("v2").size(), 3U);
}

TEST_F(DeploymentControllerTest, KeepsNoMoreOldSetsThanItsHistoryAllows) {
  api::Deployment deployment = web(1);
  deployment.spec.revision_history_limit = 1;
  world_.create(deployment);
  roll_out();
  for (const char* image : {"v2", "v3", "v4"}) {
    set_image(image);
    roll_out();
  }
  EXPECT_EQ(world_.list<api::ReplicaSet>("default").size(), 2U);
}

TEST_F(DeploymentControllerTest, ReportsWhyItsPodsCannotBeMade) {
  world_.api.set_hook(
      [](std::string_view verb, const client::Target& target) -> std::optional<Error> {
        if (verb != "create" || target.kind->plural != "pods") return std::nullopt;
        return Error(ErrorCode::kForbidden, "pods \"web-x\" is forbidden: exceeded quota: q");
      });
  world_.create(web(1));
  world_.settle();
  const api::DeploymentStatus status = now().status;
  const api::DeploymentCondition* failure = find_condition(status, "ReplicaFailure");
  ASSERT_NE(failure, nullptr);
  EXPECT_EQ(failure->message, "pods \"web-x\" is forbidden: exceeded quota: q");
}

TEST_F(DeploymentControllerTest, SaysHowItScales) {
  world_.create(web(1));
  world_.settle();
  const std::string name = world_.list<api::ReplicaSet>("default")[0].metadata.name;
  EXPECT_THAT(world_.events("web", "ScalingReplicaSet"),
              Contains("Scaled up replica set " + name + " from 0 to 1"));
  change([](api::Deployment& deployment) { deployment.spec.replicas = 3; });
  EXPECT_THAT(world_.events("web", "ScalingReplicaSet"),
              Contains("Scaled up replica set " + name + " from 1 to 3"));
}

TEST_F(DeploymentControllerTest, ComesToRestAndStaysThere) {
  world_.create(web(3));
  roll_out();
  const std::int64_t revision = world_.api.revision();
  world_.advance(1h);
  EXPECT_EQ(world_.api.revision(), revision);
  EXPECT_TRUE(controller_.idle() && replica_sets_.idle());
}

}  // namespace
}  // namespace insula::controllers
