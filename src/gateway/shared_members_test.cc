#include "gateway/shared_members.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/random.h"
#include "gateway/limit_replica.h"
#include "gateway/testing/model_limit_store.h"
#include "testing/fake_clock.h"
#include "testing/temp_dir.h"

namespace insula::gateway {
namespace {

using ::insula::testing::FakeClock;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr LimitConfig kMost{.requests_per_hour = 40,
                            .tokens_per_minute = 120,
                            .concurrent_requests = 5,
                            .budget = {.tokens_per_day = 300}};

/// A request that is running.
struct Running {
  Running(MemberTable& table, std::string_view name)
      : member(name), hold(table.find(name)), limits(hold.limits(kMost)) {}

  std::string member;
  MemberTable::Hold hold;
  Limits limits;
  Admission admission;
  std::int64_t tokens = 0;
  std::int64_t day = 0;
};

/// One process of a gateway over its file. Its limits are asked for by hand.
class Process final : public LimitSharer {
 public:
  Process(const std::filesystem::path& file,
          const Clock& clock,
          ReplicaIdentity identity,
          const UsedThisMonth::ByName& used)
      : clock_(clock),
        lease_(std::make_shared<ReplicaLease>(clock)),
        replica(std::move(identity), lease_),
        table_(MemberTable::open(file, clock, "boot", used).value()),
        members_(std::make_shared<SharedMembers>(*this, clock, "tenant", "uid/USD", table_)) {
    SharedMembers::share_known(members_, kMost);
  }

  std::shared_ptr<SharedLimit> share(std::string owner,
                                     const LendingTerms& terms,
                                     std::function<std::int64_t()> counted,
                                     std::optional<LendingPeriod> period) override {
    auto limit = std::make_shared<SharedLimit>(std::move(owner), terms, lease_, std::move(counted),
                                               std::move(period));
    use(limit);
    return limit;
  }

  void use(const std::shared_ptr<SharedLimit>& limit) override { replica.add(limit); }

  /// Null when a limit was met.
  std::unique_ptr<Running> begin(std::string_view member, std::int64_t tokens) {
    auto request = std::make_unique<Running>(*table_, member);
    SharedMembers::share(members_, request->hold, request->limits);
    request->tokens = tokens;
    request->day = day();
    LimitSet limits;
    limits[LimitScope::kMember] = &request->limits;
    met = request->admission.take(limits, tokens);
    shortage = request->admission.shortage();
    return met ? nullptr : std::move(request);
  }

  [[nodiscard]] std::int64_t day() const { return BudgetPeriods::at(clock_.wall()).day; }

  [[nodiscard]] const std::shared_ptr<MemberTable>& table() const { return table_; }

 private:
  const Clock& clock_;
  std::shared_ptr<ReplicaLease> lease_;

 public:
  LimitReplica replica;

 private:
  std::shared_ptr<MemberTable> table_;
  std::shared_ptr<SharedMembers> members_;

 public:
  std::vector<std::unique_ptr<Running>> running;
  std::optional<LimitMet> met;
  Shortage shortage = Shortage::kNone;
};

/// A machine with a disk of its own, on which gateways follow one another.
class Machine {
 public:
  Machine(std::string id, std::chrono::nanoseconds offset) : id_(std::move(id)) {
    clock_.advance(offset);
    start();
  }

  /// What the process before has is as a kill leaves it.
  void start() {
    call.reset();
    if (process_ != nullptr) killed_.push_back(std::move(process_));
    process_ = std::make_unique<Process>(
        file_, clock_, ReplicaIdentity{.id = id_, .incarnation = ++incarnation_}, ledger_);
  }

  Process& process() { return *process_; }

  FakeClock& clock() { return clock_; }

  void settle(const Running& request) {
    UsedSums& sums = ledger_[request.member];
    const BudgetPeriods now = BudgetPeriods::at(clock_.wall());
    if (sums.periods.day != now.day) sums.day = {};
    if (sums.periods.month != now.month) sums.month = {};
    sums.periods = now;
    sums.day.tokens += request.tokens;
    sums.month.tokens += request.tokens;
  }

  std::optional<StoreCall> call;

 private:
  insula::testing::TempDir directory_;
  const std::filesystem::path file_ = directory_ / "tenant.members";
  FakeClock clock_;
  std::string id_;
  std::int64_t incarnation_ = 0;
  UsedThisMonth::ByName ledger_;
  std::vector<std::unique_ptr<Process>> killed_;
  std::unique_ptr<Process> process_;
};

/// What all gateways have served to one member, as plain lists.
struct Served {
  std::deque<SteadyTime> requests;
  std::deque<std::pair<SteadyTime, std::int64_t>> tokens;
  std::map<std::int64_t, std::int64_t> by_day;

  [[nodiscard]] std::int64_t requests_in_window(SteadyTime now) const {
    return std::ranges::count_if(requests, [&](SteadyTime at) { return at > now - kRateWindow; });
  }

  [[nodiscard]] std::int64_t tokens_in_window(SteadyTime now) const {
    std::int64_t sum = 0;
    for (const auto& [at, amount] : tokens)
      sum += at > now - kTokenWindow ? amount : 0;
    return sum;
  }

  void forget_before(SteadyTime time) {
    while (!requests.empty() && requests.front() <= time)
      requests.pop_front();
    while (!tokens.empty() && tokens.front().first <= time)
      tokens.pop_front();
  }
};

/// What may fail in a run.
struct Failures {
  bool machines = false;  // gateways killed, machines replaced
  bool store = false;     // restarted, emptied
};

/// The most of each limit that was in use.
struct Most {
  std::int64_t requests = 0;
  std::int64_t tokens = 0;
  std::int64_t day = 0;
};

/// Three gateways, a store and the messages between them, in any order that chance finds.
class World {
 public:
  World(std::uint64_t seed, Failures failures) : random_(seed), failures_(failures) {
    store_.say_fresh();
    for (int i = 0; i < 3; ++i)
      machines_.push_back(make());
  }

  void step() {
    Machine& machine = *machines_[below(machines_.size())];
    const std::uint64_t what = below(40);
    if (what < 2) return let_time_pass();
    if (what == 2) return fail_call(machine);
    if (what == 3 && failures_.machines && below(4) == 0) return fail_machine(machine);
    if (what == 4 && failures_.store && below(8) == 0) return fail_store();
    if (what < 16) return ask(machine);
    if (what < 22) return end(machine);
    for (auto uses = below(6); uses > 0; --uses)
      begin(below(12) == 0 && !former_.empty() ? *former_[below(former_.size())] : machine);
  }

  void expect_kept(Most& most) {
    for (auto& [member, served] : served_) {
      const std::int64_t requests = served.requests_in_window(now_.now());
      const std::int64_t tokens = served.tokens_in_window(now_.now());
      ASSERT_LE(requests, *kMost.requests_per_hour) << member;
      ASSERT_LE(tokens, *kMost.tokens_per_minute) << member;
      most.requests = std::max(most.requests, requests);
      most.tokens = std::max(most.tokens, tokens);
      for (const auto& [day, used] : served.by_day) {
        ASSERT_LE(used, *kMost.budget.tokens_per_day) << member << " on day " << day;
        most.day = std::max(most.day, used);
      }
      served.forget_before(now_.now() - kRateWindow);
    }
    std::map<std::string, std::int64_t> running;
    for_each_machine([&](Machine& machine) {
      for (const auto& request : machine.process().running)
        ASSERT_LE(++running[request->member], *kMost.concurrent_requests) << request->member;
    });
  }

 private:
  std::uint64_t below(std::uint64_t bound) { return random_.below(bound); }

  template <class F>
  void for_each_machine(F f) {
    for (const auto& machine : machines_)
      f(*machine);
    for (const auto& machine : former_)
      f(*machine);
  }

  std::unique_ptr<Machine> make() {
    ++made_;
    return std::make_unique<Machine>("gateway-" + std::to_string(made_), seconds(97 * (made_ % 3)));
  }

  void begin(Machine& machine) {
    Process& process = machine.process();
    const std::string member = "member-" + std::to_string(below(3));
    auto request = process.begin(member, static_cast<std::int64_t>(below(12) + 1));
    if (request == nullptr) return;
    served_[member].requests.push_back(now_.now());
    process.running.push_back(std::move(request));
  }

  void end(Machine& machine) {
    auto& running = machine.process().running;
    if (running.empty()) return;
    const auto at = running.begin() + static_cast<std::ptrdiff_t>(below(running.size()));
    Running& request = **at;
    Served& served = served_[request.member];
    request.admission.settle(request.tokens);
    machine.settle(request);
    served.tokens.emplace_back(now_.now(), request.tokens);
    // What was reserved before midnight is not asked for again.
    if (request.day == machine.process().day()) served.by_day[request.day] += request.tokens;
    running.erase(at);
  }

  void let_time_pass() {
    auto by = milliseconds(below(below(2) == 0 ? 8000 : 1500));
    if (below(40) == 0) by = seconds(below(2000));
    if (below(60) == 0) by = hours(6);
    // A request that outlasts a lease is debt, as one that used more than it had reserved.
    if (by > seconds(30)) {
      // No connection holds a message for so long; the store forgets who is silent for 75 minutes.
      late_.clear();
      for (const auto& machine : machines_) {
        while (!machine->process().running.empty())
          end(*machine);
      }
    }
    now_.advance(by);
    for_each_machine([&](Machine& machine) {
      machine.clock().advance(by);
      // As a loop does with what it sweeps.
      std::erase_if(machine.process().running,
                    [](const auto& request) { return request->admission.has_lapsed(); });
    });
  }

  /// The call or its answer gets lost, or both arrive.
  void ask(Machine& machine) {
    if (!machine.call) {
      auto call = machine.process().replica.begin(machine.clock().now());
      if (call) machine.call = *std::move(call);
      return;
    }
    const StoreAnswer answer = store_.apply(*machine.call);
    // It may arrive once more, or later than the next one.
    if (below(20) == 0) late_.push_back(*machine.call);
    if (!late_.empty() && below(20) == 0) {
      static_cast<void>(store_.apply(late_.front()));
      late_.pop_front();
    }
    machine.call.reset();
    if (below(15) == 0) return machine.process().replica.fail_call();
    static_cast<void>(machine.process().replica.finish(answer, machine.clock().now()));
  }

  void fail_call(Machine& machine) {
    if (!machine.call) return;
    late_.push_back(*std::exchange(machine.call, std::nullopt));
    machine.process().replica.fail_call();
  }

  void fail_machine(Machine& machine) {
    if (below(16) != 0) return machine.start();
    for (auto& each : machines_) {
      if (each.get() != &machine) continue;
      // The old one goes on without a network.
      former_.push_back(std::exchange(each, make()));
      return;
    }
  }

  void fail_store() {
    if (below(3) == 0) return store_.flush();
    if (below(3) == 0) store_.restart();
  }

  SeededRandom random_;
  const Failures failures_;
  FakeClock now_;
  ModelLimitStore store_;
  int made_ = 0;
  std::vector<std::unique_ptr<Machine>> machines_;
  std::vector<std::unique_ptr<Machine>> former_;
  std::deque<StoreCall> late_;
  std::map<std::string, Served> served_;
};

Most run_in_any_order(int seeds, Failures failures) {
  Most most;
  for (int seed = 1; seed <= seeds; ++seed) {
    World world(static_cast<std::uint64_t>(seed), failures);
    for (int step = 0; step < 4000; ++step) {
      world.step();
      world.expect_kept(most);
      if (::testing::Test::HasFatalFailure()) {
        ADD_FAILURE() << "seed " << seed << " step " << step;
        return most;
      }
    }
  }
  return most;
}

TEST(SharedMembers, NoMemberGetsMoreThanItsLimitsWhateverTheOrderOfMessages) {
  const Most most = run_in_any_order(20, {});
  // The runs get there: the limits are what keeps them from more.
  EXPECT_GE(most.requests, *kMost.requests_per_hour * 9 / 10);
  EXPECT_GE(most.tokens, *kMost.tokens_per_minute * 8 / 10);
  EXPECT_GE(most.day, *kMost.budget.tokens_per_day * 8 / 10);
}

TEST(SharedMembers, NoMemberGetsMoreWhenGatewaysAreKilledAndReplaced) {
  const Most most = run_in_any_order(20, {.machines = true});
  EXPECT_GE(most.requests, *kMost.requests_per_hour * 8 / 10);
  EXPECT_GE(most.tokens, *kMost.tokens_per_minute * 7 / 10);
}

TEST(SharedMembers, NoMemberGetsMoreWhenTheStoreForgetsAsWell) {
  const Most most = run_in_any_order(40, {.machines = true, .store = true});
  EXPECT_GE(most.requests, *kMost.requests_per_hour / 2);
  EXPECT_GE(most.tokens, *kMost.tokens_per_minute / 2);
}

/// Two gateways in step with a store, and nothing fails.
class SteadyMembers : public ::testing::Test {
 protected:
  SteadyMembers() {
    store_.say_fresh();
    // Until each knows of the other.
    for (int i = 0; i < 4; ++i)
      turn();
  }

  void ask(Machine& machine) {
    auto call = machine.process().replica.begin(machine.clock().now());
    ASSERT_TRUE(call);
    ASSERT_TRUE(machine.process().replica.finish(store_.apply(*call), machine.clock().now()));
  }

  void turn(std::chrono::nanoseconds by = milliseconds(50)) {
    for (Machine* machine : {&first_, &second_}) {
      machine->clock().advance(by);
      ask(*machine);
    }
  }

  /// Whether a request is served, when the store was asked as often as it takes.
  bool serve(Machine& machine, const std::string& member, std::int64_t tokens = 1) {
    for (;;) {
      auto request = machine.process().begin(member, tokens);
      if (request != nullptr) {
        request->admission.settle(tokens);
        machine.settle(*request);
        return true;
      }
      if (machine.process().shortage != Shortage::kAsking) return false;
      turn();
    }
  }

  [[nodiscard]] std::int64_t lent(const std::string& kind) const {
    std::int64_t sum = 0;
    for (const auto& [owner, holdings] : store_.state().owners) {
      for (const auto& holding : holdings)
        sum += owner.starts_with(kind) ? holding.amount : 0;
    }
    return sum;
  }

  ModelLimitStore store_;
  Machine first_{"first", {}};
  Machine second_{"second", seconds(40)};
};

TEST_F(SteadyMembers, AllOfALimitIsUsedByWhicheverGatewayIsAsked) {
  std::int64_t served = 0;
  for (int i = 0; i < 100; ++i)
    served += serve(i % 2 == 0 ? first_ : second_, "ann") ? 1 : 0;
  EXPECT_EQ(served, *kMost.requests_per_hour);
  EXPECT_EQ(first_.process().met, (LimitMet{LimitKind::kRequests, LimitScope::kMember}));
  EXPECT_TRUE(serve(first_, "bob"));
  EXPECT_TRUE(serve(second_, ""));
}

TEST_F(SteadyMembers, TheStoreIsNotToldWhoTheyAre) {
  ASSERT_TRUE(serve(first_, "ann@example.com"));
  ASSERT_TRUE(serve(second_, "ann@example.com"));
  std::set<std::string> owners;
  for (const auto& [owner, holdings] : store_.state().owners) {
    EXPECT_FALSE(owner.contains("ann")) << owner;
    owners.insert(owner);
  }
  // Both mean the same member, whatever salt their tables have.
  EXPECT_EQ(std::ranges::count_if(owners, [](const auto& o) { return o.starts_with("tokens/"); }),
            1);
}

TEST_F(SteadyMembers, WhatAKilledGatewayHadInAdvanceComesBackWithItsStart) {
  for (int i = 0; i < 5; ++i)
    ASSERT_TRUE(serve(first_, "ann"));
  turn();
  ASSERT_GT(lent("requests/"), 5);
  first_.start();
  // It says of each member that it knows what it holds: what is in use, and no more.
  turn();
  turn();
  EXPECT_EQ(lent("requests/"), 5);
  std::int64_t served = 5;
  for (int i = 0; i < 100; ++i)
    served += serve(second_, "ann") ? 1 : 0;
  EXPECT_EQ(served, *kMost.requests_per_hour);
}

TEST_F(SteadyMembers, ABudgetGoesOnAfterAStart) {
  for (int i = 0; i < 6; ++i) {
    ASSERT_TRUE(serve(first_, "ann", 30)) << i;
    turn(seconds(61));
  }
  first_.start();
  turn();
  turn();
  EXPECT_EQ(lent("budget/"), 180);
  int served = 6;
  for (int i = 0; i < 6; ++i) {
    served += serve(second_, "ann", 30) ? 1 : 0;
    turn(seconds(61));
  }
  EXPECT_EQ(served, 10);
  EXPECT_EQ(second_.process().met, (LimitMet{LimitKind::kBudget, LimitScope::kMember}));
}

TEST_F(SteadyMembers, WhoHasUsedNothingForAWindowMakesRoomAndIsForgotten) {
  const std::shared_ptr<MemberTable>& table = first_.process().table();
  // Of an hour's requests alone: of budgets a place is its member's for a month.
  constexpr LimitConfig kHourly{.requests_per_hour = 1};
  const auto share_all = [&](const std::string& names, std::size_t count) {
    auto members =
        std::make_shared<SharedMembers>(first_.process(), first_.clock(), "other", "", table);
    for (std::size_t i = 0; i < count; ++i) {
      const MemberTable::Hold hold = table->find(names + std::to_string(i));
      Limits limits = hold.limits(kHourly);
      SharedMembers::share(members, hold, limits);
      static_cast<void>(limits.requests->admit(1));
    }
  };
  share_all("early-", 4 * MemberTable::kMembers);
  const auto& limits = first_.process().replica.limits();
  EXPECT_GT(limits.size(), MemberTable::kMembers / 2);
  EXPECT_LE(limits.size(), MemberTable::kMembers + 5);
  EXPECT_GT(table->without_place(), 0U);
  // Calls are of a bounded size, so it takes some until nothing is held in advance any more.
  for (int i = 0; i < 12; ++i)
    turn(seconds(2));
  turn(hours(2));
  for (int i = 0; i < 12; ++i)
    turn(seconds(2));
  EXPECT_LE(limits.size(), 8U);
  EXPECT_EQ(lent("requests/"), 0);
  const std::uint64_t before = table->without_place();
  share_all("late-", MemberTable::kMembers / 8);
  EXPECT_EQ(table->without_place(), before);
}

}  // namespace
}  // namespace insula::gateway
