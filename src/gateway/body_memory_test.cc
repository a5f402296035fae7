#include "gateway/body_memory.h"

#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace insula::gateway {
namespace {

using ::testing::HasSubstr;

TEST(BodyMemory, ATenantMayHoldAsMuchAsIsFree) {
  BodyMemory memory(1000);
  BodyMemory::Share a(memory);
  a.belong_to("a");
  BodyMemory::Share also_a(memory);
  also_a.belong_to("a");
  ASSERT_TRUE(a.take(300));
  ASSERT_TRUE(also_a.take(200));
  const auto more = also_a.take(1);
  ASSERT_FALSE(more);
  EXPECT_THAT(more.error().message(), HasSubstr("this tenant"));
  EXPECT_EQ(memory.free(), 500U);
  a.release();
  EXPECT_TRUE(also_a.take(200));
}

TEST(BodyMemory, OnePieceIsHeldToTheSame) {
  BodyMemory memory(1000);
  BodyMemory::Share a(memory);
  a.belong_to("a");
  EXPECT_FALSE(a.take(501));
  EXPECT_TRUE(a.take(500));
}

TEST(BodyMemory, WhoComesLaterFindsRoomBesideManyThatTakeAllTheyCan) {
  BodyMemory memory(1 << 20);
  std::vector<std::unique_ptr<BodyMemory::Share>> greedy;
  for (int tenant = 0; tenant < 6; ++tenant) {
    for (int body = 0; body < 50; ++body) {
      greedy.push_back(std::make_unique<BodyMemory::Share>(memory));
      greedy.back()->belong_to("greedy-" + std::to_string(tenant));
      while (greedy.back()->take(1000))
        continue;
    }
  }
  BodyMemory::Share late(memory);
  late.belong_to("late");
  EXPECT_TRUE(late.take(5000));
  greedy.clear();
  late.release();
  EXPECT_EQ(memory.free(), std::size_t{1} << 20U);
}

TEST(BodyMemory, WhatCameBeforeItsTenantWasKnownIsTheTenants) {
  BodyMemory memory(1000);
  {
    BodyMemory::Share early(memory);
    ASSERT_TRUE(early.take(450));
    early.belong_to("a");
    BodyMemory::Share later(memory);
    later.belong_to("a");
    EXPECT_FALSE(later.take(200));
    BodyMemory::Share other(memory);
    other.belong_to("b");
    EXPECT_TRUE(other.take(200));
  }
  EXPECT_EQ(memory.free(), 1000U);
}

TEST(BodyMemory, AllTogetherHaveNoMoreThanThereIs) {
  BodyMemory memory(100);
  BodyMemory::Share nobodys(memory);
  ASSERT_TRUE(nobodys.take(90));
  const auto more = nobodys.take(11);
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().code(), ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace insula::gateway
