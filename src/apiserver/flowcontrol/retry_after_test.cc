#include "apiserver/flowcontrol/retry_after.h"

#include <gtest/gtest.h>

#include "testing/fake_clock.h"

namespace insula::apiserver {
namespace {

using namespace std::chrono_literals;

TEST(RetryAfter, GrowsWhileRefusalsDoNotCeaseAndShrinksWhenTheyDo) {
  testing::FakeClock clock;
  RetryAfter advice;
  std::int64_t said = 0;
  for (int second = 0; second < 200; ++second) {
    for (int i = 0; i < 10; ++i)
      said = advice.refuse(clock.now());
    clock.advance(1s);
  }
  EXPECT_EQ(said, RetryAfter::kSecondsMax);
  for (int i = 0; i < 40; ++i) {
    clock.advance(60s);
    said = advice.refuse(clock.now());
  }
  EXPECT_EQ(said, 1);
}

TEST(RetryAfter, IsASecondForAFew) {
  testing::FakeClock clock;
  RetryAfter advice;
  for (int second = 0; second < 20; ++second) {
    EXPECT_EQ(advice.refuse(clock.now()), 1);
    clock.advance(2s);
  }
}

}  // namespace
}  // namespace insula::apiserver
