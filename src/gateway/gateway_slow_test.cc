// Slow clients: each is waited for so long and no longer, and however many there are, they keep
// nobody else out.

#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "async/deadline.h"
#include "gateway/testing/scripted_gateway.h"
#include "http/testing/http2_test_server.h"
#include "net/listener.h"

namespace insula::gateway {
namespace {

using std::chrono_literals::operator""s;
using std::chrono_literals::operator""ms;
using ::testing::EndsWith;
using ::testing::StartsWith;

class GatewaySlowTest : public GatewayHttpTest {
 public:
  GatewaySlowTest() {
    // More than a sweep, so that what a drip puts off is seen.
    for (std::chrono::nanoseconds* timeout :
         {&settings_.timeouts.idle, &settings_.timeouts.head, &settings_.timeouts.body_gap,
          &settings_.timeouts.client_write}) {
      *timeout = 400ms;
    }
  }

  Task<std::unique_ptr<net::Stream>> dial() {
    co_return (co_await net::dial(listener_->address(), loop_.now() + 5s)).value();
  }

  [[nodiscard]] std::int64_t open_connections() const { return metric("connections_open"); }

  [[nodiscard]] std::int64_t metric(std::string_view name) const {
    const std::string text = registry_.expose();
    const std::string line = fmt::format("\ninsula_gateway_{} ", name);
    const std::size_t at = text.find(line);
    return at == text.npos ? -1 : std::stoll(text.substr(at + line.size()));
  }

  struct Slow {
    std::string begin;
    std::string drop = {};  // sent again and again
    bool ended = false;
  };

  /// Each on a connection of its own, at once. Expects that the gateway ends them.
  void expect_ended(std::vector<Slow> clients) {
    TaskGroup dripping;
    for (Slow& client : clients)
      dripping.spawn(drip(client));
    run(dripping.drained());
    for (const Slow& client : clients)
      EXPECT_TRUE(client.ended) << client.begin;
  }

  Task<> drip(Slow& client) {
    auto stream = co_await dial();
    static_cast<void>(co_await stream->write(client.begin));
    const Deadline end = loop_.now() + 5s;
    while (!client.ended && loop_.now() < end) {
      if (!client.drop.empty()) static_cast<void>(co_await stream->write(client.drop));
      client.ended = (co_await with_deadline(loop_.now() + 20ms, hung_up(*stream))).has_value();
    }
  }

  /// Connections that say `text` each, wait for the answer if there is to be a certain one, and
  /// then say nothing.
  Task<> open_silent(std::string text, std::size_t count, std::string_view expected = {}) {
    for (std::size_t i = 0; i < count; ++i) {
      silent_.push_back(co_await dial());
      static_cast<void>(co_await silent_.back()->write(text));
      std::string answer;
      while (!answer.contains(expected) && co_await receive(*silent_.back(), answer)) {
      }
      EXPECT_TRUE(answer.contains(expected));
    }
  }

  static std::string http2_request(std::string_view path,
                                   const http::Http2TestClient::Fields& more) {
    http::Http2TestClient::Fields fields = {
        {":method", "GET"}, {":scheme", "http"}, {":path", std::string(path)}, {":authority", "g"}};
    fields.insert(fields.end(), more.begin(), more.end());
    return http::http2_frame(http::kHeaders, http::kEndHeaders | http::kEndStream, 1,
                             http::http2_block(fields));
  }

  std::vector<std::unique_ptr<net::Stream>> silent_;
};

TEST_F(GatewaySlowTest, AConnectionOnWhichNothingHappensIsEnded) {
  start(std::string(kOk));
  expect_ended({{""},
                {head("GET /t/v1/models", "")},
                {"GET /t/v1/mod"},
                {head("POST /t/v1/files", "Content-Length: 1000000\r\n")}});
}

TEST_F(GatewaySlowTest, AHeadThatDripsIsNotWaitedForForEver) {
  start(std::string(kOk));
  expect_ended({{"GET /t/v1/models HTTP/1.1\r\nX: ", "x"},
                {"GET /t/v1/models HTTP/1.1\r\n", "X: y\r\n"},
                {"PRI * HTTP/2.0"}});
  EXPECT_TRUE(seen_.empty());
}

TEST_F(GatewaySlowTest, ABodyThatDripsIsNotWaitedForForEver) {
  start(std::string(kOk));
  expect_ended({{head("POST /t/v1/files", "Content-Length: 1000000\r\n"), "x"},
                {head("POST /t/v1/files", "Transfer-Encoding: chunked\r\n"), "1\r\nx\r\n"},
                {head("POST /t/v1/files", "Transfer-Encoding: chunked\r\n") + "1;", "x"}});
  EXPECT_TRUE(seen_.empty());
}

TEST_F(GatewaySlowTest, AClientThatDoesNotReadHoldsItsUpstreamBackAndIsCutOff) {
  after_ = After::kStay;
  const std::string large(std::size_t{64} << 20U, 'x');
  start(fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", large.size(), large));
  run([](GatewaySlowTest& test) -> Task<> {
    auto stream = co_await test.dial();
    static_cast<void>(co_await stream->write(head("GET /t/v1/x", "")));
    // What its sockets hold is before the end, so that it does not see that.
    const Deadline end = test.loop_.now() + 5s;
    while (test.seen_.empty() || (test.open_connections() > 0 && test.loop_.now() < end))
      co_await yield();
  }(*this));
  EXPECT_EQ(open_connections(), 0);
  EXPECT_EQ(usage(), (UsageCounts{.requests = 1, .failed = 1}));
}

TEST_F(GatewaySlowTest, AnHttp2ConnectionWithoutRequestsIsEndedWhateverElseItSays) {
  start(std::string(kOk));
  expect_ended({{http::http2_hello()},
                {http::http2_hello(), http::http2_frame(http::kPing, 0, 0, "12345678")},
                {http::http2_hello(), http::http2_frame(http::kSettings, 0, 0, "")}});
}

TEST_F(GatewaySlowTest, AnHttp2HeadThatDripsIsNotWaitedForForEver) {
  start(std::string(kOk));
  // A frame of 16 000 bytes, of which one comes at a time.
  const std::string frame =
      http::http2_frame(http::kHeaders, http::kEndHeaders, 1, std::string(16'000, '\0'));
  expect_ended({{http::http2_hello() +
                     http::http2_frame(http::kHeaders, 0, 1, http::http2_literal("x", "1")),
                 ""},
                {http::http2_hello() + frame.substr(0, 9), std::string(1, '\0')}});
}

TEST_F(GatewaySlowTest, AWindowThatOpensByAByteAtATimeIsNotWaitedForForEver) {
  const std::string body(2000, 'b');
  start(fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", body.size(), body));
  const auto closed_by = [&](std::string update) {
    std::string received;
    run([](GatewaySlowTest& test, std::string drop, std::string& text) -> Task<> {
      auto stream = co_await test.dial();
      // Without window for a reply.
      static_cast<void>(co_await stream->write(
          http::http2_hello() +
          http::http2_frame(http::kSettings, 0, 0, http::http2_setting(4, 0)) +
          http2_request("/t/v1/x", {{"authorization", "Bearer " + key_of("tttttttttt")}})));
      std::array<char, 4096> buffer{};
      const Deadline end = test.loop_.now() + 5s;
      while (http::Http2Frames(text).reset(1) == 0 && test.loop_.now() < end) {
        if (!drop.empty()) static_cast<void>(co_await stream->write(drop));
        static_cast<void>(co_await with_deadline(test.loop_.now() + 20ms, hung_up(*stream)));
        const auto got = co_await with_deadline(test.loop_.now() + 1ms, read(*stream, buffer));
        if (got) text.append(buffer.data(), *got);
      }
    }(*this, std::move(update), received));
    return http::Http2Frames(received).reset(1);
  };
  EXPECT_EQ(closed_by(""), http::kCancel);
  EXPECT_EQ(closed_by(http::http2_frame(http::kWindowUpdate, 0, 1, http::http2_number(1))),
            http::kCancel);
}

/// What clients that nobody has authenticated can keep open: more of them than there is room for.
TEST_F(GatewaySlowTest, ManySlowConnectionsKeepNobodyOut) {
  constexpr std::size_t kRoom = 8;
  settings_.connections_max = kRoom;
  settings_.timeouts = {};
  start(std::string(kOk));

  struct Silent {
    std::string text;
    std::string_view answer = {};
  };

  const std::vector<Silent> all = {
      {""},
      {"GET /t/v1/models HTTP/1.1\r\nX: "},
      {"GET /t/v1/models HTTP/1.1\r\nHost: g\r\n\r\n", "error"},
      {"POST /t/v1/files HTTP/1.1\r\nHost: g\r\nContent-Length: 1000\r\n\r\n", "error"},
      {http::http2_hello()},
      {http::http2_hello() + http2_request("/t/v1/x", {}), "error"},
      {http::http2_hello() +
       http::http2_frame(http::kHeaders, 0, 1, http::http2_literal("x", "1"))}};
  for (const Silent& silent : all) {
    SCOPED_TRACE(silent.text);
    run(open_silent(silent.text, 3 * kRoom, silent.answer));
    EXPECT_THAT(talk({head("GET /t/v1/x", "Connection: close\r\n")}), StartsWith("HTTP/1.1 200"));
  }
  EXPECT_LE(open_connections(), kRoom);
  EXPECT_GE(metric("connections_ended_total"), all.size() * 2 * kRoom);
}

TEST_F(GatewaySlowTest, ConnectionsWithARequestAreNotEndedForOthers) {
  constexpr std::size_t kRoom = 4;
  settings_.connections_max = kRoom;
  settings_.timeouts = {};
  rest_ = "6\r\n, last\r\n0\r\n\r\n";
  cue_ = "first";
  hold_rest_ = true;
  start("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n");
  run([](GatewaySlowTest& test) -> Task<> {
    auto stream = co_await test.dial();
    static_cast<void>(co_await stream->write(head("GET /t/v1/x", "Connection: close\r\n")));
    while (test.received_.find("first") == std::string::npos &&
           co_await test.receive(*stream, test.received_)) {
    }
    co_await test.open_silent("", 3 * kRoom);
    // All of them were accepted: the last one is answered.
    static_cast<void>(co_await test.silent_.back()->write("GET / HTTP/9\r\n\r\n"));
    std::string answer;
    EXPECT_TRUE(co_await test.receive(*test.silent_.back(), answer));
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 505"));
    test.hold_rest_ = false;
    while (co_await test.receive(*stream, test.received_)) {
    }
  }(*this));
  EXPECT_THAT(received_, EndsWith("0\r\n\r\n"));
}

}  // namespace
}  // namespace insula::gateway
