#include "apiserver/stream_gate.h"

#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace insula::apiserver {
namespace {

using ::testing::HasSubstr;

const User kEve{"eve", {"system:authenticated"}};
const User kBob{"bob", {"system:authenticated"}};
const User kDan{"dan", {"system:authenticated"}};

StreamLimits small() {
  return {.per_user = 1, .all = 2};
}

TEST(StreamGate, BoundsOneUserAndLeavesRoomForOthers) {
  StreamGate gate(small());
  std::optional<Result<StreamGate::Pass>> first = gate.enter(kEve);
  ASSERT_TRUE(*first);
  const auto second = gate.enter(kEve);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), ErrorCode::kTooManyRequests);
  EXPECT_THAT(second.error().message(), HasSubstr("user \"eve\" has 1"));
  EXPECT_TRUE(gate.enter(kBob));
  first.reset();
  EXPECT_TRUE(gate.enter(kEve));
}

TEST(StreamGate, BoundsAllTogetherButNotTheOnesThatRunThePlatform) {
  StreamGate gate(small());
  const auto eve = gate.enter(kEve);
  const auto bob = gate.enter(kBob);
  ASSERT_TRUE(eve && bob);
  EXPECT_FALSE(gate.enter(kDan));
  for (const char* group : {"system:masters", "system:nodes", "insula:gateway"}) {
    const User user{"x", {group}};
    const auto first = gate.enter(user);
    EXPECT_TRUE(first && gate.enter(user)) << group;
  }
}

}  // namespace
}  // namespace insula::apiserver
