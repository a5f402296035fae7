// Requests that wait for an endpoint that has as many as it may.

#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "async/deadline.h"
#include "async/task_group.h"
#include "gateway/testing/test_models.h"

namespace insula::gateway {
namespace {

using std::chrono_literals::operator""s;
using ::testing::Each;
using ::testing::HasSubstr;

class GatewayQueueTest : public GatewayModelsTest {
 public:
  /// Alpha and beta share a server that answers one request at a time.
  void start_with_queue(QueueConfig queue) {
    BackendConfig one_at_once = at(large_.address());
    one_at_once.in_flight_max = 1;
    for (TenantConfig& tenant : config_.tenants)
      tenant.queue = queue;
    config_.tenants[1].models = {{"m", {one_at_once}}};
    settings_.loops = 2;
    large_.hold();
    start_with({{"m", {one_at_once}}});
  }

  [[nodiscard]] int metric(std::string_view name, std::string_view tenant = "alpha") const {
    const std::string start = fmt::format("\n{}{{tenant=\"{}\"}} ", name, tenant);
    const std::string all = registry_.expose();
    const std::size_t at = all.find(start);
    return at == all.npos ? -1 : std::stoi(all.substr(at + start.size()));
  }

  Task<> keep_status(std::string tenant, std::vector<std::pair<std::string, int>>& out) {
    const auto key = tenant == "alpha" ? key_of("alphaalpha") : key_of("betabetabe");
    http::Client own({});
    http::Request request{"POST", "/" + tenant + "/v1/chat/completions", bearer(key),
                          R"({"model":"m"})"};
    const auto response =
        co_await own.send({address_, "gateway", false}, std::move(request), loop_.now() + 20s);
    out.emplace_back(std::move(tenant), response ? response->status : 0);
  }

  Task<> visit(std::string host, std::vector<std::pair<std::string, int>>& out) {
    http::Client own({});
    http::Request request{"GET", "/", {{"Host", host}}, ""};
    const auto response =
        co_await own.send({address_, "gateway", false}, std::move(request), loop_.now() + 20s);
    out.emplace_back(std::move(host), response ? response->status : 0);
  }

  /// Once the server has been asked so often.
  Task<bool> asked(int count) {
    while (large_.requests != count)
      co_await yield();
    co_return true;
  }

  /// Once so many of a tenant wait.
  Task<bool> waiting(int count, std::string tenant = "alpha") const {
    while (metric("insula_gateway_queued_requests", tenant) != count)
      co_await yield();
    co_return true;
  }

  Task<bool> finish(TaskGroup& tasks) {
    co_await tasks.drained();
    co_return true;
  }

  std::vector<std::pair<std::string, int>> answers_;
};

TEST_F(GatewayQueueTest, ARequestWaitsForAPlaceAndTooManyAreRefused) {
  start_with_queue({.requests = 2});
  TaskGroup asking;
  asking.spawn(keep_status("alpha", answers_));
  ASSERT_TRUE(wait(large_.reached()));
  asking.spawn(keep_status("alpha", answers_));
  asking.spawn(keep_status("alpha", answers_));
  ASSERT_TRUE(wait(waiting(2)));
  // The room has heard of both once it refuses a third.
  const auto refused = ask("m");
  EXPECT_EQ(refused.status, 429);
  EXPECT_THAT(refused.body, HasSubstr(R"("code":"queue_full")"));
  EXPECT_THAT(refused.body, HasSubstr("has 2 requests waiting"));
  EXPECT_EQ(refused.headers.get("Retry-After"), "1");
  EXPECT_EQ(large_.requests, 1);
  large_.go_on();
  ASSERT_TRUE(wait(finish(asking)));
  EXPECT_THAT(answers_, Each(std::pair<std::string, int>("alpha", 200)));
  EXPECT_EQ(answers_.size(), 3U);
  EXPECT_EQ(metric("insula_gateway_queued_requests"), 0);
  EXPECT_EQ(ask("m").status, 200);
}

TEST_F(GatewayQueueTest, RequestsOfARouteDoNotStandInTheQueue) {
  BackendConfig unbounded = at(large_.address());
  config_.sites = {{"www.example.com", "alpha", {{.path = "/", .backend = unbounded}}}};
  start_with_queue({.requests = 2});
  TaskGroup asking;
  asking.spawn(keep_status("alpha", answers_));
  ASSERT_TRUE(wait(large_.reached()));
  asking.spawn(keep_status("alpha", answers_));
  ASSERT_TRUE(wait(waiting(1)));
  asking.spawn(visit("www.example.com", answers_));
  ASSERT_TRUE(wait(asked(2)));
  EXPECT_EQ(metric("insula_gateway_queued_requests"), 1);
  large_.go_on();
  ASSERT_TRUE(wait(finish(asking)));
  EXPECT_EQ(answers_.size(), 3U);
  for (const auto& [whose, status] : answers_)
    EXPECT_EQ(status, 200) << whose;
}

TEST_F(GatewayQueueTest, ATenantThatFloodsTheQueueDoesNotKeepAnotherOut) {
  start_with_queue({.requests = 100});
  TaskGroup asking;
  asking.spawn(keep_status("alpha", answers_));
  ASSERT_TRUE(wait(large_.reached()));
  for (int i = 0; i < 40; ++i)
    asking.spawn(keep_status("alpha", answers_));
  ASSERT_TRUE(wait(waiting(40)));
  for (int i = 0; i < 8; ++i)
    asking.spawn(keep_status("beta", answers_));
  ASSERT_TRUE(wait(waiting(8, "beta")));
  large_.go_on();
  ASSERT_TRUE(wait(finish(asking)));
  ASSERT_EQ(answers_.size(), 49U);
  std::size_t last_of_beta = 0;
  for (std::size_t i = 0; i < answers_.size(); ++i) {
    EXPECT_EQ(answers_[i].second, 200);
    if (answers_[i].first == "beta") last_of_beta = i;
  }
  // In turn, and not behind alpha's 40.
  EXPECT_LT(last_of_beta, 24U);
}

TEST_F(GatewayQueueTest, ARequestThatWaitsTooLongIsRefused) {
  start_with_queue({.requests = 5, .wait_seconds = 0});
  TaskGroup asking;
  asking.spawn(keep_status("alpha", answers_));
  ASSERT_TRUE(wait(large_.reached()));
  const auto refused = ask("m");
  EXPECT_EQ(refused.status, 503);
  EXPECT_THAT(refused.body, HasSubstr(R"("code":"overloaded")"));
  EXPECT_THAT(refused.body, HasSubstr("had room for the request within 0 seconds"));
  EXPECT_EQ(refused.headers.get("Retry-After"), "1");
  large_.go_on();
  ASSERT_TRUE(wait(finish(asking)));
  EXPECT_EQ(ask("m").status, 200);
}

TEST_F(GatewayQueueTest, AClientThatLeavesLeavesTheQueueAtOnce) {
  start_with_queue({.requests = 1});
  TaskGroup asking;
  asking.spawn(keep_status("alpha", answers_));
  ASSERT_TRUE(wait(large_.reached()));
  {
    TaskGroup leaving;
    leaving.spawn(keep_status("alpha", answers_));
    ASSERT_TRUE(wait(waiting(1)));
  }
  ASSERT_TRUE(wait(waiting(0)));
  asking.spawn(keep_status("alpha", answers_));
  ASSERT_TRUE(wait(waiting(1)));
  large_.go_on();
  ASSERT_TRUE(wait(finish(asking)));
  EXPECT_THAT(answers_, Each(std::pair<std::string, int>("alpha", 200)));
  EXPECT_EQ(answers_.size(), 2U);
  EXPECT_EQ(large_.requests, 2);
}

TEST_F(GatewayQueueTest, AGatewayThatStopsLetsNobodyWait) {
  start_with_queue({.requests = 5});
  TaskGroup asking;
  asking.spawn(keep_status("alpha", answers_));
  ASSERT_TRUE(wait(large_.reached()));
  asking.spawn(keep_status("alpha", answers_));
  ASSERT_TRUE(wait(waiting(1)));
  const auto stop = [](GatewayQueueTest& test, TaskGroup& all) -> Task<bool> {
    TaskGroup stopping;
    stopping.spawn([](GatewayQueueTest& of) -> Task<> {
      static_cast<void>(co_await of.gateway_->drain(of.loop_.now() + 20s));
    }(test));
    while (test.answers_.empty())
      co_await yield();
    test.large_.go_on();
    co_await all.drained();
    co_await stopping.drained();
    co_return true;
  };
  ASSERT_TRUE(wait(stop(*this, asking)));
  ASSERT_EQ(answers_.size(), 2U);
  EXPECT_EQ(answers_[0].second, 503);
  EXPECT_EQ(answers_[1].second, 200);
}

TEST_F(GatewayQueueTest, AGatewayMayGoWhileRequestsWait) {
  start_with_queue({.requests = 5});
  TaskGroup asking;
  asking.spawn(keep_status("alpha", answers_));
  ASSERT_TRUE(wait(large_.reached()));
  asking.spawn(keep_status("beta", answers_));
  ASSERT_TRUE(wait(waiting(1, "beta")));
  gateway_.reset();
  large_.go_on();
  ASSERT_TRUE(wait(finish(asking)));
  EXPECT_EQ(answers_.size(), 2U);
}

}  // namespace
}  // namespace insula::gateway
