#include "apiserver/node_relay.h"

#include <array>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include "apiserver/test_server.h"

namespace insula::apiserver {
namespace {

using ::testing::HasSubstr;

constexpr const char* kPod = "/api/v1/namespaces/a/pods/x";

/// A node agent that logs three lines in pieces and repeats what it is told.
class FakeNode final : public http::Handler {
 public:
  Task<> handle(http::Exchange& exchange) override {
    seen = exchange.request();
    if (exchange.request().path().ends_with("/log")) {
      http::Headers headers{{"Content-Type", "text/plain"}};
      (void)co_await exchange.start(200, std::move(headers));
      for (const char* line : {"one\n", "two\n", "three\n"})
        (void)co_await exchange.write(line);
      (void)co_await exchange.finish();
      co_return;
    }
    http::Headers headers{{"Upgrade", "websocket"},
                          {"Sec-WebSocket-Protocol", "v5.channel.k8s.io"}};
    auto stream = co_await exchange.upgrade(std::move(headers));
    if (!stream) co_return;
    std::array<char, 256> buffer{};
    while (true) {
      const auto read = co_await (*stream)->read(buffer);
      if (!read || *read == 0) break;
      const auto written = co_await (*stream)->write(std::string_view(buffer.data(), *read));
      if (!written) break;
    }
  }

  http::Request seen;
};

class KeptLines final : public AuditSink {
 public:
  void write(std::string_view event) override { events.emplace_back(event); }

  std::vector<std::string> events;
};

class NodeRelayTest : public ::testing::Test {
 protected:
  NodeRelayTest() {
    std::string name = (std::filesystem::temp_directory_path() / "insula-relay-XXXXXX").string();
    directory_ = ::mkdtemp(name.data());
    ApiServerOptions options;
    options.plain_user = system_user();
    options.node_socket = *net::Address::unix_path(directory_ + "/node.sock");
    options.audit = AuditOptions{AuditPolicy::parse("{apiVersion: audit.k8s.io/v1, kind: Policy, "
                                                    "rules: [{level: Metadata, resources: "
                                                    "[{group: '', resources: [pods/log]}]}]}")
                                     .value(),
                                 &events};
    server = std::make_unique<TestServer>(std::move(options));
    server->send("POST", "/api/v1/namespaces", R"({"metadata":{"name":"a"}})");
    server->send("POST", "/api/v1/namespaces/a/pods",
                 R"({"metadata":{"name":"x"},"spec":{"nodeName":"n","containers":[{"name":"c",)"
                 R"("image":"i"}]}})");
  }

  ~NodeRelayTest() override {
    node_server.reset();
    server.reset();
    std::filesystem::remove_all(directory_);
  }

  void start_node() {
    node_server = std::make_unique<http::Server>(node, http::ServerOptions{});
    node_server->serve(
        *net::Listener::bind(server->loop, *net::Address::unix_path(directory_ + "/node.sock")));
  }

  std::string directory_;
  KeptLines events;
  std::unique_ptr<TestServer> server;
  FakeNode node;
  std::unique_ptr<http::Server> node_server;
};

TEST_F(NodeRelayTest, PassesAStreamedAnswerOn) {
  start_node();
  auto request = server->request("GET", std::string(kPod) + "/log?container=c&follow=true");
  const auto answer = server->send(std::move(request));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "one\ntwo\nthree\n");
  EXPECT_EQ(node.seen.target, std::string(kPod) + "/log?container=c&follow=true");
  EXPECT_EQ(answer.headers.get("Audit-Id").size(), 36U);
  ASSERT_EQ(events.events.size(), 3U);
  EXPECT_THAT(events.events[1], HasSubstr(R"("stage":"ResponseStarted")"));
  EXPECT_THAT(events.events[2], HasSubstr(R"("stage":"ResponseComplete")"));
}

TEST_F(NodeRelayTest, KnowsItselfThatNothingRunsOfAPodWithoutANode) {
  server->send("POST", "/api/v1/namespaces/a/pods",
               R"({"metadata":{"name":"y"},"spec":{"containers":[{"name":"c","image":"i"}]}})");
  const std::string pod = "/api/v1/namespaces/a/pods/y";
  const auto log = server->send("GET", pod + "/log?container=c");
  EXPECT_EQ(log.status, 204);
  EXPECT_EQ(log.body, "");
  const auto message = [&](const std::string& target) {
    const auto answer = server->send("POST", pod + target, "");
    EXPECT_EQ(answer.status, 400) << target;
    return std::string(server->parsed(answer)["message"].text());
  };
  for (const char* target : {"/exec?command=a", "/attach", "/portforward"})
    EXPECT_EQ(message(target), "pod y does not have a host assigned");
  EXPECT_EQ(message("/exec?command=a&container=z"), "container z is not valid for pod y");
}

TEST_F(NodeRelayTest, JoinsAnUpgradedConnectionInBothDirections) {
  start_node();
  auto request = server->request("GET", std::string(kPod) + "/exec?command=cat");
  request.headers.set("Upgrade", "websocket");
  request.headers.set("Sec-WebSocket-Protocol", "v5.channel.k8s.io");
  auto upgraded =
      server->run(server->client.upgrade(server->origin, std::move(request), server->deadline()));
  ASSERT_TRUE(upgraded) << upgraded.error().message();
  ASSERT_EQ(upgraded->response.status, 101);
  EXPECT_EQ(upgraded->response.headers.get("Sec-WebSocket-Protocol"), "v5.channel.k8s.io");
  EXPECT_EQ(server->run(say_and_hear(*upgraded->stream, "hello")), "hello");
}

TEST_F(NodeRelayTest, DoesNotPassCredentialsOn) {
  start_node();
  auto request = server->request("GET", std::string(kPod) + "/log");
  request.headers.set("Authorization", "Bearer secret");
  EXPECT_EQ(server->send(std::move(request)).status, 200);
  EXPECT_FALSE(node.seen.headers.contains("Authorization"));
}

TEST_F(NodeRelayTest, SaysThatTheAgentDoesNotAnswer) {
  const auto answer = server->send("GET", std::string(kPod) + "/log");
  EXPECT_EQ(answer.status, 503);
  EXPECT_THAT(answer.body, HasSubstr("the node agent does not answer: "));
}

TEST_F(NodeRelayTest, DoesNotAskTheNodeForAPodThatIsNotThere) {
  start_node();
  EXPECT_EQ(server->send("GET", "/api/v1/namespaces/a/pods/nobody/log").status, 404);
  EXPECT_EQ(node.seen.target, "/");
}

}  // namespace
}  // namespace insula::apiserver
