// Endpoints that fail: who is asked instead, how often, and when they are asked again.

#include <optional>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "async/deadline.h"
#include "async/task_group.h"
#include "gateway/retry_budget.h"
#include "gateway/testing/test_models.h"

namespace insula::gateway {
namespace {

using ::testing::HasSubstr;

class GatewayHealthTest : public GatewayModelsTest {
 public:
  static BackendConfig at_all(const std::vector<std::string>& addresses) {
    return {.service_host = "svc", .endpoints = addresses};
  }

  /// A series of tenant alpha.
  [[nodiscard]] int metric(std::string_view name) const {
    const std::string start = fmt::format("\n{}{{tenant=\"alpha\"}} ", name);
    const std::string all = registry_.expose();
    const std::size_t at = all.find(start);
    return at == all.npos ? -1 : std::stoi(all.substr(at + start.size()));
  }

  Task<> keep_answer(std::string body, std::optional<http::Response>& out) {
    auto response = co_await send_task({.method = "POST",
                                        .target = "/alpha/v1/chat/completions",
                                        .headers = bearer(key_of("alphaalpha")),
                                        .body = std::move(body)});
    if (response) out = *std::move(response);
  }

  Task<bool> finish(TaskGroup& tasks) {
    co_await tasks.drained();
    co_return true;
  }
};

TEST_F(GatewayHealthTest, AnEndpointThatRefusesConnectionsIsLeftAlone) {
  start_with({{"m", {at_all({dead(), small_.address()})}}});
  for (int i = 0; i < 20; ++i)
    ASSERT_EQ(ask("m").status, 200);
  EXPECT_EQ(small_.requests, 20);
  // Probes may have failed meanwhile, each after a second or more.
  EXPECT_GE(metric("insula_gateway_endpoint_ejections_total"), 1);
  EXPECT_LE(metric("insula_gateway_endpoint_ejections_total"), 4);
  EXPECT_EQ(metric("insula_gateway_retries_total"), 0);
}

TEST_F(GatewayHealthTest, WhoIsNotWellIsStoodInForAndAskedAgainLater) {
  config_.tenants[0].limits.requests_per_hour = 200'000;
  start_with({{"m", {at_all({broken_.address(), small_.address()})}}});
  for (int i = 0; i < 40; ++i)
    ASSERT_EQ(ask("m").status, 200);
  EXPECT_EQ(broken_.requests, EndpointHealth::kFailuresToEject);
  EXPECT_EQ(metric("insula_gateway_retries_total"), EndpointHealth::kFailuresToEject);
  EXPECT_EQ(metric("insula_gateway_endpoint_ejections_total"), 1);
  EXPECT_EQ(metric("insula_gateway_fallbacks_total"), 0);

  broken_.answer_with(200);
  const SteadyTime deadline = loop_.now() + std::chrono::seconds(20);
  while (broken_.requests == EndpointHealth::kFailuresToEject && loop_.now() < deadline)
    ASSERT_EQ(ask("m").status, 200);
  EXPECT_GT(broken_.requests, EndpointHealth::kFailuresToEject);
}

TEST_F(GatewayHealthTest, WithoutASiblingTheReplyIsTheClients) {
  start_with({{"m", {at_all({broken_.address()})}}});
  for (int i = 0; i < 8; ++i)
    EXPECT_EQ(ask("m").status, 503);
  // It is ejected and asked all the same, since there is nobody else.
  EXPECT_EQ(broken_.requests, 8);
  EXPECT_EQ(metric("insula_gateway_retries_total"), 0);
}

TEST_F(GatewayHealthTest, A500IsNeitherAFailureNorAnAnswerOfWhoIsWell) {
  start_with({{"m", {at_all({broken_.address()})}}});
  const auto ask_with = [&](int status, std::int64_t times) {
    broken_.answer_with(status);
    for (std::int64_t i = 0; i < times; ++i)
      EXPECT_EQ(ask("m").status, status);
  };
  ask_with(500, 2 * EndpointHealth::kFailuresToEject);
  ask_with(503, EndpointHealth::kFailuresToEject - 1);
  ask_with(200, 1);
  ask_with(503, EndpointHealth::kFailuresToEject - 1);
  EXPECT_EQ(metric("insula_gateway_endpoint_ejections_total"), 0);
  ask_with(500, 1);
  ask_with(503, 1);
  EXPECT_EQ(metric("insula_gateway_endpoint_ejections_total"), 1);
}

TEST_F(GatewayHealthTest, ABackendThatIsEjectedIsAskedAfterItsFallbacks) {
  start_with({{"m", {at_all({broken_.address()})}, {"spare"}}, {"spare", {at(small_.address())}}});
  for (int i = 0; i < 20; ++i)
    ASSERT_EQ(ask("m").status, 200);
  EXPECT_EQ(broken_.requests, EndpointHealth::kFailuresToEject);
  EXPECT_EQ(small_.requests, 20);
  EXPECT_EQ(metric("insula_gateway_fallbacks_total"), EndpointHealth::kFailuresToEject);
}

TEST_F(GatewayHealthTest, ABackendThatFailsEverythingIsNotAskedTwiceAsOften) {
  config_.tenants[0].limits.requests_per_hour = 10'000;
  Canned also_gone(loop_, 0);
  start_with({{"m", {at_all({gone_.address(), also_gone.address()})}}});
  constexpr int kRequests = 100;
  for (int i = 0; i < kRequests; ++i)
    ASSERT_EQ(ask("m").status, 502);
  const int asked = gone_.requests + also_gone.requests;
  const int retries = metric("insula_gateway_retries_total");
  EXPECT_EQ(asked, kRequests + retries);
  EXPECT_GE(retries, RetryBudget::kFloor);
  EXPECT_LE(retries, RetryBudget::kFloor + kRequests / RetryBudget::kShare);
  EXPECT_EQ(metric("insula_gateway_retries_refused_total"), kRequests - retries);
}

TEST_F(GatewayHealthTest, AnEndpointAnswersNoMoreAtOnceThanItsBackendAllows) {
  BackendConfig one_at_once = at_all({large_.address()});
  one_at_once.in_flight_max = 1;
  start_with(
      {{"m", {one_at_once}}, {"n", {one_at_once}, {"spare"}}, {"spare", {at(small_.address())}}});
  large_.hold();
  std::optional<http::Response> first;
  TaskGroup asking;
  asking.spawn(keep_answer(R"({"model":"m"})", first));
  ASSERT_TRUE(wait(large_.reached()));
  const auto second = ask("m");
  EXPECT_EQ(second.status, 503);
  EXPECT_THAT(second.body, HasSubstr(R"("code":"overloaded")"));
  EXPECT_THAT(second.body, HasSubstr("each endpoint of svc answers as many requests as it may"));
  EXPECT_EQ(second.headers.get("Retry-After"), "1");
  EXPECT_EQ(ask("n").status, 200);
  EXPECT_EQ(small_.requests, 1);
  large_.go_on();
  ASSERT_TRUE(wait(finish(asking)));
  ASSERT_TRUE(first);
  EXPECT_EQ(first->status, 200);
  EXPECT_EQ(ask("m").status, 200);
}

}  // namespace
}  // namespace insula::gateway
