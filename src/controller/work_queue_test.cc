#include "controller/work_queue.h"

#include <gtest/gtest.h>

#include "testing/fake_clock.h"

namespace insula::controller {
namespace {

using namespace std::chrono_literals;

class WorkQueueTest : public ::testing::Test {
 protected:
  testing::FakeClock clock_;
  WorkQueue queue_{clock_, Backoff{10ms, 1s}};
  Key a_{"ns", "a"};
  Key b_{"ns", "b"};
};

TEST_F(WorkQueueTest, GivesKeysInTheOrderTheyCameAndEachOnce) {
  queue_.add(a_);
  queue_.add(b_);
  queue_.add(a_);
  EXPECT_EQ(queue_.pop(), a_);
  EXPECT_EQ(queue_.pop(), b_);
  EXPECT_EQ(queue_.pop(), std::nullopt);
}

TEST_F(WorkQueueTest, HoldsAKeyBackWhileItIsWorkedOn) {
  queue_.add(a_);
  ASSERT_EQ(queue_.pop(), a_);
  queue_.add(a_);
  queue_.add(a_);
  EXPECT_EQ(queue_.pop(), std::nullopt);
  queue_.done(a_);
  EXPECT_EQ(queue_.pop(), a_);
  queue_.done(a_);
  EXPECT_EQ(queue_.pop(), std::nullopt);
}

TEST_F(WorkQueueTest, KeepsTheEarlierOfTwoDelays) {
  queue_.add_after(a_, 5s);
  queue_.add_after(a_, 2s);
  queue_.add_after(a_, 9s);
  EXPECT_EQ(queue_.next_due(), clock_.now() + 2s);
  clock_.advance(1s);
  EXPECT_EQ(queue_.pop(), std::nullopt);
  clock_.advance(1s);
  EXPECT_EQ(queue_.pop(), a_);
  queue_.done(a_);
  clock_.advance(10s);
  EXPECT_EQ(queue_.pop(), std::nullopt);
}

TEST_F(WorkQueueTest, DoublesTheDelayWithEveryFailureUpToTheLimit) {
  SteadyTime before = clock_.now();
  for (const auto expected : {10ms, 20ms, 40ms, 80ms, 160ms, 320ms, 640ms, 1000ms, 1000ms}) {
    queue_.add_after_failure(a_);
    ASSERT_EQ(queue_.next_due(), before + expected);
    clock_.advance(expected);
    before = clock_.now();
    ASSERT_EQ(queue_.pop(), a_);
    queue_.done(a_);
  }
  queue_.forget(a_);
  queue_.add_after_failure(a_);
  EXPECT_EQ(queue_.next_due(), before + 10ms);
}

TEST_F(WorkQueueTest, CountsWhatWaitsAndWhatIsWorkedOn) {
  queue_.add(a_);
  queue_.add(b_);
  queue_.add_after({"ns", "c"}, 1s);
  EXPECT_EQ(queue_.depth(), 2U);
  (void)queue_.pop();
  queue_.add(a_);
  EXPECT_EQ(queue_.depth(), 2U);
  EXPECT_EQ(queue_.working(), 1U);
  EXPECT_EQ(queue_.delayed(), 1U);
}

}  // namespace
}  // namespace insula::controller
