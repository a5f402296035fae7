#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "apiserver/api_server.h"
#include "apiserver/registry.h"
#include "async/deadline.h"
#include "async/loop.h"
#include "base/check.h"
#include "base/random.h"
#include "http/client.h"
#include "http/server.h"
#include "json/parse.h"
#include "json/value.h"
#include "net/listener.h"
#include "store/memory_journal.h"
#include "store/store.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

namespace insula::apiserver {

/// What the other end of an upgraded connection says to `text`; "failed" when it has ended.
inline Task<std::string> say_and_hear(net::Stream& stream, std::string text) {
  const auto written = co_await stream.write(text);
  std::array<char, 64> buffer{};
  const auto read = co_await stream.read(buffer);
  if (!written || !read) co_return "failed";
  co_return std::string(buffer.data(), *read);
}

/// An API server on a loopback port with a store in memory, and a client for it: what the tests of
/// this library talk to.
class TestServer {
 public:
  explicit TestServer(User user = system_user()) {
    ApiServerOptions options;
    options.plain_user = std::move(user);
    start(std::move(options));
  }

  explicit TestServer(ApiServerOptions options) { start(std::move(options)); }

  template <class T>
  T run(Task<T> task) {
    std::optional<T> out;
    auto keep = [](Task<T> inner, std::optional<T>& result) -> Task<> {
      result.emplace(co_await std::move(inner));
    };
    run_until_complete(loop, keep(std::move(task), out));
    return *std::move(out);
  }

  http::Request request(std::string method,
                        std::string target,
                        std::string body = {},
                        std::string type = "application/json") {
    http::Request out;
    out.method = std::move(method);
    out.target = std::move(target);
    if (!body.empty()) out.headers.set("Content-Type", type);
    out.body = std::move(body);
    return out;
  }

  http::Response send(http::Request request) {
    auto answer = run(client.send(origin, std::move(request), deadline()));
    INSULA_CHECK(answer, answer ? "" : answer.error().message());
    return *std::move(answer);
  }

  http::Response send(std::string method,
                      std::string target,
                      std::string body = {},
                      std::string type = "application/json") {
    return send(request(std::move(method), std::move(target), std::move(body), std::move(type)));
  }

  /// Gives `user` a right in a namespace: `rule` is a PolicyRule.
  void allow(std::string_view user, const std::string& name_space, std::string_view rule) {
    const std::string rbac =
        fmt::format("/apis/rbac.authorization.k8s.io/v1/namespaces/{}/", name_space);
    const auto role =
        send("POST", rbac + "roles",
             fmt::format(R"({{"metadata":{{"name":"for-{}"}},"rules":[{}]}})", user, rule));
    const auto binding =
        send("POST", rbac + "rolebindings",
             fmt::format(R"({{"metadata":{{"name":"for-{0}"}},"roleRef":{{"kind":"Role","name":)"
                         R"("for-{0}"}},"subjects":[{{"kind":"User","name":"{0}"}}]}})",
                         user));
    INSULA_CHECK(role.status == 201 && binding.status == 201, role.body + binding.body);
  }

  /// The body as JSON.
  static json::Value parsed(const http::Response& response) {
    auto value = json::parse(response.body);
    INSULA_CHECK(value, response.body);
    return *std::move(value);
  }

  [[nodiscard]] Deadline deadline() const { return loop.now() + std::chrono::seconds(10); }

  Loop loop;
  MetricsRegistry metrics;
  std::shared_ptr<store::MemoryDisk> disk = std::make_shared<store::MemoryDisk>();
  std::unique_ptr<store::Store> store;
  SeededRandom random{1};
  std::unique_ptr<Registry> registry;
  std::unique_ptr<ApiServer> api;
  http::Client client{http::ClientOptions{}};
  http::Origin origin;
  std::unique_ptr<http::Server> server;

 private:
  void start(ApiServerOptions options) {
    store::StoreOptions store_options;
    store_options.ephemeral_prefixes = ephemeral_prefixes();
    store =
        *store::Store::open(std::make_unique<store::MemoryJournal>(disk), std::move(store_options));
    registry = std::make_unique<Registry>(*store, loop.clock(), random);
    api = std::make_unique<ApiServer>(*registry, metrics, Log(), std::move(options));
    server = std::make_unique<http::Server>(*api, http::ServerOptions{});
    auto listener = *net::Listener::bind(loop, *net::Address::parse("127.0.0.1:0"));
    origin = *http::Origin::parse("http://" + listener->address().text());
    server->serve(std::move(listener));
  }
};

}  // namespace insula::apiserver
