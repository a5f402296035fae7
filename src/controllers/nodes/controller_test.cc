#include "controllers/nodes/controller.h"

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "client/typed.h"
#include "controller/testing/harness.h"

namespace insula::controllers {
namespace {

using namespace std::chrono_literals;

class NodeLifecycleTest : public ::testing::Test {
 protected:
  void SetUp() override {
    nodes_.start();
    leases_.start();
    controller_.start();
    api::Node node;
    node.metadata.name = "n";
    world_.create(node);
    world_.add_namespace(kNodeLeaseNamespace);
    api::Lease lease;
    lease.metadata.namespace_ = kNodeLeaseNamespace;
    lease.metadata.name = "n";
    world_.create(lease);
    // The controller taints a node that has not said anything yet; not between our read and write.
    world_.settle();
    say_ready();
  }

  // What the agent writes once it is back.
  void say_ready() {
    api::Node node = *world_.get<api::Node>("", "n");
    node.status.conditions.resize(1);
    node.status.conditions[0].type = "Ready";
    node.status.conditions[0].status = "True";
    node.status.conditions[0].last_heartbeat_time = api::Time::from(world_.clock.wall());
    world_.update_status(node);
    renew();
  }

  void renew() {
    api::Lease lease = *world_.get<api::Lease>(kNodeLeaseNamespace, "n");
    lease.spec.renew_time = api::MicroTime::from(world_.clock.wall());
    world_.update(lease);
    world_.settle();
  }

  std::string ready() { return world_.get<api::Node>("", "n")->status.conditions.at(0).status; }

  bool tainted() { return !world_.get<api::Node>("", "n")->spec.taints.empty(); }

  controller::testing::Harness world_;
  controller::Informer<api::Node> nodes_{world_.api};
  controller::Informer<api::Lease> leases_{world_.api};
  NodeLifecycleController controller_{world_.api, world_.runtime, {nodes_, leases_}};
};

TEST_F(NodeLifecycleTest, GivesASilentNodeUpAndTakesItBack) {
  world_.advance(20s);
  EXPECT_EQ(ready(), "True");
  EXPECT_FALSE(tainted());
  world_.advance(25s);
  EXPECT_EQ(ready(), "Unknown");
  EXPECT_TRUE(tainted());
  say_ready();
  EXPECT_EQ(ready(), "True");
  EXPECT_FALSE(tainted());
  // And it is watched as before.
  world_.advance(20s);
  renew();
  world_.advance(25s);
  EXPECT_EQ(ready(), "True");
  world_.advance(20s);
  EXPECT_EQ(ready(), "Unknown");
}

}  // namespace
}  // namespace insula::controllers
