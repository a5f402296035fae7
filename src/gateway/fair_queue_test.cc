#include "gateway/fair_queue.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/random.h"

namespace insula::gateway {
namespace {

constexpr std::size_t kMany = 1'000'000;

bool any(const FairQueue::Waiting& /*request*/) {
  return true;
}

class FairQueueTest : public ::testing::Test {
 protected:
  void add(const std::string& tenant, std::int64_t input, std::int64_t weight = 1) {
    EXPECT_EQ(queue_.add({next_++, tenant, weight, input}, kMany), FairQueue::Added::kYes);
  }

  std::string next() {
    const auto request = queue_.next(any);
    return request ? request->tenant : "nobody";
  }

  std::uint64_t next_ = 0;
  FairQueue queue_{kMany};
};

TEST_F(FairQueueTest, ServesTheTenantThatWasServedLeastAndItsOwnInTheirOrder) {
  for (const int input : {10, 10, 10})
    add("a", input);
  for (int i = 0; i < 6; ++i)
    add("b", 5);
  std::string served;
  for (int i = 0; i < 9; ++i)
    served += next();
  EXPECT_EQ(served, "abbabbabb");
  EXPECT_EQ(next(), "nobody");
}

TEST_F(FairQueueTest, ATenantOfTwiceTheWeightIsServedTwiceAsMuch) {
  for (int i = 0; i < 30; ++i) {
    add("heavy", 10, 2);
    add("light", 10, 1);
  }
  std::map<std::string, int> served;
  for (int i = 0; i < 30; ++i)
    ++served[next()];
  EXPECT_EQ(served["heavy"], 20);
  EXPECT_EQ(served["light"], 10);
}

TEST_F(FairQueueTest, NobodySavesUpWhatWasNotUsed) {
  add("idle", 1);
  EXPECT_EQ(next(), "idle");
  for (int i = 0; i < 200; ++i)
    add("busy", 100);
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(next(), "busy");
  for (int i = 0; i < 10; ++i)
    add("idle", 100);
  std::string first;
  for (int i = 0; i < 6; ++i)
    first += next().substr(0, 1);
  EXPECT_EQ(std::ranges::count(first, 'i'), 3) << first;
}

TEST_F(FairQueueTest, CompletionsCountTwiceWhenTheyAreKnown) {
  for (int i = 0; i < 4; ++i) {
    add("a", 1);
    add("b", 1);
  }
  EXPECT_EQ(next(), "a");
  queue_.charge("a", 1, FairQueue::kOutputWeight * 1);
  EXPECT_EQ(next() + next() + next(), "bbb");
  EXPECT_EQ(next(), "a");
}

TEST_F(FairQueueTest, WhatCannotRunLetsOthersPass) {
  add("a", 1);
  add("a", 2);
  add("b", 3);
  const auto second = queue_.next([](const FairQueue::Waiting& each) { return each.input == 2; });
  EXPECT_EQ(second->input, 2);
  EXPECT_FALSE(queue_.next([](const FairQueue::Waiting&) { return false; }));
  EXPECT_EQ(queue_.size(), 2U);
}

TEST_F(FairQueueTest, IsBoundedForEachTenantAndForAll) {
  FairQueue small(3);
  EXPECT_EQ(small.add({1, "a", 1, 1}, 2), FairQueue::Added::kYes);
  EXPECT_EQ(small.add({2, "a", 1, 1}, 2), FairQueue::Added::kYes);
  EXPECT_EQ(small.add({3, "a", 1, 1}, 2), FairQueue::Added::kTenantFull);
  EXPECT_EQ(small.add({4, "b", 1, 1}, 2), FairQueue::Added::kYes);
  EXPECT_EQ(small.add({5, "b", 1, 1}, 2), FairQueue::Added::kFull);
  EXPECT_FALSE(small.remove("a", 4));
  EXPECT_TRUE(small.remove("a", 1));
  EXPECT_FALSE(small.remove("a", 1));
  EXPECT_EQ(small.add({6, "b", 1, 1}, 2), FairQueue::Added::kYes);
  EXPECT_EQ(small.size(), 3U);
}

TEST_F(FairQueueTest, ForgetsTenantsThatAreNotThere) {
  for (int i = 0; i < 20'000; ++i) {
    add(fmt::format("t-{}", i), 1);
    ASSERT_NE(next(), "nobody");
  }
  EXPECT_EQ(queue_.size(), 0U);
  EXPECT_EQ(queue_.counter("t-0"), 0);
}

/// A server with some places. What each tenant was served is what its counter was charged.
class Server {
 public:
  static constexpr std::int64_t kInputMost = 400;
  static constexpr std::int64_t kOutputMost = 300;
  static constexpr std::size_t kPlaces = 6;

  struct Running {
    std::string tenant;
    std::int64_t weight;
    std::int64_t output;
  };

  explicit Server(std::uint64_t seed) : random_(seed) {}

  void arrive(const std::string& tenant, std::int64_t weight) {
    ASSERT_EQ(queue_.add({number_++, tenant, weight, 1 + below(kInputMost)}, kMany),
              FairQueue::Added::kYes);
    ++waiting_[tenant];
  }

  void fill() {
    while (running_.size() < kPlaces) {
      const auto request = queue_.next(any);
      if (!request) return;
      --waiting_[request->tenant];
      served_[request->tenant] += FairQueue::kInputWeight * request->input;
      // Some have short replies, so that places are not freed in turn.
      const std::int64_t output = below(4) == 0 ? below(kOutputMost + 1) : below(20);
      running_.push_back({request->tenant, request->weight, output});
    }
  }

  void finish_one() {
    if (running_.empty()) return;
    const auto done = running_.begin() + below(static_cast<std::int64_t>(running_.size()));
    const std::int64_t tokens = FairQueue::kOutputWeight * done->output;
    queue_.charge(done->tenant, done->weight, tokens);
    served_[done->tenant] += tokens;
    running_.erase(done);
  }

  std::int64_t below(std::int64_t most) {
    return static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(most)));
  }

  FairQueue queue_{kMany};
  std::vector<Running> running_;
  std::map<std::string, std::int64_t> served_;
  std::map<std::string, std::size_t> waiting_;

 private:
  SeededRandom random_;
  std::uint64_t number_ = 0;
};

TEST(FairQueueProperty, WhatBackloggedTenantsAreServedDiffersByNoMoreThanTheBound) {
  constexpr std::int64_t kBound =
      2 * FairQueue::unfairness(Server::kInputMost,
                                static_cast<std::int64_t>(Server::kPlaces) * Server::kOutputMost);
  std::int64_t largest = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Server server(seed);
    const auto weight = static_cast<std::int64_t>(seed % 3 + 1);
    for (int step = 0; step < 20'000; ++step) {
      // These two always have something waiting; others come and go, one with a flood.
      while (server.waiting_["f"] <= Server::kPlaces)
        server.arrive("f", weight);
      while (server.waiting_["g"] <= Server::kPlaces)
        server.arrive("g", 1);
      if (server.below(50) == 0) server.arrive(fmt::format("h-{}", server.below(5)), 1);
      if (step % 5000 < 200) server.arrive("flood", 1);
      server.fill();
      server.finish_one();
      const std::int64_t apart = std::abs(server.served_["f"] / weight - server.served_["g"]);
      largest = std::max(largest, apart);
      ASSERT_LE(apart, kBound) << seed << ' ' << step;
    }
    EXPECT_GT(server.served_["g"], 100 * kBound / 20);
  }
  EXPECT_GT(largest, 0);
}

/// All orders of a few steps of three tenants, one with twice the weight, at a server of two
/// places.
class EveryOrder {
 public:
  static constexpr int kSteps = 8;
  static constexpr std::int64_t kSizes[] = {1, 3, 2};
  static constexpr std::int64_t kWeights[] = {1, 1, 2};
  static constexpr std::int64_t kOutput = 2;
  static constexpr std::size_t kPlaces = 2;

  struct State {
    FairQueue queue{4};
    std::array<std::deque<std::uint64_t>, 3> waiting;  // as they came
    std::deque<int> running;
    std::uint64_t number = 0;
  };

  void explore(const State& state, int steps) {
    ++states;
    check(state);
    if (steps == 0 || ::testing::Test::HasFailure()) return;
    for (int tenant = 0; tenant < 3; ++tenant) {
      State next = state;
      arrive(next, tenant);
      explore(next, steps - 1);
    }
    if (state.running.size() < kPlaces && state.queue.size() > 0) {
      State next = state;
      serve(next);
      explore(next, steps - 1);
    }
    if (!state.running.empty()) {
      State next = state;
      const int tenant = next.running.front();
      next.running.pop_front();
      next.queue.charge(name(tenant), kWeights[tenant], FairQueue::kOutputWeight * kOutput);
      explore(next, steps - 1);
    }
    if (!state.waiting[0].empty()) {
      State next = state;
      EXPECT_TRUE(next.queue.remove(name(0), next.waiting[0].back()));
      next.waiting[0].pop_back();
      explore(next, steps - 1);
    }
  }

  std::size_t states = 0;

 private:
  static std::string name(int tenant) { return std::string(1, static_cast<char>('a' + tenant)); }

  static void arrive(State& state, int tenant) {
    const std::size_t all = state.queue.size();
    auto& own = state.waiting[static_cast<std::size_t>(tenant)];
    const auto added =
        state.queue.add({state.number, name(tenant), kWeights[tenant], kSizes[tenant]}, 3);
    const auto expected = own.size() == 3 ? FairQueue::Added::kTenantFull
                          : all == 4      ? FairQueue::Added::kFull
                                          : FairQueue::Added::kYes;
    EXPECT_EQ(added, expected);
    if (added == FairQueue::Added::kYes) own.push_back(state.number);
    ++state.number;
  }

  static void serve(State& state) {
    std::int64_t least = INT64_MAX;
    for (int tenant = 0; tenant < 3; ++tenant) {
      if (!state.waiting[static_cast<std::size_t>(tenant)].empty())
        least = std::min(least, state.queue.counter(name(tenant)));
    }
    const auto request = state.queue.next(any);
    ASSERT_TRUE(request);
    const int tenant = request->tenant.front() - 'a';
    auto& own = state.waiting[static_cast<std::size_t>(tenant)];
    ASSERT_FALSE(own.empty());
    EXPECT_EQ(request->number, own.front());
    own.pop_front();
    EXPECT_EQ(state.queue.counter(name(tenant)), least + kSizes[tenant] / kWeights[tenant]);
    state.running.push_back(tenant);
  }

  static void check(const State& state) {
    std::size_t all = 0;
    std::int64_t least = INT64_MAX;
    std::int64_t most = 0;
    for (int tenant = 0; tenant < 3; ++tenant) {
      const auto& own = state.waiting[static_cast<std::size_t>(tenant)];
      all += own.size();
      if (own.empty()) continue;
      least = std::min(least, state.queue.counter(name(tenant)));
      most = std::max(most, state.queue.counter(name(tenant)));
    }
    EXPECT_EQ(state.queue.size(), all);
    if (all > 0)
      EXPECT_LE(most - least,
                FairQueue::unfairness(3, static_cast<std::int64_t>(kPlaces) * kOutput));
  }
};

TEST(FairQueueExhaustive, NoOrderOfFewStepsBreaksOrderBoundsOrFairness) {
  EveryOrder every;
  every.explore({}, EveryOrder::kSteps);
  EXPECT_GT(every.states, 50'000U);
}

}  // namespace
}  // namespace insula::gateway
