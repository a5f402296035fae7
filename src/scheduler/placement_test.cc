#include "scheduler/placement.h"

#include <gtest/gtest.h>

namespace insula::scheduler {
namespace {

api::Quantity quantity(const char* text) {
  return *api::Quantity::parse(text);
}

class PlacementTest : public ::testing::Test {
 protected:
  PlacementTest() {
    pod_.metadata.namespace_ = "a";
    pod_.metadata.name = "p";
    pod_.spec.containers.emplace_back();
    node_ = make_node("n");
  }

  static std::shared_ptr<api::Node> make_node(const std::string& name) {
    auto node = std::make_shared<api::Node>();
    node->metadata.name = name;
    node->metadata.labels["disk"] = "ssd";
    node->status.allocatable = {{"cpu", quantity("4")},
                                {"memory", quantity("8Gi")},
                                {"nvidia.com/gpu", quantity("2")},
                                {"pods", quantity("3")}};
    api::NodeCondition& ready = node->status.conditions.emplace_back();
    ready.type = "Ready";
    ready.status = "True";
    return node;
  }

  void request(const char* resource, const char* amount) {
    pod_.spec.containers[0].resources.requests[resource] = quantity(amount);
  }

  // Why it does not fit on the one node there is; empty when it does.
  std::string why() {
    cluster_.node_changed("n", node_);
    const Placement placement = place(pod_, cluster_);
    EXPECT_EQ(placement.node.empty(), !placement.message.empty());
    return placement.message;
  }

  void place_another(const std::string& name) {
    api::Pod other = pod_;
    other.metadata.name = name;
    other.spec.node_name = "n";
    cluster_.pod_changed(nullptr, &other);
  }

  api::Pod pod_;
  std::shared_ptr<api::Node> node_;
  ClusterState cluster_;
};

TEST_F(PlacementTest, FitsWhenThereIsRoom) {
  request("cpu", "4");
  request("memory", "8Gi");
  request("nvidia.com/gpu", "2");
  EXPECT_EQ(why(), "");
}

TEST_F(PlacementTest, NamesEveryResourceThatIsShort) {
  request("nvidia.com/gpu", "3");
  EXPECT_EQ(why(), "0/1 nodes are available: 1 Insufficient nvidia.com/gpu.");
  request("cpu", "4001m");
  EXPECT_EQ(why(), "0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient nvidia.com/gpu.");
}

TEST_F(PlacementTest, CountsWhatRunsAlready) {
  request("nvidia.com/gpu", "1");
  place_another("x");
  EXPECT_EQ(why(), "");
  place_another("y");
  EXPECT_EQ(why(), "0/1 nodes are available: 1 Insufficient nvidia.com/gpu.");
  place_another("z");
  EXPECT_EQ(why(), "0/1 nodes are available: 1 Insufficient nvidia.com/gpu, 1 Too many pods.");
}

TEST_F(PlacementTest, NeedsAReadySchedulableNodeThatMatches) {
  pod_.spec.node_selector["disk"] = "hdd";
  EXPECT_EQ(why(), "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.");
  node_ = make_node("n");
  node_->spec.unschedulable = true;
  EXPECT_EQ(why(), "0/1 nodes are available: 1 node(s) were unschedulable.");
  node_ = make_node("n");
  node_->status.conditions[0].status = "False";
  EXPECT_EQ(why(), "0/1 nodes are available: 1 node(s) were not ready.");
  node_ = make_node("n");
  pod_.spec.node_selector["disk"] = "ssd";
  EXPECT_EQ(why(), "");
}

TEST_F(PlacementTest, HeedsTaintsUnlessTolerated) {
  api::Taint& taint = node_->spec.taints.emplace_back();
  taint.key = "gpu";
  taint.value = "yes";
  taint.effect = "NoSchedule";
  EXPECT_EQ(why(), "0/1 nodes are available: 1 node(s) had untolerated taint {gpu: yes}.");
  api::Toleration& toleration = pod_.spec.tolerations.emplace_back();
  toleration.key = "gpu";
  toleration.operator_ = "Equal";
  toleration.value = "no";
  EXPECT_NE(why(), "");
  toleration.value = "yes";
  EXPECT_EQ(why(), "");
  toleration = {};
  toleration.operator_ = "Exists";
  pod_.spec.tolerations = {toleration};
  EXPECT_EQ(why(), "");
}

TEST_F(PlacementTest, EvaluatesNodeAffinity) {
  auto& required = pod_.spec.affinity.emplace()
                       .node_affinity.emplace()
                       .required_during_scheduling_ignored_during_execution.emplace();
  api::NodeSelectorRequirement& rule =
      required.node_selector_terms.emplace_back().match_expressions.emplace_back();
  rule.key = "disk";
  rule.operator_ = "NotIn";
  rule.values = {"ssd"};
  EXPECT_EQ(why(), "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.");
  rule.operator_ = "In";
  EXPECT_EQ(why(), "");
}

TEST_F(PlacementTest, SaysThatItDoesNotEvaluateRulesBetweenPods) {
  pod_.spec.affinity.emplace()
      .pod_anti_affinity.emplace()
      .required_during_scheduling_ignored_during_execution.emplace_back();
  EXPECT_NE(why().find("Insula does not evaluate"), std::string::npos);
}

TEST_F(PlacementTest, GivesAHostPortToOnePodOnly) {
  pod_.spec.containers[0].ports.emplace_back().host_port = 80;
  place_another("x");
  EXPECT_EQ(
      why(),
      "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports.");
}

TEST_F(PlacementTest, TakesTheNodeWithTheMostRoom) {
  request("cpu", "1");
  cluster_.node_changed("n", node_);
  cluster_.node_changed("m", make_node("m"));
  place_another("x");
  EXPECT_EQ(place(pod_, cluster_).node, "m");
}

TEST_F(PlacementTest, SaysWhenThereIsNoNode) {
  EXPECT_EQ(place(pod_, cluster_).message, "no nodes available to schedule pods");
}

TEST_F(PlacementTest, AssumedPlacementsCountUntilSeenOrForgotten) {
  request("nvidia.com/gpu", "2");
  cluster_.node_changed("n", node_);
  cluster_.assume(pod_, "n");
  EXPECT_EQ(place(pod_, cluster_).message,
            "0/1 nodes are available: 1 Insufficient nvidia.com/gpu.");
  api::Pod bound = pod_;
  bound.spec.node_name = "n";
  cluster_.pod_changed(&pod_, &bound);
  EXPECT_FALSE(cluster_.is_assumed(controller::key_of(pod_)));
  EXPECT_EQ(place(pod_, cluster_).message,
            "0/1 nodes are available: 1 Insufficient nvidia.com/gpu.");
  api::Pod finished = bound;
  finished.status.phase = "Succeeded";
  cluster_.pod_changed(&bound, &finished);
  EXPECT_EQ(place(pod_, cluster_).node, "n");
}

}  // namespace
}  // namespace insula::scheduler
