#include "gateway/backend.h"

#include <chrono>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace insula::gateway {
namespace {

using std::chrono_literals::operator""s;
using ::testing::ElementsAre;

constexpr SteadyTime kNow{1000s};

Backend backend(std::string host, std::int64_t weight = 1, bool served = true) {
  Backend backend{.service_host = std::move(host), .weight = weight};
  if (served) {
    backend.endpoints.push_back(
        std::make_shared<Endpoint>(net::Address::parse("127.0.0.1:1").value()));
  }
  return backend;
}

std::vector<std::string> hosts(const Candidates& candidates) {
  std::vector<std::string> hosts;
  for (const Backend* one : candidates.list())
    hosts.push_back(one->service_host);
  return hosts;
}

TEST(ModelRoutes, AsksTheBackendDrawnThenTheOthersThenTheFallbacks) {
  ModelRoutes routes;
  routes.add({"large", {backend("a", 9), backend("b", 1)}, {"small", "gone", "tiny"}});
  routes.add({"small", {backend("c")}, {"large"}});
  routes.add({"tiny", {backend("d"), backend("e")}});
  const ModelRoute& large = *routes.find("large");
  EXPECT_THAT(hosts(routes.candidates(large, 0.0, kNow)), ElementsAre("a", "b", "c", "d", "e"));
  EXPECT_THAT(hosts(routes.candidates(large, 0.89, kNow)), ElementsAre("a", "b", "c", "e", "d"));
  EXPECT_THAT(hosts(routes.candidates(large, 0.91, kNow)), ElementsAre("b", "a", "c", "e", "d"));
  // A fallback's own fallbacks are not its business here.
  EXPECT_THAT(hosts(routes.candidates(*routes.find("small"), 0.0, kNow)),
              ElementsAre("c", "a", "b"));
  EXPECT_EQ(routes.find("huge"), nullptr);
}

TEST(ModelRoutes, LeavesOutWhoHasNoEndpoint) {
  ModelRoutes routes;
  routes.add({"m", {backend("a", 1, false), backend("b", 1), backend("c", 0)}});
  routes.add({"none", {backend("a", 1, false)}});
  for (const double draw : {0.0, 0.5, 0.999})
    EXPECT_THAT(hosts(routes.candidates(*routes.find("m"), draw, kNow)), ElementsAre("b", "c"));
  EXPECT_TRUE(routes.candidates(*routes.find("none"), 0.3, kNow).empty());
}

TEST(ModelRoutes, ABackendWithoutWeightIsForWhenTheOthersAreGone) {
  ModelRoutes routes;
  routes.add({"m", {backend("a", 0), backend("b", 1, false), backend("c", 0)}});
  EXPECT_THAT(hosts(routes.candidates(*routes.find("m"), 0.7, kNow)), ElementsAre("a", "c"));
}

void eject(const Backend& backend) {
  for (const auto& endpoint : backend.endpoints)
    endpoint->health.fail(kNow, EndpointHealth::Failure::kUnreachable, false);
}

TEST(ModelRoutes, WhoIsEjectedGivesItsShareToTheOthersAndIsAskedLast) {
  ModelRoutes routes;
  routes.add({"m", {backend("a", 8), backend("b", 1), backend("c", 1)}, {"spare"}});
  routes.add({"spare", {backend("d")}});
  const ModelRoute& route = *routes.find("m");
  eject(route.backends[0]);
  EXPECT_THAT(hosts(routes.candidates(route, 0.4, kNow)), ElementsAre("b", "c", "d", "a"));
  EXPECT_THAT(hosts(routes.candidates(route, 0.6, kNow)), ElementsAre("c", "b", "d", "a"));
  // When it may be probed it is one of them again.
  const SteadyTime later = kNow + EndpointHealth::kEjectionMin;
  EXPECT_THAT(hosts(routes.candidates(route, 0.4, later)), ElementsAre("a", "b", "c", "d"));
  for (const Backend& each : route.backends)
    eject(each);
  EXPECT_THAT(hosts(routes.candidates(route, 0.4, kNow)), ElementsAre("d", "a", "b", "c"));
}

TEST(ModelRoutes, AsksNoMoreThanItsBound) {
  ModelRoutes routes;
  ModelRoute many{"m", {}};
  for (int i = 0; i < 20; ++i)
    many.backends.push_back(backend(std::to_string(i)));
  routes.add(many);
  EXPECT_EQ(routes.candidates(*routes.find("m"), 0.5, kNow).list().size(), Candidates::kMax);
}

}  // namespace
}  // namespace insula::gateway
