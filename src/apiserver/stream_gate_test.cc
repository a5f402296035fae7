#include "apiserver/request_gate.h"

#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apiserver/bootstrap_policy.h"
#include "apiserver/test_server.h"

namespace insula::apiserver {
namespace {

using ::testing::HasSubstr;
using Length = RequestGate::Length;

const User kEve{"eve", {"system:authenticated"}};
const User kBob{"bob", {"system:authenticated"}};
const User kDan{"dan", {"system:authenticated"}};

RequestLimits small() {
  return {.requests_per_user = 1, .requests = 2, .streams_per_user = 1, .streams = 2};
}

TEST(RequestGate, BoundsOneUserAndLeavesRoomForOthers) {
  RequestGate gate(small());
  for (const Length length : {Length::kShort, Length::kStream}) {
    std::optional<Result<RequestGate::Pass>> first = gate.enter(kEve, length);
    ASSERT_TRUE(*first);
    const auto second = gate.enter(kEve, length);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code(), ErrorCode::kTooManyRequests);
    EXPECT_THAT(second.error().message(), HasSubstr("user \"eve\" has 1"));
    EXPECT_TRUE(gate.enter(kBob, length));
    first.reset();
    EXPECT_TRUE(gate.enter(kEve, length));
  }
}

TEST(RequestGate, BoundsAllTogetherButNotTheOnesThatRunThePlatform) {
  RequestGate gate(small());
  const auto eve = gate.enter(kEve, Length::kShort);
  const auto bob = gate.enter(kBob, Length::kShort);
  ASSERT_TRUE(eve && bob);
  EXPECT_FALSE(gate.enter(kDan, Length::kShort));
  for (const char* group : {"system:masters", "system:nodes", "insula:gateway"}) {
    const User user{"x", {group}};
    const auto first = gate.enter(user, Length::kShort);
    EXPECT_TRUE(first && gate.enter(user, Length::kShort)) << group;
  }
  EXPECT_TRUE(gate.enter(kDan, Length::kStream));
}

TEST(RequestGate, AnswersTooManyRequestsAndWhenToTryAgain) {
  ApiServerOptions options;
  options.plain_user = kEve;
  options.limits.requests_per_user = 0;
  TestServer server{std::move(options)};
  ASSERT_TRUE(server.run(reconcile_policy(*server.registry)));
  const auto answer = server.send("GET", "/apis");
  EXPECT_EQ(answer.status, 429);
  EXPECT_EQ(answer.headers.get("Retry-After"), "1");
  EXPECT_EQ(server.parsed(answer)["reason"].text(), "TooManyRequests");
  EXPECT_EQ(server.send("GET", "/readyz").status, 200);
}

}  // namespace
}  // namespace insula::apiserver
