#include <fstream>
#include <map>
#include <thread>

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "gateway/durable_axis.h"
#include "gateway/testing/test_gateway.h"
#include "testing/fake_clock.h"

namespace insula::gateway {
namespace {

using std::chrono_literals::operator""s;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""min;
using ::testing::HasSubstr;

TEST_F(GatewayTest, TellsAClientOverTheLimitWhenToComeBack) {
  Model model(loop_);
  config_.tenants[0].limits.requests_per_hour = 2;
  start({model.address});
  EXPECT_EQ(chat().status, 200);
  EXPECT_EQ(chat().status, 200);
  const auto refused = chat();
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.headers.get("Retry-After"), "3600");
  EXPECT_EQ(refused.headers.get("RateLimit"), "\"tenant\";r=0;t=3600");
  EXPECT_THAT(refused.body, HasSubstr(R"("code":"rate_limit_exceeded")"));
  config_.tenants[0].limits.requests_per_hour = 3;
  apply();
  EXPECT_EQ(chat().status, 200);
  EXPECT_EQ(chat().status, 429);
  EXPECT_EQ(usage().requests, 3);
}

TEST_F(GatewayTest, TokensAreReservedBeforeARequestAndSettledAfterIt) {
  Model model(loop_);
  config_.tenants[0].limits.tokens_per_minute = 100;
  start({model.address});
  // The prompt's bytes stand for 23 tokens, of which the model counts 3.
  const auto first = chat(kStream);
  ASSERT_EQ(first.status, 200) << first.body;
  EXPECT_EQ(first.headers.get("RateLimit-Policy"),
            "\"tenant\";q=1000;w=3600, \"tenant-tokens\";q=100;w=60;qu=\"tokens\"");
  EXPECT_EQ(first.headers.get("x-ratelimit-limit-tokens"), "100");
  EXPECT_EQ(first.headers.get("x-ratelimit-remaining-tokens"), "71");
  EXPECT_EQ(first.headers.get("x-ratelimit-remaining-requests"), "999");
  const auto second = chat(kStream);
  EXPECT_EQ(second.headers.get("x-ratelimit-remaining-tokens"), "63");  // 100 - 8 - 29
  EXPECT_EQ(usage(), (UsageCounts{.requests = 2, .prompt_tokens = 6, .completion_tokens = 10}));

  const auto never = chat(R"({"model":"m","max_tokens":500,"messages":[{"content":"x"}]})");
  EXPECT_EQ(never.status, 429);
  EXPECT_THAT(never.body, HasSubstr(R"("type":"tokens")"));
  EXPECT_THAT(never.body, HasSubstr("shorten the prompt or lower max_tokens"));
  EXPECT_FALSE(never.headers.contains("Retry-After"));
  EXPECT_EQ(never.headers.get("x-should-retry"), "false");
  EXPECT_EQ(never.headers.get("x-ratelimit-remaining-tokens"), "84");
  const auto later = chat(R"({"model":"m","max_tokens":80,"messages":[{"content":"x"}]})");
  EXPECT_EQ(later.status, 429);
  EXPECT_THAT(later.body, HasSubstr("see Retry-After"));
  EXPECT_GT(std::stoi(std::string(later.headers.get("Retry-After"))), 50);
  // What was refused has used up nothing of the other limit.
  EXPECT_EQ(later.headers.get("x-ratelimit-remaining-requests"), "998");
  EXPECT_EQ(usage().requests, 2);

  config_.tenants[0].limits.tokens_per_minute = 1;
  apply();
  EXPECT_EQ(send("GET", "/alpha/v1/models", bearer(key_of("alphaalpha"))).status, 200);
  EXPECT_EQ(send("GET", "/alpha/v1/files", bearer(key_of("alphaalpha"))).status, 429);
  // A request that another limit refuses holds no tokens, and its reply says so.
  config_.tenants[0].limits.tokens_per_minute = 1000;
  config_.tenants[0].limits.requests_per_hour = 0;
  apply();
  const auto closed = chat(kStream);
  EXPECT_EQ(closed.headers.get("x-ratelimit-remaining-tokens"), "984");
  // A limit of 0 is never over.
  EXPECT_FALSE(closed.headers.contains("Retry-After"));
  EXPECT_EQ(closed.headers.get("x-should-retry"), "false");
  EXPECT_THAT(closed.body, HasSubstr("of 0 requests per hour is reached\""));
  config_.tenants[0].limits.requests_per_hour = 1000;
  config_.tenants[0].limits.tokens_per_minute.reset();
  apply();
  const auto unlimited = chat(R"({"model":"m","max_tokens":5,"messages":[{"content":"x"}]})");
  EXPECT_EQ(unlimited.status, 200);
  EXPECT_FALSE(unlimited.headers.contains("x-ratelimit-limit-tokens"));
}

TEST_F(GatewayTest, TokensOfManyClientsAtOnceNeverExceedTheLimit) {
  Model model(loop_);
  config_.tenants[0].limits.tokens_per_minute = 1000;
  start({model.address}, 2);
  std::map<int, int> statuses;
  TaskGroup clients;
  for (int i = 0; i < 40; ++i) {
    clients.spawn([](GatewayTest& test, std::map<int, int>& seen) -> Task<> {
      for (int requests = 0; requests < 10; ++requests) {
        const auto response =
            co_await test.send_task({"POST", "/alpha/v1/chat/completions",
                                     bearer(key_of("alphaalpha")), std::string(kStream)});
        ++seen[response ? response->status : 0];
      }
    }(*this, statuses));
  }
  run_until_complete(loop_, clients.drained());
  while (chat(kStream).status == 200)
    ++statuses[200];
  const UsageCounts used = usage();
  EXPECT_EQ(statuses.size(), 2U);
  EXPECT_EQ(used.requests, statuses[200]);
  EXPECT_LE(used.prompt_tokens + used.completion_tokens, 1000);
  // A request needs room for 29 and uses 8 of it.
  EXPECT_GT(used.prompt_tokens + used.completion_tokens, 1000 - 29);
}

/// What a second request is told while the first is being answered.
Task<http::Response> beside_another(GatewayTest& test, Model& hanging) {
  auto stream = (co_await net::dial(test.address_, test.loop_.now() + 5s)).value();
  static_cast<void>(co_await stream->write(
      "POST /alpha/v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " +
      key_of("alphaalpha") + "\r\nX-Sim-Error: hang\r\nContent-Length: " +
      std::to_string(kChat.size()) + "\r\n\r\n" + std::string(kChat)));
  const auto requests = hanging.simulator.requests();
  while (hanging.simulator.requests() == requests)
    co_await yield();
  auto told = co_await test.send_task(
      {"GET", "/alpha/v1/models", bearer(key_of("alphaalpha")), std::string()});
  const auto aborted = hanging.simulator.aborted();
  stream.reset();
  const Deadline end = test.loop_.now() + 5s;
  while (hanging.simulator.aborted() == aborted && test.loop_.now() < end)
    co_await yield();
  co_return *std::move(told);
}

TEST_F(GatewayTest, AnswersNoMoreRequestsAtOnceThanTheTenantOrTheKeyMay) {
  Model model(loop_);
  config_.tenants[0].limits.concurrent_requests = 1;
  start({model.address});
  const http::Response refused = wait(beside_another(*this, model));
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.headers.get("Retry-After"), "1");
  EXPECT_THAT(refused.body, HasSubstr(R"("code":"concurrency_limit_exceeded")"));
  EXPECT_THAT(refused.body, HasSubstr("the tenant's limit of 1 requests at once is reached"));
  EXPECT_EQ(chat().status, 200);

  config_.tenants[0].limits.concurrent_requests = 2;
  config_.api_keys[0].limits.concurrent_requests = 1;
  apply();
  EXPECT_THAT(wait(beside_another(*this, model)).body,
              HasSubstr("this API key's limit of 1 requests at once is reached"));
  // What the key's limit refused is not counted among the tenant's.
  config_.api_keys[0].limits.concurrent_requests = 2;
  apply();
  EXPECT_EQ(wait(beside_another(*this, model)).status, 200);
}

TEST_F(GatewayTest, ARequestThatALimitRefusesTakesNothingOfTheOthers) {
  Model model(loop_);
  TenantConfig& alpha = config_.tenants[0];
  alpha.limits.concurrent_requests = 1;
  alpha.limits.tokens_per_minute = 100;
  start({model.address});
  const auto refused_twice = [&](std::string_view body) {
    EXPECT_EQ(chat(body).status, 429);
    EXPECT_EQ(chat(body).status, 429);
  };
  refused_twice(R"({"model":"m","max_tokens":500,"messages":[{"content":"x"}]})");
  EXPECT_EQ(chat(kStream).status, 200);
  alpha.limits.requests_per_hour = 1;
  apply();
  refused_twice(kStream);
  alpha.limits.requests_per_hour = 3;
  apply();
  const auto last = chat(kStream);
  EXPECT_EQ(last.status, 200);
  EXPECT_EQ(last.headers.get("x-ratelimit-remaining-requests"), "1");
  EXPECT_EQ(last.headers.get("x-ratelimit-remaining-tokens"), "63");  // 100 - 8 - 29
}

/// Runs a gateway in a process of its own, on the test's listening socket.
pid_t fork_gateway(GatewayTest& test, const net::Address& endpoint) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // The parent's loop is not ours to touch; this one is current from here on.
  Loop loop;
  for (TenantConfig& tenant : test.config_.tenants)
    tenant.endpoints = {endpoint.text()};
  test.settings_.directory = test.directory_;
  test.settings_.loops = 2;
  auto gateway = Gateway::create(test.settings_, system_clock(), test.registry_, {}).value();
  const auto serve = [](Gateway& own, GatewayConfig config, int fd) -> Task<> {
    static_cast<void>(co_await own.apply(std::move(config)));
    static_cast<void>(own.serve(fd));
    for (;;)
      static_cast<void>(co_await own.persist());
  };
  run_until_complete(loop, serve(*gateway, test.config_, test.listener_));
  std::_Exit(0);
}

TEST_F(GatewayTest, AKeyIsHeldToItsOwnLimitsBesideTheTenants) {
  Model model(loop_);
  config_.tenants[0].limits.requests_per_hour = 5;
  config_.api_keys[0].limits.requests_per_hour = 2;
  config_.api_keys.push_back({"alphaother", "alpha", std::string(kHash), "", {}});
  start({model.address});
  const auto other = [&] {
    return send("POST", "/alpha/v1/chat/completions", bearer(key_of("alphaother")), kChat);
  };
  const auto first = chat();
  EXPECT_EQ(first.headers.get("RateLimit-Policy"), "\"tenant\";q=5;w=3600, \"key\";q=2;w=3600");
  EXPECT_EQ(first.headers.get("x-ratelimit-limit-requests"), "2");
  EXPECT_EQ(first.headers.get("x-ratelimit-remaining-requests"), "1");
  EXPECT_EQ(chat().status, 200);
  const auto refused = chat();
  EXPECT_EQ(refused.status, 429);
  EXPECT_THAT(refused.body, HasSubstr("this API key's rate limit of 2 requests per hour"));
  EXPECT_EQ(refused.headers.get("x-ratelimit-limit-requests"), "2");
  EXPECT_EQ(refused.headers.get("Retry-After"), "3600");
  // What the key's limit refused has used up nothing of the tenant's, and the other way round.
  EXPECT_EQ(other().headers.get("x-ratelimit-remaining-requests"), "2");
  config_.tenants[0].limits.requests_per_hour = 3;
  config_.api_keys[0].limits.requests_per_hour = 3;
  apply();
  const auto full = chat();
  EXPECT_EQ(full.status, 429);
  EXPECT_THAT(full.body, HasSubstr("the tenant's rate limit of 3 requests per hour"));
  EXPECT_EQ(full.headers.get("x-ratelimit-limit-requests"), "3");
  config_.tenants[0].limits.requests_per_hour = 10;
  apply();
  EXPECT_EQ(chat().status, 200);
  EXPECT_EQ(chat().status, 429);
  EXPECT_EQ(other().status, 200);
  // Restarted, and the limit taken away.
  gateway_.reset();
  start({model.address});
  EXPECT_EQ(chat().status, 429);
  config_.api_keys[0].limits = {};
  apply();
  EXPECT_EQ(chat().status, 200);
  EXPECT_EQ(usage().requests, 6);
}

TEST_F(GatewayTest, TokensOfAKeyAreLimitedBesideTheTenants) {
  Model model(loop_);
  config_.tenants[0].limits.tokens_per_minute = 1000;
  config_.api_keys[0].limits.tokens_per_minute = 100;
  start({model.address});
  const auto first = chat(kStream);
  EXPECT_EQ(first.headers.get("RateLimit-Policy"),
            "\"tenant\";q=1000;w=3600, \"tenant-tokens\";q=1000;w=60;qu=\"tokens\", "
            "\"key-tokens\";q=100;w=60;qu=\"tokens\"");
  EXPECT_EQ(first.headers.get("x-ratelimit-limit-tokens"), "100");
  EXPECT_EQ(first.headers.get("x-ratelimit-remaining-tokens"), "71");
  const auto over = chat(R"({"model":"m","max_tokens":90,"messages":[{"content":"x"}]})");
  EXPECT_EQ(over.status, 429);
  EXPECT_THAT(over.body, HasSubstr("this API key's rate limit is 100 tokens per minute"));
  // It held nothing of the tenant's, which the key's requests of 8 and 29 tokens have used.
  EXPECT_THAT(chat(kStream).headers.get("RateLimit"), HasSubstr("\"tenant-tokens\";r=963"));
  // What the tenant refuses is given back to the key.
  config_.tenants[0].limits.tokens_per_minute = 50;
  config_.api_keys[0].limits.tokens_per_minute = 1000;
  apply();
  const auto full = chat(R"({"model":"m","max_tokens":90,"messages":[{"content":"x"}]})");
  EXPECT_THAT(full.body, HasSubstr("the tenant's rate limit is 50 tokens per minute"));
  EXPECT_THAT(full.headers.get("RateLimit"), HasSubstr("\"key-tokens\";r=984"));
  // A limit of 0 holds for those whose tokens are not known before, too.
  config_.api_keys.push_back(
      {"alphaother", "alpha", std::string(kHash), "", {}, {.tokens_per_minute = 0}});
  apply();
  const auto none =
      send("POST", "/alpha/v1/audio/transcriptions", bearer(key_of("alphaother")), kChat);
  EXPECT_EQ(none.status, 429);
  EXPECT_EQ(none.headers.get("x-should-retry"), "false");
}

TEST_F(GatewayTest, AMemberIsHeldToLimitsOfItsOwnBesideItsTenants) {
  Model model(loop_);
  config_.tenants[0].member_limits = {.requests_per_hour = 1, .tokens_per_minute = 1000};
  config_.tenants[0].members = {{"bob", {.requests_per_hour = 2}}};
  start({model.address}, 2);
  const auto signer = jose::JwsSigner::from_private_pem(keys_.private_pem).value();
  const auto as = [&](std::string_view member) {
    const std::string token =
        mint_token(signer, {.tenant = "alpha", .subject = std::string(member)},
                   system_clock().wall())
            .value();
    return send("POST", "/alpha/v1/chat/completions", bearer(token), kStream);
  };
  EXPECT_EQ(as("ann").status, 200);
  const auto refused = as("ann");
  EXPECT_EQ(refused.status, 429);
  EXPECT_THAT(refused.body, HasSubstr("this member's rate limit of 1 requests per hour"));
  EXPECT_THAT(refused.headers.get("RateLimit"), HasSubstr("\"member\";r=0;"));
  EXPECT_THAT(refused.headers.get("RateLimit-Policy"),
              HasSubstr("\"member-tokens\";q=1000;w=60;qu=\"tokens\""));
  EXPECT_GE(std::stoi(std::string(refused.headers.get("Retry-After"))), 3600);
  EXPECT_EQ(as("bob").status, 200);
  EXPECT_EQ(as("bob").status, 200);
  EXPECT_EQ(as("bob").status, 429);
  EXPECT_EQ(as("").status, 200);
  EXPECT_EQ(as("").status, 429);
  // A key is nobody's, and the tenant has used up what was admitted.
  const auto by_key = chat(kStream);
  EXPECT_EQ(by_key.status, 200);
  EXPECT_EQ(by_key.headers.get("x-ratelimit-remaining-requests"), "995");
  EXPECT_THAT(registry_.expose(), HasSubstr("insula_gateway_rate_limited_total{tenant=\"alpha\","
                                            "limit=\"requests\",scope=\"member\"} 3"));
  // A restart changes none of it.
  gateway_.reset();
  start({model.address});
  EXPECT_EQ(as("ann").status, 429);

  UsageQuery by_member{.tenant = "alpha", .by = UsageBy::kMember};
  std::map<std::string, std::int64_t> requests;
  for (const UsageRow& row : wait(gateway_->usage(by_member)).value().rows)
    requests[row.member] += row.counts.requests;
  EXPECT_EQ(requests, (std::map<std::string, std::int64_t>{{"", 2}, {"ann", 1}, {"bob", 2}}));
  EXPECT_EQ(records().front().subject.member.view(), "ann");
}

TEST_F(GatewayTest, MembersWhoseLimitsCannotBeKeptAreUnavailableAndKeysAreServed) {
  Model model(loop_);
  config_.tenants[0].member_limits = {.concurrent_requests = 5};
  std::filesystem::create_directories(directory_ / "limits/alpha.members");
  start({model.address});
  const std::string token = mint_token(jose::JwsSigner::from_private_pem(keys_.private_pem).value(),
                                       {.tenant = "alpha"}, system_clock().wall())
                                .value();
  EXPECT_EQ(send("GET", "/alpha/v1/models", bearer(token)).status, 503);
  EXPECT_EQ(chat().status, 200);
  std::filesystem::remove(directory_ / "limits/alpha.members");
  ASSERT_TRUE(wait(gateway_->persist()));
  EXPECT_EQ(send("GET", "/alpha/v1/models", bearer(token)).status, 200);
}

TEST_F(GatewayTest, AKeyWhoseLimitCannotBeKeptIsUnavailable) {
  Model model(loop_);
  config_.api_keys[0].limits.requests_per_hour = 5;
  std::filesystem::create_directories(directory_ / "limits/key.alphaalpha.ring");
  start({model.address});
  const auto answer = chat();
  EXPECT_EQ(answer.status, 503);
  EXPECT_THAT(answer.body, HasSubstr("this API key's rate limit cannot be kept"));
  std::filesystem::remove(directory_ / "limits/key.alphaalpha.ring");
  apply();
  EXPECT_EQ(chat().status, 200);
}

TEST_F(GatewayTest, AHundredClientsGetExactlyTheLimitThoughTheGatewayIsKilled) {
  Model model(loop_);
  constexpr int kClients = 100;
  pid_t child = fork_gateway(*this, model.address);
  std::map<int, int> statuses;
  const auto client = [](GatewayTest& test, std::map<int, int>& seen) -> Task<> {
    http::Client own({});
    for (int refused = 0; refused < 3;) {
      http::Request request{"POST", "/alpha/v1/chat/completions", bearer(key_of("alphaalpha")),
                            std::string(kChat)};
      const auto response = co_await own.send({test.address_, "gateway", false}, std::move(request),
                                              test.loop_.now() + 20s);
      ++seen[response ? response->status : 0];
      if (response && response->status == 429) ++refused;
    }
  };
  const auto scenario = [&]() -> Task<bool> {
    TaskGroup clients;
    for (int i = 0; i < kClients; ++i)
      clients.spawn(client(*this, statuses));
    for (const std::uint64_t kill_after : {200U, 400U, 600U}) {
      while (model.simulator.requests() < kill_after)
        co_await yield();
      ::kill(child, SIGKILL);
      ::waitpid(child, nullptr, 0);
      child = fork_gateway(*this, model.address);
    }
    co_await clients.drained();
    co_return true;
  };
  wait(scenario());
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);

  const auto window = RateWindow::open(directory_ / "limits" / "alpha.ring", 1000, system_clock(),
                                       current_boot_id())
                          .value();
  EXPECT_EQ(window->look(1000).remaining, 0);
  EXPECT_LE(model.simulator.requests(), 1000U);
  // What was admitted and lost is at most what each kill caught under way.
  EXPECT_GE(statuses[200], 1000 - 3 * kClients);
  EXPECT_LE(statuses[200], 1000);
  EXPECT_EQ(statuses[429], 3 * kClients);

  // Every reply that a client has seen is on the bill, whether or not its gateway lived to write
  // it.
  start({model.address});
  EXPECT_GE(usage().requests, statuses[200]);
  EXPECT_LE(usage().requests, 1000);
}

TEST_F(GatewayTest, ATenantWhoseLimitCannotBeKeptIsUnavailableUntilItCan) {
  Model model(loop_);
  const auto in_the_way = directory_ / "limits" / "alpha.ring.new";
  std::filesystem::create_directories(in_the_way);
  start({model.address});
  const auto refused = chat();
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.headers.get("Retry-After"), "1");
  std::filesystem::remove(in_the_way);
  ASSERT_TRUE(wait(gateway_->persist()));
  EXPECT_EQ(chat().status, 200);
}

}  // namespace
}  // namespace insula::gateway
