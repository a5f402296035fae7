#include "scheduler/scheduler.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controller/testing/harness.h"

namespace insula::scheduler {
namespace {

using ::testing::Contains;

class SchedulerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    events_.start();
    pods_.start();
    nodes_.start();
    scheduler_.start();
  }

  void make_node(const std::string& gpus) {
    api::Node node;
    node.metadata.name = "node";
    node = world_.create(node);
    node.status.allocatable["nvidia.com/gpu"] = *api::Quantity::parse(gpus);
    node.status.allocatable["cpu"] = api::Quantity::of(8);
    api::NodeCondition& ready = node.status.conditions.emplace_back();
    ready.type = "Ready";
    ready.status = "True";
    world_.update_status(node);
  }

  void make_pod(const std::string& name, const std::string& gpus = "1") {
    api::Pod pod;
    pod.metadata.namespace_ = "default";
    pod.metadata.name = name;
    pod.spec.containers.emplace_back().resources.requests["nvidia.com/gpu"] =
        *api::Quantity::parse(gpus);
    world_.create(pod);
  }

  std::string node_of(const std::string& name) {
    return world_.get<api::Pod>("default", name)->spec.node_name;
  }

  std::string scheduled(const std::string& name) {
    const auto pod = world_.get<api::Pod>("default", name);
    const auto& conditions = pod->status.conditions;
    const auto it = std::ranges::find(conditions, "PodScheduled", &api::PodCondition::type);
    return it == conditions.end() ? "" : it->status + " " + it->reason + ": " + it->message;
  }

  controller::testing::Harness world_;
  controller::Informer<api::Pod> pods_{world_.api};
  controller::Informer<api::Node> nodes_{world_.api};
  controller::EventRecorder events_{world_.api, world_.runtime, kSchedulerName};
  Scheduler scheduler_{world_.api, world_.runtime, {pods_, nodes_}, events_};
};

TEST_F(SchedulerTest, BindsAPodToANodeWithRoom) {
  make_node("2");
  make_pod("a");
  world_.settle();
  EXPECT_EQ(node_of("a"), "node");
  EXPECT_THAT(world_.events("a", "Scheduled"), Contains("Successfully assigned default/a to node"));
}

TEST_F(SchedulerTest, NeverGivesTheSameRoomTwice) {
  make_node("3");
  for (int i = 0; i < 8; ++i)
    make_pod("p" + std::to_string(i));
  world_.settle();
  int placed = 0;
  for (int i = 0; i < 8; ++i)
    placed += node_of("p" + std::to_string(i)).empty() ? 0 : 1;
  EXPECT_EQ(placed, 3);
}

TEST_F(SchedulerTest, SaysWhyAPodWaitsAndPlacesItWhenAnotherEnds) {
  make_node("1");
  make_pod("first");
  world_.settle();
  make_pod("second");
  world_.settle();
  EXPECT_EQ(scheduled("second"),
            "False Unschedulable: 0/1 nodes are available: 1 Insufficient nvidia.com/gpu.");
  EXPECT_THAT(world_.events("second", "FailedScheduling"),
              Contains("0/1 nodes are available: 1 Insufficient nvidia.com/gpu."));
  client::DeleteOptions at_once;
  at_once.grace_period_seconds = 0;
  ASSERT_TRUE(world_.remove<api::Pod>("default", "first", at_once));
  world_.settle();
  EXPECT_EQ(node_of("second"), "node");
}

TEST_F(SchedulerTest, PlacesAPodWhenAnotherIsResizedAndItsNodeSaysSo) {
  make_node("1");
  api::Pod pod;
  pod.metadata.namespace_ = "default";
  for (const char* name : {"large", "second"}) {
    pod.metadata.name = name;
    pod.spec.containers.assign(1, {});
    pod.spec.containers[0].name = "c";
    pod.spec.containers[0].resources.requests["cpu"] = api::Quantity::of(6);
    world_.create(pod);
    world_.settle();
  }
  const auto large = [&] { return *world_.get<api::Pod>("default", "large"); };
  api::Pod running = large();
  api::ContainerStatus& status = running.status.container_statuses.emplace_back();
  status.name = "c";
  status.allocated_resources["cpu"] = api::Quantity::of(6);
  status.resources.ensure().requests = status.allocated_resources;
  api::Pod resized = world_.update_status(running);
  resized.spec.containers[0].resources.requests["cpu"] = api::Quantity::of(2);
  world_.update(resized);
  world_.settle();
  EXPECT_EQ(node_of("second"), "") << "the node still holds it";
  api::Pod reported = large();
  reported.status.container_statuses[0].allocated_resources["cpu"] = api::Quantity::of(2);
  reported.status.container_statuses[0].resources->requests["cpu"] = api::Quantity::of(2);
  world_.update_status(reported);
  world_.settle();
  EXPECT_EQ(node_of("second"), "node");
}

TEST_F(SchedulerTest, PlacesAPodOnceANodeComes) {
  make_pod("early");
  world_.settle();
  EXPECT_EQ(scheduled("early"), "False Unschedulable: no nodes available to schedule pods");
  make_node("1");
  world_.settle();
  EXPECT_EQ(node_of("early"), "node");
}

TEST_F(SchedulerTest, GivesTheRoomBackWhenABindingFails) {
  make_node("1");
  bool broken = true;
  world_.api.set_hook(
      [&broken](std::string_view verb, const client::Target& target) -> std::optional<Error> {
        if (broken && verb == "create" && target.subresource == "binding") {
          return Error(ErrorCode::kUnavailable, "disk full");
        }
        return std::nullopt;
      });
  make_pod("a");
  world_.settle();
  EXPECT_EQ(node_of("a"), "");
  broken = false;
  world_.advance(std::chrono::seconds(60));
  EXPECT_EQ(node_of("a"), "node");
}

TEST_F(SchedulerTest, LeavesGatedPodsAndThoseOfOtherSchedulersAlone) {
  make_node("2");
  api::Pod gated;
  gated.metadata.namespace_ = "default";
  gated.metadata.name = "gated";
  gated.spec.scheduling_gates.emplace_back().name = "quota";
  world_.create(gated);
  api::Pod foreign;
  foreign.metadata.namespace_ = "default";
  foreign.metadata.name = "foreign";
  foreign.spec.scheduler_name = "other";
  world_.create(foreign);
  world_.settle();
  EXPECT_EQ(node_of("gated"), "");
  EXPECT_THAT(scheduled("gated"), ::testing::StartsWith("False SchedulingGated"));
  EXPECT_EQ(node_of("foreign"), "");
  gated = *world_.get<api::Pod>("default", "gated");
  gated.spec.scheduling_gates.clear();
  world_.update(gated);
  world_.settle();
  EXPECT_EQ(node_of("gated"), "node");
}

}  // namespace
}  // namespace insula::scheduler
