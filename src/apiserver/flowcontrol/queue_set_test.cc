#include "apiserver/flowcontrol/queue_set.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "apiserver/flowcontrol/shuffle_sharding.h"
#include "base/random.h"
#include "testing/fake_clock.h"

namespace insula::apiserver {
namespace {

using namespace std::chrono_literals;

struct Request final : QueueSet::Request {
  std::string flow;
};

/// One server with `seats` seats over a queue set.
class QueueSetTest : public ::testing::Test {
 protected:
  Request* arrive(const std::string& flow, std::size_t seats = 1) {
    auto request = std::make_unique<Request>();
    request->flow = flow;
    request->work.seats = seats;
    request->arrived = clock_.now();
    if (!queues_.enqueue(*request, flow_hash("schema", flow))) return nullptr;
    requests_.push_back(std::move(request));
    return requests_.back().get();
  }

  /// Begins the next request and says whose it is.
  Request& serve() {
    auto* request = static_cast<Request*>(queues_.next());
    EXPECT_NE(request, nullptr);
    queues_.start(*request, clock_.now());
    return *request;
  }

  /// Serves one request from its beginning to its end.
  std::string serve_for(std::chrono::nanoseconds duration) {
    Request& request = serve();
    clock_.advance(duration);
    queues_.finish(request, clock_.now());
    return request.flow;
  }

  testing::FakeClock clock_;
  QueueSet queues_;
  std::vector<std::unique_ptr<Request>> requests_;
};

TEST_F(QueueSetTest, AFloodFillsItsOwnHandAndNothingElse) {
  queues_.configure({.queues = 64, .hand_size = 4, .queue_length_max = 10});
  std::size_t accepted = 0;
  for (int i = 0; i < 100; ++i)
    accepted += arrive("flood") != nullptr ? 1 : 0;
  EXPECT_EQ(accepted, 40U);
  EXPECT_EQ(queues_.waiting(), 40U);
  EXPECT_EQ(queues_.state().size(), 4U);
  EXPECT_NE(arrive("small"), nullptr);
}

TEST_F(QueueSetTest, ASmallClientIsServedAfterNoMoreThanOneRequestOfEachQueueOfAFlood) {
  queues_.configure({.queues = 64, .hand_size = 4, .queue_length_max = 10});
  for (int i = 0; i < 40; ++i)
    ASSERT_NE(arrive("flood"), nullptr);
  for (int round = 0; round < 8; ++round) {
    ASSERT_NE(arrive("small"), nullptr);
    int before = 0;
    while (serve_for(10ms) == "flood")
      ++before;
    EXPECT_LE(before, 4) << round;
  }
}

TEST_F(QueueSetTest, ExpensiveRequestsWaitForCheapOnesOfOthers) {
  queues_.configure({.queues = 2, .hand_size = 1, .queue_length_max = 1000});
  // Two flows that do not share a queue.
  std::string cheap = "cheap";
  while (deal_hand(flow_hash("schema", cheap), 2, 1) ==
         deal_hand(flow_hash("schema", "expensive"), 2, 1))
    cheap += "-";
  for (int i = 0; i < 1000; ++i)
    ASSERT_TRUE(arrive(cheap) != nullptr && arrive("expensive") != nullptr);
  std::map<std::string, std::chrono::nanoseconds> served;
  for (int i = 0; i < 1000; ++i) {
    const bool is_cheap = static_cast<Request*>(queues_.next())->flow == cheap;
    const auto duration = is_cheap ? 2ms : 20ms;
    served[serve_for(duration)] += duration;
  }
  EXPECT_LE(std::chrono::abs(served[cheap] - served["expensive"]), 40ms);
}

TEST_F(QueueSetTest, NobodySavesUpWhatWasNotUsed) {
  queues_.configure({.queues = 64, .hand_size = 1, .queue_length_max = 1000});
  for (int i = 0; i < 100; ++i)
    ASSERT_NE(arrive("old"), nullptr);
  for (int i = 0; i < 50; ++i)
    EXPECT_EQ(serve_for(10ms), "old");
  for (int i = 0; i < 100; ++i)
    ASSERT_NE(arrive("new"), nullptr);
  int of_old = 0;
  for (int i = 0; i < 40; ++i)
    of_old += serve_for(10ms) == "old" ? 1 : 0;
  EXPECT_NEAR(of_old, 20, 2);
}

TEST_F(QueueSetTest, WideRequestsCountForTheirSeats) {
  queues_.configure({.queues = 64, .hand_size = 1, .queue_length_max = 1000});
  for (int i = 0; i < 200; ++i)
    ASSERT_TRUE(arrive("narrow", 1) != nullptr && arrive("wide", 4) != nullptr);
  std::map<std::string, int> served;
  for (int i = 0; i < 100; ++i)
    ++served[serve_for(5ms)];
  EXPECT_NEAR(served["narrow"], 80, 2);
}

TEST_F(QueueSetTest, WhatLeavesIsNotServedAndQueuesThatAreNotThereAnyMoreDrain) {
  queues_.configure({.queues = 64, .hand_size = 4, .queue_length_max = 10});
  Request* first = arrive("a");
  for (int i = 0; i < 10; ++i)
    ASSERT_NE(arrive("a"), nullptr);
  queues_.leave(*first);
  EXPECT_EQ(queues_.waiting(), 10U);
  queues_.configure({.queues = 1, .hand_size = 1, .queue_length_max = 10});
  ASSERT_NE(arrive("b"), nullptr);
  for (int i = 0; i < 11; ++i)
    EXPECT_NE(&serve(), first);
  EXPECT_EQ(queues_.next(), nullptr);
  EXPECT_EQ(queues_.executing(), 11U);
}

/// What flows in a random order of arrivals, ends and departures were given: of two that wait all
/// the while, no more than their bound apart, and nobody waits for ever.
TEST_F(QueueSetTest, InAnyOrderBackloggedQueuesAreServedAlike) {
  constexpr std::size_t kSeats = 4;
  constexpr std::size_t kWidthMax = 3;
  constexpr auto kLongest = 20ms;
  SeededRandom random(11);
  queues_.configure({.queues = 1024, .hand_size = 1, .queue_length_max = 100'000});
  std::map<std::string, double> given;
  std::vector<Request*> running;
  std::size_t in_use = 0;
  const auto top_up = [&](const std::string& flow) {
    std::size_t waiting = 0;
    for (const auto& request : requests_)
      waiting += request->flow == flow && request->began == SteadyTime{} ? 1 : 0;
    for (; waiting < 3; ++waiting)
      ASSERT_NE(arrive(flow, 1 + random.below(kWidthMax)), nullptr);
  };
  for (int step = 0; step < 4000; ++step) {
    for (const char* flow : {"a", "b"})
      top_up(flow);
    if (random.below(4) == 0) (void)arrive("c" + std::to_string(random.below(3)));
    while (queues_.next() != nullptr && in_use + queues_.next()->work.seats <= kSeats) {
      Request& request = serve();
      in_use += request.work.seats;
      running.push_back(&request);
      ASSERT_LE(in_use, kSeats);
    }
    clock_.advance(std::chrono::milliseconds(1 + random.below(5)));
    for (auto it = running.begin(); it != running.end();) {
      Request& request = **it;
      const auto took = clock_.now() - request.began;
      if (took < kLongest && random.below(3) != 0) {
        ++it;
        continue;
      }
      queues_.finish(request, clock_.now());
      in_use -= request.work.seats;
      given[request.flow] +=
          static_cast<double>(request.work.seats) * std::chrono::duration<double>(took).count();
      it = running.erase(it);
    }
    std::erase_if(requests_, [&](const auto& request) {
      return request->began != SteadyTime{} &&
             std::ranges::find(running, request.get()) == running.end();
    });
    // The largest requests of both, and all that runs.
    constexpr double kBound = 2 * kWidthMax * 0.025 + kSeats * 0.025;
    ASSERT_LE(std::abs(given["a"] - given["b"]), kBound) << step;
  }
  EXPECT_GT(given["a"], 1);
  EXPECT_GT(given["c0"], 0);
}

}  // namespace
}  // namespace insula::apiserver
