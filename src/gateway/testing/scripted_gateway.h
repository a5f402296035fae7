#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "async/deadline.h"
#include "async/loop.h"
#include "async/task_group.h"
#include "gateway/testing/test_gateway.h"
#include "net/listener.h"
#include "testing/temp_dir.h"

namespace insula::gateway {

inline constexpr std::string_view kOk =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";

/// One tenant, `t`, whose upstream answers every request with a fixed text and notes what it got.
class GatewayHttpTest : public ::testing::Test {
 public:
  GatewayHttpTest() {
    const net::Address any = net::Address::parse("127.0.0.1:0").value();
    upstream_ = net::Listener::bind(loop_, any).value();
    listener_ = net::Listener::bind(loop_, any).value();
    settings_.directory = directory_.path();
  }

  void start(std::string reply) {
    reply_ = std::move(reply);
    gateway_ = Gateway::create(settings_, system_clock(), registry_, log_).value();
    GatewayConfig config;
    config.tenants = {{.name = "t",
                       .service_host = "s.t.svc:1",
                       .endpoints = {upstream_->address().text()},
                       .limits = {.requests_per_hour = requests_per_hour_,
                                  .tokens_per_minute = tokens_per_minute_},
                       .issuers = {}}};
    config.api_keys = {{"tttttttttt", "t", std::string(kHash), "", {}, key_limits_}};
    serving_.spawn(serve_upstream());
    run([](GatewayHttpTest& test, GatewayConfig applied) -> Task<> {
      EXPECT_TRUE(co_await test.gateway_->apply(std::move(applied)));
    }(*this, config));
    ASSERT_TRUE(gateway_->serve(listener_->fd()));
  }

  /// The upstream sends these events, and then nothing more.
  void start_streaming(const std::string& events) {
    start(
        fmt::format("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                    "Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{}\r\n",
                    events.size(), events));
  }

  /// What is answered to this body, on a connection of its own.
  std::string post(std::string_view path, std::string_view body) {
    return talk({head(fmt::format("POST {}", path),
                      fmt::format("Content-Length: {}\r\nConnection: close\r\n", body.size())) +
                 std::string(body)});
  }

  void run(Task<> task) { run_until_complete(loop_, std::move(task)); }

  /// Sends the pieces one after the other and returns all that comes until the gateway closes.
  /// With a cue, each piece but the first waits until the gateway has answered that much.
  std::string talk(std::vector<std::string> pieces, std::string_view cue = {}) {
    received_.clear();
    run(talk_task(std::move(pieces), cue, received_));
    return received_;
  }

  Task<> talk_task(std::vector<std::string> pieces,
                   std::string_view cue,
                   std::string& received) const {
    auto stream =
        (co_await net::dial(listener_->address(), loop_.now() + std::chrono::seconds(5))).value();
    for (const std::string& piece : pieces) {
      if (&piece != &pieces.front())
        while (received.find(cue) == received.npos && co_await receive(*stream, received)) {
        }
      static_cast<void>(co_await stream->write(piece));
      co_await yield();
    }
    while (co_await receive(*stream, received)) {
    }
  }

  /// False when the gateway has closed.
  Task<bool> receive(net::Stream& stream, std::string& received) const {
    std::array<char, 4096> buffer{};
    const auto got =
        co_await with_deadline(loop_.now() + std::chrono::seconds(20), read(stream, buffer));
    if (!got || *got == 0) co_return false;
    received.append(buffer.data(), *got);
    co_return true;
  }

  static Task<Result<std::size_t>> read(net::Stream& stream, std::span<char> buffer) {
    co_return co_await stream.read(buffer);
  }

  static Task<Result<>> hung_up(net::Stream& stream) {
    co_await stream.hangup();
    co_return Result<>();
  }

  static std::string head(std::string_view request_line, std::string_view more) {
    return std::string(request_line) + " HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer " +
           key_of("tttttttttt") + "\r\n" + std::string(more) + "\r\n";
  }

  /// But for the times that it took.
  UsageCounts usage() {
    UsageCounts sum;
    run([](GatewayHttpTest& test, UsageCounts& total) -> Task<> {
      const auto rows = co_await test.gateway_->usage({});
      for (const UsageRow& row : rows->rows)
        total += row.counts;
      total.duration_us = total.first_token_us = total.first_tokens = 0;
    }(*this, sum));
    return sum;
  }

  /// What the upstream does after a reply; kReadOn: closes if nothing else ends the reply.
  enum class After : std::uint8_t { kReadOn, kStop, kClose, kStay };

  Loop loop_;
  testing::TempDir directory_;
  MetricsRegistry registry_;
  GatewaySettings settings_;
  Log log_;
  std::unique_ptr<net::Listener> upstream_;
  std::unique_ptr<net::Listener> listener_;
  std::string reply_;
  /// The rest of the reply, which is sent when the client has received the cue and nothing holds
  /// it.
  std::string rest_;
  std::string cue_;
  bool hold_rest_ = false;
  int rests_sent_ = 0;
  std::string seen_;      // All that the upstream received.
  std::string received_;  // What the client of the last talk() has received.
  std::int64_t requests_per_hour_ = 1000;
  std::optional<std::int64_t> tokens_per_minute_;
  LimitConfig key_limits_;
  int connections_ = 0;
  After after_ = After::kReadOn;
  std::unique_ptr<Gateway> gateway_;
  TaskGroup serving_;

 private:
  Task<> serve_upstream() {
    for (;;) {
      auto stream = co_await upstream_->accept();
      ++connections_;
      serving_.spawn(serve_one(*std::move(stream)));
    }
  }

  /// Answers whenever a request has arrived whole: the gateway sends it in one piece.
  Task<> serve_one(std::unique_ptr<net::Stream> stream) {
    std::array<char, std::size_t{128} * 1024> buffer{};
    for (;;) {
      const auto got = co_await stream->read(buffer);
      if (!got || *got == 0) co_return;
      seen_.append(buffer.data(), *got);
      if (reply_.empty() || !co_await stream->write(reply_)) co_return;
      if (!rest_.empty()) {
        while (hold_rest_ || received_.find(cue_) == received_.npos)
          co_await yield();
        if (!co_await stream->write(rest_)) co_return;
        ++rests_sent_;
      }
      if (after_ == After::kClose) co_return;
      if (after_ == After::kStop) co_await stream->hangup();
      if (after_ == After::kStay) continue;
      if (reply_.find("Content-Length") == reply_.npos && reply_.find("chunked") == reply_.npos)
        co_return;
    }
  }
};

}  // namespace insula::gateway
