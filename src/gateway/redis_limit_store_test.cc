#include "gateway/redis_limit_store.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "async/loop.h"
#include "async/task_group.h"
#include "base/random.h"
#include "gateway/durable_axis.h"
#include "gateway/rate_window.h"
#include "gateway/shared_limits.h"
#include "gateway/shared_windows.h"
#include "gateway/testing/live_redis.h"
#include "gateway/testing/model_limit_store.h"
#include "testing/temp_dir.h"

namespace insula::gateway {
namespace {

using std::chrono::milliseconds;

class RedisLimitStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!LiveRedis::is_installed()) GTEST_SKIP() << "redis-tools is not installed";
    redis_.start();
    run([&]() -> Task<> { co_await ready(); });
  }

  void run(std::function<Task<>()> body) { run_until_complete(loop_, body()); }

  /// Until the server answers.
  Task<> ready() {
    const SteadyTime until = loop_.now() + std::chrono::seconds(20);
    for (;;) {
      redis::Client client(redis_.options());
      std::vector<std::string> ping = {"PING"};
      if (co_await client.call(std::move(ping)) || loop_.now() > until) co_return;
      co_await yield();
    }
  }

  Task<> command(std::vector<std::string> words) {
    redis::Client client(redis_.options());
    EXPECT_TRUE(co_await client.call(std::move(words)));
  }

  Task<> say_fresh() { return command({"HSET", RedisLimitStore::kKey, "fresh", "1"}); }

  Loop loop_;
  LiveRedis redis_;
};

std::string describe(const StoreAnswer& answer) {
  std::string text = fmt::format("kind {} generation {} version {} age {} sound {}\n",
                                 static_cast<int>(answer.kind), answer.generation, answer.version,
                                 answer.age.count(), answer.sound);
  for (const StoreMember& member : answer.members)
    text += fmt::format("  {} {}.{} silent {}\n", member.id, member.incarnation, member.sequence,
                        member.silent.count());
  for (const LimitLoan& loan : answer.loans)
    text += fmt::format("  granted {} free {} hungry {} open {} member {}\n", loan.granted,
                        loan.free, loan.hungry, loan.open, loan.is_member);
  return text;
}

/// Calls as replicas could make them, and some that they never would.
class Caller {
 public:
  explicit Caller(std::uint64_t seed) : random_(seed) {}

  StoreCall next() {
    const std::string id = fmt::format("replica-{}", random_.below(4));
    Known& known = known_[id];
    if (random_.below(20) == 0) known = {.incarnation = known.incarnation + 1};
    StoreCall call{.id = id,
                   .incarnation = known.incarnation,
                   .sequence = ++known.sequence - (random_.below(15) == 0 ? 1 : 0),
                   .generation = known.answer.generation.empty() ? "-" : known.answer.generation,
                   .version = known.answer.version,
                   .age = known.answer.age + time(),
                   .witness = random_.below(2) == 0 && known.answer.version != 0,
                   .complete = random_.below(2) == 0,
                   .members = known.answer.members};
    for (StoreMember& member : call.members)
      member.silent += time();
    for (auto n = random_.below(4); n > 0; --n) {
      const auto need = static_cast<std::int64_t>(random_.below(3) * random_.below(60));
      call.demands.push_back({.owner = fmt::format("requests/tenant-{}", n),
                              .limit = random_.below(40) == 0 ? -1 : 100,
                              .have = static_cast<std::int64_t>(random_.below(40)),
                              .need = need,
                              .least = need == 0 ? 0 : 1 + need / 2,
                              .want = static_cast<std::int64_t>(random_.below(30)),
                              .after = milliseconds(random_.below(2) == 0 ? 60'000 : 4'000'000),
                              .keep = n == 3});
    }
    return call;
  }

  void heard(const std::string& id, const StoreAnswer& answer) {
    if (answer.kind == StoreAnswer::Kind::kDone && random_.below(10) != 0)
      known_[id].answer = answer;
  }

  std::uint64_t below(std::uint64_t bound) { return random_.below(bound); }

 private:
  milliseconds time() {
    return milliseconds(random_.below(8) == 0 ? random_.below(5'000'000) : random_.below(20'000));
  }

  struct Known {
    std::int64_t incarnation = 1;
    std::int64_t sequence = 0;
    StoreAnswer answer;
  };

  SeededRandom random_;
  std::map<std::string, Known> known_;
};

TEST_F(RedisLimitStoreTest, TheScriptDoesWhatTheModelDoes) {
  run([&]() -> Task<> {
    RedisLimitStore store(redis_.options());
    ModelLimitStore model;
    Caller caller(5);
    std::map<StoreAnswer::Kind, int> kinds;
    std::int64_t granted = 0;
    for (int step = 0; step < 4000; ++step) {
      if (caller.below(300) == 0) {
        model.flush();
        co_await command({"FLUSHALL"});
      }
      if (caller.below(200) == 0) {
        model.say_fresh();
        co_await say_fresh();
      }
      const StoreCall call = caller.next();
      const auto answer = co_await store.exchange(call);
      EXPECT_TRUE(answer);
      if (!answer) co_return;
      const StoreAnswer wanted = model.apply(call);
      EXPECT_EQ(*answer, wanted) << "step " << step << "\n"
                                 << describe(*answer) << "but wanted\n"
                                 << describe(wanted);
      if (*answer != wanted) co_return;
      ++kinds[answer->kind];
      for (const LimitLoan& loan : answer->loans)
        granted += loan.granted;
      caller.heard(call.id, *answer);
    }
    EXPECT_GT(kinds[StoreAnswer::Kind::kDone], 1000);
    EXPECT_GT(kinds[StoreAnswer::Kind::kStale], 10);
    EXPECT_GT(granted, 1000);
  });
}

TEST_F(RedisLimitStoreTest, AServerThatWasRestartedBeginsAnotherGeneration) {
  run([&]() -> Task<> {
    RedisLimitStore store(redis_.options());
    StoreCall call{.id = "a", .incarnation = 1, .sequence = 1, .complete = true};
    const auto before = co_await store.exchange(call);
    redis_.kill();
    ++call.sequence;
    EXPECT_FALSE(co_await store.exchange(call));
    redis_.start();
    co_await ready();
    ++call.sequence;
    const auto after = co_await store.exchange(call);
    EXPECT_TRUE(before && after);
    if (before && after) EXPECT_NE(before->generation, after->generation);
  });
}

/// One gateway's side of a limit, with its window on a disk of its own.
class Replica {
 public:
  Replica(const redis::ClientOptions& redis, std::int64_t limit)
      : limit_(limit),
        window_(*RateWindow::open(dir_ / "window.ring", limit, system_clock(), "boot")),
        shared_(std::make_unique<RedisLimitStore>(redis),
                *start_replica(dir_.path()),
                system_clock(),
                registry_,
                Log(*sink_, "test")),
        requests_(window_,
                  shared_.share(
                      "requests/tenant",
                      LendingTerms::requests(),
                      [window = window_] { return window->counted(); },
                      std::nullopt)) {
    shared_.follow(true);
  }

  /// A request as a loop has it. Whether it was admitted, and why not.
  Task<Shortage> request(std::atomic<std::int64_t>& admitted) {
    for (;;) {
      const RateDecision decision = requests_.admit(limit_);
      if (decision.admitted) {
        ++admitted;
        co_return Shortage::kNone;
      }
      if (decision.shortage != Shortage::kAsking) co_return decision.shortage;
      co_await shared_.turn();
    }
  }

  /// The same without waiting, for other threads.
  bool try_request() { return requests_.admit(limit_).admitted; }

  [[nodiscard]] std::string metrics() const { return registry_.expose(); }

 private:
  insula::testing::TempDir dir_;
  const std::int64_t limit_;
  MetricsRegistry registry_;
  std::unique_ptr<LogSink> sink_ = fd_log_sink(2, {}, system_clock());
  std::shared_ptr<RateWindow> window_;
  SharedLimits shared_;
  SharedRequests requests_;
};

class ThreeReplicas : public RedisLimitStoreTest {
 protected:
  static constexpr std::int64_t kLimit = 3000;
  static constexpr int kClients = 24;

  void make_replicas() {
    for (int i = 0; i < 3; ++i)
      replicas_.push_back(std::make_unique<Replica>(redis_.options(), kLimit));
  }

  /// Requests, some of them from other threads, until `done` says that it is enough.
  Task<> use(std::function<bool()> done) {
    std::atomic<bool> stop = false;
    std::vector<std::jthread> threads;
    threads.reserve(replicas_.size());
    for (const auto& replica : replicas_) {
      threads.emplace_back([this, &replica, &stop] {
        while (!stop) {
          if (replica->try_request()) ++admitted_;
          std::this_thread::yield();
        }
      });
    }
    TaskGroup clients;
    for (int i = 0; i < kClients; ++i)
      clients.spawn(client(*replicas_[static_cast<std::size_t>(i) % 3], done));
    co_await clients.drained();
    stop = true;
  }

  Task<> client(Replica& replica, const std::function<bool()>& done) {
    while (!done()) {
      last_ = co_await replica.request(admitted_);
      co_await yield();
    }
  }

  std::vector<std::unique_ptr<Replica>> replicas_;
  std::atomic<std::int64_t> admitted_{0};
  Shortage last_ = Shortage::kNone;
};

TEST_F(ThreeReplicas, UseAllOfALimitAndNoMore) {
  run([&]() -> Task<> {
    co_await say_fresh();
    make_replicas();
    const SteadyTime began = loop_.now();
    SteadyTime reached;
    co_await use([&] {
      if (admitted_ < kLimit * 99 / 100 && loop_.now() - began < std::chrono::seconds(30))
        return false;
      // A while longer, in which there could be too many.
      if (reached == SteadyTime()) reached = loop_.now();
      return loop_.now() - reached > std::chrono::milliseconds(700);
    });
    EXPECT_GE(admitted_, kLimit * 99 / 100);
    EXPECT_LE(admitted_, kLimit);
    EXPECT_THAT(replicas_[0]->metrics(),
                ::testing::HasSubstr("insula_gateway_limit_store_replicas 3"));
    replicas_.clear();
  });
}

TEST_F(ThreeReplicas, NeverUseMoreWhenTheServerIsKilledAndComesBackEmpty) {
  run([&]() -> Task<> {
    co_await say_fresh();
    make_replicas();
    co_await use([&] { return admitted_ > kLimit / 60; });
    redis_.kill();
    // What is held is used; then everybody hears that the store is away.
    const SteadyTime began = loop_.now();
    co_await use(
        [&] { return last_ == Shortage::kAway || loop_.now() - began > std::chrono::seconds(20); });
    EXPECT_EQ(last_, Shortage::kAway);
    redis_.start();
    co_await ready();
    const SteadyTime restarted = loop_.now();
    SteadyTime reached;
    co_await use([&] {
      if (admitted_ < kLimit * 99 / 100 && loop_.now() - restarted < std::chrono::seconds(30))
        return false;
      if (reached == SteadyTime()) reached = loop_.now();
      return loop_.now() - reached > std::chrono::milliseconds(500);
    });
    // All three are back and have said what they hold, so that the rest is lent again.
    EXPECT_GE(admitted_, kLimit * 99 / 100);
    EXPECT_LE(admitted_, kLimit);
    replicas_.clear();
  });
}

TEST_F(ThreeReplicas, LendNothingFromANewStoreThatNobodyVouchesFor) {
  run([&]() -> Task<> {
    make_replicas();
    const SteadyTime began = loop_.now();
    co_await use([&] {
      return last_ == Shortage::kClosed || loop_.now() - began > std::chrono::seconds(20);
    });
    EXPECT_EQ(last_, Shortage::kClosed);
    EXPECT_EQ(admitted_, 0);
    replicas_.clear();
  });
}

}  // namespace
}  // namespace insula::gateway
