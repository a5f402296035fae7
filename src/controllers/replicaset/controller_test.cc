#include "controllers/replicaset/controller.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controller/owner.h"
#include "controller/testing/harness.h"

namespace insula::controllers {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using namespace std::chrono_literals;

class ReplicaSetControllerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    events_.start();
    for (controller::Mirror* mirror :
         std::initializer_list<controller::Mirror*>{&sets_, &pods_, &quotas_, &ranges_}) {
      mirror->start();
    }
    controller_.start();
  }

  api::ReplicaSet make_set(int replicas) {
    api::ReplicaSet set;
    set.metadata.namespace_ = "default";
    set.metadata.name = "web";
    set.spec.replicas = replicas;
    set.spec.selector.emplace().match_labels["app"] = "web";
    set.spec.template_.metadata.labels["app"] = "web";
    set.spec.template_.spec.containers.emplace_back().name = "main";
    return world_.create(std::move(set));
  }

  std::size_t pod_count() { return world_.list<api::Pod>("default").size(); }

  api::ReplicaSetStatus status() { return world_.get<api::ReplicaSet>("default", "web")->status; }

  controller::testing::Harness world_;
  controller::Informer<api::ReplicaSet> sets_{world_.api};
  controller::Informer<api::Pod> pods_{world_.api};
  controller::Informer<api::ResourceQuota> quotas_{world_.api};
  controller::Informer<api::LimitRange> ranges_{world_.api};
  controller::EventRecorder events_{world_.api, world_.runtime, "replicaset-controller"};
  ReplicaSetController controller_{
      world_.api, world_.runtime, {sets_, pods_, quotas_, ranges_}, events_};
};

TEST_F(ReplicaSetControllerTest, MakesItsPodsExactlyOnceHoweverLateTheWatchIs) {
  make_set(20);
  world_.settle();
  EXPECT_EQ(pod_count(), 20U);
  EXPECT_EQ(world_.api.count("create", "pods"), 20);
  const api::Pod pod = world_.list<api::Pod>("default")[0];
  EXPECT_THAT(pod.metadata.name, ::testing::StartsWith("web-"));
  EXPECT_EQ(pod.metadata.owner_references.at(0).kind, "ReplicaSet");
  EXPECT_EQ(status().replicas, 20);
}

TEST_F(ReplicaSetControllerTest, ReplacesAPodThatEnds) {
  make_set(2);
  world_.settle();
  api::Pod pod = world_.list<api::Pod>("default")[0];
  pod.status.phase = "Failed";
  world_.update_status(pod);
  world_.settle();
  EXPECT_EQ(pod_count(), 3U);
  EXPECT_EQ(status().replicas, 2);
}

TEST_F(ReplicaSetControllerTest, CountsReadyPods) {
  make_set(2);
  world_.settle();
  for (const api::Pod& pod : world_.list<api::Pod>("default"))
    world_.run_pod("default", pod.metadata.name);
  world_.settle();
  EXPECT_EQ(status().ready_replicas, 2);
  EXPECT_EQ(status().available_replicas, 2);
}

TEST_F(ReplicaSetControllerTest, SaysInTheServersWordsWhyPodsAreMissingAndStopsAsking) {
  bool quota = true;
  world_.api.set_hook(
      [&quota](std::string_view verb, const client::Target& target) -> std::optional<Error> {
        if (!quota || verb != "create" || target.kind->plural != "pods") return std::nullopt;
        return Error(ErrorCode::kForbidden,
                     "pods \"web-x\" is forbidden: exceeded quota: q, requested: pods=1");
      });
  make_set(8);
  world_.settle();
  EXPECT_EQ(world_.api.count("create", "pods"), 1);
  ASSERT_THAT(status().conditions, SizeIs(1));
  EXPECT_EQ(status().conditions[0].reason, "FailedCreate");
  EXPECT_THAT(status().conditions[0].message, HasSubstr("exceeded quota: q"));
  EXPECT_THAT(
      world_.events("web", "FailedCreate"),
      Contains(
          "Error creating: pods \"web-x\" is forbidden: exceeded quota: q, requested: pods=1"));
  // Tries on by itself, ever more slowly.
  world_.advance(60s);
  EXPECT_GT(world_.api.count("create", "pods"), 1);
  // And at once when the quota changes.
  quota = false;
  api::ResourceQuota changed;
  changed.metadata.namespace_ = "default";
  changed.metadata.name = "q";
  world_.create(changed);
  world_.settle();
  EXPECT_EQ(pod_count(), 8U);
  EXPECT_TRUE(status().conditions.empty());
}

TEST_F(ReplicaSetControllerTest, ScalesDownWithoutDeletingTwice) {
  api::ReplicaSet set = make_set(5);
  world_.settle();
  for (const api::Pod& pod : world_.list<api::Pod>("default"))
    world_.run_pod("default", pod.metadata.name);
  world_.settle();
  set = *world_.get<api::ReplicaSet>("default", "web");
  set.spec.replicas = 2;
  world_.update(set);
  world_.settle();
  EXPECT_EQ(world_.api.count("delete", "pods"), 3);
  EXPECT_EQ(status().replicas, 2);
  EXPECT_EQ(status().terminating_replicas, 3);
}

TEST_F(ReplicaSetControllerTest, SetsAStatusRightThatSomebodyElseWrote) {
  make_set(2);
  world_.settle();
  api::ReplicaSet set = *world_.get<api::ReplicaSet>("default", "web");
  set.status.replicas = 40;
  set.status.ready_replicas = 40;
  world_.update_status(set);
  world_.settle();
  EXPECT_EQ(status().replicas, 2);
  EXPECT_EQ(status().ready_replicas, 0);
}

TEST_F(ReplicaSetControllerTest, AdoptsAPodThatFits) {
  api::Pod stray;
  stray.metadata.namespace_ = "default";
  stray.metadata.name = "stray";
  stray.metadata.labels["app"] = "web";
  world_.create(stray);
  make_set(1);
  world_.settle();
  EXPECT_EQ(pod_count(), 1U);
  EXPECT_EQ(controller::controller_uid(world_.get<api::Pod>("default", "stray")->metadata),
            world_.get<api::ReplicaSet>("default", "web")->metadata.uid);
}

TEST_F(ReplicaSetControllerTest, KeepsQuietInANamespaceThatIsBeingDeleted) {
  ASSERT_TRUE(world_.remove<api::Namespace>("", "default"));
  // Still there, because the set was written a moment before.
  world_.api.set_hook(
      [](std::string_view verb, const client::Target& target) -> std::optional<Error> {
        if (verb != "create" || target.kind->plural != "pods") return std::nullopt;
        return Error(ErrorCode::kForbidden, "being terminated")
            .with_causes({{"", "NamespaceTerminating", ""}});
      });
  world_.settle();
  EXPECT_TRUE(world_.events("web", "FailedCreate").empty());
}

// The same loop over the older kind.
class ReplicationControllerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    events_.start();
    for (controller::Mirror* mirror :
         std::initializer_list<controller::Mirror*>{&sets_, &pods_, &quotas_, &ranges_}) {
      mirror->start();
    }
    controller_.start();
  }

  api::ReplicationController make_set(int replicas) {
    api::ReplicationController set;
    set.metadata.namespace_ = "default";
    set.metadata.name = "web";
    set.spec.replicas = replicas;
    set.spec.selector["app"] = "web";
    set.spec.template_.emplace().metadata.labels["app"] = "web";
    set.spec.template_->spec.containers.emplace_back().name = "main";
    return world_.create(std::move(set));
  }

  api::ReplicationController set() {
    return *world_.get<api::ReplicationController>("default", "web");
  }

  controller::testing::Harness world_;
  controller::Informer<api::ReplicationController> sets_{world_.api};
  controller::Informer<api::Pod> pods_{world_.api};
  controller::Informer<api::ResourceQuota> quotas_{world_.api};
  controller::Informer<api::LimitRange> ranges_{world_.api};
  controller::EventRecorder events_{world_.api, world_.runtime, "replication-controller"};
  ReplicationControllerController controller_{
      world_.api, world_.runtime, {sets_, pods_, quotas_, ranges_}, events_};
};

TEST_F(ReplicationControllerTest, KeepsItsPodsAndCountsThem) {
  make_set(3);
  world_.settle();
  const std::vector<api::Pod> pods = world_.list<api::Pod>("default");
  ASSERT_THAT(pods, SizeIs(3));
  EXPECT_EQ(pods[0].metadata.owner_references.at(0).kind, "ReplicationController");
  EXPECT_EQ(pods[0].metadata.owner_references.at(0).api_version, "v1");
  world_.run_pod("default", pods[0].metadata.name);
  world_.settle();
  EXPECT_EQ(set().status.replicas, 3);
  EXPECT_EQ(set().status.fully_labeled_replicas, 3);
  EXPECT_EQ(set().status.ready_replicas, 1);
  EXPECT_EQ(set().status.available_replicas, 1);
  EXPECT_EQ(set().status.observed_generation, set().metadata.generation);

  ASSERT_TRUE(world_.remove<api::Pod>("default", pods[0].metadata.name));
  world_.settle();
  EXPECT_EQ(set().status.replicas, 3);
  api::ReplicationController fewer = set();
  fewer.spec.replicas = 2;
  world_.update(fewer);
  world_.settle();
  EXPECT_EQ(set().status.replicas, 2);
  EXPECT_THAT(world_.events("web", "SuccessfulCreate"), SizeIs(4));
}

TEST_F(ReplicationControllerTest, ReleasesAPodThatNoLongerMatchesAndMakesAnother) {
  make_set(1);
  world_.settle();
  api::Pod pod = world_.list<api::Pod>("default").at(0);
  pod.metadata.labels["app"] = "other";
  world_.update(pod);
  world_.settle();
  EXPECT_TRUE(
      world_.get<api::Pod>("default", pod.metadata.name)->metadata.owner_references.empty());
  EXPECT_THAT(world_.list<api::Pod>("default"), SizeIs(2));
}

TEST_F(ReplicationControllerTest, SaysWhyPodsAreMissingUntilTheyAreThere) {
  bool quota = true;
  world_.api.set_hook(
      [&quota](std::string_view verb, const client::Target& target) -> std::optional<Error> {
        if (!quota || verb != "create" || target.kind->plural != "pods") return std::nullopt;
        return Error(ErrorCode::kForbidden, "exceeded quota: q");
      });
  make_set(1);
  world_.settle();
  ASSERT_THAT(set().status.conditions, SizeIs(1));
  EXPECT_EQ(set().status.conditions[0].type, "ReplicaFailure");
  EXPECT_EQ(set().status.conditions[0].message, "exceeded quota: q");
  quota = false;
  world_.advance(60s);
  EXPECT_THAT(set().status.conditions, SizeIs(0));
}

}  // namespace
}  // namespace insula::controllers
