#include "controller/controller.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controller/testing/harness.h"

namespace insula::controller {
namespace {

using ::testing::ElementsAre;
using namespace std::chrono_literals;

// Does what the test says, and notes what it was asked.
class Scripted final : public Reconciler {
 public:
  Task<Result<Outcome>> reconcile(Key key) override {
    ++running;
    most = std::max(most, running);
    calls.push_back(key.name);
    co_await yield();
    if (gate != nullptr) co_await gate->wait();
    --running;
    if (fail_times > 0) {
      --fail_times;
      co_return fail(ErrorCode::kUnavailable, "not now");
    }
    co_return outcome;
  }

  std::vector<std::string> calls;
  int running = 0;
  int most = 0;
  int fail_times = 0;
  Outcome outcome = kDone;
  Event* gate = nullptr;
};

class ControllerTest : public ::testing::Test {
 protected:
  testing::Harness world_;
  Scripted script_;
  Controller controller_{
      {.name = "test", .workers = 2, .backoff = {100ms, 1s}}, world_.runtime, script_};
};

TEST_F(ControllerTest, ReconcilesEveryKeyOnce) {
  controller_.start({});
  controller_.enqueue({"", "a"});
  controller_.enqueue({"", "b"});
  controller_.enqueue({"", "a"});
  world_.settle();
  EXPECT_THAT(script_.calls, ElementsAre("a", "b"));
  EXPECT_TRUE(controller_.idle());
}

TEST_F(ControllerTest, RunsNoMoreThanItsWorkersAndNeverOneKeyTwice) {
  Event gate;
  script_.gate = &gate;
  controller_.start({});
  for (const char* name : {"a", "b", "c"})
    controller_.enqueue({"", name});
  world_.settle();
  controller_.enqueue({"", "a"});
  world_.settle();
  EXPECT_THAT(script_.calls, ElementsAre("a", "b"));
  gate.set();
  world_.settle();
  EXPECT_EQ(script_.calls.size(), 4U);
  EXPECT_EQ(script_.most, 2);
}

TEST_F(ControllerTest, TriesAFailureAgainWithGrowingDelays) {
  script_.fail_times = 2;
  controller_.start({});
  controller_.enqueue({"", "a"});
  world_.settle();
  EXPECT_EQ(script_.calls.size(), 1U);
  world_.advance(100ms);
  EXPECT_EQ(script_.calls.size(), 2U);
  world_.advance(100ms);
  EXPECT_EQ(script_.calls.size(), 2U);
  world_.advance(100ms);
  EXPECT_EQ(script_.calls.size(), 3U);
  world_.advance(10s);
  EXPECT_EQ(script_.calls.size(), 3U);
}

TEST_F(ControllerTest, ComesBackWhenTheReconcilerAsksForIt) {
  script_.outcome = again_after(5s);
  controller_.start({});
  controller_.enqueue({"", "a"});
  world_.settle();
  world_.advance(4s);
  EXPECT_EQ(script_.calls.size(), 1U);
  world_.advance(1s);
  EXPECT_EQ(script_.calls.size(), 2U);
}

TEST_F(ControllerTest, WaitsForItsMirrors) {
  bool down = true;
  world_.api.set_hook([&down](std::string_view, const client::Target&) -> std::optional<Error> {
    return down ? std::optional(Error(ErrorCode::kUnavailable, "down")) : std::nullopt;
  });
  Informer<api::Pod> pods(world_.api);
  pods.start();
  controller_.start({&pods});
  controller_.enqueue({"", "a"});
  world_.settle();
  EXPECT_TRUE(script_.calls.empty());
  down = false;
  world_.advance(10s);
  EXPECT_EQ(script_.calls.size(), 1U);
}

TEST_F(ControllerTest, CountsWhatItDid) {
  script_.fail_times = 1;
  controller_.start({});
  controller_.enqueue({"", "a"});
  world_.settle();
  world_.advance(100ms);
  const std::string text = world_.metrics.expose();
  EXPECT_THAT(text,
              ::testing::HasSubstr(
                  R"(controller_runtime_reconcile_total{controller="test",result="error"} 1)"));
  EXPECT_THAT(text,
              ::testing::HasSubstr(
                  R"(controller_runtime_reconcile_total{controller="test",result="success"} 1)"));
}

}  // namespace
}  // namespace insula::controller
