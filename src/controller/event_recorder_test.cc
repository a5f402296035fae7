#include "controller/event_recorder.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "api/gen/apps_v1.h"
#include "controller/testing/harness.h"

namespace insula::controller {
namespace {

using namespace std::chrono_literals;

class EventRecorderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    about_.metadata.namespace_ = "default";
    about_.metadata.name = "web";
    about_.metadata.uid = "u1";
    recorder_.start();
  }

  void record(const std::string& message) {
    recorder_.record(about_, EventType::kWarning, "FailedCreate", message);
    world_.settle();
  }

  testing::Harness world_;
  api::ReplicaSet about_;
  EventRecorder recorder_{world_.api, world_.runtime, "test"};
};

TEST_F(EventRecorderTest, StoresWhatHappenedToWhat) {
  record("no room");
  const auto events = world_.list<api::Event>("default");
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].involved_object.kind, "ReplicaSet");
  EXPECT_EQ(events[0].involved_object.api_version, "apps/v1");
  EXPECT_EQ(events[0].involved_object.uid, "u1");
  EXPECT_EQ(events[0].type, "Warning");
  EXPECT_EQ(events[0].message, "no room");
  EXPECT_EQ(events[0].source.component, "test");
  EXPECT_EQ(events[0].count, 1);
}

TEST_F(EventRecorderTest, CountsARepetitionAndKeepsItsFirstTime) {
  record("no room");
  const api::Time first = world_.list<api::Event>("default")[0].first_timestamp;
  world_.advance(60s);
  record("no room");
  record("another thing");
  const auto events = world_.list<api::Event>("default");
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].count, 2);
  EXPECT_EQ(events[0].first_timestamp, first);
  EXPECT_EQ(events[0].last_timestamp.seconds, first.seconds + 60);
}

TEST_F(EventRecorderTest, MergesManyEventsThatDifferInTheirMessageOnly) {
  for (int i = 0; i < 25; ++i)
    record("pods \"web-" + std::to_string(i) + "\" is forbidden");
  const auto events = world_.list<api::Event>("default");
  ASSERT_EQ(events.size(), 11U);
  const auto merged = std::ranges::max_element(events, {}, &api::Event::count);
  EXPECT_EQ(merged->count, 15);
  EXPECT_EQ(merged->message, "(combined from similar events): pods \"web-24\" is forbidden");
  // A message that is known by itself goes on counting by itself.
  record("pods \"web-0\" is forbidden");
  EXPECT_EQ(world_.list<api::Event>("default").size(), 11U);
}

TEST_F(EventRecorderTest, BeginsANewEventAfterAWhile) {
  record("no room");
  world_.advance(11min);
  record("no room");
  EXPECT_EQ(world_.list<api::Event>("default").size(), 2U);
}

TEST_F(EventRecorderTest, BeginsANewEventWhenTheOldOneIsGone) {
  record("no room");
  ASSERT_TRUE(
      world_.remove<api::Event>("default", world_.list<api::Event>("default")[0].metadata.name));
  record("no room");
  EXPECT_EQ(world_.list<api::Event>("default").size(), 1U);
}

TEST_F(EventRecorderTest, PutsEventsOfClusterScopedObjectsIntoTheDefaultNamespace) {
  api::Node node;
  node.metadata.name = "n";
  recorder_.record(node, EventType::kNormal, "Ready", "node is ready");
  world_.settle();
  EXPECT_EQ(world_.list<api::Event>("default").size(), 1U);
}

}  // namespace
}  // namespace insula::controller
