#include "apiserver/flowcontrol/request_dispatcher.h"

#include <algorithm>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/flow_control.h"
#include "apiserver/flowcontrol/flow_dump.h"
#include "apiserver/flowcontrol/flow_objects.h"
#include "apiserver/object.h"
#include "apiserver/registry.h"
#include "async/deadline.h"
#include "async/loop.h"
#include "base/random.h"
#include "store/memory_journal.h"
#include "testing/fake_clock.h"

namespace insula::apiserver {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

/// A client's request: what it is, what it costs, and what became of it.
struct Request {
  User user;
  RequestInfo info = *parse_request_info("GET", "/api/v1/namespaces/a/pods/x");
  std::chrono::nanoseconds work = 10ms;  // of the processor
  int turns = 0;                         // for which it then waits for something else
  int pieces = 1;                        // in which its work is done
  bool is_held = false;                  // until the test lets go
  std::string outcome = {};
  std::optional<std::int64_t> retry_after = {};
};

class RequestDispatcherTest : public ::testing::Test {
 protected:
  void start(std::size_t seats, bool with_objects = true) {
    store_ = *store::Store::open(std::make_unique<store::MemoryJournal>(disk_), {});
    registry_ = std::make_unique<Registry>(*store_, clock_, random_);
    if (with_objects) run(make_objects());
    dispatcher_ = std::make_unique<RequestDispatcher>(*store_, metrics_, seats);
  }

  void TearDown() override { clients_.reset(); }

  Task<> make_objects() {
    const auto made = co_await reconcile_flow_objects(*registry_);
    EXPECT_TRUE(made);
  }

  void run(Task<> task) { run_until_complete(loop_, std::move(task)); }

  static User member(std::string name) { return {std::move(name), {kAuthenticated}}; }

  static User root() { return {"root", {kMasters, kAuthenticated}}; }

  Request& add(User user) {
    requests_.push_back({.user = std::move(user)});
    return requests_.back();
  }

  void send(Request& request) { clients_->spawn(serve(request)); }

  Task<> serve(Request& request) {
    FlowTicket ticket(*dispatcher_, request.user, request.info);
    dispatcher_->enter(ticket, {.info = request.info});
    if (!ticket.is_executing()) {
      const auto waited = co_await dispatcher_->wait(ticket, clock_.now() + 15s, gone_.wait_task());
      if (!waited) {
        request.outcome = waited.error().message();
        request.retry_after = ticket.retry_after();
        finished_.push_back("-" + request.user.name);
        co_return;
      }
    }
    in_use_ += ticket.work.seats_max();
    in_use_max_ = std::max(in_use_max_, in_use_);
    for (int piece = 0; piece < request.pieces; ++piece) {
      if (piece > 0) co_await ticket.give_way();
      clock_.advance(request.work / request.pieces);
      begun_.push_back(request.user.name);
    }
    for (int turn = 0; turn < request.turns; ++turn)
      co_await yield();
    if (request.is_held) co_await let_go_.wait();
    in_use_ -= ticket.work.seats_max();
    request.outcome = "served";
    finished_.push_back(request.user.name);
  }

  /// Runs the loop until all clients are done.
  void finish() { run(clients_->drained()); }

  /// Runs it for some turns.
  void turn(int turns) { run(pass(turns)); }

  static Task<> pass(int turns) {
    for (int i = 0; i < turns; ++i)
      co_await yield();
  }

  std::size_t count(const std::vector<std::string>& names, const std::string& name) const {
    return static_cast<std::size_t>(std::ranges::count(names, name));
  }

  /// What a client that never leaves is.
  struct Gone {
    Event event;

    Task<> wait_task() { co_await event.wait(); }
  };

  testing::FakeClock clock_;
  Loop loop_{clock_};
  MetricsRegistry metrics_;
  SeededRandom random_{1};
  std::shared_ptr<store::MemoryDisk> disk_ = std::make_shared<store::MemoryDisk>();
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<Registry> registry_;
  std::unique_ptr<RequestDispatcher> dispatcher_;
  Gone gone_;
  Event let_go_;
  std::list<Request> requests_;
  std::vector<std::string> begun_;     // pieces of work, in order
  std::vector<std::string> finished_;  // "-": refused
  std::size_t in_use_ = 0;
  std::size_t in_use_max_ = 0;
  std::optional<TaskGroup> clients_{std::in_place};
};

TEST_F(RequestDispatcherTest, ASingleRequestWaitsForNothing) {
  start(100);
  Request& eve = add(member("eve"));
  send(eve);
  turn(1);
  EXPECT_EQ(eve.outcome, "served");
}

TEST_F(RequestDispatcherTest, ATurnBeginsRequestsForItsBudgetOnly) {
  start(1000);
  for (int i = 0; i < 20; ++i) {
    Request& request = add(member("user-" + std::to_string(i)));
    request.work = 300us;
    send(request);
  }
  turn(1);
  EXPECT_EQ(finished_.size(), 4U);  // The fourth begins before the millisecond is over.
  finish();
  EXPECT_EQ(finished_.size(), 20U);
}

TEST_F(RequestDispatcherTest, AFloodOfOneUserLetsAnotherOnePass) {
  start(1000);
  for (int i = 0; i < 200; ++i)
    send(add(member("eve")));
  turn(3);
  for (int round = 0; round < 5; ++round) {
    const std::size_t before = begun_.size();
    Request& bob = add(member("bob"));
    send(bob);
    while (bob.outcome.empty())
      turn(1);
    EXPECT_EQ(bob.outcome, "served");
    // One request of each queue that the flood has, and the one that ran.
    EXPECT_LE(begun_.size() - before, 6U + 2U) << round;
  }
  EXPECT_GT(requests_.size(), finished_.size());
  finish();
  EXPECT_EQ(count(begun_, "eve"), 200U);
}

TEST_F(RequestDispatcherTest, WhatIsNotARequestHasItsTurnBetweenRequests) {
  start(1000);
  for (int i = 0; i < 100; ++i)
    send(add(member("eve")));
  std::chrono::nanoseconds longest{0};
  const auto controller = [&]() -> Task<> {
    for (int i = 0; i < 50; ++i) {
      const SteadyTime before = clock_.now();
      co_await yield();
      longest = std::max(longest, clock_.now() - before);
    }
  };
  run(controller());
  EXPECT_LE(longest, 20ms);
  EXPECT_GT(longest, 0ms);
  finish();
}

TEST_F(RequestDispatcherTest, LevelsShareTurnsBySeatsAndExemptRequestsWaitForNone) {
  start(1000);
  for (int i = 0; i < 200; ++i)
    send(add(member("eve")));
  turn(2);
  Request& admin = add(root());
  send(admin);
  turn(1);
  EXPECT_EQ(admin.outcome, "served");
  Request& node = add({"system:node:n", {"system:nodes", kAuthenticated}});
  const std::size_t before = begun_.size();
  send(node);
  while (node.outcome.empty())
    turn(1);
  EXPECT_LE(begun_.size() - before, 3U);
  finish();
}

TEST_F(RequestDispatcherTest, SeatsAreNeverExceededAndAreLentToWhoeverIsAlone) {
  start(49);  // 245 shares: global-default has 4 of its own
  for (int i = 0; i < 100; ++i) {
    Request& request = add(member("user-" + std::to_string(i % 10)));
    request.work = 0ns;
    request.turns = 100;
    send(request);
  }
  turn(60);
  EXPECT_GT(in_use_max_, 4U);
  EXPECT_LE(in_use_max_, 4U + 26U);  // and what the others lend
  finish();
  EXPECT_EQ(finished_.size(), 100U);
  EXPECT_EQ(in_use_, 0U);
  for (const auto& [name, level] : dispatcher_->levels())
    EXPECT_TRUE(level->is_idle()) << name;
}

TEST_F(RequestDispatcherTest, FullQueuesRefuseAndSayWhenToTryAgain) {
  start(1000);
  for (int i = 0; i < 302; ++i)  // six queues of 50, and those that begin at once
    send(add(member("eve")));
  turn(1);
  EXPECT_EQ(count(finished_, "-eve"), 0U);  // Refusals wait for their turn, too.
  turn(2);
  EXPECT_EQ(count(finished_, "-eve"), 1U);
  finish();
  EXPECT_EQ(count(finished_, "-eve"), 1U);
  const Request& last = requests_.back();
  EXPECT_EQ(last.outcome, "Too many requests, please try again later.");
  EXPECT_EQ(last.retry_after, 1);
  EXPECT_THAT(metrics_.expose(),
              HasSubstr("apiserver_flowcontrol_rejected_requests_total{priority_level=\"global-"
                        "default\",flow_schema=\"global-default\",reason=\"queue-full\"} 1\n"));
}

TEST_F(RequestDispatcherTest, ALevelWithoutQueuesRefusesWhatHasNoSeat) {
  start(3, false);  // Nothing is stored: all is catch-all.
  for (int i = 0; i < 5; ++i) {
    Request& request = add(member("eve"));
    request.turns = 10;
    send(request);
  }
  finish();
  EXPECT_EQ(count(finished_, "eve"), 3U);
  EXPECT_EQ(count(finished_, "-eve"), 2U);
  EXPECT_THAT(metrics_.expose(), HasSubstr("reason=\"concurrency-limit\"} 2\n"));
}

TEST_F(RequestDispatcherTest, WhoWaitsTooLongIsRefused) {
  start(1000);
  for (int i = 0; i < 20; ++i) {
    Request& request = add(member("eve"));
    request.work = 4s;
    send(request);
  }
  finish();
  const std::size_t refused = count(finished_, "-eve");
  EXPECT_EQ(count(finished_, "eve") + refused, 20U);
  EXPECT_GE(refused, 12U);  // Some begin in the turn in which their time is over.
  EXPECT_THAT(metrics_.expose(), HasSubstr(fmt::format("reason=\"time-out\"}} {}\n", refused)));
  EXPECT_TRUE(dispatcher_->levels().at("global-default")->is_idle());
}

TEST_F(RequestDispatcherTest, WhoLeavesIsNotServed) {
  start(1000);
  for (int i = 0; i < 10; ++i)
    send(add(member("eve")));
  turn(1);
  gone_.event.set();
  finish();
  EXPECT_EQ(count(begun_, "eve") + count(finished_, "-eve"), 10U);
  EXPECT_GE(count(finished_, "-eve"), 8U);
  EXPECT_TRUE(dispatcher_->levels().at("global-default")->is_idle());
}

TEST_F(RequestDispatcherTest, WhatIsCancelledLeavesItsQueueAndItsSeats) {
  start(1000);
  for (int i = 0; i < 10; ++i) {
    Request& request = add(member("eve"));
    request.turns = 1000;
    send(request);
  }
  turn(3);
  EXPECT_FALSE(dispatcher_->levels().at("global-default")->is_idle());
  clients_->cancel();
  EXPECT_TRUE(dispatcher_->levels().at("global-default")->is_idle());
}

TEST_F(RequestDispatcherTest, LongAnswersAlternate) {
  start(1000);
  for (const char* name : {"ann", "bob"}) {
    Request& request = add(member(name));
    request.work = 100ms;
    request.pieces = 10;
    send(request);
  }
  finish();
  // Each has had nine of its ten pieces before the other one is done.
  const auto first = begun_.begin() + 18;
  EXPECT_GE(std::count(begun_.begin(), first, "ann"), 8);
  EXPECT_GE(std::count(begun_.begin(), first, "bob"), 8);
}

TEST_F(RequestDispatcherTest, LongAnswersOfOneFlowDoNotOutnumberThoseOfAnother) {
  start(1000);
  for (int i = 0; i < 50; ++i) {
    Request& request = add(member("eve"));
    request.work = 1s;
    request.pieces = 1000;
    send(request);
  }
  turn(200);
  Request& bob = add(member("bob"));
  bob.work = 100ms;
  bob.pieces = 20;
  send(bob);
  const std::size_t before = begun_.size();
  while (bob.outcome.empty())
    turn(1);
  EXPECT_LE(begun_.size() - before, 50U) << "about every second piece is bob's";
  clients_->cancel();
}

TEST_F(RequestDispatcherTest, AShortRequestPassesLongAnswers) {
  start(1000);
  for (int i = 0; i < 20; ++i) {
    Request& request = add(member("eve"));
    request.work = 1s;
    request.pieces = 100;
    send(request);
  }
  turn(100);
  const std::size_t before = begun_.size();
  Request& bob = add(member("bob"));
  send(bob);
  while (bob.outcome.empty())
    turn(1);
  EXPECT_LE(begun_.size() - before, 4U);
  clients_->cancel();
}

TEST_F(RequestDispatcherTest, ALevelThatIsRemovedFinishesWhatItHas) {
  start(100);
  for (int i = 0; i < 20; ++i) {
    Request& request = add(member("eve"));
    request.is_held = true;
    send(request);
  }
  turn(2);
  const auto remove = [&]() -> Task<> {
    const auto removed = co_await registry_->remove(
        {&api::kind_of<api::PriorityLevelConfiguration>(), "", "global-default", ""}, DeleteQuery(),
        WriteContext());
    EXPECT_TRUE(removed);
  };
  run(remove());
  EXPECT_TRUE(dispatcher_->levels().at("global-default")->is_quiescing);
  // Its schema is not in force any more: catch-all takes what comes.
  Request& bob = add(member("bob"));
  send(bob);
  let_go_.set();
  finish();
  EXPECT_EQ(bob.outcome, "served");
  EXPECT_EQ(count(finished_, "eve"), 20U);
  EXPECT_FALSE(dispatcher_->levels().contains("global-default"));
  EXPECT_EQ(dispatcher_->levels().at("catch-all")->dispatched, 1U);
}

TEST_F(RequestDispatcherTest, SeatsOfAWriteThatManyWatchAreKeptForAWhile) {
  start(100);
  std::list<WatchCounts::Entry> watches;
  const api::Kind* kind = registry_->kinds().find("", "v1", "pods");
  for (int i = 0; i < 20; ++i)
    watches.emplace_back(dispatcher_->watches(), *kind, "");
  const RequestInfo info = *parse_request_info("POST", "/api/v1/namespaces/a/pods");
  const User user = member("eve");
  const auto write = [&]() -> Task<> {
    FlowTicket ticket(*dispatcher_, user, info);
    dispatcher_->enter(ticket, {.info = info, .kind = kind});
    EXPECT_TRUE(ticket.is_executing());
    co_return;
  };
  run(write());
  const PriorityLevel& level = *dispatcher_->levels().at("global-default");
  EXPECT_EQ(level.seats.in_use, 1U);  // its level has no more for one request
  turn(2);
  clock_.advance(20ms);
  turn(3);
  EXPECT_EQ(level.seats.in_use, 0U);
}

TEST_F(RequestDispatcherTest, DumpsShowLevelsQueuesAndRequests) {
  start(100);
  for (int i = 0; i < 5; ++i) {
    Request& request = add(member("eve"));
    request.turns = 100;
    send(request);
  }
  turn(2);
  const DumpTime now{clock_.now(), clock_.wall()};
  const auto dump = [&](const char* name, bool with_details = false) {
    return dump_flows(name, dispatcher_->levels(), now, with_details).value_or("");
  };
  EXPECT_THAT(dump("dump_priority_levels"), HasSubstr("PriorityLevelName, ActiveQueues, IsIdle,"));
  EXPECT_THAT(dump("dump_queues"), HasSubstr("InitialSeatsSum, MaxSeatsSum, TotalWorkSum\n"));
  const std::string requests = dump("dump_requests", true);
  EXPECT_THAT(requests, HasSubstr("FlowDistingsher,"));
  EXPECT_THAT(requests, HasSubstr("0001-01-01T00:00:00Z"));  // one that waits
  EXPECT_THAT(requests, HasSubstr("2026-01-02T00:00:00.0"));
  EXPECT_THAT(requests, HasSubstr("/api/v1/namespaces/a/pods/x,"));
  EXPECT_THAT(dump("dump_requests"), Not(HasSubstr("APIPath")));
  EXPECT_EQ(dump("dump_other"), "");
  clients_->cancel();
}

}  // namespace
}  // namespace insula::apiserver
