#include "apiserver/flowcontrol/seat_limits.h"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

#include "api/flow_control.h"
#include "base/random.h"

namespace insula::apiserver {
namespace {

TEST(SeatLimits, NominalSeatsAreSharesRoundedUp) {
  const auto& levels = api::suggested_priority_levels();
  std::size_t shares = 0;
  for (const auto& level : levels)
    shares += shares_of(level.spec);
  EXPECT_EQ(shares, 240U);
  const LevelSeats system = seats_of(levels[0].spec, 100, shares);
  EXPECT_EQ(system.nominal, 13U);  // 12.5
  EXPECT_EQ(system.lendable, 4U);  // 33 % of them: 4.29
  EXPECT_FALSE(system.borrowed);
  EXPECT_EQ(shares_of(api::mandatory_priority_levels().front().spec), 0U);
  EXPECT_EQ(seats_of(api::mandatory_priority_levels().front().spec, 100, shares).nominal, 0U);
}

TEST(SeatLimits, LevelsBorrowWhatOthersDoNotUseAndGiveItBack) {
  // What the first one lends, the second may take, up to 50 % of its own.
  std::vector<LevelSeats> levels = {{.nominal = 10, .lendable = 6, .borrowed = {}},
                                    {.nominal = 10, .lendable = 0, .borrowed = 5}};
  EXPECT_EQ(seat_limit(levels, 1), 15U);
  EXPECT_EQ(seat_limit(levels, 0), 10U);  // the second one lends nothing
  levels[0].in_use = 8;
  EXPECT_EQ(seat_limit(levels, 1), 12U);
  levels[0] = {.nominal = 10, .lendable = 6, .borrowed = {}, .in_use = 0, .waiting = 7};
  EXPECT_EQ(seat_limit(levels, 1), 13U);
  // Lent seats come back when what has borrowed them is done; what is guaranteed is there.
  levels[1].in_use = 15;
  EXPECT_EQ(seat_limit(levels, 0), 5U);
  levels[1].in_use = 12;
  EXPECT_EQ(seat_limit(levels, 0), 8U);
  levels[0].in_use = 8;
  levels[0].waiting = 0;
  EXPECT_EQ(seat_limit(levels, 1), 12U);
}

TEST(SeatLimits, InAnyOrderTheSeatsOfAllAreNeverExceededAndGuaranteesHold) {
  SeededRandom random(7);
  for (int round = 0; round < 200; ++round) {
    std::vector<LevelSeats> levels(2 + random.below(4));
    std::size_t all = 0;
    for (LevelSeats& level : levels) {
      level.nominal = random.below(12);
      level.lendable = random.below(level.nominal + 1);
      if (random.below(2) == 0) level.borrowed = random.below(10);
      all += level.nominal;
    }
    for (int step = 0; step < 300; ++step) {
      const std::size_t i = random.below(levels.size());
      LevelSeats& level = levels[i];
      if (random.below(3) == 0) {
        level.in_use -= std::min(level.in_use, std::size_t{1});
        continue;
      }
      level.waiting = random.below(5);
      const std::size_t limit = seat_limit(levels, i);
      ASSERT_GE(limit, level.guaranteed());
      if (level.borrowed) ASSERT_LE(limit, level.nominal + *level.borrowed);
      if (level.in_use + 1 > limit) continue;
      ++level.in_use;
      std::size_t in_use = 0;
      for (const LevelSeats& each : levels)
        in_use += each.in_use;
      ASSERT_LE(in_use, all);
    }
  }
}

TEST(SeatLimits, NobodyElseTheLevelHasAllItMayBorrow) {
  const std::vector<LevelSeats> levels = {{.nominal = 4, .lendable = 4, .borrowed = {}},
                                          {.nominal = 6, .lendable = 3, .borrowed = {}},
                                          {.nominal = 2, .lendable = 0, .borrowed = {}}};
  EXPECT_EQ(seat_limit(levels, 2), 2U + 4U + 3U);
}

}  // namespace
}  // namespace insula::apiserver
