#include "gateway/limit_replica.h"

#include <algorithm>
#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <ranges>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"
#include "gateway/testing/model_limit_store.h"
#include "gateway/testing/sharing_gateway.h"
#include "testing/fake_clock.h"

namespace insula::gateway {
namespace {

using ::insula::testing::FakeClock;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// Gateways, a store and the messages between them, in any order that chance finds.
class World {
 public:
  explicit World(std::uint64_t seed) : random_(seed) {
    for (int i = 0; i < 3; ++i)
      add_gateway();
  }

  ModelLimitStore& store() { return store_; }

  SharingGateway& gateway(std::size_t i) { return *gateways_[i]; }

  std::uint64_t below(std::uint64_t bound) { return random_.below(bound); }

  void advance(std::chrono::nanoseconds by) {
    now_.advance(by);
    all_.forget_before(now_.now() - 2 * kWindow);
    for (const auto& gateway : gateways_)
      gateway->advance(by);
    for (const auto& gateway : former_)
      gateway->advance(by);
  }

  /// Nobody ever sees more than the limit in a window, nor than the budget.
  void use(std::size_t i) {
    SharingGateway& gateway = *gateways_[i];
    if (below(3) == 0) {
      const auto amount = static_cast<std::int64_t>(below(20) + 1);
      if (gateway.use_budget(amount)) budget_used_[gateway.day()] += amount;
      return;
    }
    if (below(4) == 0) return gateway.begin_request();
    if (below(5) == 0) return gateway.end_request();
    if (!gateways_[i]->use_window()) all_.add(now_.now());
  }

  void expect_kept() const {
    ASSERT_LE(all_.counted(now_.now()), kLimit);
    for (const auto& [day, used] : budget_used_)
      ASSERT_LE(used, kBudget) << "on day " << day;
    std::int64_t running = 0;
    for (const auto* some : {&gateways_, &former_}) {
      for (const auto& gateway : *some)
        running += gateway->running();
    }
    ASSERT_LE(running, kRunning);
  }

  void send(std::size_t i) {
    if (auto call = gateways_[i]->begin()) calls_.push_back({i, *std::move(call)});
  }

  /// Some call arrives, perhaps one that nobody waits for any more.
  void deliver_call() {
    if (calls_.empty()) return;
    auto at = calls_.begin() + static_cast<std::ptrdiff_t>(below(calls_.size()));
    Call call = std::move(*at);
    calls_.erase(at);
    StoreAnswer answer = store_.apply(call.call);
    answers_.push_back({std::move(call), std::move(answer)});
  }

  void deliver_answer() {
    if (answers_.empty()) return;
    auto at = answers_.begin() + static_cast<std::ptrdiff_t>(below(answers_.size()));
    gateways_[at->first.from]->finish(at->first.call, at->second);
    answers_.erase(at);
  }

  /// A round trip with nothing else between.
  void ask(std::size_t i) {
    const auto call = gateways_[i]->begin();
    if (call) gateways_[i]->finish(*call, store_.apply(*call));
  }

  /// The machine of a gateway is another from here on; the old one goes on without a network.
  void replace(std::size_t i) {
    former_.push_back(std::move(gateways_[i]));
    gateways_[i] = make();
  }

  void use_former() {
    if (former_.empty()) return;
    if (!former_[below(former_.size())]->use_window()) all_.add(now_.now());
  }

  void save() { saved_ = store_.state(); }

  void restore() {
    if (saved_) store_.restore(*saved_);
  }

  [[nodiscard]] std::int64_t in_use() const { return all_.counted(now_.now()); }

  [[nodiscard]] std::int64_t most_of_budget() const {
    return budget_used_.empty() ? 0 : std::ranges::max(budget_used_ | std::views::values);
  }

 private:
  struct Call {
    std::size_t from = 0;
    StoreCall call;
  };

  std::unique_ptr<SharingGateway> make() {
    ++made_;
    return std::make_unique<SharingGateway>("gateway-" + std::to_string(made_),
                                            seconds(97 * (made_ % 3)));
  }

  void add_gateway() { gateways_.push_back(make()); }

  SeededRandom random_;
  FakeClock now_;
  ModelLimitStore store_;
  std::optional<ModelLimitStore::State> saved_;
  int made_ = 0;
  std::vector<std::unique_ptr<SharingGateway>> gateways_;
  std::vector<std::unique_ptr<SharingGateway>> former_;
  std::deque<Call> calls_;
  std::deque<std::pair<Call, StoreAnswer>> answers_;
  UseTimes all_;
  std::map<std::int64_t, std::int64_t> budget_used_;  // by day
};

/// What may fail in a run.
struct Failures {
  bool replicas = false;  // killed, replaced
  bool store = false;     // restarted, emptied, restored
};

/// The most that was in use of the limit of a window and of a budget.
struct Most {
  std::int64_t window = 0;
  std::int64_t budget = 0;
};

/// One of the things that replicas do not survive, or their clients.
void fail_replica(World& world, std::size_t i) {
  switch (world.below(120)) {
    case 0:
    case 1:
      return world.replace(i);
    case 2:
    case 3:
    case 4:
    case 5:
    case 6:
    case 7:
    case 8:
    case 9:
    case 10:
    case 11:
      return world.gateway(i).start();
    default:
      return world.use_former();
  }
}

void fail_store(World& world) {
  switch (world.below(40)) {
    case 0:
      return world.store().restart();
    case 1:
      return world.store().flush();
    case 2:
      return world.restore();
    case 3:
    case 4:
    case 5:
    case 6:
      return world.save();
    default:
      return;
  }
}

void let_time_pass(World& world) {
  if (world.below(60) == 0) return world.advance(seconds(world.below(200)));
  world.advance(milliseconds(world.below(world.below(2) == 0 ? 8000 : 1500)));
}

void run_in_any_order(std::uint64_t seed, Failures failures, Most& used) {
  World world(seed);
  world.store().say_fresh();
  for (int step = 0; step < 3000; ++step) {
    const std::size_t i = world.below(3);
    const std::uint64_t what = world.below(40);
    if (what < 2) {
      let_time_pass(world);
    } else if (what == 2) {
      world.gateway(i).fail();
    } else if (what < 6) {
      if (failures.replicas) fail_replica(world, i);
    } else if (what < 9) {
      if (failures.store) fail_store(world);
    } else if (what < 14) {
      world.send(i);
    } else if (what < 19) {
      world.deliver_call();
    } else if (what < 24) {
      world.deliver_answer();
    } else {
      for (auto uses = world.below(12); uses > 0; --uses)
        world.use(i);
    }
    ASSERT_NO_FATAL_FAILURE(world.expect_kept()) << "step " << step;
    used.window = std::max(used.window, world.in_use());
    used.budget = std::max(used.budget, world.most_of_budget());
  }
}

TEST(LimitReplica, NeverAdmitsMoreThanTheLimitWhateverTheOrderOfMessages) {
  Most used;
  for (std::uint64_t seed = 1; seed <= 30; ++seed)
    ASSERT_NO_FATAL_FAILURE(run_in_any_order(seed, {}, used)) << "seed " << seed;
  // The runs get there: the limit is what keeps them from more.
  EXPECT_GE(used.window, kLimit * 95 / 100);
  EXPECT_GE(used.budget, kBudget * 9 / 10);
}

TEST(LimitReplica, NeverAdmitsMoreThanTheLimitWhenReplicasAreKilledAndReplaced) {
  Most used;
  for (std::uint64_t seed = 1; seed <= 30; ++seed)
    ASSERT_NO_FATAL_FAILURE(run_in_any_order(seed, {.replicas = true}, used)) << "seed " << seed;
  EXPECT_GE(used.window, kLimit * 8 / 10);
  EXPECT_GE(used.budget, kBudget / 2);
}

TEST(LimitReplica, NeverAdmitsMoreThanTheLimitWhenTheStoreForgetsAsWell) {
  Most used;
  for (std::uint64_t seed = 1; seed <= 100; ++seed)
    ASSERT_NO_FATAL_FAILURE(run_in_any_order(seed, {.replicas = true, .store = true}, used))
        << "seed " << seed;
  EXPECT_GE(used.window, kLimit / 2);
  EXPECT_GE(used.budget, kBudget / 4);
}

/// Three gateways in step with a store, at their own pace, and nothing fails.
class Steady : public ::testing::Test {
 protected:
  Steady() {
    world_.store().say_fresh();
    settle();
  }

  /// Each of them asks often enough to be known by the others.
  void settle() {
    for (int i = 0; i < 6; ++i) {
      world_.advance(milliseconds(50));
      ask_all();
    }
  }

  void ask_all() {
    for (std::size_t i = 0; i < 3; ++i)
      world_.ask(i);
  }

  /// A request as a gateway has it: it asks for more while the store may have some.
  bool request(std::size_t i) {
    for (;;) {
      const auto why = world_.gateway(i).use_window();
      if (!why) return true;
      if (why != Shortage::kAsking) return false;
      world_.advance(milliseconds(50));
      ask_all();
    }
  }

  World world_{7};
};

TEST_F(Steady, AllOfALimitCanBeUsedByWhicheverReplicasAreAsked) {
  std::int64_t admitted = 0;
  for (int i = 0; i < 600; ++i)
    admitted += request(world_.below(3)) ? 1 : 0;
  EXPECT_EQ(admitted, kLimit);
}

TEST_F(Steady, WhatIsNotUsedComesBackForAnotherReplica) {
  for (int i = 0; i < 60; ++i)
    ASSERT_TRUE(request(0));
  std::int64_t admitted = 60;
  for (int i = 0; i < 600; ++i)
    admitted += request(1) ? 1 : 0;
  EXPECT_EQ(admitted, kLimit);
}

TEST_F(Steady, NinetyNineInAHundredAreUsedWhenThereIsAlwaysDemand) {
  constexpr int kWindows = 6;
  const auto step = milliseconds(20);
  std::deque<SteadyTime> in_window;
  FakeClock time;
  std::int64_t admitted = 0;
  for (int i = 0; time.now() < FakeClock().now() + kWindows * kWindow; ++i) {
    if (!world_.gateway(world_.below(3)).use_window()) {
      ++admitted;
      in_window.push_back(time.now());
    }
    while (!in_window.empty() && in_window.front() <= time.now() - kWindow)
      in_window.pop_front();
    ASSERT_LE(std::ssize(in_window), kLimit);
    if (i % 3 == 0) ask_all();
    world_.advance(step);
    time.advance(step);
  }
  EXPECT_GE(admitted, kWindows * kLimit * 99 / 100);
}

TEST_F(Steady, TheCommonRequestNeedsNoRoundTrip) {
  int waited = 0;
  for (int i = 0; i < 100; ++i) {
    const std::size_t at = world_.below(3);
    if (world_.gateway(at).use_window()) {
      ++waited;
      ASSERT_TRUE(request(at));
    }
    world_.advance(milliseconds(20));
    if (i % 3 == 0) ask_all();
  }
  EXPECT_LE(waited, 6);
}

TEST_F(Steady, WhatADeadReplicaHeldComesBackWhenItsLeaseAndTheWindowAreOver) {
  for (int i = 0; i < 60; ++i)
    ASSERT_TRUE(request(2));
  // From here on it is silent.
  const auto use_all = [&] {
    std::int64_t admitted = 0;
    for (int i = 0; i < 300; ++i) {
      world_.ask(0);
      world_.ask(1);
      admitted += world_.gateway(i % 2).use_window() ? 0 : 1;
    }
    return admitted;
  };
  EXPECT_LE(use_all(), kLimit - 60);
  for (int i = 0; i < 130; ++i) {
    world_.advance(seconds(1));
    world_.ask(0);
    world_.ask(1);
  }
  EXPECT_EQ(use_all(), kLimit);
}

TEST_F(Steady, ANewReplicaIsLentNothingBeforeTheOthersKnowOfIt) {
  world_.replace(2);
  for (int i = 0; i < 32; ++i) {
    world_.advance(seconds(1));
    world_.ask(0);
    world_.ask(1);
  }
  // If the store forgot everything now, nobody would miss it.
  world_.ask(2);
  EXPECT_EQ(world_.gateway(2).use_window(), Shortage::kAsking);
  world_.ask(2);
  EXPECT_EQ(world_.gateway(2).use_window(), Shortage::kClosed);
  for (int i = 0; i < 2; ++i) {
    world_.ask(0);
    world_.ask(1);
  }
  world_.ask(2);
  EXPECT_EQ(world_.gateway(2).use_window(), std::nullopt);
}

TEST_F(Steady, AReplicaWithoutTheStoreUsesWhatItHoldsForAsLongAsItsLease) {
  ASSERT_TRUE(request(0));
  ask_all();
  const std::int64_t held = world_.gateway(0).held();
  ASSERT_GT(held, 1);
  const auto call = world_.gateway(0).begin();
  ASSERT_TRUE(call);
  world_.gateway(0).fail();
  EXPECT_EQ(world_.gateway(0).use_window(), std::nullopt);
  world_.advance(seconds(61));
  EXPECT_EQ(world_.gateway(0).use_window(), Shortage::kAway);
}

TEST_F(Steady, AnEmptiedStoreLendsAgainWhenAllAreBackWhoHeldSomething) {
  for (int i = 0; i < 100; ++i)
    ASSERT_TRUE(request(world_.below(3)));
  world_.store().flush();
  // The first that comes is told nothing: others may hold everything.
  world_.ask(0);
  std::int64_t admitted = 100;
  while (!world_.gateway(0).use_window())
    ++admitted;
  world_.ask(0);
  EXPECT_EQ(world_.gateway(0).use_window(), Shortage::kClosed);
  EXPECT_LT(admitted, kLimit);
  settle();
  for (int i = 0; i < 600; ++i)
    admitted += request(world_.below(3)) ? 1 : 0;
  EXPECT_EQ(admitted, kLimit);
}

TEST_F(Steady, WhoHeardOnlyOfAListWithoutOneThatHoldsSomethingIsNoWitness) {
  for (int i = 0; i < 60; ++i)
    ASSERT_TRUE(request(2));
  // So long that nobody can say who was there; then all is lost, and again what was known since.
  world_.advance(seconds(26));
  for (int loss = 0; loss < 2; ++loss) {
    world_.store().flush();
    for (int i = 0; i < 4; ++i) {
      world_.ask(0);
      world_.ask(1);
    }
    while (!world_.gateway(0).use_window()) {
    }
    world_.ask(0);
    EXPECT_EQ(world_.gateway(0).use_window(), Shortage::kClosed) << loss;
  }
}

TEST_F(Steady, AfterALossOfDataBudgetsAreLentAgainWithTheNextPeriod) {
  EXPECT_FALSE(world_.gateway(0).use_budget(10));
  ask_all();
  EXPECT_TRUE(world_.gateway(0).use_budget(10));
  world_.store().flush();
  settle();
  EXPECT_TRUE(request(0));
  while (world_.gateway(0).use_budget(10)) {
  }
  for (int i = 0; i < 5; ++i) {
    ask_all();
    EXPECT_FALSE(world_.gateway(0).use_budget(10));
  }
  for (auto passed = seconds(0); passed < kDay; passed += seconds(10)) {
    world_.advance(seconds(10));
    ask_all();
  }
  EXPECT_FALSE(world_.gateway(0).use_budget(10));
  ask_all();
  EXPECT_TRUE(world_.gateway(0).use_budget(10));
}

TEST_F(Steady, ACopiedDirectoryIsFoundOut) {
  SharingGateway copy("gateway-1", seconds(5));
  const auto call = copy.begin();
  copy.finish(*call, world_.store().apply(*call));
  ASSERT_FALSE(copy.finished());
  EXPECT_THAT(copy.finished().error().message(), ::testing::HasSubstr("data directory"));
}

TEST_F(Steady, ANewStoreLendsNothingBeforeAWindowIsOverUnlessSomebodySaysThatItIsNew) {
  World world(3);
  const auto ask_all = [&] {
    for (std::size_t i = 0; i < 3; ++i)
      world.ask(i);
  };
  for (int i = 0; i < 100; ++i) {
    world.advance(seconds(1));
    ask_all();
  }
  EXPECT_EQ(world.gateway(0).use_window(), Shortage::kAsking);
  ask_all();
  EXPECT_EQ(world.gateway(0).use_window(), Shortage::kClosed);
  EXPECT_TRUE(world.gateway(0).replica().is_closed());
  for (int i = 0; i < 30; ++i) {
    world.advance(seconds(1));
    ask_all();
  }
  world.gateway(0).use_window();
  ask_all();
  EXPECT_EQ(world.gateway(0).use_window(), std::nullopt);
}

}  // namespace
}  // namespace insula::gateway
