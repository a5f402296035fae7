#include <fstream>
#include <map>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/resource.h>

#include "gateway/credentials.h"
#include "gateway/jwt.h"
#include "gateway/testing/test_gateway.h"
#include "jose/base64url.h"

namespace insula::gateway {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""s;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;

TEST_F(GatewayTest, RelaysACompletionAndSaysWhatIsLeftOfTheRateLimit) {
  Model model(loop_);
  start({model.address});
  const auto response = chat();
  ASSERT_EQ(response.status, 200) << response.body;
  EXPECT_THAT(response.body, HasSubstr(R"("object":"chat.completion")"));
  EXPECT_EQ(response.headers.get("RateLimit-Policy"), "\"tenant\";q=1000;w=3600");
  EXPECT_EQ(response.headers.get("RateLimit"), "\"tenant\";r=999;t=3600");
  EXPECT_EQ(response.headers.get("x-ratelimit-limit-requests"), "1000");
  EXPECT_EQ(response.headers.get("x-ratelimit-remaining-requests"), "999");
  EXPECT_EQ(response.headers.get("x-ratelimit-reset-requests"), "1h0m0s");
  // Servers of llama-cpp-python refuse any other.
  EXPECT_THAT(std::string(response.headers.get("x-request-id")),
              MatchesRegex("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"));
  EXPECT_FALSE(response.headers.contains("Retry-After"));
}

TEST_F(GatewayTest, StripsTheTenantAndItsCredentialsBeforeTheUpstream) {
  std::string seen;
  auto listener = net::Listener::bind(loop_, any_port()).value();
  const net::Address address = listener->address();
  const auto upstream = [](net::Listener& accepting, std::string& text) -> Task<> {
    auto stream = (co_await accepting.accept()).value();
    std::array<char, 4096> buffer{};
    const auto got = co_await stream->read(buffer);
    text.assign(buffer.data(), *got);
    static_cast<void>(
        co_await stream->write("HTTP/1.1 204 No Content\r\nx-ratelimit-limit-requests: 1\r\n\r\n"));
  };
  TaskGroup serving;
  serving.spawn(upstream(*listener, seen));
  start({address});
  http::Headers headers = bearer(key_of("alphaalpha"));
  headers.add("Cookie", "session=1");
  headers.add("X-Forwarded-For", "6.6.6.6");
  headers.add("X-Insula-Tenant", "beta");
  headers.add("X-Request-Id", "mine");
  headers.add("X-Other", "kept");
  headers.add("x_forwarded_for", "6.6.6.6");
  headers.add("X-Insula_Tenant", "beta");
  headers.add("X_Api-Key", key_of("betabetabe"));
  headers.add("x_request_id", "beta");
  const auto response = send("GET", "/alpha/v1/models?x=%2f", headers);
  EXPECT_EQ(response.status, 204);
  EXPECT_EQ(response.headers.get("x-ratelimit-limit-requests"), "1000");
  EXPECT_EQ(response.headers.get("x-request-id"), "mine");
  EXPECT_THAT(seen, StartsWith("GET /v1/models?x=%2f HTTP/1.1\r\n"));
  EXPECT_THAT(seen, HasSubstr("\r\nHost: llm-service.alpha.svc:8000\r\n"));
  EXPECT_THAT(seen, HasSubstr("X-Other: kept\r\n"));
  EXPECT_THAT(seen, HasSubstr("X-Forwarded-For: 127.0.0.1\r\n"));
  EXPECT_THAT(seen, HasSubstr("X-Insula-Tenant: alpha\r\n"));
  EXPECT_THAT(seen, HasSubstr("X-Request-Id: mine\r\n"));
  for (const std::string_view gone : {"ins_", "Authorization", "Cookie", "6.6.6.6", "beta"}) {
    EXPECT_THAT(seen, Not(HasSubstr(std::string(gone))));
  }
}

TEST_F(GatewayTest, OpensAPathToItsTenantsCredentialsOnly) {
  Model model(loop_);
  config_.tenants[0].uid = "uid-a";
  config_.tenants[0].issuers = {
      {.issuer = "https://id.example", .audiences = {"llm"}, .public_keys = {keys_.public_pem}}};
  start({model.address});
  const auto signer = jose::JwsSigner::from_private_pem(keys_.private_pem).value();
  const WallTime now = system_clock().wall();
  const std::string good =
      mint_token(signer, {.tenant = "alpha", .tenant_uid = "uid-a", .subject = "ann"}, now).value();
  const std::string expired =
      mint_token(signer, {.tenant = "alpha", .tenant_uid = "uid-a", .lifetime = 1h}, now - 3h)
          .value();
  const std::string none =
      "eyJhbGciOiJub25lIn0" + good.substr(good.find('.'), good.rfind('.') - good.find('.') + 1);
  const auto status = [&](std::string_view tenant, const http::Headers& headers) {
    return send("GET", "/" + std::string(tenant) + "/v1/models", headers).status;
  };
  EXPECT_EQ(status("alpha", bearer(key_of("alphaalpha"))), 200);
  EXPECT_EQ(status("alpha", {{"X-Api-Key", key_of("alphaalpha")}}), 200);
  EXPECT_EQ(status("alpha", {{"X-Api-Key", good}}), 401);
  EXPECT_EQ(status("alpha", bearer(good)), 200);
  EXPECT_EQ(status("alpha", bearer(good)), 200);
  const auto of_uid = [&](std::string uid) {
    return bearer(
        mint_token(signer, {.tenant = "alpha", .tenant_uid = std::move(uid)}, now).value());
  };
  EXPECT_EQ(status("alpha", of_uid("an earlier alpha")), 401);
  EXPECT_EQ(status("alpha", of_uid("")), 401);
  EXPECT_EQ(status("beta", bearer(good)), 403);
  EXPECT_EQ(status("beta", bearer(key_of("alphaalpha"))), 403);
  EXPECT_EQ(status("alpha", {}), 401);
  EXPECT_EQ(status("alpha", {{"Authorization", "Basic eDp5"}}), 401);
  EXPECT_EQ(
      status("alpha", {{"Authorization", "Bearer " + good}, {"X-Api-Key", key_of("alphaalpha")}}),
      401);
  EXPECT_EQ(status("alpha", bearer(key_of("nobodynobo"))), 401);
  EXPECT_EQ(status("alpha", bearer(key_of("alphaalpha").replace(20, 1, "x"))), 401);
  EXPECT_EQ(status("alpha", bearer(expired)), 401);
  EXPECT_EQ(status("alpha", bearer(none)), 401);
  EXPECT_EQ(status("gamma", bearer(good)), 404);
  EXPECT_EQ(status("gamma", bearer(key_of("alphaalpha"))), 404);
  // Without a credential of somebody, a name that exists looks like one that does not.
  for (const http::Headers& wrong :
       {http::Headers{}, bearer(key_of("nobodynobo")), bearer("nonsense"), bearer(expired)}) {
    const auto nobody = send("GET", "/gamma/v1/models", wrong);
    EXPECT_EQ(nobody.status, 401);
    EXPECT_EQ(nobody.body, send("GET", "/beta/v1/models", wrong).body);
  }
  EXPECT_EQ(send("GET", "/alpha", bearer(good)).status, 404);
  EXPECT_EQ(send("GET", "/alpha/../beta/v1/models", bearer(good)).status, 404);
  const auto refused = send("GET", "/alpha/v1/models", {});
  EXPECT_THAT(refused.body, HasSubstr(R"("code":"invalid_api_key")"));
  EXPECT_EQ(refused.headers.get("WWW-Authenticate"), "Bearer realm=\"insula\"");
}

TEST_F(GatewayTest, ACredentialAloneSaysWhoseModelsAreAsked) {
  Model model(loop_);
  config_.tenants[0].uid = "uid-alpha";
  start({model.address});
  const auto signer = jose::JwsSigner::from_private_pem(keys_.private_pem).value();
  const auto token = [&](std::string tenant, std::string uid) {
    return mint_token(signer, {.tenant = std::move(tenant), .tenant_uid = std::move(uid)},
                      system_clock().wall())
        .value();
  };
  const auto status = [&](const std::string& credential) {
    return send("POST", "/v1/chat/completions", bearer(credential), kChat).status;
  };
  EXPECT_EQ(status(key_of("alphaalpha")), 200);
  EXPECT_EQ(status(key_of("betabetabe")), 200);
  EXPECT_EQ(status(token("alpha", "uid-alpha")), 200);
  EXPECT_EQ(status(token("alpha", "uid-alpha")), 200);
  EXPECT_EQ(status(token("alpha", "uid-earlier")), 401);
  EXPECT_EQ(status(token("gone", "uid")), 404);
  EXPECT_EQ(status("nonsense"), 401);
  EXPECT_EQ(status(key_of("alphaalphx")), 401);
  std::string wrong = key_of("alphaalpha");
  wrong.back() = 'x';
  EXPECT_EQ(status(wrong), 401);
  EXPECT_EQ(send("POST", "/v1/chat/completions", {}, kChat).status, 401);
  EXPECT_EQ(usage().requests, 3);
}

TEST_F(GatewayTest, ATokenWhoseIssuersKeysWereNeverFetchedIsToBeTriedAgain) {
  Model model(loop_);
  int asked = 0;
  const auto demand = std::make_shared<KeyDemand>([&] { ++asked; });
  config_.tenants[0].issuers = {{.issuer = "https://id.example",
                                 .audiences = {"llm"},
                                 .public_keys = {},
                                 .secrets = {},
                                 .algorithms = {},
                                 .key_source = KeySource{.issuer = "https://id.example"},
                                 .fetched = std::make_shared<FetchedKeys>(std::nullopt, demand)}};
  start({model.address});
  const std::string input =
      jose::base64url_encode(R"({"alg":"EdDSA","kid":"1"})") + "." +
      jose::base64url_encode(R"({"iss":"https://id.example","aud":"llm","exp":1e12})");
  const std::string token =
      input + "." +
      jose::base64url_encode(
          jose::JwsSigner::from_private_pem(keys_.private_pem)->sign(input).value());
  const auto refused = send("GET", "/alpha/v1/models", bearer(token));
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.headers.get("Retry-After"), "1");
  EXPECT_THAT(refused.body, HasSubstr("could not be fetched yet"));
  jose::JwkSet set;
  set.keys = {jose::JwsKey::from_public_pem(keys_.public_pem).value()};
  set.keys[0].set_id("1");
  config_.tenants[0].issuers[0].fetched = std::make_shared<FetchedKeys>(set, demand);
  apply();
  EXPECT_EQ(send("GET", "/alpha/v1/models", bearer(token)).status, 200);
  EXPECT_EQ(asked, 1);
}

TEST_F(GatewayTest, AnApiKeyOpensItsModelsUntilItExpires) {
  Model model(loop_);
  const auto stamp = [](std::chrono::seconds from_now) {
    return api::Time::from(system_clock().wall() + from_now).text();
  };
  config_.api_keys = {{"alphaalpha", "alpha", std::string(kHash), "", {"m", "n"}},
                      {"expiredkey", "alpha", std::string(kHash), stamp(-1s), {}},
                      {"currentkey", "alpha", std::string(kHash), stamp(60s), {}},
                      {"brokenkeyx", "alpha", std::string(kHash), "tomorrow", {}}};
  start({model.address});
  EXPECT_EQ(chat().status, 200);
  const auto other = chat(R"({"model":"other","messages":[{"content":"x"}]})");
  EXPECT_EQ(other.status, 403);
  EXPECT_THAT(other.body, HasSubstr(R"("code":"model_not_allowed")"));
  EXPECT_THAT(other.body, HasSubstr("for the models m, n"));
  EXPECT_EQ(chat(R"({"messages":[{"content":"x"}]})").status, 403);
  const auto status = [&](std::string_view method, std::string_view path, std::string_view key) {
    return send(std::string(method), "/alpha/v1/" + std::string(path), bearer(key_of(key))).status;
  };
  EXPECT_EQ(status("GET", "models", "alphaalpha"), 200);
  EXPECT_EQ(status("POST", "audio/transcriptions", "alphaalpha"), 403);
  EXPECT_EQ(status("GET", "chat/completions", "alphaalpha"), 403);
  EXPECT_EQ(usage().requests, 2);
  EXPECT_EQ(status("GET", "models", "currentkey"), 200);
  const auto expired = send("GET", "/alpha/v1/models", bearer(key_of("expiredkey")));
  EXPECT_EQ(expired.status, 401);
  EXPECT_THAT(expired.body, HasSubstr("the API key expired at"));
  EXPECT_EQ(status("GET", "models", "brokenkeyx"), 401);
}

TEST_F(GatewayTest, StreamsEventsAndHidesTheUsageItAskedFor) {
  Model model(loop_);
  start({model.address});
  const auto response = chat(kStream);
  ASSERT_EQ(response.status, 200);
  EXPECT_THAT(response.body, HasSubstr("\"finish_reason\":\"length\""));
  EXPECT_THAT(response.body, Not(HasSubstr("usage")));
  EXPECT_TRUE(response.body.ends_with("data: [DONE]\n\n"));
  EXPECT_EQ(usage(), (UsageCounts{.requests = 1, .prompt_tokens = 3, .completion_tokens = 5}));

  const auto asked =
      chat(R"({"model":"m","stream":true,"stream_options":{"include_usage":true},"max_tokens":2,)"
           R"("messages":[{"content":"x"}]})");
  EXPECT_THAT(asked.body, HasSubstr(R"("usage":{"prompt_tokens":1,"completion_tokens":2)"));
  EXPECT_EQ(usage(), (UsageCounts{.requests = 2, .prompt_tokens = 4, .completion_tokens = 7}));
}

TEST_F(GatewayTest, CountsUsageByModelAndKeyAndKeepsItOverARestart) {
  Model model(loop_);
  start({model.address});
  for (int i = 0; i < 3; ++i)
    chat();
  gateway_.reset();  // Without a drain: what the journal holds is brought in by the next start.
  start({model.address});
  const std::string token = mint_token(jose::JwsSigner::from_private_pem(keys_.private_pem).value(),
                                       {.tenant = "alpha"}, system_clock().wall())
                                .value();
  send("POST", "/alpha/v1/completions", bearer(token),
       R"({"model":"other-model","prompt":"a b","max_tokens":1})");
  const auto answer = wait(gateway_->usage({.tenant = "alpha"})).value();
  const auto& rows = answer.rows;
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].model, "m");
  EXPECT_EQ(rows[0].key, "alphaalpha");
  EXPECT_EQ(rows[0].counts.requests, 3);
  EXPECT_EQ(rows[0].counts.prompt_tokens, 9);
  EXPECT_EQ(rows[1].model, "other-model");
  EXPECT_EQ(rows[1].key, kTokenKey);
  EXPECT_EQ(rows[1].counts.requests, 1);
  EXPECT_EQ(rows[1].counts.prompt_tokens, 2);
  EXPECT_EQ(rows[1].counts.completion_tokens, 1);
  EXPECT_THAT(usage_json(answer),
              HasSubstr(R"({"tenants":[{"tenant":"alpha","uid":"","requests":4,)"));
}

TEST_F(GatewayTest, RefusesWhatItCannotServeInOpenAisWords) {
  Model model(loop_);
  settings_.body_bytes_max = 1000;
  start({model.address});
  EXPECT_EQ(chat("{").status, 400);
  EXPECT_THAT(chat(R"({"model":1})").body, HasSubstr("model that is not a string"));
  const auto large = chat(R"({"model":")" + std::string(2000, 'x') + "\"}");
  EXPECT_EQ(large.status, 413);
  EXPECT_THAT(large.body, HasSubstr("request_too_large"));
  route_to({});
  const auto nobody = chat();
  EXPECT_EQ(nobody.status, 503);
  EXPECT_EQ(nobody.headers.get("Retry-After"), "1");
  route_to({any_port().with_port(1)});
  EXPECT_EQ(chat().status, 502);
}

TEST_F(GatewayTest, TriesAnotherEndpointWhenAConnectionIsLostBeforeTheReplyAndBillsOnce) {
  Model model(loop_);
  // Accepts, reads, and closes without a word.
  auto listener = net::Listener::bind(loop_, any_port()).value();
  int dropped = 0;
  const auto dropping = [](net::Listener& accepting, int& count) -> Task<> {
    for (;;) {
      auto stream = (co_await accepting.accept()).value();
      std::array<char, 4096> buffer{};
      static_cast<void>(co_await stream->read(buffer));
      ++count;
    }
  };
  TaskGroup serving;
  serving.spawn(dropping(*listener, dropped));
  start({listener->address(), model.address, any_port().with_port(1)});
  for (int i = 0; i < 6; ++i)
    EXPECT_EQ(chat().status, 200);
  EXPECT_GT(dropped, 0);
  EXPECT_EQ(usage().requests, 6);
  EXPECT_EQ(usage().failed, 0);
}

TEST_F(GatewayTest, AReplyThatBreaksOffNeverLooksComplete) {
  Model model(loop_);
  start({model.address});
  const auto cut =
      send("POST", "/alpha/v1/chat/completions",
           {{"Authorization", "Bearer " + key_of("alphaalpha")}, {"X-Sim-Error", "cut"}}, kChat);
  EXPECT_EQ(cut.status, 0);
  EXPECT_EQ(usage().failed, 1);
}

class GatewayCutTest : public GatewayTest {
 public:
  static constexpr int kEvents = 200;

  struct Received {
    std::string text;
    bool was_reset = false;
  };

  /// An upstream that ends a stream of events in the middle.
  static Task<> cut(net::Listener& accepting) {
    const std::string event =
        "data: {\"choices\":[{\"delta\":{\"content\":\"" + std::string(960, 'x') + "\"}}]}\n\n";
    auto stream = (co_await accepting.accept()).value();
    std::array<char, 4096> buffer{};
    static_cast<void>(co_await stream->read(buffer));
    static_cast<void>(
        co_await stream->write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                               "Transfer-Encoding: chunked\r\n\r\n"));
    for (int i = 0; i < kEvents; ++i) {
      static_cast<void>(co_await stream->write(fmt::format("{:x}\r\n{}\r\n", event.size(), event)));
    }
  }

  /// A client that reads only once the request is on the bill.
  Task<Received> read_late(std::string_view version) {
    auto stream = (co_await net::dial(address_, loop_.now() + 5s)).value();
    static_cast<void>(co_await stream->write(
        fmt::format("POST /alpha/v1/chat/completions {}\r\nHost: x\r\nAuthorization: Bearer {}\r\n"
                    "Content-Length: {}\r\n\r\n{}",
                    version, key_of("alphaalpha"), kStream.size(), kStream)));
    std::int64_t failed = 0;
    while (failed == 0) {
      co_await yield();
      const auto billed = (co_await gateway_->usage({.tenant = "alpha"})).value();
      for (const UsageRow& row : billed.rows)
        failed += row.counts.failed;
    }
    Received received;
    std::array<char, 65536> buffer{};
    for (;;) {
      const auto got = co_await stream->read(buffer);
      received.was_reset = !got.has_value();
      if (!got || *got == 0) co_return received;
      received.text.append(buffer.data(), *got);
    }
  }

  Received receive(std::string_view version) {
    auto listener = net::Listener::bind(loop_, any_port()).value();
    TaskGroup serving;
    serving.spawn(cut(*listener));
    start({listener->address()});
    return wait(read_late(version));
  }
};

TEST_F(GatewayCutTest, WhatWasBilledReachesTheClient) {
  const Received received = receive("HTTP/1.1");
  int events = 0;
  for (std::size_t at = 0; (at = received.text.find("\"content\"", at)) != received.text.npos; ++at)
    ++events;
  EXPECT_EQ(events, kEvents);
  // And it does not look complete.
  EXPECT_FALSE(received.text.ends_with("0\r\n\r\n"));
  EXPECT_FALSE(received.was_reset);
}

// Nothing but its end ends such a reply.
TEST_F(GatewayCutTest, AReplyWithoutChunksIsReset) {
  EXPECT_TRUE(receive("HTTP/1.0").was_reset);
}

TEST_F(GatewayTest, StopsTheUpstreamAtOnceWhenTheClientLeaves) {
  Model model(loop_);
  start({model.address});
  const auto leave = [](GatewayTest& test, Model& hanging) -> Task<bool> {
    auto stream = (co_await net::dial(test.address_, test.loop_.now() + 5s)).value();
    const std::string request =
        "POST /alpha/v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " +
        key_of("alphaalpha") +
        "\r\nX-Sim-Error: hang\r\nContent-Length: " + std::to_string(kChat.size()) + "\r\n\r\n" +
        std::string(kChat);
    static_cast<void>(co_await stream->write(request));
    while (hanging.simulator.requests() == 0)
      co_await yield();
    stream.reset();
    const Deadline end = test.loop_.now() + 5s;
    while (hanging.simulator.aborted() == 0 && test.loop_.now() < end)
      co_await yield();
    co_return hanging.simulator.aborted() == 1;
  };
  EXPECT_TRUE(wait(leave(*this, model)));
  // The prompt was read all the same.
  const auto prompt = static_cast<std::int64_t>(kChat.size()) / llm::kBytesPerToken;
  EXPECT_EQ(usage(),
            (UsageCounts{.requests = 1, .failed = 1, .prompt_tokens = prompt, .estimated = 1}));
}

TEST_F(GatewayTest, ARollingChangeOfEndpointsUnderLoadFailsNoRequest) {
  auto first = std::make_unique<Model>(loop_);
  auto second = std::make_unique<Model>(loop_);
  config_.tenants[0].limits.requests_per_hour = 100'000;
  start({first->address, second->address}, 2);
  std::map<int, int> statuses;
  bool stop = false;
  const auto load = [](GatewayTest& test, std::map<int, int>& seen, bool& stopped) -> Task<> {
    while (!stopped) {
      http::Request request{"POST", "/alpha/v1/chat/completions", bearer(key_of("alphaalpha")),
                            std::string(kStream)};
      const auto response = co_await test.send_task(std::move(request));
      ++seen[response ? response->status : 0];
    }
  };
  const auto roll = [&](std::unique_ptr<Model>& old, const net::Address& stays) -> Task<bool> {
    auto fresh = std::make_unique<Model>(loop_);
    for (TenantConfig& tenant : config_.tenants)
      tenant.endpoints = {stays.text(), fresh->address.text()};
    // The pod goes before the gateway has heard of it, as in life.
    co_await old->simulator.drain(loop_.now() + 5s);
    old.swap(fresh);
    co_return (co_await gateway_->apply(config_)).has_value();
  };
  const auto scenario = [&]() -> Task<bool> {
    TaskGroup clients;
    for (int i = 0; i < 20; ++i)
      clients.spawn(load(*this, statuses, stop));
    for (int round = 0; round < 4; ++round) {
      while (statuses[200] < (round + 1) * 200)
        co_await yield();
      co_await roll(round % 2 == 0 ? first : second,
                    round % 2 == 0 ? second->address : first->address);
    }
    stop = true;
    co_await clients.drained();
    co_return true;
  };
  wait(scenario());
  EXPECT_EQ(statuses.size(), 1U) << ::testing::PrintToString(statuses);
  EXPECT_GT(statuses[200], 800);
}

TEST_F(GatewayTest, ADrainFinishesWhatItHasBegun) {
  simulator::SimulatorOptions slow = Model::quick();
  slow.tokens_per_second = 40;
  Model model(loop_, slow);
  start({model.address});
  const auto scenario = [&]() -> Task<bool> {
    std::optional<Result<http::Response>> response;
    const auto ask = [](GatewayTest& test,
                        std::optional<Result<http::Response>>& answer) -> Task<> {
      http::Request request{"POST", "/alpha/v1/chat/completions", bearer(key_of("alphaalpha")),
                            std::string(kStream)};
      answer = co_await test.send_task(std::move(request));
    };
    TaskGroup asking;
    asking.spawn(ask(*this, response));
    while (model.simulator.requests() == 0)
      co_await yield();
    const auto drained = co_await gateway_->drain(loop_.now() + 10s);
    co_await asking.drained();
    co_return drained.has_value() && *response && (*response)->body.ends_with("data: [DONE]\n\n");
  };
  EXPECT_TRUE(wait(scenario()));
}

TEST_F(GatewayTest, DamagedUsageFilesAreKeptAsideAndDoNotStopIt) {
  Model model(loop_);
  start({model.address});
  chat();
  EXPECT_EQ(records().size(), 1U);
  gateway_.reset();
  std::ofstream(directory_ / "usage-0.journal") << "cut short";
  std::ofstream(directory_ / "usage-3.journal") << "";
  std::ofstream(directory_ / "usage-0.running") << "cut short";
  std::ofstream(directory_ / "usage-0.ring") << "";
  std::filesystem::resize_file(directory_ / "records/0000000001.records", 100);
  std::ofstream(directory_ / "usage.db") << std::string(8192, 'x');
  start({model.address});
  EXPECT_EQ(chat().status, 200);
  EXPECT_EQ(usage().requests, 1);
  EXPECT_EQ(records().size(), 1U);
  for (const char* file : {"usage-0.journal", "usage-3.journal", "usage-0.running", "usage-0.ring",
                           "usage.db", "records/0000000001.records"})
    EXPECT_TRUE(std::filesystem::exists(directory_ / (std::string(file) + ".damaged"))) << file;
  EXPECT_THAT(registry_.expose(), HasSubstr("insula_gateway_usage_files_damaged_total 6"));
}

TEST_F(GatewayTest, WhatWasKeptAsideStaysWhenMoreIsDamaged) {
  const auto content = [this](const std::string& file) {
    std::ifstream stream(directory_ / file);
    return std::string(std::istreambuf_iterator<char>(stream), {});
  };
  for (const char* text : {"first", "second", "third"}) {
    gateway_.reset();
    for (const char* file : {"usage.db", "usage-0.journal"})
      std::ofstream(directory_ / file) << text << std::string(8192, 'x');
    start({});
  }
  for (const char* file : {"usage.db.damaged", "usage-0.journal.damaged"}) {
    const std::string name = file;
    EXPECT_THAT(content(name), StartsWith("first")) << file;
    EXPECT_THAT(content(name + ".2"), StartsWith("second")) << file;
    EXPECT_THAT(content(name + ".3"), StartsWith("third")) << file;
  }
}

TEST_F(GatewayTest, OnlyOneGatewayUsesADirectory) {
  start({});
  const auto second = Gateway::create(settings_, system_clock(), registry_, {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), ErrorCode::kConflict);
}

TEST(ConnectionsMax, LeavesADescriptorForTheUpstreamOfEach) {
  EXPECT_EQ(connections_max(1024, 1), 448U);
  EXPECT_EQ(connections_max(1024, 4), 112U);
  EXPECT_EQ(connections_max(10, 4), 16U);
  EXPECT_EQ(connections_max(RLIM_INFINITY, 4), kConnectionsMax);
}

}  // namespace
}  // namespace insula::gateway
