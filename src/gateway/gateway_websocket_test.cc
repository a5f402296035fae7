// WebSocket connections to a site: handed over once the server agrees, and counted.

#include <array>
#include <chrono>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gateway/testing/test_models.h"

namespace insula::gateway {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr std::string_view kAsk =
    "GET /chat HTTP/1.1\r\nHost: ws.example.com\r\nConnection: keep-alive, Upgrade\r\n"
    "Upgrade: WebSocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
constexpr std::string_view kAgreed =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// A server that says one thing to each request and then echoes.
class Echo {
 public:
  Echo(Loop& loop, std::string says)
      : listener_(net::Listener::bind(loop, any_port()).value()), says_(std::move(says)) {
    serving_.spawn(serve());
  }

  [[nodiscard]] std::string address() const { return listener_->address().text(); }

  /// Once a connection has ended.
  Task<bool> ended() {
    co_await ended_.wait();
    co_return true;
  }

  std::string asked;

 private:
  Task<> serve() {
    for (;;) {
      auto stream = co_await listener_->accept();
      if (stream) serving_.spawn(echo(*std::move(stream)));
    }
  }

  Task<> echo(std::unique_ptr<net::Stream> stream) {
    std::array<char, 4096> buffer{};
    auto got = co_await stream->read(buffer);
    if (!got || *got == 0) co_return;
    asked.assign(buffer.data(), *got);
    static_cast<void>(co_await stream->write(says_));
    for (;;) {
      got = co_await stream->read(buffer);
      if (!got || *got == 0) break;
      if (!co_await stream->write({buffer.data(), *got})) break;
    }
    ended_.set();
  }

  std::unique_ptr<net::Listener> listener_;
  std::string says_;
  Event ended_;
  TaskGroup serving_;
};

class GatewayWebSocketTest : public GatewayTest {
 public:
  void start_site(const Echo& server) {
    PathConfig path{.path = "/", .exact = false, .access = {}, .backend = {}};
    path.backend = {.service_host = "ws.alpha.svc:80", .endpoints = {server.address()}};
    config_.sites = {{.host = "ws.example.com", .tenant = "alpha", .paths = {path}}};
    start({});
    connection_ = wait(dial());
  }

  Task<std::unique_ptr<net::Stream>> dial() {
    auto stream = co_await net::dial(address_, loop_.now() + std::chrono::seconds(20));
    co_return *std::move(stream);
  }

  void write(std::string_view text) { EXPECT_TRUE(wait(write_task(std::string(text)))); }

  Task<bool> write_task(std::string text) const {
    const auto written = co_await connection_->write(text);
    co_return written.has_value();
  }

  /// What comes until the text ends so, or the connection does.
  std::string read_until(std::string end) { return wait(read_task(std::move(end))); }

  Task<std::string> read_task(std::string end) const {
    std::string all;
    std::array<char, 4096> buffer{};
    while (!all.ends_with(end)) {
      const auto got = co_await connection_->read(buffer);
      if (!got || *got == 0) break;
      all.append(buffer.data(), *got);
    }
    co_return all;
  }

  std::unique_ptr<net::Stream> connection_;
};

TEST_F(GatewayWebSocketTest, BothSidesTalkOnceTheServerHasAgreed) {
  Echo server(loop_, std::string(kAgreed) + "hello");
  start_site(server);
  write(kAsk);
  const std::string begun = read_until("hello");
  EXPECT_THAT(begun, StartsWith("HTTP/1.1 101 Switching Protocols\r\n"));
  EXPECT_THAT(begun, HasSubstr("Upgrade: websocket\r\n"));
  EXPECT_THAT(begun, HasSubstr("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
  EXPECT_THAT(server.asked, HasSubstr("Connection: Upgrade\r\nUpgrade: websocket\r\n"));
  EXPECT_THAT(server.asked, HasSubstr("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"));
  write("one");
  EXPECT_EQ(read_until("one"), "one");
  const std::string large(200'000, 'x');
  TaskGroup writing;
  writing.spawn([](GatewayWebSocketTest& test, std::string text) -> Task<> {
    static_cast<void>(co_await test.write_task(std::move(text)));
  }(*this, large + "."));
  EXPECT_EQ(read_until("."), large + ".");
  EXPECT_THAT(registry_.expose(), HasSubstr(R"(insula_gateway_tunnels{tenant="alpha"} 1)"));
  connection_.reset();
  EXPECT_TRUE(wait(server.ended()));
  EXPECT_THAT(
      registry_.expose(),
      HasSubstr(R"(insula_gateway_tunnel_bytes_total{tenant="alpha",direction="up"} 200004)"));
}

TEST_F(GatewayWebSocketTest, ASilentOneIsEnded) {
  settings_.timeouts.tunnel_idle = std::chrono::milliseconds(1);
  Echo server(loop_, std::string(kAgreed));
  start_site(server);
  write(kAsk);
  EXPECT_THAT(read_until("never"), HasSubstr("101"));
  EXPECT_TRUE(wait(server.ended()));
}

TEST_F(GatewayWebSocketTest, DrainEndsThemAtItsDeadline) {
  Echo server(loop_, std::string(kAgreed));
  start_site(server);
  write(kAsk);
  EXPECT_THAT(read_until("\r\n\r\n"), HasSubstr("101"));
  EXPECT_TRUE(wait(gateway_->drain(loop_.now())));
  EXPECT_EQ(read_until("never"), "");
}

TEST_F(GatewayWebSocketTest, AServerMayRefuse) {
  Echo server(loop_, "HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno");
  start_site(server);
  write(kAsk);
  EXPECT_THAT(read_until("no"), StartsWith("HTTP/1.1 403 No\r\n"));
}

TEST_F(GatewayWebSocketTest, OtherProtocolsAreNotAskedFor) {
  Echo server(loop_, std::string(kAgreed));
  start_site(server);
  write("GET / HTTP/1.1\r\nHost: ws.example.com\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
  EXPECT_THAT(read_until("}\n"), StartsWith("HTTP/1.1 502 "));
  EXPECT_THAT(server.asked, Not(HasSubstr("Upgrade")));
}

}  // namespace
}  // namespace insula::gateway
