#pragma once

#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "async/event.h"
#include "async/task_group.h"
#include "gateway/testing/test_gateway.h"
#include "net/listener.h"
#include "net/tls.h"

namespace insula::gateway {

/// What such a server says.
inline constexpr std::string_view kReply =
    R"({"usage":{"prompt_tokens":1,"completion_tokens":2},"choices":[{}]})";

/// A server that answers each request alike and notes what it was sent.
class Canned {
 public:
  /// `tls`: of a server of HTTPS.
  Canned(Loop& loop, int status, std::shared_ptr<net::TlsContext> tls = nullptr)
      : listener_(net::Listener::bind(loop, any_port()).value()),
        address_(listener_->address()),
        tls_(std::move(tls)),
        status_(status) {
    go_on_.set();
    serving_.spawn(serve());
  }

  [[nodiscard]] std::string address() const { return address_.text(); }

  /// From now on; 0: it hangs up.
  void answer_with(int status) { status_ = status; }

  /// Lets requests wait for their answers until go_on().
  void hold() { go_on_.reset(); }

  void go_on() { go_on_.set(); }

  /// Once a request has come.
  Task<bool> reached() {
    co_await reached_.wait();
    co_return true;
  }

  int connections = 0;
  int requests = 0;
  std::string last;     // head and body
  std::string headers;  // further lines of each reply

 private:
  Task<> serve() {
    for (;;) {
      auto stream = co_await listener_->accept();
      if (stream) serving_.spawn(answer(*std::move(stream)));
    }
  }

  Task<> answer(std::unique_ptr<net::Stream> stream) {
    ++connections;
    if (tls_ != nullptr) {
      auto secured = co_await net::tls_accept(tls_, std::move(stream),
                                              Loop::current().now() + std::chrono::seconds(10));
      if (!secured) co_return;
      stream = *std::move(secured);
    }
    std::array<char, 16384> buffer{};
    for (;;) {
      const auto got = co_await stream->read(buffer);
      if (!got || *got == 0) co_return;
      ++requests;
      last.assign(buffer.data(), *got);
      reached_.set();
      co_await go_on_.wait();
      if (status_ == 0) co_return;
      const std::string text = fmt::format(
          "HTTP/1.1 {} x\r\nContent-Type: application/json\r\n{}Content-Length: {}\r\n\r\n{}",
          status_, headers, kReply.size(), kReply);
      if (!co_await stream->write(text)) co_return;
    }
  }

  std::unique_ptr<net::Listener> listener_;
  net::Address address_;
  std::shared_ptr<net::TlsContext> tls_;
  int status_;
  Event go_on_;
  Event reached_;
  TaskGroup serving_;
};

/// Tenant alpha with models, and servers for them.
class GatewayModelsTest : public GatewayTest {
 public:
  /// A backend at this address; none: without endpoints.
  static BackendConfig at(const std::string& address, std::string model = {}, int weight = 1) {
    BackendConfig backend{
        .service_host = "svc." + address, .model = std::move(model), .weight = weight};
    if (!address.empty()) backend.endpoints = {address};
    return backend;
  }

  void start_with(std::vector<ModelConfig> models, const std::string& service = {}) {
    config_.tenants[0].models = std::move(models);
    config_.tenants[0].created = 1'700'000'000;
    settings_.directory = directory_;
    gateway_ = Gateway::create(settings_, system_clock(), registry_, {}).value();
    if (!service.empty()) config_.tenants[0].endpoints = {service};
    apply();
    ASSERT_TRUE(gateway_->serve(listener_));
  }

  http::Response ask(std::string_view model, std::string_view more = "") {
    return chat(fmt::format(R"({{"model":"{}"{}}})", model, more));
  }

  /// A port that nobody listens on.
  std::string dead() { return net::Listener::bind(loop_, any_port()).value()->address().text(); }

  Canned small_{loop_, 200};
  Canned large_{loop_, 200};
  Canned busy_{loop_, 429};
  Canned broken_{loop_, 503};
  Canned gone_{loop_, 0};
};

}  // namespace insula::gateway
