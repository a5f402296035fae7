#include "node/node_reporter.h"

#include <algorithm>
#include <functional>
#include <string>

#include <gtest/gtest.h>

#include "async/loop.h"
#include "client/testing/fake_api.h"
#include "client/typed.h"
#include "testing/fake_clock.h"
#include "testing/temp_dir.h"

namespace insula::node {
namespace {

using namespace std::chrono_literals;

class NodeReporterTest : public ::testing::Test {
 protected:
  static NodeFacts facts() {
    NodeFacts out;
    out.name = "n";
    out.pods_max = 10;
    return out;
  }

  void advance(std::chrono::nanoseconds by) {
    clock_.advance(by);
    settle();
  }

  void settle() {
    auto turns = [](int count) -> Task<> {
      for (int i = 0; i < count; ++i)
        co_await yield();
    };
    run_until_complete(loop_, turns(400));
  }

  api::Node node() {
    api::Node out;
    auto read = [](client::Client& api, api::Node& into) -> Task<> {
      into = *co_await client::get<api::Node>(api, "", "n");
    };
    run_until_complete(loop_, read(api_, out));
    return out;
  }

  void change(std::function<bool(api::Node&)> edit) {
    auto write = [](client::Client& api, std::function<bool(api::Node&)> how) -> Task<> {
      EXPECT_TRUE(co_await client::modify<api::Node>(api, "", "n", std::move(how),
                                                     client::ModifyPart::kStatus));
    };
    run_until_complete(loop_, write(api_, std::move(edit)));
  }

  static const api::NodeCondition* find(const api::Node& node, const std::string& type) {
    const auto it = std::ranges::find(node.status.conditions, type, &api::NodeCondition::type);
    return it == node.status.conditions.end() ? nullptr : &*it;
  }

  void start() {
    auto begin = [](NodeReporter& reporter) -> Task<> {
      EXPECT_TRUE(co_await reporter.register_node());
    };
    run_until_complete(loop_, begin(reporter_));
    reporter_.start();
    settle();
  }

  insula::testing::FakeClock clock_;
  Loop loop_{clock_};
  insula::testing::TempDir dir_;
  client::testing::FakeApi api_{clock_};
  NodeReporter reporter_{api_, facts(), dir_.path(), Log()};
};

// What the control plane writes about a node that was silent.
TEST_F(NodeReporterTest, SaysThatItIsReadyAgainAfterItWasGivenUp) {
  start();
  ASSERT_EQ(find(node(), "Ready")->status, "True");
  change([](api::Node& node) {
    for (api::NodeCondition& condition : node.status.conditions)
      condition.status = "Unknown";
    return true;
  });
  advance(11s);
  EXPECT_EQ(find(node(), "Ready")->status, "True");
  EXPECT_EQ(find(node(), "Ready")->reason, "KubeletReady");
  EXPECT_NE(find(node(), "MemoryPressure")->status, "Unknown");
}

TEST_F(NodeReporterTest, LeavesConditionsOfOthersAndWritesNothingWithoutNews) {
  start();
  change([](api::Node& node) {
    api::NodeCondition& foreign = node.status.conditions.emplace_back();
    foreign.type = "KernelDeadlock";
    foreign.status = "False";
    return true;
  });
  advance(11s);
  const std::string version = node().metadata.resource_version;
  advance(11s);
  EXPECT_EQ(node().metadata.resource_version, version);
  EXPECT_NE(find(node(), "KernelDeadlock"), nullptr);
}

}  // namespace
}  // namespace insula::node
