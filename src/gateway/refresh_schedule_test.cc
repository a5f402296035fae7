#include "gateway/refresh_schedule.h"

#include <gtest/gtest.h>

#include "testing/fake_clock.h"

namespace insula::gateway {
namespace {

using namespace std::chrono_literals;

class RefreshScheduleTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::chrono::nanoseconds wait() const { return schedule_.due() - clock_.now(); }

  testing::FakeClock clock_;
  SeededRandom random_{1};
  RefreshSchedule schedule_{clock_.now(), random_};
};

TEST_F(RefreshScheduleTest, IsDueAtOnce) {
  EXPECT_EQ(wait(), 0s);
}

TEST_F(RefreshScheduleTest, ComesBackShortlyBeforeTheAnswerCeasesToBeFresh) {
  for (const auto& [fresh, counted] :
       {std::pair<std::chrono::seconds, std::chrono::seconds>{0s, 60s},
        {59s, 60s},
        {600s, 600s},
        {48h, 24h}}) {
    schedule_.succeeded(clock_.now(), fresh);
    EXPECT_LE(wait(), counted);
    EXPECT_GE(wait(), counted * 9 / 10);
  }
}

TEST_F(RefreshScheduleTest, WhatIsReadFromDiskIsAsOldAsItIs) {
  schedule_.succeeded(clock_.now(), 600s, 400s);
  EXPECT_LE(wait(), 200s);
  EXPECT_GE(wait(), 180s);
  schedule_.succeeded(clock_.now(), 600s, 10h);
  EXPECT_EQ(wait(), 0s);
}

TEST_F(RefreshScheduleTest, PausesDoubleUpToFiveMinutesAndAreSpread) {
  std::chrono::nanoseconds most = 1s;
  for (int i = 0; i < 12; ++i) {
    schedule_.failed(clock_.now(), clock_.now());
    EXPECT_LE(wait(), most);
    EXPECT_GE(wait(), most / 2);
    most = std::min<std::chrono::nanoseconds>(2 * most, 5min);
    clock_.advance(wait());
  }
  schedule_.succeeded(clock_.now(), 600s);
  schedule_.failed(clock_.now(), clock_.now());
  EXPECT_LE(wait(), 1s);
}

TEST_F(RefreshScheduleTest, TokensBringTheNextFetchForwardButNotCloserThanTenSeconds) {
  schedule_.succeeded(clock_.now(), 600s);
  clock_.advance(3s);
  for (int i = 0; i < 1000; ++i)
    schedule_.asked();
  EXPECT_EQ(wait(), 7s);
  clock_.advance(100s);
  schedule_.asked();
  EXPECT_LE(wait(), 0s);
  schedule_.succeeded(clock_.now(), 600s);
  for (int i = 0; i < 20; ++i)
    schedule_.failed(clock_.now(), clock_.now());
  EXPECT_GT(wait(), 100s);
  schedule_.asked();
  EXPECT_EQ(wait(), 10s);
}

TEST_F(RefreshScheduleTest, TokensNeverPutAFetchOff) {
  schedule_.failed(clock_.now(), clock_.now());
  const auto before = wait();
  schedule_.asked();
  EXPECT_EQ(wait(), before);
}

}  // namespace
}  // namespace insula::gateway
