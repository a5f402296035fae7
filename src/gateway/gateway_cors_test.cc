// Web pages at the gateway: preflights, and what every answer says of them.

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gateway/testing/http2_driver.h"
#include "gateway/testing/test_models.h"

namespace insula::gateway {
namespace {

using http::Http2TestClient;
using http::StreamId;
using std::chrono_literals::operator""s;
using ::testing::HasSubstr;

constexpr const char* kAllowOrigin = "Access-Control-Allow-Origin";
constexpr const char* kPath = "/alpha/v1/chat/completions";

class GatewayCorsTest : public GatewayModelsTest {
 public:
  GatewayCorsTest() { config_.tenants[0].edge.cors = {.allow_origins = {"https://app.test"}}; }

  http::Response preflight(const std::string& path, const std::string& origin) {
    return send("OPTIONS", path,
                {{"Origin", origin},
                 {"Access-Control-Request-Method", "POST"},
                 {"Access-Control-Request-Headers", "authorization,content-type"}});
  }

  http::Response from_page(const std::string& path,
                           const std::string& credential,
                           std::string_view body = kChat) {
    http::Headers headers = bearer(credential);
    headers.set("Origin", "https://app.test");
    return send("POST", path, headers, body);
  }

  std::uint64_t preflights(const std::string& tenant, const std::string& result) {
    return registry_
        .counter("insula_gateway_preflights_total", "", {{"tenant", tenant}, {"result", result}})
        .value();
  }
};

TEST_F(GatewayCorsTest, APreflightIsAnsweredWithoutACredentialAndCostsNothing) {
  config_.tenants[0].limits.requests_per_hour = 1;
  start_with({}, small_.address());
  for (int i = 0; i < 3; ++i) {
    const auto answer = preflight(kPath, "https://app.test");
    EXPECT_EQ(answer.status, 204);
    EXPECT_EQ(answer.body, "");
    EXPECT_FALSE(answer.headers.contains("Content-Length"));
    EXPECT_FALSE(answer.headers.contains("Content-Type"));
    EXPECT_EQ(answer.headers.get(kAllowOrigin), "https://app.test");
    EXPECT_EQ(answer.headers.get("Access-Control-Allow-Methods"), "GET, HEAD, POST, DELETE");
    EXPECT_EQ(answer.headers.get("Access-Control-Allow-Headers"), "authorization,content-type");
    EXPECT_EQ(answer.headers.get("Access-Control-Max-Age"), "600");
    EXPECT_TRUE(answer.headers.contains("x-request-id"));
  }
  EXPECT_EQ(preflights("alpha", "allowed"), 3U);
  EXPECT_EQ(small_.requests, 0);
  EXPECT_EQ(usage().requests, 0);
  EXPECT_EQ(chat().status, 200);  // The one request of this hour.
}

TEST_F(GatewayCorsTest, APageOfAnotherOriginIsToldThatItMayNot) {
  start_with({}, small_.address());
  const auto answer = preflight(kPath, "https://evil.test");
  EXPECT_EQ(answer.status, 403);
  EXPECT_THAT(answer.body, HasSubstr(R"("code":"origin_not_allowed")"));
  EXPECT_FALSE(answer.headers.contains(kAllowOrigin));
  EXPECT_EQ(preflights("alpha", "refused"), 1U);
}

TEST_F(GatewayCorsTest, ATenantWithoutPagesAnswersNoPreflight) {
  start_with({}, small_.address());
  const auto answer = preflight("/beta/v1/models", "https://app.test");
  EXPECT_EQ(answer.status, 401);
  EXPECT_FALSE(answer.headers.contains(kAllowOrigin));
  EXPECT_FALSE(answer.headers.contains("Vary"));
  // No browser sends it so; it is a request like others.
  EXPECT_EQ(send("OPTIONS", kPath, {{"Origin", "https://app.test"}}).status, 401);
  EXPECT_EQ(preflights("alpha", "allowed"), 0U);
}

TEST_F(GatewayCorsTest, RepliesAndErrorsSayThatThePageMayReadThem) {
  config_.tenants[0].limits.requests_per_hour = 1;
  start_with({}, small_.address());
  const auto reply = from_page(kPath, key_of("alphaalpha"));
  EXPECT_EQ(reply.status, 200);
  const auto limited = from_page(kPath, key_of("alphaalpha"));
  EXPECT_EQ(limited.status, 429);
  const auto unknown = from_page(kPath, "ins_wrong");
  EXPECT_EQ(unknown.status, 401);
  for (const http::Response* answer : {&reply, &limited, &unknown}) {
    EXPECT_EQ(answer->headers.get(kAllowOrigin), "https://app.test");
    EXPECT_THAT(answer->headers.get("Access-Control-Expose-Headers"), HasSubstr("x-request-id"));
    EXPECT_EQ(answer->headers.get("Vary"), "Origin");
  }
  const auto elsewhere = chat();
  EXPECT_FALSE(elsewhere.headers.contains(kAllowOrigin));
  EXPECT_EQ(elsewhere.headers.get("Vary"), "Origin");
}

TEST_F(GatewayCorsTest, WhatAServerSaysOfPagesIsReplaced) {
  small_.headers =
      "Access-Control-Allow-Origin: *\r\nAccess-Control-Allow-Credentials: true\r\n"
      "Access-Control-Expose-Headers: X-Secret\r\nVary: Accept\r\n";
  start_with({}, small_.address());
  const auto reply = from_page(kPath, key_of("alphaalpha"));
  EXPECT_EQ(reply.headers.get(kAllowOrigin), "https://app.test");
  EXPECT_FALSE(reply.headers.contains("Access-Control-Allow-Credentials"));
  EXPECT_THAT(reply.headers.get("Access-Control-Expose-Headers"), HasSubstr("x-request-id"));
  EXPECT_TRUE(reply.headers.has_token("Vary", "Origin"));
  EXPECT_TRUE(reply.headers.has_token("Vary", "Accept"));
  // Without a policy the server's own words pass.
  config_.tenants[0].edge.cors.reset();
  apply();
  EXPECT_EQ(from_page(kPath, key_of("alphaalpha")).headers.get(kAllowOrigin), "*");
}

TEST_F(GatewayCorsTest, APathWithoutATenantIsForPagesOfAny) {
  config_.tenants[1].edge.cors = {.allow_origins = {"https://other.test"}};
  start_with({}, small_.address());
  EXPECT_EQ(preflight("/v1/models", "https://app.test").status, 204);
  EXPECT_EQ(preflight("/v1/models", "https://other.test").status, 204);
  EXPECT_EQ(preflight("/v1/models", "https://evil.test").status, 403);
  // The credential says whose it is, and so whose pages may read the reply.
  EXPECT_EQ(from_page("/v1/chat/completions", key_of("alphaalpha")).headers.get(kAllowOrigin),
            "https://app.test");
  EXPECT_FALSE(
      from_page("/v1/chat/completions", key_of("betabetabe")).headers.contains(kAllowOrigin));
  const auto nobody = from_page("/v1/chat/completions", "ins_wrong");
  EXPECT_EQ(nobody.status, 401);
  EXPECT_EQ(nobody.headers.get(kAllowOrigin), "https://app.test");
}

TEST_F(GatewayCorsTest, HoldsOverHttp2AsWell) {
  start_with({}, small_.address());
  const auto scenario = [](GatewayCorsTest& test) -> Task<bool> {
    Http2Driver driver((co_await net::dial(test.address_, test.loop_.now() + 5s)).value());
    const StreamId asked = driver.client.submit({{":method", "OPTIONS"},
                                                 {":scheme", "http"},
                                                 {":authority", "gateway"},
                                                 {":path", kPath},
                                                 {"origin", "https://app.test"},
                                                 {"access-control-request-method", "POST"}},
                                                {});
    EXPECT_TRUE(co_await driver.finish(asked));
    const auto& allowed = driver.client.reply(asked);
    EXPECT_EQ(allowed.status, 204);
    EXPECT_TRUE(allowed.ended);
    EXPECT_EQ(allowed.field("access-control-allow-origin"), "https://app.test");
    EXPECT_EQ(allowed.field("content-length"), "");
    EXPECT_EQ(allowed.field("content-type"), "");
    const StreamId sent = driver.client.submit(
        http::http2_post(kPath, {{"origin", "https://app.test"},
                                 {"authorization", "Bearer " + key_of("alphaalpha")}}),
        std::string(kChat));
    EXPECT_TRUE(co_await driver.finish(sent));
    EXPECT_EQ(driver.client.reply(sent).status, 200);
    EXPECT_EQ(driver.client.reply(sent).field("access-control-allow-origin"), "https://app.test");
    co_return true;
  };
  EXPECT_TRUE(wait(scenario(*this)));
}

}  // namespace
}  // namespace insula::gateway
