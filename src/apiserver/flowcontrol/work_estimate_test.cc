#include "apiserver/flowcontrol/work_estimate.h"

#include <list>
#include <string>

#include <gtest/gtest.h>

#include "api/gen/core_v1.h"
#include "apiserver/test_server.h"

namespace insula::apiserver {
namespace {

using namespace std::chrono_literals;

class WorkEstimateTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (int i = 0; i < 250; ++i) {
      auto map = std::make_shared<api::Namespace>();
      map->metadata.name = "n" + std::to_string(i);
      ASSERT_TRUE(server_.run(server_.registry->create(
          {&api::kind_of<api::Namespace>(), "", "", ""}, map, WriteContext())));
    }
  }

  WorkEstimate estimate(std::string_view method, std::string_view target, EstimatedRequest more) {
    const RequestInfo info = *parse_request_info(method, target);
    const api::Kind* kind = server_.registry->kinds().find(info.group, info.version, info.resource);
    return estimate_work({.info = info,
                          .kind = kind,
                          .limit = more.limit,
                          .has_selectors = more.has_selectors,
                          .sends_initial_events = more.sends_initial_events},
                         seats_max_, *server_.store, watches_);
  }

  std::size_t seats(std::string_view target, EstimatedRequest more) {
    return estimate("GET", target, more).seats;
  }

  RequestInfo none_;
  EstimatedRequest plain_{.info = none_};
  TestServer server_;
  WatchCounts watches_;
  std::size_t seats_max_ = 10;
};

TEST_F(WorkEstimateTest, AListTakesASeatForEachHundredObjectsThatItLooksAt) {
  EXPECT_EQ(seats("/api/v1/namespaces", plain_), 3U);
  EXPECT_EQ(seats("/api/v1/namespaces?limit=120", {.info = none_, .limit = 120}), 2U);
  EXPECT_EQ(seats("/api/v1/namespaces", {.info = none_, .limit = 120, .has_selectors = true}), 3U);
  EXPECT_EQ(seats("/api/v1/namespaces?fieldSelector=metadata.name%3Dn1",
                  {.info = none_, .has_selectors = true}),
            1U);
  EXPECT_EQ(seats("/api/v1/configmaps", plain_), 1U);
  EXPECT_EQ(seats("/api/v1/namespaces/n1", plain_), 1U);
  EXPECT_EQ(seats("/apis/none/v1/things", plain_), 1U);
  seats_max_ = 2;
  EXPECT_EQ(seats("/api/v1/namespaces", plain_), 2U);
}

TEST_F(WorkEstimateTest, AWatchTakesThoseOfItsBeginning) {
  EXPECT_EQ(seats("/api/v1/namespaces?watch=1", {.info = none_, .sends_initial_events = true}), 3U);
  EXPECT_EQ(seats("/api/v1/namespaces?watch=1&resourceVersion=5", plain_), 1U);
}

TEST_F(WorkEstimateTest, AWriteKeepsSeatsForThoseWhoWatch) {
  const char* target = "/api/v1/namespaces/n1/configmaps";
  EXPECT_EQ(estimate("POST", target, plain_).final_seats, 0U);
  const api::Kind& kind = api::kind_of<api::ConfigMap>();
  std::list<WatchCounts::Entry> open;
  for (int i = 0; i < 15; ++i)
    open.emplace_back(watches_, kind, i % 3 == 0 ? "" : i % 3 == 1 ? "n1" : "n2");
  const WorkEstimate ten = estimate("POST", target, plain_);
  EXPECT_EQ(ten.seats, 1U);
  EXPECT_EQ(ten.final_seats, 1U);
  EXPECT_EQ(ten.additional_latency, 5ms);
  for (int i = 0; i < 25; ++i)
    open.emplace_back(watches_, kind, "n1");
  EXPECT_EQ(estimate("DELETE", "/api/v1/namespaces/n1/configmaps/x", plain_).final_seats, 4U);
  seats_max_ = 2;
  const WorkEstimate narrow = estimate("POST", target, plain_);
  EXPECT_EQ(narrow.final_seats, 2U);
  EXPECT_EQ(narrow.additional_latency, 10ms);
  open.clear();
  EXPECT_EQ(estimate("POST", target, plain_).final_seats, 0U);
}

}  // namespace
}  // namespace insula::apiserver
