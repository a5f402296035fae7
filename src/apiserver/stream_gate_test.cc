#include "apiserver/stream_gate.h"

#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace insula::apiserver {
namespace {

using ::testing::HasSubstr;

const User kEve{"eve", {"system:authenticated"}};
const User kBob{"bob", {"system:authenticated"}};
const User kFay{"fay", {"system:authenticated"}};
const User kDan{"dan", {"system:authenticated"}};

StreamLimits small() {
  return {.per_user = 1, .per_tenant = 2, .all = 3};
}

TEST(StreamGate, BoundsOneUserAndLeavesRoomForOthers) {
  StreamGate gate(small());
  std::optional<Result<StreamGate::Pass>> first = gate.enter(kEve, "");
  ASSERT_TRUE(*first);
  const auto second = gate.enter(kEve, "");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), ErrorCode::kTooManyRequests);
  EXPECT_THAT(second.error().message(), HasSubstr("user \"eve\" has 1"));
  EXPECT_TRUE(gate.enter(kBob, ""));
  first.reset();
  EXPECT_TRUE(gate.enter(kEve, ""));
}

TEST(StreamGate, BoundsATenantHoweverManyUsersItMakes) {
  StreamGate gate(small());
  std::optional<Result<StreamGate::Pass>> eve = gate.enter(kEve, "a");
  const auto bob = gate.enter(kBob, "a");
  ASSERT_TRUE(*eve && bob);
  const auto third = gate.enter(kDan, "a");
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code(), ErrorCode::kTooManyRequests);
  EXPECT_THAT(third.error().message(), HasSubstr("tenant \"a\" has 2"));
  EXPECT_TRUE(gate.enter(kDan, "b"));
  eve.reset();
  EXPECT_TRUE(gate.enter(kDan, "a"));
}

TEST(StreamGate, BoundsAllTogetherButNotTheOnesThatRunThePlatform) {
  StreamGate gate(small());
  const auto eve = gate.enter(kEve, "");
  const auto bob = gate.enter(kBob, "");
  const auto fay = gate.enter(kFay, "");
  ASSERT_TRUE(eve && bob && fay);
  EXPECT_FALSE(gate.enter(kDan, ""));
  for (const char* group : {"system:masters", "system:nodes", "insula:gateway"}) {
    const User user{"x", {group}};
    const auto first = gate.enter(user, "");
    EXPECT_TRUE(first && gate.enter(user, "")) << group;
  }
}

}  // namespace
}  // namespace insula::apiserver
