#include "controllers/garbage/graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace insula::controllers {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

OwnedObject object_of(const std::string& uid, const std::vector<std::string>& owners = {}) {
  OwnedObject object;
  object.metadata.uid = uid;
  for (const std::string& owner : owners) {
    api::OwnerReference& reference = object.metadata.owner_references.emplace_back();
    reference.uid = owner;
    reference.block_owner_deletion = true;
  }
  return object;
}

struct Case {
  const char* what;
  std::vector<OwnerState> owners;
  bool has_dependents;
  GarbageAction expected;
};

TEST(Garbage, IsWhatHasLostAllItsOwners) {
  using enum OwnerState;
  const Case cases[] = {
      {"no owners", {}, false, GarbageAction::kNone},
      {"owner lives", {kPresent}, false, GarbageAction::kNone},
      {"owner gone", {kAbsent}, false, GarbageAction::kDelete},
      {"owner not seen", {kUnknown}, false, GarbageAction::kAsk},
      {"owner cannot be", {kInvalid, kAbsent}, false, GarbageAction::kNone},
      {"one lives, one not seen", {kPresent, kUnknown}, false, GarbageAction::kAsk},
      {"one lives, one gone", {kPresent, kAbsent}, false, GarbageAction::kDropReferences},
      {"one lives, one waits", {kPresent, kWaiting}, true, GarbageAction::kDropReferences},
      {"owner waits", {kWaiting}, false, GarbageAction::kDelete},
      {"owner waits for it and its dependents", {kWaiting}, true, GarbageAction::kDeleteForeground},
  };
  for (const Case& one : cases) {
    std::vector<OwnerView> views;
    for (const OwnerState state : one.owners)
      views.push_back({{}, state});
    EXPECT_EQ(plan_garbage(object_of("x"), views, one.has_dependents, false), one.expected)
        << one.what;
  }
}

TEST(Garbage, ForegroundDeletionEndsWhenNothingBlocksIt) {
  OwnedObject owner = object_of("x");
  owner.metadata.deletion_timestamp = api::Time{1};
  owner.metadata.finalizers = {"foregroundDeletion"};
  EXPECT_EQ(plan_garbage(owner, {}, true, true), GarbageAction::kDeleteDependents);
  EXPECT_EQ(plan_garbage(owner, {}, true, false), GarbageAction::kRemoveFinalizer);
  owner.metadata.finalizers = {"orphan"};
  EXPECT_EQ(plan_garbage(owner, {}, true, true), GarbageAction::kOrphanDependents);
  owner.metadata.finalizers = {"somebody/else"};
  EXPECT_EQ(plan_garbage(owner, {}, true, true), GarbageAction::kNone);
}

TEST(OwnerGraph, KnowsDependentsWhicheverComesFirst) {
  OwnerGraph graph;
  graph.put(object_of("pod", {"set"}));
  EXPECT_THAT(graph.dependents("set"), ElementsAre("pod"));
  graph.put(object_of("set"));
  EXPECT_THAT(graph.blocking_dependents("set"), ElementsAre("pod"));
  OwnedObject freed = object_of("pod", {"set"});
  freed.metadata.owner_references[0].block_owner_deletion = false;
  graph.put(freed);
  EXPECT_THAT(graph.blocking_dependents("set"), IsEmpty());
  graph.put(object_of("pod"));
  EXPECT_THAT(graph.dependents("set"), IsEmpty());
  graph.erase("pod");
  graph.erase("pod");
  EXPECT_EQ(graph.size(), 1U);
}

}  // namespace
}  // namespace insula::controllers
