#include "gateway/endpoint_health.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/random.h"

namespace insula::gateway {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""ms;
using enum EndpointHealth::Failure;

constexpr SteadyTime kStart{86'400s};
constexpr auto kFailures = EndpointHealth::kFailuresToEject;

/// Fails so often that a well one is ejected. Returns for how long it is.
seconds fail_until_ejected(EndpointHealth& health, SteadyTime now) {
  for (int i = 1; i < kFailures; ++i)
    EXPECT_EQ(health.fail(now, kUnanswered, false), 0s);
  return health.fail(now, kUnanswered, false);
}

TEST(EndpointHealth, IsEjectedByFailuresInARow) {
  EndpointHealth health;
  EXPECT_EQ(health.ejected_until(), SteadyTime());
  for (int i = 1; i < kFailures; ++i)
    EXPECT_EQ(health.fail(kStart, kUnanswered, false), 0s);
  health.succeed();
  EXPECT_EQ(fail_until_ejected(health, kStart), 1s);
  EXPECT_EQ(health.ejected_until(), kStart + 1s);
  // What began before and fails now is no news.
  EXPECT_EQ(health.fail(kStart + 10ms, kUnanswered, false), 0s);
  EXPECT_EQ(health.fail(kStart + 10ms, kUnreachable, false), 0s);
  EXPECT_EQ(health.ejected_until(), kStart + 1s);
  health.succeed();
  EXPECT_EQ(health.ejected_until(), kStart + 1s);
}

TEST(EndpointHealth, IsEjectedAtOnceWhenItCannotBeReached) {
  EndpointHealth health;
  EXPECT_EQ(health.fail(kStart, kUnreachable, false), 1s);
  EXPECT_EQ(health.ejected_until(), kStart + 1s);
}

TEST(EndpointHealth, IsProbedByOneRequestAtATime) {
  EndpointHealth health;
  EXPECT_FALSE(health.take_probe(kStart));
  health.fail(kStart, kUnreachable, false);
  EXPECT_FALSE(health.take_probe(kStart + 999ms));
  EXPECT_TRUE(health.take_probe(kStart + 1s));
  EXPECT_FALSE(health.take_probe(kStart + 1s));
  EXPECT_FALSE(health.take_probe(kStart + 1999ms));
  // The first one says nothing: another may try.
  EXPECT_TRUE(health.take_probe(kStart + 2s));
}

TEST(EndpointHealth, StaysAwayTwiceAsLongForEachProbeThatFails) {
  EndpointHealth health;
  SteadyTime now = kStart;
  seconds away = health.fail(now, kUnreachable, false);
  std::vector<std::int64_t> lengths;
  for (int i = 0; i < 9; ++i) {
    lengths.push_back(away.count());
    now += away;
    ASSERT_TRUE(health.take_probe(now));
    // A probe that is under way keeps others away for as long again.
    EXPECT_EQ(health.ejected_until(), now + away);
    away = health.fail(now, kUnanswered, true);
  }
  EXPECT_EQ(lengths, (std::vector<std::int64_t>{1, 2, 4, 8, 16, 32, 60, 60, 60}));
}

TEST(EndpointHealth, AnyReplyBringsItBack) {
  EndpointHealth health;
  EXPECT_FALSE(health.reply(kStart));
  health.fail(kStart, kUnreachable, false);
  EXPECT_TRUE(health.reply(kStart + 100ms));
  EXPECT_FALSE(health.reply(kStart + 100ms));
  EXPECT_EQ(health.ejected_until(), SteadyTime());
  // With a clean record: one failure is not enough.
  EXPECT_EQ(health.fail(kStart + 200ms, kUnanswered, false), 0s);
}

TEST(EndpointHealth, RemembersEjectionsUntilItWasWellForAWhile) {
  EndpointHealth health;
  EXPECT_EQ(health.fail(kStart, kUnreachable, false), 1s);
  EXPECT_TRUE(health.reply(kStart + 1s));
  EXPECT_EQ(health.fail(kStart + 2s, kUnreachable, false), 2s);
  const SteadyTime back = kStart + 4s;
  EXPECT_TRUE(health.reply(back));
  EXPECT_EQ(health.fail(back + EndpointHealth::kForgetTime, kUnreachable, false), 1s);
}

TEST(EndpointHealth, GetsItsFullShareSlowly) {
  const EndpointHealth fresh(kStart);
  EXPECT_DOUBLE_EQ(fresh.share(kStart), 0.1);
  EXPECT_DOUBLE_EQ(fresh.share(kStart + 500ms), 0.1);
  EXPECT_DOUBLE_EQ(fresh.share(kStart + 5s), 0.5);
  EXPECT_DOUBLE_EQ(fresh.share(kStart + 10s), 1);
  EXPECT_DOUBLE_EQ(fresh.share(kStart + 11s), 1);
  EndpointHealth old;
  EXPECT_DOUBLE_EQ(old.share(kStart), 1);
  old.fail(kStart, kUnreachable, false);
  old.reply(kStart + 1s);
  EXPECT_DOUBLE_EQ(old.share(kStart + 3s), 0.2);
}

TEST(EndpointHealth, NeverStaysAwayForEverNorLongerThanItMay) {
  SeededRandom random(7);
  EndpointHealth health;
  SteadyTime now = kStart;
  bool probing = false;
  for (int i = 0; i < 100'000; ++i) {
    now += milliseconds(random.below(2000));
    probing = health.take_probe(now) || (probing && random.below(3) != 0);
    switch (random.below(4)) {
      case 0:
        health.fail(now, kUnanswered, probing);
        break;
      case 1:
        health.fail(now, kUnreachable, random.below(2) == 0 && probing);
        break;
      case 2:
        if (random.below(8) == 0) health.reply(now);
        break;
      default:
        health.succeed();
        break;
    }
    ASSERT_LE(health.ejected_until(), now + EndpointHealth::kEjectionMax);
    ASSERT_GE(health.share(now), EndpointHealth::kShareMin);
    ASSERT_LE(health.share(now), 1);
  }
}

TEST(EndpointHealth, ThreadsThatFindAProbeDueGetOneTogether) {
  for (int round = 0; round < 200; ++round) {
    EndpointHealth health;
    health.fail(kStart, kUnreachable, false);
    std::atomic<int> probes{0};
    std::atomic<int> ready{0};
    {
      std::vector<std::jthread> threads;
      threads.reserve(4);
      for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
          ++ready;
          while (ready < 4) {
          }
          if (health.take_probe(kStart + 1s)) ++probes;
        });
      }
    }
    ASSERT_EQ(probes, 1);
  }
}

TEST(EndpointHealth, AFailedCheckHoldsItWithoutCountingAsAFailureOfRequests) {
  EndpointHealth health;
  health.hold(kStart + 30s);
  EXPECT_EQ(health.ejected_until(), kStart + 30s);
  EXPECT_FALSE(health.take_probe(kStart + 29s));
  health.hold(kStart + 10s);
  EXPECT_EQ(health.ejected_until(), kStart + 30s);
  // Nobody checks it any more: requests do.
  EXPECT_TRUE(health.take_probe(kStart + 30s));
  EXPECT_TRUE(health.reply(kStart + 31s));
  EXPECT_EQ(health.ejected_until(), SteadyTime());
  EXPECT_LT(health.share(kStart + 31s), 1);
}

TEST(EndpointHealth, NoFailureOfTwoThreadsIsLost) {
  for (int round = 0; round < 200; ++round) {
    EndpointHealth health;
    std::atomic<int> ejections{0};
    {
      std::vector<std::jthread> threads;
      threads.reserve(kFailures);
      for (int i = 0; i < kFailures; ++i) {
        threads.emplace_back([&] {
          if (health.fail(kStart, kUnanswered, false) > 0s) ++ejections;
        });
      }
    }
    ASSERT_EQ(ejections, 1);
  }
}

}  // namespace
}  // namespace insula::gateway
