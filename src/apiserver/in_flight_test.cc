#include "apiserver/in_flight.h"

#include <optional>

#include <gtest/gtest.h>

namespace insula::apiserver {
namespace {

using std::chrono::milliseconds;

TEST(InFlight, TellsTheMostThereWereInTheLastSecond) {
  InFlight count;
  const SteadyTime start = SteadyTime() + std::chrono::hours(1);
  EXPECT_EQ(count.peak(start), 0U);
  std::optional<InFlight::Entry> stays;
  stays.emplace(count, start);
  {
    const InFlight::Entry second(count, start + milliseconds(100));
    const InFlight::Entry third(count, start + milliseconds(200));
  }
  EXPECT_EQ(count.peak(start + milliseconds(900)), 3U);
  EXPECT_EQ(count.peak(start + milliseconds(1500)), 3U) << "a second has begun, the last one holds";
  EXPECT_EQ(count.peak(start + milliseconds(2600)), 1U);
  EXPECT_EQ(count.peak(start + milliseconds(9000)), 1U);
  stays.reset();
  EXPECT_EQ(count.peak(start + milliseconds(9100)), 1U);
  EXPECT_EQ(count.peak(start + milliseconds(20000)), 0U);
}

TEST(InFlight, CountsAnEntryThatMovedOnce) {
  InFlight count;
  const SteadyTime now = SteadyTime() + std::chrono::hours(1);
  {
    InFlight::Entry entry(count, now);
    const InFlight::Entry moved(std::move(entry));
  }
  const InFlight::Entry next(count, now);
  EXPECT_EQ(count.peak(now), 1U);
}

}  // namespace
}  // namespace insula::apiserver
