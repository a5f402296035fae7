#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "async/blocking_pool.h"
#include "async/channel.h"
#include "async/deadline.h"
#include "async/event.h"
#include "async/loop.h"
#include "async/task_group.h"
#include "testing/fake_clock.h"

namespace insula {
namespace {

using namespace std::chrono_literals;

struct Unwound {
  bool* flag;

  ~Unwound() { *flag = true; }
};

Task<Result<int>> answer_after(std::chrono::seconds delay, bool* unwound) {
  const Unwound guard{unwound};
  co_await sleep_for(delay);
  co_return 42;
}

Task<Result<int>> answer_at_once() {
  co_return 7;
}

// Moves a fake clock on after everything else has come to rest.
Task<> advance(testing::FakeClock& clock, std::chrono::seconds by) {
  co_await yield();
  co_await yield();
  clock.advance(by);
}

class AsyncTest : public ::testing::Test {
 protected:
  testing::FakeClock clock_;
  Loop loop_{clock_};
  bool unwound_ = false;
};

Task<> run_with_deadline(testing::FakeClock& clock,
                         std::chrono::seconds limit,
                         bool* unwound,
                         Result<int>* result) {
  TaskGroup group;
  group.spawn(advance(clock, 5s));
  const Deadline deadline = Loop::current().now() + limit;
  *result = co_await with_deadline(deadline, answer_after(4s, unwound));
  EXPECT_TRUE(*unwound);
}

TEST_F(AsyncTest, DeadlineReturnsTimeoutOnlyAfterTheOperationHasUnwound) {
  Result<int> result = 0;
  run_until_complete(loop_, run_with_deadline(clock_, 1s, &unwound_, &result));
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code(), ErrorCode::kTimeout);
}

TEST_F(AsyncTest, DeadlinePassesAQuickAnswerThrough) {
  Result<int> result = 0;
  run_until_complete(loop_, run_with_deadline(clock_, 60s, &unwound_, &result));
  EXPECT_EQ(result.value_or(0), 42);
}

Task<> race_quick_against_slow(bool* unwound, std::size_t* winner) {
  auto first = co_await race(answer_at_once(), answer_after(1s, unwound));
  *winner = first.index();
  auto second = co_await race(answer_after(1s, unwound), answer_at_once());
  *winner += second.index();
}

TEST_F(AsyncTest, RaceReturnsTheFirstOnEitherSideAndCancelsTheOther) {
  std::size_t winner = 9;
  run_until_complete(loop_, race_quick_against_slow(&unwound_, &winner));
  EXPECT_EQ(winner, 1U);
  EXPECT_TRUE(unwound_);
}

Task<> sleep_forever(bool* unwound) {
  const Unwound guard{unwound};
  co_await sleep_for(std::chrono::hours(1000));
}

Task<> cancel_a_group(bool* unwound) {
  TaskGroup group;
  group.spawn(sleep_forever(unwound));
  co_await yield();
  EXPECT_EQ(group.size(), 1U);
  group.cancel();
  EXPECT_TRUE(*unwound);
  EXPECT_EQ(group.size(), 0U);
  co_await group.drained();
}

TEST_F(AsyncTest, CancellingAGroupUnwindsItsTasks) {
  run_until_complete(loop_, cancel_a_group(&unwound_));
}

Task<> count_to(Channel<int>& channel, int last) {
  for (int i = 1; i <= last; ++i) {
    if (!co_await channel.send(i)) co_return;
  }
  channel.close();
}

Task<> sum_of_a_channel(int* sum) {
  Channel<int> channel(2);
  TaskGroup group;
  group.spawn(count_to(channel, 10));
  while (auto item = co_await channel.receive())
    *sum += *item;
  EXPECT_FALSE(channel.try_send(1));
}

TEST_F(AsyncTest, ChannelHoldsItsSenderBackAndDeliversInOrderUntilClosed) {
  int sum = 0;
  run_until_complete(loop_, sum_of_a_channel(&sum));
  EXPECT_EQ(sum, 55);
}

Task<int> number(int value, int turns) {
  for (int i = 0; i < turns; ++i)
    co_await yield();
  co_return value;
}

Task<> gather(std::vector<int>* values) {
  std::vector<Task<int>> tasks;
  tasks.push_back(number(1, 3));
  tasks.push_back(number(2, 0));
  *values = co_await all(std::move(tasks));
}

TEST_F(AsyncTest, AllKeepsTheOrderOfTheTasks) {
  std::vector<int> values;
  run_until_complete(loop_, gather(&values));
  EXPECT_EQ(values, (std::vector{1, 2}));
}

Task<> ask_pool(BlockingPool& pool, std::thread::id* ran_on, Result<std::string>* answer) {
  *answer = co_await pool.run([ran_on]() -> Result<std::string> {
    *ran_on = std::this_thread::get_id();
    return std::string("done");
  });
}

TEST_F(AsyncTest, PoolRunsElsewhereAndAnswersHere) {
  BlockingPool pool(1);
  std::thread::id ran_on;
  Result<std::string> answer = std::string();
  run_until_complete(loop_, ask_pool(pool, &ran_on, &answer));
  EXPECT_EQ(answer.value(), "done");
  EXPECT_NE(ran_on, std::this_thread::get_id());
}

Task<> abandon_a_pool_call(BlockingPool& pool, Event& release, bool* unwound) {
  const Unwound guard{unwound};
  (void)release;
  (void)co_await pool.run([] { return 1; });
  co_await sleep_for(std::chrono::hours(1));
}

Task<> cancel_a_pool_caller(BlockingPool& pool, bool* unwound) {
  Event release;
  TaskGroup group;
  group.spawn(abandon_a_pool_call(pool, release, unwound));
  co_await yield();
  group.cancel();
  // The dropped result arrives in one of these turns and must find nobody.
  (void)co_await pool.run([] { return 2; });
}

TEST_F(AsyncTest, PoolResultForACancelledCallerIsDropped) {
  BlockingPool pool(1);
  run_until_complete(loop_, cancel_a_pool_caller(pool, &unwound_));
  EXPECT_TRUE(unwound_);
}

Task<> record(std::vector<int>* order, int id, std::chrono::seconds delay) {
  co_await sleep_for(delay);
  order->push_back(id);
}

Task<> wake_in_order(testing::FakeClock& clock, std::vector<int>* order) {
  TaskGroup group;
  for (const int id : {5, 3, 9, 1, 7, 2, 8, 4, 6})
    group.spawn(record(order, id, std::chrono::seconds(id)));
  group.spawn(advance(clock, 100s));
  co_await group.drained();
}

TEST_F(AsyncTest, TimersFireInOrderOfTheirDeadlines) {
  std::vector<int> order;
  run_until_complete(loop_, wake_in_order(clock_, &order));
  EXPECT_EQ(order, (std::vector{1, 2, 3, 4, 5, 6, 7, 8, 9}));
}

TEST_F(AsyncTest, PostFromAnotherThreadRunsOnTheLoop) {
  std::thread::id ran_on;
  std::jthread other([this, &ran_on] {
    loop_.post([this, &ran_on] {
      ran_on = std::this_thread::get_id();
      loop_.stop();
    });
  });
  loop_.run();
  EXPECT_EQ(ran_on, std::this_thread::get_id());
}

}  // namespace
}  // namespace insula
