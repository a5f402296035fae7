// Sessions and prompts that stay where they were, and endpoints that are asked how they are.

#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gateway/testing/test_models.h"

namespace insula::gateway {
namespace {

using ::testing::HasSubstr;

/// Tenant alpha with the model m, served by simulated servers with caches of prompts.
class GatewayRoutingTest : public GatewayModelsTest {
 public:
  static constexpr int kServers = 4;
  /// No multiple of what the balancer shares equals out by: else each turn would be where the last
  /// one was by accident.
  static constexpr int kConversations = 23;
  static constexpr int kTurns = 6;
  static constexpr std::size_t kCacheBlocks = 4096;

  void start_routed(RoutingPolicy policy) {
    config_.tenants[0].limits.requests_per_hour = 100'000;
    BackendConfig backend{.service_host = "svc", .endpoints = {}};
    for (int i = 0; i < kServers; ++i) {
      simulator::SimulatorOptions options = Model::quick();
      options.prefix_cache_blocks = kCacheBlocks;
      servers_.push_back(std::make_unique<Model>(loop_, options));
      backend.endpoints.push_back(servers_.back()->address.text());
    }
    start_with({{.name = "m", .backends = {backend}, .policy = policy}});
  }

  /// Turns of conversations, each with all that was said before it; a few words are common to all.
  void converse() {
    std::vector<std::string> said(kConversations);
    for (int turn = 0; turn < kTurns; ++turn) {
      for (int i = 0; i < kConversations; ++i) {
        for (int word = 0; word < 200; ++word)
          said[static_cast<std::size_t>(i)] += fmt::format("{}x{}y{} ", i, turn, word);
        const auto answer = chat(fmt::format(
            R"({{"model":"m","user":"u{}","messages":[{{"role":"user","content":"You help. {}"}}]}})",
            i, said[static_cast<std::size_t>(i)]));
        ASSERT_EQ(answer.status, 200) << answer.body;
      }
    }
  }

  /// The part of the prompts that the servers had already.
  double cached_share() {
    const UsageCounts sum = usage();
    return static_cast<double>(sum.cached_tokens) / static_cast<double>(sum.prompt_tokens);
  }

  /// How many servers got requests.
  [[nodiscard]] int servers_asked() const {
    int asked = 0;
    for (const auto& server : servers_)
      asked += server->simulator.requests() > 0 ? 1 : 0;
    return asked;
  }

  std::vector<std::unique_ptr<Model>> servers_;
};

TEST_F(GatewayRoutingTest, PromptsThatBeginAlikeFindTheirBeginning) {
  start_routed(RoutingPolicy::kPrefixCache);
  converse();
  // Of six turns each has its earlier ones in the cache: 15 of 21 parts.
  EXPECT_GT(cached_share(), 0.65);
}

TEST_F(GatewayRoutingTest, SessionsDoSoToo) {
  start_routed(RoutingPolicy::kSession);
  converse();
  EXPECT_GT(cached_share(), 0.65);
  EXPECT_EQ(servers_asked(), kServers);
}

TEST_F(GatewayRoutingTest, TheFewestRequestsAloneDoNot) {
  start_routed(RoutingPolicy::kLeastRequests);
  converse();
  EXPECT_LT(cached_share(), 0.5);
}

TEST_F(GatewayRoutingTest, AHeaderNamesASessionBeforeTheBodyDoes) {
  start_routed(RoutingPolicy::kSession);
  for (int i = 0; i < 20; ++i) {
    http::Headers headers = bearer(key_of("alphaalpha"));
    headers.add("X-Session-Id", "one");
    const std::string body = fmt::format(
        R"({{"model":"m","user":"u{}","messages":[{{"role":"user","content":"x"}}]}})", i);
    EXPECT_EQ(send("POST", "/alpha/v1/chat/completions", headers, body).status, 200);
  }
  EXPECT_EQ(servers_asked(), 1);
}

/// A server whose /health answers what the test says, and that counts who asks.
class Checked final : public http::Handler {
 public:
  explicit Checked(Loop& loop) : server_(*this, {}) {
    auto listener = net::Listener::bind(loop, any_port()).value();
    address = listener->address().text();
    server_.serve(std::move(listener));
  }

  Task<> handle(http::Exchange& exchange) override {
    const bool is_check = exchange.request().path() == "/health";
    ++(is_check ? checks : requests);
    changed.set();
    static_cast<void>(co_await exchange.respond(http::make_response(
        is_check ? health : 200, "application/json", is_check ? "" : std::string(kReply))));
  }

  int health = 200;
  int checks = 0;
  int requests = 0;
  Event changed;
  std::string address;

 private:
  http::Server server_;
};

class GatewayHealthCheckTest : public GatewayModelsTest {
 public:
  /// Until so many further checks have come.
  Task<bool> checked(Checked& server, int more) {
    const int wanted = server.checks + more;
    while (server.checks < wanted) {
      server.changed.reset();
      co_await server.changed.wait();
    }
    co_return true;
  }
};

TEST_F(GatewayHealthCheckTest, AnEndpointThatFailsItsCheckIsLeftAloneUntilItPasses) {
  Checked sick(loop_);
  Checked well(loop_);
  const BackendConfig spare{
      .service_host = "spare", .endpoints = {well.address}, .model = {}, .weight = 0};
  start_with(
      {{.name = "m",
        .backends = {{.service_host = "svc", .endpoints = {sick.address}}, spare},
        .health_check = {
            {.path = "/health", .period = std::chrono::seconds(1), .failure_threshold = 1}}}});
  ASSERT_TRUE(wait(checked(sick, 1)));
  EXPECT_EQ(ask("m").status, 200);
  EXPECT_EQ(sick.requests, 1);
  sick.health = 503;
  // The answer to a check has been taken when the next one comes.
  ASSERT_TRUE(wait(checked(sick, 2)));
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(ask("m").status, 200);
  EXPECT_EQ(sick.requests, 1);
  EXPECT_EQ(well.requests, 5);
  sick.health = 200;
  ASSERT_TRUE(wait(checked(sick, 2)));
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(ask("m").status, 200);
  EXPECT_EQ(sick.requests, 6);
  EXPECT_THAT(registry_.expose(),
              HasSubstr("insula_gateway_health_checks_total{result=\"failed\"}"));
}

TEST_F(GatewayHealthCheckTest, OneThatHasNoCheckIsAskedNothing) {
  Checked server(loop_);
  start_with({{.name = "m", .backends = {{.service_host = "svc", .endpoints = {server.address}}}}});
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(ask("m").status, 200);
  EXPECT_EQ(server.checks, 0);
}

}  // namespace
}  // namespace insula::gateway
