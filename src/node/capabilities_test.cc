#include "node/capabilities.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace insula::node {
namespace {

using testing::Contains;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::Not;
using testing::UnorderedElementsAre;

const CapabilitySet kMachine = {"CHOWN", "KILL", "SYS_ADMIN"};

TEST(Capabilities, AllAreThoseThatTheMachineHas) {
  EXPECT_EQ(container_capabilities({.privileged = true}, kMachine), kMachine);
  EXPECT_EQ(container_capabilities({.capabilities_add = {"ALL"}}, kMachine), kMachine);
  EXPECT_THAT(container_capabilities(
                  {.capabilities_add = {"ALL"}, .capabilities_drop = {"CAP_KILL"}}, kMachine),
              UnorderedElementsAre("CHOWN", "SYS_ADMIN"));
}

TEST(Capabilities, OneThatIsNamedIsThereWhateverTheMachineHas) {
  EXPECT_THAT(container_capabilities({.capabilities_add = {"CAP_SYS_TIME"}}, kMachine),
              Contains("SYS_TIME"));
  EXPECT_THAT(container_capabilities(
                  {.capabilities_add = {"NET_ADMIN"}, .capabilities_drop = {"ALL"}}, kMachine),
              UnorderedElementsAre("NET_ADMIN"));
}

TEST(Capabilities, WhatIsDroppedIsGone) {
  EXPECT_THAT(container_capabilities({.capabilities_drop = {"all"}}, kMachine), IsEmpty());
  EXPECT_THAT(
      container_capabilities({.capabilities_add = {"ALL"}, .capabilities_drop = {"ALL"}}, kMachine),
      IsEmpty());
  EXPECT_THAT(container_capabilities(
                  {.capabilities_add = {"sys_time", "kill"}, .capabilities_drop = {"ALL", "Kill"}},
                  kMachine),
              UnorderedElementsAre("SYS_TIME"));
}

TEST(Capabilities, WithoutAWishTheyAreDockers) {
  const CapabilitySet given = container_capabilities({}, kMachine);
  EXPECT_EQ(given.size(), 14U);
  EXPECT_THAT(given, IsSupersetOf({"CHOWN", "NET_BIND_SERVICE"}));
  EXPECT_THAT(given, Not(Contains("SYS_ADMIN")));
}

TEST(Capabilities, TheMachinesAreOfThisProcess) {
  // Any process may pass on what a container has by default, or no container would run here.
  EXPECT_THAT(machine_capabilities(), IsSupersetOf({"CHOWN", "SETUID", "SETGID", "KILL"}));
}

}  // namespace
}  // namespace insula::node
