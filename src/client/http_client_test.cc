#include "client/http_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/gen/core_v1.h"
#include "async/deadline.h"
#include "client/testing/fake_api.h"
#include "client/typed.h"
#include "http/server.h"
#include "json/write.h"
#include "net/listener.h"

namespace insula::client {
namespace {

using ::testing::HasSubstr;

// The API in memory behind a socket: enough of the REST form to prove the client against it.
class RestServer final : public http::Handler {
 public:
  explicit RestServer(Client& api) : api_(api) {}

  Task<> handle(http::Exchange& exchange) override {
    const http::Request& request = exchange.request();
    last_target = request.target;
    last_type = request.headers.get("content-type");
    last_authorization = request.headers.get("authorization");
    std::string body = *co_await exchange.body(1 << 20);
    const Target target = target_of_path(std::string(request.path()));
    if (request.query("watch")) {
      co_await stream(exchange, target);
      co_return;
    }
    Result<std::string> answer = co_await run(request, target, std::move(body));
    http::Response response;
    if (answer) {
      response = http::make_response(200, "application/json", *std::move(answer));
    } else {
      const int status = http_status(answer.error().code());
      const std::string_view reason =
          answer.error().code() == ErrorCode::kAlreadyExists ? "AlreadyExists" : "Other";
      json::Object object{
          {"kind", "Status"}, {"message", answer.error().message()}, {"reason", reason}};
      response = http::make_response(status, "application/json",
                                     json::write(json::Value(std::move(object))));
    }
    (void)co_await exchange.respond(std::move(response));
  }

  std::string last_target;
  std::string last_type;
  std::string last_authorization;

 private:
  static Target target_of_path(std::string path) {
    std::vector<std::string> parts;
    for (std::size_t at = 1; at <= path.size();) {
      const std::size_t end = std::min(path.find('/', at), path.size());
      parts.push_back(path.substr(at, end - at));
      at = end + 1;
    }
    Target target;
    std::size_t next = 2;
    if (parts.at(next) == "namespaces" && parts.size() > next + 2) {
      target.name_space = parts[next + 1];
      next += 2;
    }
    target.kind = api::find_kind("", "v1", parts.at(next));
    if (parts.size() > next + 1) target.name = parts[next + 1];
    if (parts.size() > next + 2) target.subresource = parts[next + 2];
    return target;
  }

  Task<Result<std::string>> run(const http::Request& request, Target target, std::string body) {
    if (request.method == "POST") co_return co_await api_.create(target, std::move(body), {});
    if (request.method == "PUT") co_return co_await api_.update(target, std::move(body), {});
    if (request.method == "PATCH")
      co_return co_await api_.patch(target, PatchType::kMerge, std::move(body), {});
    if (request.method == "DELETE") co_return co_await api_.remove(target, {});
    if (!target.name.empty()) co_return co_await api_.get(target);
    ListOptions options;
    options.label_selector = request.query("labelSelector").value_or("");
    co_return co_await api_.list(target, std::move(options));
  }

  Task<> stream(http::Exchange& exchange, Target target) {
    WatchOptions options;
    options.resource_version = exchange.request().query("resourceVersion").value_or("");
    auto watch = co_await api_.watch(target, std::move(options));
    (void)co_await exchange.start(200, {{"Content-Type", "application/json"}});
    for (;;) {
      const Result<WatchEvent> event = co_await (*watch)->next();
      if (!event) break;
      static constexpr const char* kNames[] = {"ADDED", "MODIFIED", "DELETED", "BOOKMARK"};
      std::string line =
          std::string(R"({"type":")") + kNames[static_cast<int>(event->type)] + R"(","object":)";
      line += event->object + "}\n";
      (void)co_await exchange.write(line);
    }
    (void)co_await exchange.finish();
  }

  Client& api_;
};

class HttpClientTest : public ::testing::Test {
 protected:
  HttpClientTest() {
    auto listener = *net::Listener::bind(loop_, *net::Address::parse("127.0.0.1:0"));
    Kubeconfig config;
    config.server = "http://" + listener->address().text();
    config.token = "secret";
    server_.serve(std::move(listener));
    client_ = *HttpClient::make(config);
  }

  Loop loop_;
  testing::FakeApi api_{system_clock()};
  RestServer rest_{api_};
  http::Server server_{rest_, {}};
  std::unique_ptr<HttpClient> client_;
};

api::ConfigMap config_map(const std::string& name) {
  api::ConfigMap map;
  map.metadata.namespace_ = "default";
  map.metadata.name = name;
  map.metadata.labels["app"] = "a b&c";
  return map;
}

Task<> write_and_read(HttpClient& client, RestServer& rest) {
  auto made = co_await create(client, config_map("a"));
  EXPECT_TRUE(made) << made.error().message();
  EXPECT_EQ(rest.last_target, "/api/v1/namespaces/default/configmaps");
  EXPECT_EQ(rest.last_type, "application/json");
  EXPECT_EQ(rest.last_authorization, "Bearer secret");
  made->data["k"] = "v";
  auto stored = co_await update(client, *made);
  EXPECT_EQ(stored->data.at("k"), "v");
  auto patched = co_await patch<api::ConfigMap>(client, "default", "a",
                                                {PatchType::kMerge, R"({"data":{"k":"w"}})"});
  EXPECT_EQ(patched->data.at("k"), "w");
  EXPECT_EQ(rest.last_type, "application/merge-patch+json");
  ListOptions options;
  options.label_selector = "app=a b&c";
  auto listed = co_await list<api::ConfigMap>(client, "default", options);
  EXPECT_EQ(listed->items.size(), 1U);
  EXPECT_TRUE((co_await remove<api::ConfigMap>(client, "default", "a")).has_value());
  auto gone = co_await get<api::ConfigMap>(client, "default", "a");
  EXPECT_EQ(gone.error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(gone.error().message(), "configmaps \"a\" not found");
}

TEST_F(HttpClientTest, WritesAndReadsOverTheWire) {
  run_until_complete(loop_, write_and_read(*client_, rest_));
}

Task<> conflict(HttpClient& client) {
  auto first = co_await create(client, config_map("a"));
  EXPECT_TRUE(first);
  auto second = co_await create(client, config_map("a"));
  EXPECT_EQ(second.error().code(), ErrorCode::kAlreadyExists);
  auto there = co_await ensure(client, config_map("a"));
  EXPECT_EQ(there->metadata.uid, first->metadata.uid);
}

TEST_F(HttpClientTest, TellsThatAnObjectExists) {
  run_until_complete(loop_, conflict(*client_));
}

Task<> write_one(HttpClient& client) {
  (void)co_await create(client, config_map("seen"));
}

Task<> follow(HttpClient& client, testing::FakeApi& api) {
  auto listed = co_await list<api::ConfigMap>(client, "default");
  WatchOptions options;
  options.resource_version = listed->resource_version;
  auto watch = co_await client.watch(target_of<api::ConfigMap>("default"), options);
  EXPECT_TRUE(watch) << watch.error().message();
  TaskGroup group;
  group.spawn(write_one(client));
  auto event = co_await (*watch)->next();
  EXPECT_EQ(event->type, WatchEventType::kAdded);
  EXPECT_THAT(event->object, HasSubstr(R"("name":"seen")"));
  api.end_watches();
  auto end = co_await (*watch)->next();
  EXPECT_EQ(end.error().code(), ErrorCode::kUnavailable);
}

TEST_F(HttpClientTest, FollowsAWatchToItsEnd) {
  run_until_complete(loop_, follow(*client_, api_));
}

Task<> nobody_there() {
  auto listener = *net::Listener::bind(Loop::current(), *net::Address::parse("127.0.0.1:0"));
  Kubeconfig config;
  config.server = "http://" + listener->address().text();
  listener.reset();
  auto client = *HttpClient::make(config);
  auto answer = co_await list<api::Pod>(*client);
  EXPECT_EQ(answer.error().code(), ErrorCode::kUnavailable);
  EXPECT_THAT(answer.error().message(), HasSubstr("API server 127.0.0.1:"));
}

TEST_F(HttpClientTest, SaysWhichServerIsNotThere) {
  run_until_complete(loop_, nobody_there());
}

TEST(HttpClient, RefusesAnAddressItCannotUse) {
  Kubeconfig config;
  config.server = "ftp://x";
  const auto client = HttpClient::make(config);
  ASSERT_FALSE(client);
  EXPECT_THAT(client.error().message(), HasSubstr("server ftp://x"));
}

TEST(Target, PathsNameGroupVersionNamespaceAndSubresource) {
  EXPECT_EQ(target_of<api::Pod>("a", "x", "status").path(), "/api/v1/namespaces/a/pods/x/status");
  EXPECT_EQ(target_of<api::Node>("", "n").path(), "/api/v1/nodes/n");
  EXPECT_EQ(target_of<api::Pod>("").path(), "/api/v1/pods");
}

TEST(DeleteOptions, AreWrittenAsTheServerReadsThem) {
  DeleteOptions options;
  options.grace_period_seconds = 0;
  options.propagation = Propagation::kForeground;
  options.precondition_uid = "u";
  EXPECT_EQ(
      options.json(),
      R"({"kind":"DeleteOptions","apiVersion":"v1","gracePeriodSeconds":0,"propagationPolicy":"Foreground","preconditions":{"uid":"u"}})");
}

}  // namespace
}  // namespace insula::client
