// The largest request that a tenant takes, below the gateway's own bounds.

#include <string>

#include <fmt/format.h>
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

constexpr std::size_t kBodyBytes = 200;
constexpr const char* kPath = "/alpha/v1/chat/completions";

class GatewayBoundsTest : public GatewayModelsTest {
 public:
  GatewayBoundsTest() { config_.tenants[0].edge.bounds = {.body_bytes = kBodyBytes}; }

  static std::string body_of(std::size_t bytes) {
    const std::string frame = R"({"model":"m","user":""})";
    return fmt::format(R"({{"model":"m","user":"{}"}})", std::string(bytes - frame.size(), 'u'));
  }

  /// A request whose body comes in two pieces, over HTTP/1 without a length.
  http::Response send_chunked(const std::string& body) {
    const auto task = [](GatewayBoundsTest& test, std::string sent) -> Task<std::string> {
      auto stream = (co_await net::dial(test.address_, test.loop_.now() + 5s)).value();
      const std::string head = fmt::format(
          "POST {} HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {}\r\n"
          "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
          kPath, key_of("alphaalpha"));
      EXPECT_TRUE(
          co_await stream->write(head + fmt::format("{:x}\r\n{}\r\n0\r\n\r\n", sent.size(), sent)));
      std::string received;
      std::array<char, 4096> buffer{};
      for (;;) {
        const auto got = co_await stream->read(buffer);
        if (!got || *got == 0) co_return received;
        received.append(buffer.data(), *got);
      }
    };
    const std::string text = wait(task(*this, body));
    return {.status = std::stoi(text.substr(9, 3)), .headers = {}, .body = text};
  }
};

TEST_F(GatewayBoundsTest, ABodyOverTheTenantsBoundIsRefused) {
  start_with({}, small_.address());
  EXPECT_EQ(chat(body_of(kBodyBytes)).status, 200);
  const auto refused = chat(body_of(kBodyBytes + 1));
  EXPECT_EQ(refused.status, 413);
  EXPECT_THAT(refused.body, HasSubstr(R"("code":"request_too_large")"));
  EXPECT_THAT(refused.body, HasSubstr("at most 200 bytes"));
  EXPECT_EQ(send_chunked(body_of(kBodyBytes)).status, 200);
  EXPECT_EQ(send_chunked(body_of(kBodyBytes + 1)).status, 413);
  EXPECT_EQ(usage().requests, 2);
  // Of another tenant, over the same connection.
  EXPECT_EQ(send("POST", "/beta/v1/chat/completions", bearer(key_of("betabetabe")),
                 body_of(kBodyBytes + 1))
                .status,
            503);
}

TEST_F(GatewayBoundsTest, ABodyThatNobodyAnnouncedIsHeldToItOverHttp2) {
  start_with({}, small_.address());
  const auto scenario = [](GatewayBoundsTest& test) -> Task<bool> {
    Http2Driver driver((co_await net::dial(test.address_, test.loop_.now() + 5s)).value());
    const Http2TestClient::Fields fields =
        http::http2_post(kPath, {{"authorization", "Bearer " + key_of("alphaalpha")}});
    const StreamId good = driver.client.submit(fields, body_of(kBodyBytes));
    EXPECT_TRUE(co_await driver.finish(good));
    EXPECT_EQ(driver.client.reply(good).status, 200);
    const StreamId large = driver.client.submit(fields, body_of(kBodyBytes + 1));
    EXPECT_TRUE(co_await driver.finish(large));
    EXPECT_EQ(driver.client.reply(large).status, 413);
    co_return true;
  };
  EXPECT_TRUE(wait(scenario(*this)));
}

TEST_F(GatewayBoundsTest, MoreHeadersThanTheTenantTakesAreRefused) {
  config_.tenants[0].edge.bounds = {.header_bytes = 1024};
  start_with({}, small_.address());
  const auto with = [&](std::size_t bytes) {
    http::Headers headers = bearer(key_of("alphaalpha"));
    headers.set("X-Padding", std::string(bytes, 'p'));
    return send("POST", kPath, headers, kChat);
  };
  EXPECT_EQ(with(500).status, 200);
  const auto refused = with(1024);
  EXPECT_EQ(refused.status, 431);
  EXPECT_THAT(refused.body, HasSubstr(R"("code":"headers_too_large")"));
  EXPECT_THAT(refused.body, HasSubstr("at most 1024 bytes, and have 1"));
  EXPECT_EQ(usage().requests, 1);
  // Who has no credential learns nothing of bounds.
  EXPECT_EQ(send("POST", kPath, {{"X-Padding", std::string(2000, 'p')}}, kChat).status, 401);
}

TEST_F(GatewayBoundsTest, TheGatewaysOwnBoundOfHeadersHasTheSameCode) {
  start_with({}, small_.address());
  http::Headers headers = bearer(key_of("alphaalpha"));
  headers.set("X-Padding", std::string(70'000, 'p'));
  const auto refused = send("POST", kPath, headers, kChat);
  EXPECT_EQ(refused.status, 431);
  EXPECT_THAT(refused.body, HasSubstr(R"("code":"headers_too_large")"));
}

TEST_F(GatewayBoundsTest, ATenantsBoundIsNeverAboveTheGatewaysOwn) {
  settings_.body_bytes_max = 100;
  start_with({}, small_.address());
  EXPECT_EQ(chat(body_of(100)).status, 200);
  EXPECT_EQ(chat(body_of(101)).status, 413);
}

}  // namespace
}  // namespace insula::gateway
