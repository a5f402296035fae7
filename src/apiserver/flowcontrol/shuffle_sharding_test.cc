#include "apiserver/flowcontrol/shuffle_sharding.h"

#include <map>
#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/flow_control.h"

namespace insula::apiserver {
namespace {

using ::testing::ElementsAre;

TEST(ShuffleSharding, DealsEachHandInEachOrderAsOften) {
  constexpr std::uint64_t kHands = 60;  // 5 * 4 * 3
  std::map<std::vector<std::uint32_t>, int> seen;
  for (std::uint64_t hash = 0; hash < 7 * kHands; ++hash) {
    const auto hand = deal_hand(hash, 5, 3);
    EXPECT_EQ(std::set(hand.begin(), hand.end()).size(), 3U);
    ++seen[hand];
  }
  EXPECT_EQ(seen.size(), kHands);
  for (const auto& [hand, times] : seen)
    EXPECT_EQ(times, 7) << ::testing::PrintToString(hand);
}

TEST(ShuffleSharding, MayDealAllQueues) {
  EXPECT_THAT(deal_hand(0, 3, 3), ElementsAre(0, 1, 2));
  EXPECT_THAT(deal_hand(5, 3, 3), ElementsAre(2, 1, 0));
  EXPECT_THAT(deal_hand(12345, 1, 1), ElementsAre(0));
}

TEST(ShuffleSharding, FlowsWithOtherNamesHaveOtherHands) {
  std::set<std::uint64_t> hashes;
  for (int i = 0; i < 1000; ++i)
    hashes.insert(flow_hash("global-default", "user-" + std::to_string(i)));
  hashes.insert(flow_hash("global-defaultuser", "-1"));
  hashes.insert(flow_hash("global-default", ""));
  EXPECT_EQ(hashes.size(), 1002U);
  for (const std::uint64_t hash : hashes)
    EXPECT_LT(hash, std::uint64_t{1} << api::kShuffleBitsMax);
}

TEST(ShuffleSharding, CountsTheBitsThatAHandTakes) {
  EXPECT_EQ(api::shuffle_bits(64, 6), 36);
  EXPECT_EQ(api::shuffle_bits(128, 6), 42);
  EXPECT_EQ(api::shuffle_bits(1, 1), 0);
  EXPECT_EQ(api::shuffle_bits(512, 8), 72);
}

}  // namespace
}  // namespace insula::apiserver
