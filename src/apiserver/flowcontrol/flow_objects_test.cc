#include "apiserver/flowcontrol/flow_objects.h"

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "api/flow_control.h"
#include "apiserver/object.h"
#include "apiserver/test_server.h"

namespace insula::apiserver {
namespace {

class FlowObjectsTest : public ::testing::Test {
 protected:
  void SetUp() override { reconcile(); }

  void reconcile() { ASSERT_TRUE(server_.run(reconcile_flow_objects(*server_.registry))); }

  template <class T>
  std::shared_ptr<const T> find(const std::string& name) {
    const auto entry = server_.store->find(store_key(api::kind_of<T>(), "", name));
    return entry ? object_of<T>(*entry) : nullptr;
  }

  template <class T>
  void change(const std::string& name, const std::function<void(T&)>& edit) {
    Registry::Change body = [&edit](const ConstObject& present) -> Result<Object> {
      auto next = std::make_shared<T>(*static_cast<const T*>(present.get()));
      edit(*next);
      return Object(next);
    };
    ASSERT_TRUE(server_.run(server_.registry->change({&api::kind_of<T>(), "", name, ""},
                                                     std::move(body), WriteContext())));
  }

  template <class T>
  void remove(const std::string& name) {
    ASSERT_TRUE(server_.run(server_.registry->remove({&api::kind_of<T>(), "", name, ""},
                                                     DeleteQuery(), WriteContext())));
  }

  std::string dangling(const std::string& schema) {
    EXPECT_TRUE(server_.run(mark_dangling(*server_.registry)));
    const auto* condition = api::dangling_condition(*find<api::FlowSchema>(schema));
    return condition == nullptr ? "" : condition->status + " " + condition->reason;
  }

  TestServer server_;
};

using Schema = api::FlowSchema;
using Level = api::PriorityLevelConfiguration;

TEST_F(FlowObjectsTest, AreMadeOnceAndMadeAgainWhenTheyAreGone) {
  const auto revision = server_.store->revision();
  reconcile();
  EXPECT_EQ(server_.store->revision(), revision);
  for (const char* name : {"exempt", "catch-all", "global-default"})
    remove<Schema>(name);
  for (const char* name : {"exempt", "catch-all", "workload-low"})
    remove<Level>(name);
  reconcile();
  for (const char* name : {"exempt", "catch-all", "global-default"}) {
    ASSERT_TRUE(find<Schema>(name)) << name;
    EXPECT_EQ(find<Schema>(name)->metadata.annotations.at(api::kAutoUpdateSpec), "true");
  }
  for (const char* name : {"exempt", "catch-all", "workload-low"})
    EXPECT_TRUE(find<Level>(name)) << name;
}

TEST_F(FlowObjectsTest, SuggestedOnesFollowUnlessTheirAnnotationSaysOtherwise) {
  const auto edit = [](Schema& schema) { schema.spec.matching_precedence = 9000; };
  change<Schema>("global-default", edit);
  reconcile();
  EXPECT_EQ(find<Schema>("global-default")->spec.matching_precedence, 9900);
  change<Schema>("global-default", [&](Schema& schema) {
    edit(schema);
    schema.metadata.annotations[api::kAutoUpdateSpec] = "false";
  });
  reconcile();
  EXPECT_EQ(find<Schema>("global-default")->spec.matching_precedence, 9000);
  // Without a word, one that was changed stays as it is, and says so then.
  change<Schema>("probes", [&](Schema& schema) {
    edit(schema);
    schema.metadata.annotations.erase(api::kAutoUpdateSpec);
  });
  reconcile();
  EXPECT_EQ(find<Schema>("probes")->spec.matching_precedence, 9000);
  EXPECT_EQ(find<Schema>("probes")->metadata.annotations.at(api::kAutoUpdateSpec), "false");
}

TEST_F(FlowObjectsTest, MandatoryOnesAlwaysFollowButForWhatIsSetAside) {
  change<Level>("exempt", [](Level& level) {
    level.spec.exempt->nominal_concurrency_shares = 7;
    level.metadata.annotations[api::kAutoUpdateSpec] = "false";
  });
  reconcile();
  const auto exempt = find<Level>("exempt");
  EXPECT_EQ(exempt->spec.exempt->nominal_concurrency_shares, 7);
  EXPECT_EQ(exempt->metadata.annotations.at(api::kAutoUpdateSpec), "true");
}

TEST_F(FlowObjectsTest, WhatWasSuggestedOnceIsRemovedAndTheRestIsLeftAlone) {
  for (const char* name : {"old", "own"}) {
    auto level = std::make_shared<Level>(api::suggested_priority_levels().front());
    level->metadata.name = name;
    if (std::string_view(name) == "own") level->metadata.annotations.clear();
    ASSERT_TRUE(server_.run(
        server_.registry->create({&api::kind_of<Level>(), "", "", ""}, level, WriteContext())));
  }
  reconcile();
  EXPECT_FALSE(find<Level>("old"));
  EXPECT_TRUE(find<Level>("own"));
}

TEST_F(FlowObjectsTest, SchemasSayWhetherTheirLevelExists) {
  EXPECT_EQ(dangling("global-default"), "False Found");
  const auto revision = server_.store->revision();
  EXPECT_EQ(dangling("global-default"), "False Found");
  EXPECT_EQ(server_.store->revision(), revision);
  remove<Level>("global-default");
  EXPECT_EQ(dangling("global-default"), "True NotFound");
  EXPECT_EQ(dangling("probes"), "False Found");
  reconcile();
  EXPECT_EQ(dangling("global-default"), "False Found");
}

}  // namespace
}  // namespace insula::apiserver
