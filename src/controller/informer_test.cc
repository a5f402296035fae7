#include "controller/informer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controller/testing/harness.h"

namespace insula::controller {
namespace {

using ::testing::ElementsAre;
using namespace std::chrono_literals;

api::ConfigMap config_map(const std::string& name, const std::string& value) {
  api::ConfigMap map;
  map.metadata.namespace_ = "default";
  map.metadata.name = name;
  map.data["value"] = value;
  return map;
}

class InformerTest : public ::testing::Test {
 protected:
  void start() {
    informer_.on_change([this](const api::ConfigMap* before, const api::ConfigMap* after) {
      log_.push_back((before ? before->data.at("value") : "-") + ">" +
                     (after ? after->data.at("value") : "-"));
    });
    informer_.start();
    ASSERT_TRUE(world_.until([this] { return informer_.synced().is_set(); }));
  }

  bool has(const std::string& name) { return informer_.get({"default", name}) != nullptr; }

  testing::Harness world_;
  std::vector<std::string> log_;
  Informer<api::ConfigMap> informer_{world_.api};
};

TEST_F(InformerTest, ShowsWhatWasThereAndEveryChangeAfterInOrder) {
  api::ConfigMap a = world_.create(config_map("a", "1"));
  start();
  a.data["value"] = "2";
  world_.update(a);
  world_.create(config_map("b", "1"));
  ASSERT_TRUE(world_.remove<api::ConfigMap>("default", "a"));
  ASSERT_TRUE(world_.until([this] { return !has("a"); }));
  EXPECT_THAT(log_, ElementsAre("->1", "1>2", "->1", "2>-"));
  EXPECT_EQ(informer_.all().size(), 1U);
}

TEST_F(InformerTest, GoesOnWithoutListingAgainWhenAStreamEnds) {
  world_.create(config_map("a", "1"));
  start();
  world_.create(config_map("b", "1"));
  ASSERT_TRUE(world_.until([this] { return has("b"); }));
  world_.api.end_watches();
  world_.create(config_map("c", "1"));
  ASSERT_TRUE(world_.until([this] { return has("c"); }));
  EXPECT_EQ(world_.api.count("list", "configmaps"), 1);
}

TEST_F(InformerTest, ListsAgainWhenItsRevisionIsGoneAndNoticesWhatItMissed) {
  world_.create(config_map("a", "1"));
  world_.create(config_map("b", "1"));
  start();
  // Changed while the informer has no stream, and then forgotten by the server.
  world_.api.set_hook([](std::string_view verb, const client::Target&) -> std::optional<Error> {
    if (verb == "watch") return Error(ErrorCode::kUnavailable, "down");
    return std::nullopt;
  });
  world_.api.end_watches();
  world_.settle();
  ASSERT_TRUE(world_.remove<api::ConfigMap>("default", "a"));
  world_.create(config_map("c", "1"));
  world_.api.compact();
  world_.api.set_hook({});
  world_.advance(1s);
  ASSERT_TRUE(world_.until([this] { return has("c"); }));
  EXPECT_FALSE(has("a"));
  EXPECT_TRUE(has("b"));
  EXPECT_EQ(world_.api.count("list", "configmaps"), 2);
}

TEST_F(InformerTest, RetriesAServerThatIsNotThereWithGrowingDelays) {
  int lists = 0;
  world_.api.set_hook(
      [&lists](std::string_view verb, const client::Target&) -> std::optional<Error> {
        if (verb != "list") return std::nullopt;
        ++lists;
        return Error(ErrorCode::kUnavailable, "connection refused");
      });
  informer_.start();
  world_.settle();
  EXPECT_EQ(lists, 1);
  world_.advance(50ms);
  EXPECT_EQ(lists, 2);
  world_.advance(50ms);
  EXPECT_EQ(lists, 2);
  world_.advance(50ms);
  EXPECT_EQ(lists, 3);
}

TEST_F(InformerTest, ShowsOnesOwnWriteBeforeTheWatchDoes) {
  start();
  api::ConfigMap stored;
  // Stored behind the informer's back: nothing runs between the write and the look.
  stored = config_map("mine", "1");
  stored.metadata.uid = "u";
  stored.metadata.resource_version = std::to_string(world_.api.revision() + 5);
  informer_.observe(stored);
  EXPECT_TRUE(has("mine"));
}

TEST_F(InformerTest, IgnoresAnAnswerThatTheWatchHasOvertaken) {
  start();
  const api::ConfigMap stored = world_.create(config_map("a", "1"));
  ASSERT_TRUE(world_.remove<api::ConfigMap>("default", "a"));
  ASSERT_TRUE(world_.until([this] { return log_.size() == 2; }));
  informer_.observe(stored);
  EXPECT_FALSE(has("a"));
}

TEST_F(InformerTest, FindsObjectsByIndexAsTheyChange) {
  const auto by_value = informer_.add_index(
      [](const api::ConfigMap& map) { return std::vector<std::string>{map.data.at("value")}; });
  api::ConfigMap a = world_.create(config_map("a", "x"));
  start();
  EXPECT_EQ(informer_.by_index(by_value, "x").size(), 1U);
  a.data["value"] = "y";
  world_.update(a);
  ASSERT_TRUE(world_.until([&] { return informer_.by_index(by_value, "y").size() == 1; }));
  EXPECT_TRUE(informer_.by_index(by_value, "x").empty());
}

TEST(RevisionOf, IsZeroForWhatIsNoNumber) {
  EXPECT_EQ(revision_of("42"), 42);
  EXPECT_EQ(revision_of(""), 0);
  EXPECT_EQ(revision_of("4x"), 0);
}

}  // namespace
}  // namespace insula::controller
