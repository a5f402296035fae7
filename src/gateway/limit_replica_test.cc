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
#include "testing/fake_clock.h"

namespace insula::gateway {
namespace {

using ::insula::testing::FakeClock;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::int64_t kLimit = 200;
constexpr std::int64_t kBudget = 2000;
constexpr std::chrono::nanoseconds kWindow = kTokenWindow;

constexpr std::int64_t kRunning = 12;
/// What a budget is for; replicas' clocks differ by some minutes.
constexpr seconds kDay{1200};

/// When what was used of a limit in a window was used, as a list.
class Log {
 public:
  void add(SteadyTime when) { times_.push_back(when); }

  [[nodiscard]] std::int64_t counted(SteadyTime now) const {
    return std::ranges::count_if(times_, [&](SteadyTime time) { return time > now - kWindow; });
  }

  void forget_before(SteadyTime time) {
    while (!times_.empty() && times_.front() <= time)
      times_.pop_front();
  }

 private:
  std::deque<SteadyTime> times_;
};

/// One gateway with a window and a budget that it shares. What it has used survives the process,
/// until somebody takes its disk away.
class SharingGateway {
 public:
  SharingGateway(std::string id, std::chrono::nanoseconds offset) : id_(std::move(id)) {
    own_.advance(offset);
    start();
  }

  /// A new process over what is on the disk.
  void start() {
    call_.reset();
    lease_ = std::make_shared<ReplicaLease>(own_);
    replica_.emplace(ReplicaIdentity{.id = id_, .incarnation = ++incarnation_}, lease_);
    window_ = std::make_shared<SharedLimit>("window", LendingTerms::tokens(), lease_,
                                            [this] { return log_.counted(own_.now()); });
    budget_ = std::make_shared<SharedLimit>(
        "budget", LendingTerms::budget(), lease_, [this] { return spent_[day()]; },
        LendingPeriod{.now = [this] { return day(); },
                      .age =
                          [this](std::int64_t day) {
                            return std::chrono::floor<milliseconds>(own_.now().time_since_epoch() -
                                                                    kDay * day);
                          }});
    running_ = 0;
    running_limit_ = std::make_shared<SharedLimit>("running", LendingTerms::running(), lease_,
                                                   [this] { return running_; });
    window_->set_limit(kLimit);
    budget_->set_limit(kBudget);
    running_limit_->set_limit(kRunning);
    replica_->add(window_);
    replica_->add(budget_);
    replica_->add(running_limit_);
  }

  [[nodiscard]] std::int64_t day() const { return own_.now().time_since_epoch() / kDay; }

  void advance(std::chrono::nanoseconds by) {
    own_.advance(by);
    log_.forget_before(own_.now() - 2 * kWindow);
    // As a loop does with what it sweeps.
    if (!running_limit_->is_lent()) running_ = 0;
  }

  void begin_request() {
    {
      const SharedLimit::Use use(*running_limit_);
      if (running_ < use.most()) {
        ++running_;
        running_limit_->took(1);
        return;
      }
    }
    running_limit_->miss(1);
  }

  void end_request() { running_ = std::max<std::int64_t>(running_ - 1, 0); }

  [[nodiscard]] std::int64_t running() const { return running_; }

  /// Whether a request passed the window; why not.
  std::optional<Shortage> use_window() {
    {
      const SharedLimit::Use use(*window_);
      if (log_.counted(own_.now()) < use.most()) {
        log_.add(own_.now());
        window_->took(1);
        return std::nullopt;
      }
    }
    return window_->miss(1);
  }

  bool use_budget(std::int64_t amount) {
    {
      const SharedLimit::Use use(*budget_);
      if (use.period() == day() && spent_[day()] + amount <= use.most()) {
        spent_[day()] += amount;
        budget_->took(amount);
        return true;
      }
    }
    budget_->miss(amount);
    return false;
  }

  /// Begins a call, if none is under way.
  std::optional<StoreCall> begin() {
    if (call_) return std::nullopt;
    auto call = replica_->begin(own_.now());
    if (!call) return std::nullopt;
    call_ = *call;
    return *std::move(call);
  }

  void finish(const StoreCall& call, const StoreAnswer& answer) {
    if (!is_waiting_for(call)) return;
    call_.reset();
    finished_ = replica_->finish(answer, own_.now());
  }

  void fail() {
    if (!call_) return;
    call_.reset();
    replica_->fail_call();
  }

  [[nodiscard]] bool is_waiting_for(const StoreCall& call) const {
    return call_ && call_->id == call.id && call_->incarnation == call.incarnation &&
           call_->sequence == call.sequence;
  }

  [[nodiscard]] milliseconds pause() const { return replica_->pause(); }

  [[nodiscard]] const Result<>& finished() const { return finished_; }

  [[nodiscard]] const LimitReplica& replica() const { return *replica_; }

  [[nodiscard]] std::int64_t held() const { return window_->held(); }

 private:
  FakeClock own_;
  std::string id_;
  std::int64_t incarnation_ = 0;
  Log log_;
  std::map<std::int64_t, std::int64_t> spent_;  // by day
  std::int64_t running_ = 0;
  std::shared_ptr<ReplicaLease> lease_;
  std::optional<LimitReplica> replica_;
  std::shared_ptr<SharedLimit> window_;
  std::shared_ptr<SharedLimit> budget_;
  std::shared_ptr<SharedLimit> running_limit_;
  std::optional<StoreCall> call_;
  Result<> finished_;
};

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
  Log all_;
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

void run_in_any_order(std::uint64_t seed, Failures failures, Most& used) {
  World world(seed);
  world.store().say_fresh();
  for (int step = 0; step < 3000; ++step) {
    const std::size_t i = world.below(3);
    switch (world.below(40)) {
      case 0:
        world.advance(seconds(world.below(8)));
        break;
      case 1:
        if (world.below(30) == 0) world.advance(seconds(world.below(200)));
        break;
      case 2:
        world.gateway(i).fail();
        break;
      case 3:
        if (failures.replicas && world.below(4) == 0) world.gateway(i).start();
        break;
      case 4:
        if (failures.replicas && world.below(20) == 0) world.replace(i);
        break;
      case 5:
        if (failures.store && world.below(10) == 0) world.store().restart();
        break;
      case 6:
        if (failures.store && world.below(10) == 0) world.store().flush();
        break;
      case 7:
        if (failures.store && world.below(3) == 0) world.save();
        break;
      case 8:
        if (failures.store && world.below(10) == 0) world.restore();
        break;
      case 9:
      case 10:
      case 11:
      case 12:
      case 13:
        world.send(i);
        break;
      case 14:
      case 15:
      case 16:
      case 17:
      case 18:
        world.deliver_call();
        break;
      case 19:
      case 20:
      case 21:
      case 22:
      case 23:
        world.deliver_answer();
        break;
      case 24:
        world.use_former();
        break;
      case 25:
        world.advance(milliseconds(world.below(1500)));
        break;
      default:
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
  for (std::uint64_t seed = 1; seed <= 6; ++seed)
    ASSERT_NO_FATAL_FAILURE(run_in_any_order(seed, {}, used)) << "seed " << seed;
  // The runs get there: the limit is what keeps them from more.
  EXPECT_GE(used.window, kLimit * 95 / 100);
  EXPECT_GE(used.budget, kBudget * 9 / 10);
}

TEST(LimitReplica, NeverAdmitsMoreThanTheLimitWhenReplicasAreKilledAndReplaced) {
  Most used;
  for (std::uint64_t seed = 1; seed <= 6; ++seed)
    ASSERT_NO_FATAL_FAILURE(run_in_any_order(seed, {.replicas = true}, used)) << "seed " << seed;
  EXPECT_GE(used.window, kLimit * 8 / 10);
  EXPECT_GE(used.budget, kBudget / 2);
}

TEST(LimitReplica, NeverAdmitsMoreThanTheLimitWhenTheStoreForgetsAsWell) {
  Most used;
  for (std::uint64_t seed = 1; seed <= 20; ++seed)
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
    while (in_window.front() <= time.now() - kWindow)
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
