#include "controllers/replicaset/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controller/owner.h"
#include "testing/fake_clock.h"

namespace insula::controllers {
namespace {

using ::testing::ElementsAre;

class ReplicaSetPlanTest : public ::testing::Test {
 protected:
  ReplicaSetPlanTest() {
    set_.metadata.namespace_ = "a";
    set_.metadata.name = "web";
    set_.metadata.uid = "rs";
    set_.metadata.generation = 3;
    set_.spec.selector.emplace().match_labels["app"] = "web";
    set_.spec.template_.metadata.labels["app"] = "web";
    set_.spec.replicas = 2;
  }

  api::Pod& add(const std::string& name) {
    auto pod = std::make_shared<api::Pod>();
    pod->metadata.name = name;
    pod->metadata.labels["app"] = "web";
    pod->metadata.owner_references.push_back(controller::controlled_by(set_));
    pod->metadata.creation_timestamp = api::Time::from(clock_.wall());
    pods_.push_back(pod);
    return *pod;
  }

  api::Pod& add_ready(const std::string& name) {
    api::Pod& pod = add(name);
    pod.spec.node_name = "node";
    pod.status.phase = "Running";
    api::PodCondition ready;
    ready.type = "Ready";
    ready.status = "True";
    ready.last_transition_time = api::Time::from(clock_.wall());
    pod.status.conditions.push_back(ready);
    return pod;
  }

  ReplicaSetPlan plan() { return plan_replica_set(set_, pods_, clock_.wall()); }

  static std::vector<std::string> names(const std::vector<PodPtr>& pods) {
    std::vector<std::string> found;
    found.reserve(pods.size());
    for (const PodPtr& pod : pods)
      found.push_back(pod->metadata.name);
    return found;
  }

  testing::FakeClock clock_;
  api::ReplicaSet set_;
  std::vector<PodPtr> pods_;
};

TEST_F(ReplicaSetPlanTest, CreatesWhatIsMissing) {
  add_ready("one");
  const ReplicaSetPlan result = plan();
  EXPECT_EQ(result.create, 1);
  EXPECT_TRUE(result.remove.empty());
  EXPECT_EQ(result.status.replicas, 1);
  EXPECT_EQ(result.status.ready_replicas, 1);
  EXPECT_EQ(result.status.fully_labeled_replicas, 1);
  EXPECT_EQ(result.status.observed_generation, 3);
}

TEST_F(ReplicaSetPlanTest, DoesNotCountPodsThatEndedOrAreBeingDeleted) {
  add_ready("ok");
  add("failed").status.phase = "Failed";
  add_ready("leaving").metadata.deletion_timestamp = api::Time::from(clock_.wall());
  const ReplicaSetPlan result = plan();
  EXPECT_EQ(result.create, 1);
  EXPECT_EQ(result.status.terminating_replicas, 1);
}

TEST_F(ReplicaSetPlanTest, RemovesWhatIsMissedLeastFirst) {
  set_.spec.replicas = 0;
  add_ready("ready");
  add("unplaced");
  api::Pod& starting = add("starting");
  starting.spec.node_name = "node";
  starting.status.phase = "Pending";
  api::Pod& unready = add("unready");
  unready.spec.node_name = "node";
  unready.status.phase = "Running";
  EXPECT_THAT(names(plan().remove), ElementsAre("unplaced", "starting", "unready", "ready"));
}

TEST_F(ReplicaSetPlanTest, HeedsTheDeletionCostAmongEquals) {
  set_.spec.replicas = 1;
  add_ready("dear").metadata.annotations["controller.kubernetes.io/pod-deletion-cost"] = "10";
  add_ready("cheap").metadata.annotations["controller.kubernetes.io/pod-deletion-cost"] = "-5";
  EXPECT_THAT(names(plan().remove), ElementsAre("cheap"));
}

TEST_F(ReplicaSetPlanTest, RemovesTheYoungestOfEquals) {
  set_.spec.replicas = 1;
  add_ready("old");
  clock_.advance(std::chrono::hours(1));
  add_ready("young");
  EXPECT_THAT(names(plan().remove), ElementsAre("young"));
}

TEST_F(ReplicaSetPlanTest, AdoptsStraysAndReleasesWhatNoLongerMatches) {
  add_ready("stray").metadata.owner_references.clear();
  add_ready("changed").metadata.labels["app"] = "other";
  api::Pod& foreign = add_ready("foreign");
  foreign.metadata.owner_references[0].uid = "another";
  const ReplicaSetPlan result = plan();
  EXPECT_THAT(names(result.adopt), ElementsAre("stray"));
  EXPECT_THAT(names(result.release), ElementsAre("changed"));
  EXPECT_EQ(result.create, 1);
}

TEST_F(ReplicaSetPlanTest, LeavesPodsAloneWhileItIsBeingDeleted) {
  set_.metadata.deletion_timestamp = api::Time::from(clock_.wall());
  add_ready("stray").metadata.owner_references.clear();
  const ReplicaSetPlan result = plan();
  EXPECT_EQ(result.create, 0);
  EXPECT_TRUE(result.adopt.empty());
}

TEST_F(ReplicaSetPlanTest, CountsAPodAsAvailableOnceItHasBeenReadyLongEnough) {
  set_.spec.min_ready_seconds = 10;
  add_ready("one");
  add_ready("two");
  EXPECT_EQ(plan().status.available_replicas, 0);
  EXPECT_EQ(plan().again_after, std::chrono::seconds(10));
  clock_.advance(std::chrono::seconds(10));
  EXPECT_EQ(plan().status.available_replicas, 2);
  EXPECT_EQ(plan().again_after, std::nullopt);
}

TEST_F(ReplicaSetPlanTest, NeverActsOnMoreThanABurstAtOnce) {
  set_.spec.replicas = 100'000;
  EXPECT_EQ(plan().create, kReplicaBurstMax);
}

TEST_F(ReplicaSetPlanTest, KeepsTheFirstFailureUntilThereIsNone) {
  api::ReplicaSetStatus status;
  const ReplicaFailure first{"FailedCreate", "pods \"web-1\" is forbidden: exceeded quota: q"};
  const ReplicaFailure second{"FailedCreate", "pods \"web-2\" is forbidden: exceeded quota: q"};
  set_replica_failure(status, &first, clock_.wall());
  set_replica_failure(status, &second, clock_.wall());
  ASSERT_EQ(status.conditions.size(), 1U);
  EXPECT_EQ(status.conditions[0].message, first.message);
  EXPECT_EQ(status.conditions[0].type, "ReplicaFailure");
  set_replica_failure(status, nullptr, clock_.wall());
  EXPECT_TRUE(status.conditions.empty());
}

}  // namespace
}  // namespace insula::controllers
