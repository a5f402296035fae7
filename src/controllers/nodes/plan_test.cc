#include "controllers/nodes/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/fake_clock.h"

namespace insula::controllers {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;
using namespace std::chrono_literals;

class NodePlanTest : public ::testing::Test {
 protected:
  NodePlanTest() : first_seen_(clock_.wall()) {
    node_.metadata.name = "n";
    api::NodeCondition& ready = node_.status.conditions.emplace_back();
    ready.type = "Ready";
    ready.status = "True";
  }

  NodePlan plan() { return plan_node(node_, &lease_, first_seen_, clock_.wall()); }

  void renew() { lease_.spec.renew_time = api::MicroTime::from(clock_.wall()); }

  testing::FakeClock clock_;
  WallTime first_seen_;
  api::Node node_;
  api::Lease lease_;
};

TEST_F(NodePlanTest, LeavesANodeAloneThatRenewsItsLease) {
  clock_.advance(1h);
  renew();
  clock_.advance(39s);
  const NodePlan result = plan();
  EXPECT_FALSE(result.status || result.taints);
  EXPECT_EQ(result.again_after, 2s);
}

TEST_F(NodePlanTest, MarksAndTaintsASilentNodeOnce) {
  clock_.advance(41s);
  NodePlan result = plan();
  ASSERT_TRUE(result.status && result.taints);
  EXPECT_EQ(result.status->conditions[0].status, "Unknown");
  EXPECT_EQ(result.status->conditions[0].reason, "NodeStatusUnknown");
  ASSERT_THAT(*result.taints, SizeIs(1));
  EXPECT_EQ(result.taints->at(0).key, "node.kubernetes.io/unreachable");
  node_.status = *result.status;
  node_.spec.taints = *result.taints;
  result = plan();
  EXPECT_FALSE(result.status || result.taints);
}

TEST_F(NodePlanTest, TakesItsTaintOffAgainAndLeavesOthers) {
  api::Taint mine;
  mine.key = "dedicated";
  mine.effect = "NoSchedule";
  api::Taint ours;
  ours.key = kUnreachableTaint;
  ours.effect = "NoSchedule";
  node_.spec.taints = {ours, mine};
  renew();
  const NodePlan result = plan();
  ASSERT_TRUE(result.taints);
  EXPECT_THAT(*result.taints, ElementsAre(mine));
}

TEST_F(NodePlanTest, TaintsACordonedAndAnUnreadyNode) {
  renew();
  node_.spec.unschedulable = true;
  node_.status.conditions[0].status = "False";
  const NodePlan result = plan();
  ASSERT_TRUE(result.taints);
  EXPECT_THAT(*result.taints, SizeIs(2));
}

TEST_F(NodePlanTest, GivesNodesTheirGraceAfterTheControlPlaneWasAway) {
  clock_.advance(24h);
  first_seen_ = clock_.wall();
  EXPECT_FALSE(plan().status);
}

TEST(PodGarbage, IsWhatNobodyElseRemoves) {
  const auto pod = [](const char* name, const char* node, const char* phase) {
    auto made = std::make_shared<api::Pod>();
    made->metadata.name = name;
    made->spec.node_name = node;
    made->status.phase = phase;
    return made;
  };
  const auto never_placed = pod("never-placed", "", "Pending");
  never_placed->metadata.deletion_timestamp = api::Time{1};
  const auto ending = pod("ending", "n", "Running");
  ending->metadata.deletion_timestamp = api::Time{1};
  const std::vector<PodPtr> pods = {never_placed,
                                    ending,
                                    pod("lost", "gone", "Running"),
                                    pod("ok", "n", "Running"),
                                    pod("waiting", "", "Pending"),
                                    pod("done", "n", "Succeeded")};
  std::vector<std::string> removed;
  for (const PodPtr& one : plan_pod_garbage(pods, {"gone"}).remove)
    removed.push_back(one->metadata.name);
  EXPECT_THAT(removed, ElementsAre("never-placed", "lost"));
}

TEST(PodGarbage, KeepsTheYoungestFinishedPods) {
  std::vector<PodPtr> pods;
  for (std::size_t i = 0; i < kFinishedPodsMax + 2; ++i) {
    auto pod = std::make_shared<api::Pod>();
    pod->metadata.creation_timestamp.seconds = static_cast<std::int64_t>(1 + i);
    pod->spec.node_name = "n";
    pod->status.phase = "Failed";
    pods.push_back(pod);
  }
  const PodGarbage garbage = plan_pod_garbage(pods, {});
  ASSERT_THAT(garbage.remove, SizeIs(2));
  EXPECT_EQ(garbage.remove[0]->metadata.creation_timestamp.seconds, 1);
  EXPECT_EQ(garbage.remove[1]->metadata.creation_timestamp.seconds, 2);
}

}  // namespace
}  // namespace insula::controllers
