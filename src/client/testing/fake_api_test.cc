#include "client/testing/fake_api.h"

#include <gtest/gtest.h>

#include "api/gen/core_v1.h"
#include "async/loop.h"
#include "client/typed.h"
#include "testing/fake_clock.h"

namespace insula::client::testing {
namespace {

class FakeApiTest : public ::testing::Test {
 protected:
  template <class T>
  static Task<> keep(Task<T> task, std::optional<T>* result) {
    result->emplace(co_await std::move(task));
  }

  template <class T>
  T run(Task<T> task) {
    std::optional<T> result;
    run_until_complete(loop_, keep(std::move(task), &result));
    return *std::move(result);
  }

  api::Pod make_pod(const std::string& name, const std::string& node = {}) {
    api::Pod pod;
    pod.metadata.namespace_ = "default";
    pod.metadata.name = name;
    pod.spec.node_name = node;
    return *run(create(api_, std::move(pod)));
  }

  insula::testing::FakeClock clock_;
  Loop loop_{clock_};
  FakeApi api_{clock_};
};

TEST_F(FakeApiTest, RefusesAWriteToAnOlderVersion) {
  api::Pod pod = make_pod("a");
  api::Pod other = pod;
  other.metadata.labels["x"] = "1";
  ASSERT_TRUE(run(update(api_, other)));
  pod.metadata.labels["x"] = "2";
  EXPECT_EQ(run(update(api_, pod)).error().code(), ErrorCode::kConflict);
}

TEST_F(FakeApiTest, KeepsSpecAndStatusApart) {
  api::Pod pod = make_pod("a");
  pod.status.phase = "Running";
  pod.metadata.labels["x"] = "1";
  const auto by_object = run(update(api_, pod));
  EXPECT_EQ(by_object->status.phase, "Pending");
  EXPECT_EQ(by_object->metadata.labels.at("x"), "1");
  pod = *by_object;
  pod.status.phase = "Running";
  pod.metadata.labels["x"] = "2";
  const auto by_status = run(update_status(api_, pod));
  EXPECT_EQ(by_status->status.phase, "Running");
  EXPECT_EQ(by_status->metadata.labels.at("x"), "1");
}

TEST_F(FakeApiTest, GivesAPodOnANodeItsGracePeriod) {
  make_pod("placed", "node");
  make_pod("waiting");
  ASSERT_TRUE(run(remove<api::Pod>(api_, "default", "placed")));
  ASSERT_TRUE(run(remove<api::Pod>(api_, "default", "waiting")));
  const auto placed = run(get<api::Pod>(api_, "default", "placed"));
  ASSERT_TRUE(placed);
  EXPECT_TRUE(placed->metadata.deletion_timestamp.has_value());
  EXPECT_EQ(run(get<api::Pod>(api_, "default", "waiting")).error().code(), ErrorCode::kNotFound);
  DeleteOptions now;
  now.grace_period_seconds = 0;
  ASSERT_TRUE(run(remove<api::Pod>(api_, "default", "placed", now)));
  EXPECT_FALSE(run(get<api::Pod>(api_, "default", "placed")));
}

TEST_F(FakeApiTest, HoldsAnObjectUntilItsLastFinalizerIsGone) {
  api::ConfigMap map;
  map.metadata.namespace_ = "default";
  map.metadata.name = "held";
  map.metadata.finalizers = {"test/hold"};
  ASSERT_TRUE(run(create(api_, map)));
  ASSERT_TRUE(run(remove<api::ConfigMap>(api_, "default", "held")));
  auto held = run(get<api::ConfigMap>(api_, "default", "held"));
  ASSERT_TRUE(held && held->metadata.deletion_timestamp);
  held->metadata.finalizers.clear();
  ASSERT_TRUE(run(update(api_, *held)));
  EXPECT_FALSE(run(get<api::ConfigMap>(api_, "default", "held")));
}

TEST_F(FakeApiTest, RefusesNewContentInANamespaceThatIsBeingDeleted) {
  ASSERT_TRUE(run(remove<api::Namespace>(api_, "", "default")));
  api::Pod pod;
  pod.metadata.namespace_ = "default";
  pod.metadata.name = "late";
  const auto late = run(create(api_, pod));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code(), ErrorCode::kForbidden);
  EXPECT_EQ(late.error().causes().at(0).reason, "NamespaceTerminating");
}

TEST_F(FakeApiTest, BindsAPodOnce) {
  const api::Pod pod = make_pod("a");
  const std::string body = R"({"target":{"kind":"Node","name":"n"}})";
  ASSERT_TRUE(run(api_.create(target_of(pod, "binding"), body, {})));
  EXPECT_EQ(run(get<api::Pod>(api_, "default", "a"))->spec.node_name, "n");
  EXPECT_EQ(run(api_.create(target_of(pod, "binding"), body, {})).error().code(),
            ErrorCode::kConflict);
}

TEST_F(FakeApiTest, ShowsAWatcherOnlyWhatItsSelectorMatches) {
  WatchOptions options;
  options.label_selector = "x=1";
  options.resource_version = std::to_string(api_.revision());
  const auto watch = *run(api_.watch(target_of<api::Pod>(""), options));
  api::Pod pod = make_pod("a");
  pod.metadata.labels["x"] = "1";
  pod = *run(update(api_, pod));
  pod.metadata.labels["x"] = "2";
  ASSERT_TRUE(run(update(api_, pod)));
  EXPECT_EQ(run(watch->next())->type, WatchEventType::kModified);
  EXPECT_EQ(run(watch->next())->type, WatchEventType::kDeleted);
}

TEST_F(FakeApiTest, TellsAWatcherThatItsRevisionIsForgotten) {
  make_pod("a");
  api_.compact();
  WatchOptions options;
  options.resource_version = "1";
  EXPECT_EQ(run(api_.watch(target_of<api::Pod>(""), options)).error().code(), ErrorCode::kExpired);
}

}  // namespace
}  // namespace insula::client::testing
