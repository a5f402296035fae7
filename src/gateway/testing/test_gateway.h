#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include "async/deadline.h"
#include "async/loop.h"
#include "gateway/gateway.h"
#include "http/client.h"
#include "jose/jws_key.h"
#include "net/listener.h"
#include "simulator/simulator.h"

namespace insula::gateway {

// Secret part kSecret, hash by sha256sum.
inline constexpr std::string_view kSecret = "0123456789abcdefghijABCDEFGHIJKL";
inline constexpr std::string_view kHash =
    "375cc5203c88825f873395dd371a06bf2ddb6c8785aa004b041c1c9502b10a7b";
inline constexpr std::string_view kChat =
    R"({"model":"m","messages":[{"role":"user","content":"one two three"}]})";
inline constexpr std::string_view kStream =
    R"({"model":"m","stream":true,"max_tokens":5,"messages":[{"role":"user","content":"one two three"}]})";

inline std::string key_of(std::string_view id) {
  return "ins_" + std::string(id) + "_" + std::string(kSecret);
}

inline http::Headers bearer(const std::string& credential) {
  return {{"Authorization", "Bearer " + credential}, {"Content-Type", "application/json"}};
}

inline net::Address any_port() {
  return net::Address::parse("127.0.0.1:0").value();
}

/// A model server on the test's loop.
struct Model {
  explicit Model(Loop& loop, simulator::SimulatorOptions options = quick())
      : simulator(std::move(options), system_clock()) {
    auto listener = net::Listener::bind(loop, any_port()).value();
    address = listener->address();
    simulator.serve(std::move(listener));
  }

  static simulator::SimulatorOptions quick() {
    simulator::SimulatorOptions options;
    options.time_to_first_token = {};
    options.tokens_per_second = 0;
    return options;
  }

  simulator::Simulator simulator;
  net::Address address;
};

/// Tenants alpha and beta, each with one API key, and a gateway on a thread of its own.
class GatewayTest : public ::testing::Test {
 public:
  GatewayTest() {
    std::string name = ::testing::TempDir() + "gateway-XXXXXX";
    directory_ = ::mkdtemp(name.data());
    config_.tenants = {{.name = "alpha", .service_host = "llm-service.alpha.svc:8000"},
                       {.name = "beta", .service_host = "llm-service.beta.svc:8000"}};
    config_.api_keys = {{"alphaalpha", "alpha", std::string(kHash), "", {}},
                        {"betabetabe", "beta", std::string(kHash), "", {}}};
    config_.builtin_keys = {keys_.public_pem};
    listener_ = net::listen_socket(any_port()).value();
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&storage), &size);
    address_ = net::Address::from_sockaddr(reinterpret_cast<sockaddr*>(&storage), size);
  }

  ~GatewayTest() override {
    gateway_.reset();
    ::close(listener_);
    std::filesystem::remove_all(directory_);
  }

  /// Runs `task` on the test's loop; fails the test when it takes a minute.
  template <class T>
  T wait(Task<T> task) {
    std::optional<T> result;
    run_until_complete(loop_, keep(std::move(task), result));
    return *std::move(result);
  }

  template <class T>
  static Task<> keep(Task<T> task, std::optional<T>& result) {
    result = co_await std::move(task);
  }

  void start(const std::vector<net::Address>& endpoints, unsigned loops = 1) {
    settings_.directory = directory_;
    settings_.loops = loops;
    gateway_ = Gateway::create(settings_, system_clock(), registry_, {}).value();
    route_to(endpoints);
    ASSERT_TRUE(gateway_->serve(listener_));
  }

  void route_to(const std::vector<net::Address>& endpoints) {
    for (TenantConfig& tenant : config_.tenants) {
      tenant.endpoints.clear();
      for (const net::Address& endpoint : endpoints)
        tenant.endpoints.push_back(endpoint.text());
    }
    apply();
  }

  void apply() { ASSERT_TRUE(wait(gateway_->apply(config_))); }

  Task<Result<http::Response>> send_task(http::Request request) {
    co_return co_await client_.send({address_, "gateway", false}, std::move(request),
                                    loop_.now() + std::chrono::seconds(20));
  }

  http::Response send(std::string method,
                      std::string target,
                      http::Headers headers,
                      std::string_view body = {}) {
    auto response = wait(
        send_task({std::move(method), std::move(target), std::move(headers), std::string(body)}));
    return response
               ? *response
               : http::Response{.status = 0, .headers = {}, .body = response.error().message()};
  }

  http::Response chat(std::string_view body = kChat) {
    return send("POST", "/alpha/v1/chat/completions", bearer(key_of("alphaalpha")), body);
  }

  /// The sums of alpha's usage, but for the times that it took.
  UsageCounts usage() {
    UsageCounts sum;
    const auto answer = wait(gateway_->usage({.tenant = "alpha"})).value();
    for (const UsageRow& row : answer.rows)
      sum += row.counts;
    sum.duration_us = sum.first_token_us = sum.first_tokens = 0;
    return sum;
  }

  /// Alpha's single requests, in the order in which they ended.
  std::vector<UsageRecord> records() {
    const auto scan = wait(gateway_->records({.tenant = "alpha", .oldest_first = true}));
    std::vector<UsageRecord> all;
    for (;;) {
      const auto piece = wait(gateway_->next_records(scan)).value();
      all.insert(all.end(), piece.records.begin(), piece.records.end());
      if (piece.last) return all;
    }
  }

  Loop loop_;
  std::filesystem::path directory_;
  MetricsRegistry registry_;
  GatewaySettings settings_;
  GatewayConfig config_;
  jose::JwsKeyPair keys_ = jose::generate_ed25519_keys().value();
  int listener_;
  net::Address address_;
  http::Client client_{{}};
  std::unique_ptr<Gateway> gateway_;
};

}  // namespace insula::gateway
