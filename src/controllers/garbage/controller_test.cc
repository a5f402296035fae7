#include "controllers/garbage/controller.h"

#include <gtest/gtest.h>

#include "api/gen/apps_v1.h"
#include "controller/owner.h"
#include "controller/testing/harness.h"

namespace insula::controllers {
namespace {

using namespace std::chrono_literals;

class GarbageCollectorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    events_.start();
    collector_.start();
    api::Deployment deployment;
    deployment.metadata.namespace_ = "default";
    deployment.metadata.name = "web";
    deployment_ = world_.create(deployment);
    api::ReplicaSet set;
    set.metadata.namespace_ = "default";
    set.metadata.name = "web-1";
    set.metadata.owner_references.push_back(controller::controlled_by(deployment_));
    set_ = world_.create(set);
    api::Pod pod;
    pod.metadata.namespace_ = "default";
    pod.metadata.name = "web-1-a";
    pod.metadata.owner_references.push_back(controller::controlled_by(set_));
    world_.create(pod);
    world_.settle();
  }

  void remove_deployment(client::Propagation propagation) {
    client::DeleteOptions options;
    options.propagation = propagation;
    ASSERT_TRUE(world_.remove<api::Deployment>("default", "web", options));
    world_.settle();
  }

  bool has_deployment() { return world_.get<api::Deployment>("default", "web").has_value(); }

  bool has_set() { return world_.get<api::ReplicaSet>("default", "web-1").has_value(); }

  bool has_pod() { return world_.get<api::Pod>("default", "web-1-a").has_value(); }

  controller::testing::Harness world_;
  controller::EventRecorder events_{world_.api, world_.runtime, "garbage-collector-controller"};
  controller::Informer<api::CustomResourceDefinition> definitions_{world_.api};
  api::BuiltInKinds kinds_;
  GarbageCollector collector_{world_.api, world_.runtime, {kinds_, definitions_}, events_};
  api::Deployment deployment_;
  api::ReplicaSet set_;
};

TEST_F(GarbageCollectorTest, LeavesWhatHasAnOwnerAlone) {
  world_.advance(1h);
  EXPECT_TRUE(has_deployment() && has_set() && has_pod());
}

TEST_F(GarbageCollectorTest, RemovesDependentsAfterTheirOwner) {
  remove_deployment(client::Propagation::kBackground);
  EXPECT_FALSE(has_deployment() || has_set() || has_pod());
}

TEST_F(GarbageCollectorTest, RemovesDependentsBeforeTheirOwnerInTheForeground) {
  // The pod holds on, so everything above it must wait.
  api::Pod pod = *world_.get<api::Pod>("default", "web-1-a");
  pod.metadata.finalizers = {"test/hold"};
  world_.update(pod);
  remove_deployment(client::Propagation::kForeground);
  EXPECT_TRUE(has_deployment() && has_set() && has_pod());
  pod = *world_.get<api::Pod>("default", "web-1-a");
  EXPECT_TRUE(pod.metadata.deletion_timestamp.has_value());
  pod.metadata.finalizers.clear();
  world_.update(pod);
  world_.settle();
  EXPECT_FALSE(has_deployment() || has_set() || has_pod());
}

TEST_F(GarbageCollectorTest, OwnersInACircleDoNotWaitForEachOther) {
  std::vector<api::Pod> pods;
  for (const char* name : {"a", "b", "c"}) {
    api::Pod pod;
    pod.metadata.namespace_ = "default";
    pod.metadata.name = name;
    pods.push_back(world_.create(pod));
  }
  for (std::size_t i = 0; i < pods.size(); ++i) {
    pods[i].metadata.owner_references = {controller::controlled_by(pods[(i + 2) % 3])};
    world_.update(pods[i]);
  }
  world_.settle();
  client::DeleteOptions options;
  options.propagation = client::Propagation::kForeground;
  ASSERT_TRUE(world_.remove<api::Pod>("default", "a", options));
  world_.settle();
  for (const api::Pod& pod : pods)
    EXPECT_FALSE(world_.get<api::Pod>("default", pod.metadata.name)) << pod.metadata.name;
}

TEST_F(GarbageCollectorTest, LeavesOrphansWithoutTheirOwner) {
  remove_deployment(client::Propagation::kOrphan);
  EXPECT_FALSE(has_deployment());
  ASSERT_TRUE(has_set() && has_pod());
  EXPECT_TRUE(world_.get<api::ReplicaSet>("default", "web-1")->metadata.owner_references.empty());
}

TEST_F(GarbageCollectorTest, RemovesWhatNamesAnOwnerThatNeverWas) {
  api::ConfigMap map;
  map.metadata.namespace_ = "default";
  map.metadata.name = "lost";
  map.metadata.owner_references.push_back(controller::controlled_by(deployment_));
  map.metadata.owner_references[0].uid = "an earlier one of that name";
  world_.create(map);
  world_.settle();
  EXPECT_FALSE(world_.get<api::ConfigMap>("default", "lost").has_value());
  EXPECT_TRUE(has_set());
}

TEST_F(GarbageCollectorTest, KeepsWhatIsOwnedByAKindThatIsNotServed) {
  api::ConfigMap map;
  map.metadata.namespace_ = "default";
  map.metadata.name = "kept";
  api::OwnerReference& owner = map.metadata.owner_references.emplace_back();
  owner.api_version = "example.com/v1";
  owner.kind = "Widget";
  owner.name = "w";
  owner.uid = "u";
  world_.create(map);
  world_.settle();
  EXPECT_TRUE(world_.get<api::ConfigMap>("default", "kept").has_value());
}

TEST_F(GarbageCollectorTest, NeverRemovesWhatIsInNoNamespaceForAnOwnerThatIsInOne) {
  api::Node node;
  node.metadata.name = "kept";
  node.metadata.owner_references.push_back(controller::controlled_by(deployment_));
  node.metadata.owner_references[0].uid = "made up";
  world_.create(node);
  world_.settle();
  remove_deployment(client::Propagation::kForeground);
  EXPECT_FALSE(has_deployment());
  EXPECT_TRUE(world_.get<api::Node>("", "kept").has_value());
  EXPECT_EQ(world_.events("kept", "OwnerRefInvalidNamespace").at(0),
            "ownerRef [apps/v1/Deployment, namespace: , name: web, uid: made up] does not exist in "
            "namespace \"\"");
}

TEST_F(GarbageCollectorTest, TakesAnOwnerOfAnotherNamespaceForAbsent) {
  world_.add_namespace("other");
  api::ConfigMap map;
  map.metadata.namespace_ = "other";
  map.metadata.name = "stray";
  map.metadata.owner_references.push_back(controller::controlled_by(deployment_));
  world_.create(map);
  world_.settle();
  EXPECT_FALSE(world_.get<api::ConfigMap>("other", "stray").has_value());
  EXPECT_EQ(world_.events("stray", "OwnerRefInvalidNamespace").size(), 1U);
  EXPECT_TRUE(has_deployment() && has_set() && has_pod());
}

TEST_F(GarbageCollectorTest, OwnersAreNotHeldUpFromAnotherNamespace) {
  world_.add_namespace("other");
  api::ConfigMap map;
  map.metadata.namespace_ = "other";
  map.metadata.name = "stray";
  map.metadata.finalizers = {"test/hold"};
  map.metadata.owner_references.push_back(controller::controlled_by(deployment_));
  world_.create(map);
  world_.settle();
  remove_deployment(client::Propagation::kForeground);
  EXPECT_FALSE(has_deployment());
}

TEST_F(GarbageCollectorTest, TakesAnOwnerOfAnotherNameForAbsent) {
  api::ConfigMap map;
  map.metadata.namespace_ = "default";
  map.metadata.name = "stray";
  map.metadata.owner_references.push_back(controller::controlled_by(deployment_));
  map.metadata.owner_references[0].name = "nobody";
  world_.create(map);
  world_.settle();
  EXPECT_FALSE(world_.get<api::ConfigMap>("default", "stray").has_value());
}

TEST_F(GarbageCollectorTest, DoesNotDeleteWhileTheServerCannotBeAsked) {
  world_.api.set_hook([](std::string_view verb, const client::Target&) -> std::optional<Error> {
    return verb == "get" ? std::optional(Error(ErrorCode::kUnavailable, "down")) : std::nullopt;
  });
  remove_deployment(client::Propagation::kBackground);
  world_.api.set_hook({});
  EXPECT_TRUE(has_set());
  world_.advance(60s);
  EXPECT_FALSE(has_set());
}

}  // namespace
}  // namespace insula::controllers
