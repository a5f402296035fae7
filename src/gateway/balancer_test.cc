#include "gateway/balancer.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace insula::gateway {
namespace {

using std::chrono_literals::operator""s;
using std::chrono_literals::operator""ms;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::Le;

constexpr SteadyTime kNow{86'400s};
constexpr auto kUnreachable = EndpointHealth::Failure::kUnreachable;

Backend with_endpoints(int count) {
  Backend backend{.service_host = "svc"};
  for (int i = 0; i < count; ++i) {
    backend.endpoints.push_back(std::make_shared<Endpoint>(
        net::Address::parse(fmt::format("10.0.{}.{}:80", i / 250, i % 250 + 1)).value()));
  }
  return backend;
}

std::size_t index_of(const Backend& backend, const Visit& visit) {
  const auto found = std::ranges::find(backend.endpoints, &visit.endpoint(),
                                       [](const auto& endpoint) { return endpoint.get(); });
  return static_cast<std::size_t>(found - backend.endpoints.begin());
}

/// How many of `requests` that end at once each endpoint gets.
std::vector<int> spread(Balancer& balancer,
                        const Backend& backend,
                        int requests,
                        SteadyTime now = kNow) {
  std::vector<int> counts(backend.endpoints.size());
  for (int i = 0; i < requests; ++i)
    ++counts[index_of(backend, balancer.choose(backend, {}, now))];
  return counts;
}

void eject(const Backend& backend, std::size_t index, SteadyTime when = kNow) {
  backend.endpoints[index]->health.fail(when, kUnreachable, false);
}

TEST(Balancer, CountsARequestForAsLongAsItLasts) {
  Balancer balancer(1);
  const Backend backend = with_endpoints(1);
  {
    Visit visit = balancer.choose(backend, {}, kNow);
    EXPECT_EQ(backend.endpoints[0]->in_flight, 1);
    const Visit moved = std::move(visit);
    EXPECT_EQ(backend.endpoints[0]->in_flight, 1);
  }
  EXPECT_EQ(backend.endpoints[0]->in_flight, 0);
}

TEST(Balancer, TheOneWithTheFewestRequestsIsNextAndEqualsGetAsMany) {
  Balancer balancer(1);
  const Backend backend = with_endpoints(3);
  const auto about = [](int count) { return AllOf(Ge(count - 1), Le(count + 1)); };
  EXPECT_THAT(spread(balancer, backend, 30), ElementsAre(about(10), about(10), about(10)));
  backend.endpoints[0]->in_flight = 5;
  EXPECT_THAT(spread(balancer, backend, 30), ElementsAre(0, about(15), about(15)));
  backend.endpoints[1]->in_flight = 6;
  backend.endpoints[2]->in_flight = 6;
  EXPECT_THAT(spread(balancer, backend, 30), ElementsAre(30, 0, 0));
}

TEST(Balancer, TwoBackendsInTurnEachUseAllOfTheirEndpoints) {
  Balancer balancer(1);
  const Backend one = with_endpoints(2);
  const Backend other = with_endpoints(2);
  std::array<std::array<int, 2>, 2> counts{};
  for (int i = 0; i < 200; ++i) {
    ++counts[0][index_of(one, balancer.choose(one, {}, kNow))];
    ++counts[1][index_of(other, balancer.choose(other, {}, kNow))];
  }
  for (const auto& each : counts)
    EXPECT_NEAR(each[0], 100, 3);
}

TEST(Balancer, KeepsManyEndpointsAboutEquallyLoaded) {
  Balancer balancer(2);
  const Backend backend = with_endpoints(50);
  std::vector<Visit> running;
  running.reserve(1000);
  for (int i = 0; i < 1000; ++i)
    running.push_back(balancer.choose(backend, {}, kNow));
  std::int64_t most = 0;
  for (const auto& endpoint : backend.endpoints)
    most = std::max(most, endpoint->in_flight.load());
  // One choice would give 35 or so, two give 20 and two or three.
  EXPECT_LE(most, 24);
}

TEST(Balancer, ChoosesTheSameWithTheSameSeed) {
  const Backend backend = with_endpoints(50);
  Balancer one(3);
  Balancer other(3);
  EXPECT_EQ(spread(one, backend, 500), spread(other, backend, 500));
}

TEST(Balancer, LeavesEjectedOnesOut) {
  for (const int count : {3, 20}) {
    Balancer balancer(4);
    const Backend backend = with_endpoints(count);
    eject(backend, 1);
    const std::vector<int> counts = spread(balancer, backend, 1000);
    EXPECT_EQ(counts[1], 0);
    EXPECT_EQ(std::ranges::count(counts, 0), 1);
  }
}

TEST(Balancer, NeverLeavesOutAllNorMoreThanHalf) {
  struct Row {
    int endpoints;
    int ejected;
    int left_out;
  };

  for (const auto& [endpoints, ejected, left_out] : std::vector<Row>{{1, 1, 0},
                                                                     {2, 1, 1},
                                                                     {2, 2, 1},
                                                                     {3, 2, 2},
                                                                     {3, 3, 2},
                                                                     {4, 2, 2},
                                                                     {4, 3, 2},
                                                                     {8, 8, 4},
                                                                     {20, 9, 9},
                                                                     {20, 20, 10}}) {
    Balancer balancer(5);
    const Backend backend = with_endpoints(endpoints);
    for (int i = 0; i < ejected; ++i)
      eject(backend, static_cast<std::size_t>(i), kNow - 500ms + i * 10ms);
    const std::vector<int> counts = spread(balancer, backend, 2000);
    EXPECT_EQ(std::ranges::count(counts, 0), left_out) << endpoints << " " << ejected;
    // Whose ejection ends first is the one to be asked.
    if (ejected > left_out) EXPECT_GT(counts[0], 0) << endpoints << " " << ejected;
  }
}

TEST(Balancer, AProbeThatIsDueGoesFirstAndAlone) {
  for (const int count : {1, 3, 12}) {
    Balancer balancer(6);
    const Backend backend = with_endpoints(count);
    eject(backend, 0);
    const SteadyTime later = kNow + 1s;
    int probes = 0;
    int visits = 0;
    for (int i = 0; i < 1000; ++i) {
      const Visit visit = balancer.choose(backend, {}, later);
      if (&visit.endpoint() == backend.endpoints[0].get()) ++visits;
      if (visit.is_probe()) ++probes;
    }
    EXPECT_EQ(probes, 1) << count;
    EXPECT_EQ(visits, count == 1 ? 1000 : 1) << count;
  }
}

TEST(Balancer, WhoIsNewGetsItsShareSlowly) {
  Balancer balancer(7);
  Backend backend = with_endpoints(2);
  backend.endpoints.push_back(
      std::make_shared<Endpoint>(net::Address::parse("10.1.0.1:80").value(), kNow));
  const auto running_after = [&](SteadyTime now) {
    std::vector<Visit> running;
    running.reserve(210);
    for (int i = 0; i < 210; ++i)
      running.push_back(balancer.choose(backend, {}, now));
    return static_cast<int>(backend.endpoints[2]->in_flight);
  };
  EXPECT_NEAR(running_after(kNow), 10, 1);
  EXPECT_NEAR(running_after(kNow + 5s), 42, 1);
  EXPECT_NEAR(running_after(kNow + 10s), 70, 1);
}

TEST(Balancer, WhoWasTriedComesLast) {
  for (const int count : {3, 9}) {
    Balancer balancer(8);
    const Backend backend = with_endpoints(count);
    std::vector<Endpoint*> tried;
    for (int i = 0; i < count; ++i) {
      const Visit visit = balancer.choose(backend, tried, kNow);
      EXPECT_THAT(tried, Each(::testing::Ne(&visit.endpoint())));
      EXPECT_EQ(has_another(backend, tried, kNow), i < count);
      tried.push_back(&visit.endpoint());
    }
    EXPECT_FALSE(has_another(backend, tried, kNow));
    EXPECT_TRUE(balancer.choose(backend, tried, kNow));
  }
}

TEST(Balancer, AnotherThatIsEjectedIsNone) {
  const Backend backend = with_endpoints(2);
  eject(backend, 1);
  const std::vector<Endpoint*> tried = {backend.endpoints[0].get()};
  EXPECT_FALSE(has_another(backend, tried, kNow));
  EXPECT_TRUE(has_another(backend, {}, kNow));
}

TEST(Balancer, NoEndpointGetsMoreRequestsThanItsBackendAllows) {
  for (const int count : {2, 10}) {
    Balancer balancer(9);
    Backend backend = with_endpoints(count);
    backend.in_flight_max = 3;
    std::vector<Visit> running;
    for (int i = 0; i < 3 * count; ++i) {
      running.push_back(balancer.choose(backend, {}, kNow));
      ASSERT_TRUE(running.back());
    }
    EXPECT_FALSE(balancer.choose(backend, {}, kNow));
    for (const auto& endpoint : backend.endpoints)
      EXPECT_EQ(endpoint->in_flight, 3);
    running.pop_back();
    EXPECT_TRUE(balancer.choose(backend, {}, kNow));
  }
}

TEST(Balancer, DrawsFallEvenlyWhateverIsDrawnBetween) {
  for (const int stride : {1, 2, 3, 7}) {
    Balancer balancer(10);
    int low = 0;
    for (int i = 0; i < 1000; ++i) {
      if (balancer.draw() < 0.1) ++low;
      for (int skipped = 1; skipped < stride; ++skipped)
        static_cast<void>(balancer.draw());
    }
    EXPECT_NEAR(low, 100, 4) << stride;
  }
}

Backend by_session(int count) {
  Backend backend = with_endpoints(count);
  backend.policy = RoutingPolicy::kSession;
  return backend;
}

TEST(Balancer, ASessionStaysAtOneEndpointAndSessionsSpread) {
  Balancer balancer(1);
  const Backend backend = by_session(10);
  std::vector<int> counts(10);
  for (std::uint64_t session = 1; session <= 1000; ++session) {
    const std::size_t first =
        index_of(backend, balancer.choose(backend, {}, kNow, {.session = hash_of("s", session)}));
    ++counts[first];
    for (int i = 0; i < 3; ++i) {
      ASSERT_EQ(
          index_of(backend, balancer.choose(backend, {}, kNow, {.session = hash_of("s", session)})),
          first);
    }
  }
  EXPECT_THAT(counts, Each(AllOf(Ge(60), Le(150))));
}

TEST(Balancer, OnlyTheSessionsThatMustMoveWhenAnEndpointComesOrGoes) {
  Balancer balancer(1);
  const Backend ten = by_session(10);
  Backend nine = ten;
  nine.endpoints.pop_back();
  int moved = 0;
  for (std::uint64_t session = 1; session <= 1000; ++session) {
    const Visit before = balancer.choose(ten, {}, kNow, {.session = session});
    const Visit after = balancer.choose(nine, {}, kNow, {.session = session});
    if (&before.endpoint() == &after.endpoint()) continue;
    ++moved;
    EXPECT_EQ(&before.endpoint(), ten.endpoints.back().get());
  }
  EXPECT_GE(moved, 50);
  EXPECT_LE(moved, 160);
}

TEST(Balancer, ASessionGoesElsewhereWhenItsEndpointIsBusyOrEjected) {
  Balancer balancer(1);
  const Backend backend = by_session(4);
  const std::size_t home = index_of(backend, balancer.choose(backend, {}, kNow, {.session = 7}));
  backend.endpoints[home]->in_flight = 100;
  const std::size_t second = index_of(backend, balancer.choose(backend, {}, kNow, {.session = 7}));
  EXPECT_NE(second, home);
  EXPECT_EQ(index_of(backend, balancer.choose(backend, {}, kNow, {.session = 7})), second);
  backend.endpoints[home]->in_flight = 0;
  EXPECT_EQ(index_of(backend, balancer.choose(backend, {}, kNow, {.session = 7})), home);
  eject(backend, home);
  EXPECT_EQ(index_of(backend, balancer.choose(backend, {}, kNow, {.session = 7})), second);
  // It is tried again when its time has come, and then has its sessions back.
  const Visit probe = balancer.choose(backend, {}, kNow + 1s, {.session = 7});
  EXPECT_TRUE(probe.is_probe());
  EXPECT_EQ(index_of(backend, probe), home);
}

TEST(Balancer, ARequestWithoutASessionIsForTheLeastBusy) {
  Balancer balancer(1);
  const Backend backend = by_session(2);
  backend.endpoints[0]->in_flight = 1;
  EXPECT_EQ(index_of(backend, balancer.choose(backend, {}, kNow)), 1);
}

class BalancerByPrefix : public ::testing::Test {
 protected:
  BalancerByPrefix() {
    backend_.policy = RoutingPolicy::kPrefixCache;
    for (std::size_t i = 0; i < backend_.endpoints.size(); ++i)
      backend_.prefixes.push_back(std::make_shared<PrefixIndex>());
  }

  std::size_t choose(const std::string& prompt) {
    blocks_.take(1, prompt);
    return index_of(backend_, balancer_.choose(backend_, {}, kNow, {.blocks = blocks_.list()}));
  }

  /// A prompt of so many blocks of its own, after the beginning that all have.
  static std::string prompt(int number, std::size_t blocks) {
    std::string text = fmt::format("{:0256}", 0);
    for (std::size_t i = 0; i < blocks; ++i)
      text += fmt::format("{:0256}", number);
    return text;
  }

  Balancer balancer_{1};
  Backend backend_ = with_endpoints(4);
  PrefixBlocks blocks_;
};

TEST_F(BalancerByPrefix, APromptGoesToWhereItsBeginningIs) {
  const std::size_t home = choose(prompt(1, 4));
  for (std::size_t turn = 5; turn < 20; ++turn)
    EXPECT_EQ(choose(prompt(1, turn)), home);
}

TEST_F(BalancerByPrefix, WhatFewBlocksSaveIsNotWorthAQueue) {
  const std::size_t home = choose(prompt(1, 9));
  backend_.endpoints[home]->in_flight = 1;
  // One block of ten is there.
  EXPECT_NE(choose(prompt(2, 9)), home);
  // All of them are.
  EXPECT_EQ(choose(prompt(1, 9)), home);
}

TEST_F(BalancerByPrefix, NobodyIsAskedWhoHasFarMoreToDo) {
  const std::size_t home = choose(prompt(1, 9));
  backend_.endpoints[home]->in_flight = 9;
  EXPECT_NE(choose(prompt(1, 9)), home);
}

TEST_F(BalancerByPrefix, WhatServersTellOfThemselvesCounts) {
  const std::size_t home = choose(prompt(1, 9));
  backend_.endpoints[home]->load.set({.requests = 20, .cache_usage = 0});
  EXPECT_NE(choose(prompt(1, 9)), home);
  Backend fresh = with_endpoints(4);
  backend_.endpoints = fresh.endpoints;
  for (auto& index : backend_.prefixes)
    index = std::make_shared<PrefixIndex>();
  const std::size_t second = choose(prompt(2, 1));
  // Half of the prompt in a cache that is full is worth no more than an empty one.
  backend_.endpoints[second]->load.set({.requests = 1, .cache_usage = 1});
  EXPECT_NE(choose(prompt(3, 1)), second);
}

TEST_F(BalancerByPrefix, TheEjectedAndTheTriedAreLeftOut) {
  const std::size_t home = choose(prompt(1, 9));
  blocks_.take(1, prompt(1, 9));
  Endpoint* const tried[] = {backend_.endpoints[home].get()};
  EXPECT_NE(index_of(backend_, balancer_.choose(backend_, tried, kNow, {.blocks = blocks_.list()})),
            home);
  eject(backend_, home);
  EXPECT_NE(choose(prompt(1, 9)), home);
}

}  // namespace
}  // namespace insula::gateway
