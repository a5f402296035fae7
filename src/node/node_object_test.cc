#include "node/node_object.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "node/files.h"
#include "testing/temp_dir.h"

namespace insula::node {
namespace {

std::string condition(const api::NodeStatus& status, const std::string& type) {
  const auto found = std::ranges::find(status.conditions, type, &api::NodeCondition::type);
  return found == status.conditions.end() ? "" : found->status;
}

TEST(NodeObject, PidsAreShortWhenNearlyAllAreInUse) {
  const insula::testing::TempDir dir;
  ASSERT_TRUE(make_dirs(dir / "sys/kernel"));
  ASSERT_TRUE(write_file(dir / "sys/kernel/pid_max", "32768\n"));
  ASSERT_TRUE(write_file(dir / "sys/kernel/threads-max", "1000\n"));
  ASSERT_TRUE(write_file(dir / "loadavg", "0.20 0.18 0.12 1/900 11206\n"));
  EXPECT_FALSE(pids_are_short(dir.path()));
  ASSERT_TRUE(write_file(dir / "loadavg", "0.20 0.18 0.12 1/980 11206\n"));
  EXPECT_TRUE(pids_are_short(dir.path()));
  EXPECT_FALSE(pids_are_short(dir / "none"));
}

TEST(NodeObject, TellsPidPressure) {
  NodeFacts facts;
  EXPECT_EQ(condition(node_status(facts, {}, {}), "PIDPressure"), "False");
  facts.pid_pressure = true;
  EXPECT_EQ(condition(node_status(facts, {}, {}), "PIDPressure"), "True");
}

}  // namespace
}  // namespace insula::node
