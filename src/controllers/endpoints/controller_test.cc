#include "controllers/endpoints/controller.h"

#include <gtest/gtest.h>

#include "controller/testing/harness.h"

namespace insula::controllers {
namespace {

class EndpointsControllerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (controller::Mirror* mirror :
         std::initializer_list<controller::Mirror*>{&services_, &pods_, &slices_, &endpoints_}) {
      mirror->start();
    }
    controller_.start();
    api::Service service;
    service.metadata.namespace_ = "default";
    service.metadata.name = "llm";
    service.spec.selector["app"] = "llm";
    service.spec.ports.emplace_back().port = 8000;
    world_.create(service);
  }

  void make_pod(const std::string& name, const std::string& app = "llm") {
    api::Pod pod;
    pod.metadata.namespace_ = "default";
    pod.metadata.name = name;
    pod.metadata.labels["app"] = app;
    world_.create(pod);
  }

  int ready() {
    int count = 0;
    for (const auto& slice : world_.list<api::EndpointSlice>("default")) {
      for (const auto& endpoint : slice.endpoints)
        count += *endpoint.conditions.ready ? 1 : 0;
    }
    return count;
  }

  controller::testing::Harness world_;
  controller::Informer<api::Service> services_{world_.api};
  controller::Informer<api::Pod> pods_{world_.api};
  controller::Informer<api::EndpointSlice> slices_{world_.api};
  controller::Informer<api::Endpoints> endpoints_{world_.api};
  EndpointsController controller_{
      world_.api, world_.runtime, {services_, pods_, slices_, endpoints_}};
};

TEST_F(EndpointsControllerTest, FollowsItsPodsFromReadyToEnding) {
  make_pod("a");
  make_pod("other", "web");
  world_.settle();
  EXPECT_EQ(ready(), 0);
  world_.run_pod("default", "a");
  world_.run_pod("default", "other");
  world_.settle();
  EXPECT_EQ(ready(), 1);
  ASSERT_TRUE(world_.remove<api::Pod>("default", "a"));
  world_.settle();
  EXPECT_EQ(ready(), 0);
  EXPECT_EQ(world_.list<api::EndpointSlice>("default").size(), 1U);
}

TEST_F(EndpointsControllerTest, FollowsALabelThatMovesAPodIntoTheService) {
  make_pod("a", "web");
  world_.run_pod("default", "a");
  api::Pod pod = *world_.get<api::Pod>("default", "a");
  pod.metadata.labels["app"] = "llm";
  world_.update(pod);
  world_.settle();
  EXPECT_EQ(ready(), 1);
}

TEST_F(EndpointsControllerTest, PutsBackWhatSomebodyDeleted) {
  make_pod("a");
  world_.run_pod("default", "a");
  world_.settle();
  ASSERT_TRUE(world_.remove<api::Endpoints>("default", "llm"));
  ASSERT_TRUE(world_.remove<api::EndpointSlice>(
      "default", world_.list<api::EndpointSlice>("default")[0].metadata.name));
  world_.settle();
  EXPECT_EQ(ready(), 1);
  EXPECT_TRUE(world_.get<api::Endpoints>("default", "llm").has_value());
}

TEST_F(EndpointsControllerTest, RemovesTheEndpointsOfADeletedServiceButNotForeignOnes) {
  api::Endpoints foreign;
  foreign.metadata.namespace_ = "default";
  foreign.metadata.name = "mine";
  world_.create(foreign);
  world_.settle();
  EXPECT_TRUE(world_.get<api::Endpoints>("default", "llm").has_value());
  ASSERT_TRUE(world_.remove<api::Service>("default", "llm"));
  world_.settle();
  EXPECT_FALSE(world_.get<api::Endpoints>("default", "llm").has_value());
  EXPECT_TRUE(world_.get<api::Endpoints>("default", "mine").has_value());
}

TEST_F(EndpointsControllerTest, WritesNothingWhenNothingChanged) {
  make_pod("a");
  world_.run_pod("default", "a");
  world_.settle();
  const std::int64_t revision = world_.api.revision();
  api::Pod pod = *world_.get<api::Pod>("default", "a");
  pod.metadata.annotations["note"] = "x";
  world_.update(pod);
  world_.settle();
  EXPECT_EQ(world_.api.revision(), revision + 1);
}

}  // namespace
}  // namespace insula::controllers
