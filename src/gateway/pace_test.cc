#include "gateway/pace.h"

#include <gtest/gtest.h>

namespace insula::gateway {
namespace {

using std::chrono_literals::operator""s;

TEST(Pace, IsKeptByBytesThatComeAndByTheirNumber) {
  const SteadyTime begin{1000s};
  const Pace pace(begin, 30s, 100);
  EXPECT_EQ(pace.deadline(begin, 0), begin + 30s);
  // Enough have passed: the next must not take longer than the gap.
  EXPECT_EQ(pace.deadline(begin + 10s, 100'000), begin + 40s);
  // One byte every now and then puts nothing off.
  EXPECT_EQ(pace.deadline(begin + 29s, 29), begin + 30s);
  // A second for each hundred bytes.
  EXPECT_EQ(pace.deadline(begin + 29s, 500), begin + 35s);
}

}  // namespace
}  // namespace insula::gateway
