#include "node/pod_server.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "http/client.h"
#include "http/server.h"
#include "http/websocket.h"
#include "json/parse.h"
#include "json/value.h"
#include "net/listener.h"
#include "node/files.h"
#include "node/testing/test_node.h"

namespace insula::node {
namespace {

using ::testing::HasSubstr;

// A node, and its socket as the API server sees it.
class ServedNode : public TestNode {
 public:
  explicit ServedNode(RuntimeChoice choice = RuntimeChoice::kProcess) : TestNode(choice) {
    if (!unavailable.empty()) return;
    handler.emplace(*services, *agent, metrics, "node-1", random);
    server.emplace(*handler, http::ServerOptions{});
    auto listener = net::Listener::bind(loop, net::Address::unix_path(dir / "node.sock").value());
    EXPECT_TRUE(listener);
    origin = http::Origin::parse("unix:" + (dir / "node.sock")).value();
    server->serve(*std::move(listener));
  }

  Task<http::Response> get(std::string target) {
    http::Request request;
    request.target = std::move(target);
    auto answer =
        co_await client.send(origin, std::move(request), loop.now() + std::chrono::seconds(10));
    EXPECT_TRUE(answer) << (answer ? "" : answer.error().message());
    co_return answer ? *answer : http::Response{};
  }

  /// What the process wrote, and the final status.
  struct Executed {
    std::string output;
    std::string errors;
    std::string status;
  };

  /// `pause`: before anything is read.
  Task<Executed> exec(std::string query,
                      std::string input,
                      std::chrono::milliseconds pause = std::chrono::milliseconds(0)) {
    http::Request request;
    request.target = "/api/v1/namespaces/default/pods/web/exec?" + query;
    http::websocket::Options options;
    options.protocols = {"v5.channel.k8s.io"};
    const Deadline deadline = loop.now() + std::chrono::seconds(10);
    auto socket = co_await http::websocket::connect(client, origin, std::move(request),
                                                    std::move(options), deadline);
    EXPECT_TRUE(socket) << (socket ? "" : socket.error().message());
    Executed out;
    if (!socket) co_return out;
    if (!input.empty()) {
      EXPECT_TRUE(co_await (*socket)->write_binary(std::string(1, '\0') + input));
      EXPECT_TRUE(co_await (*socket)->write_binary(std::string("\xff\0", 2)));
    }
    co_await idle(pause);
    while (!leaves) {
      auto message = co_await (*socket)->read();
      if (!message || !*message) break;
      const std::string& data = (*message)->data;
      if (data[0] == '\1') out.output += data.substr(1);
      if (data[0] == '\2') out.errors += data.substr(1);
      if (data[0] == '\3') out.status = data.substr(1);
    }
    co_return out;
  }

  std::optional<PodServer> handler;
  std::optional<http::Server> server;
  /// Whether exec() closes the connection instead of reading.
  bool leaves = false;
  http::Client client{{}};
  http::Origin origin;
};

void with_served_node(Task<> (*body)(ServedNode&)) {
  ServedNode node;
  run_until_complete(node.loop, body(node));
}

TEST(PodServer, ServesLogsWholeAndInPart) {
  with_served_node([](ServedNode& node) -> Task<> {
    co_await node.create(
        node.shell_pod("web", "for i in 1 2 3 4; do echo line $i; done; sleep 1000"));
    co_await node.until("web", [](const api::Pod& p) { return TestNode::is_ready(p); });
    http::Response whole;
    while (whole.body.find("line 4\n") == std::string::npos)
      whole = co_await node.get("/api/v1/namespaces/default/pods/web/log");
    EXPECT_EQ(whole.body, "line 1\nline 2\nline 3\nline 4\n");
    EXPECT_EQ((co_await node.get("/api/v1/namespaces/default/pods/web/log?tailLines=2")).body,
              "line 3\nline 4\n");
    EXPECT_EQ((co_await node.get("/api/v1/namespaces/default/pods/web/log?limitBytes=9")).body,
              "line 1\nli");
    const http::Response stamped =
        co_await node.get("/api/v1/namespaces/default/pods/web/log?timestamps=true&tailLines=1");
    EXPECT_THAT(stamped.body, ::testing::MatchesRegex("20..-..-..T..:..:..\\..........Z line 4\n"));
    const http::Response none =
        co_await node.get("/api/v1/namespaces/default/pods/web/log?previous=true");
    EXPECT_EQ(none.status, 400);
    EXPECT_THAT(none.body, HasSubstr("previous terminated container"));
    EXPECT_EQ((co_await node.get("/api/v1/namespaces/default/pods/none/log")).status, 404);
    EXPECT_EQ((co_await node.get("/api/v1/namespaces/default/pods/web/log?container=no")).status,
              400);
  });
}

TEST(PodServer, FollowsALogUntilItsContainerEnds) {
  with_served_node([](ServedNode& node) -> Task<> {
    const std::string gate = node.dir / "gate";
    api::Pod pod = node.shell_pod(
        "web", "echo first; while ! test -e " + gate + "; do sleep 0.01; done; echo last");
    pod.spec.restart_policy = "Never";
    co_await node.create(pod);
    co_await node.until("web", [](const api::Pod& p) { return TestNode::is_ready(p); });
    http::Request request;
    request.target = "/api/v1/namespaces/default/pods/web/log?follow=true";
    const Deadline deadline = node.loop.now() + std::chrono::seconds(10);
    auto stream = co_await node.client.open(node.origin, std::move(request), deadline);
    EXPECT_TRUE(stream);
    std::array<char, 256> buffer{};
    auto n = co_await (*stream)->read(buffer, deadline);
    EXPECT_EQ(std::string_view(buffer.data(), n.value_or(0)), "first\n");
    EXPECT_TRUE(write_file(gate, ""));
    EXPECT_EQ((co_await (*stream)->read_all(1000, deadline)).value_or("?"), "last\n");
  });
}

TEST(PodServer, FollowsALogFromBeforeItsContainerCountsAsRunning) {
  with_served_node([](ServedNode& node) -> Task<> {
    const std::string gate = node.dir / "gate";
    api::Pod pod = node.shell_pod(
        "web", "echo first; while ! test -e " + gate + "; do sleep 0.01; done; echo last");
    pod.spec.restart_policy = "Never";
    co_await node.create(pod);
    const Deadline deadline = node.loop.now() + std::chrono::seconds(10);
    for (int status = 0; status != 200;) {
      http::Request request;
      request.target = "/api/v1/namespaces/default/pods/web/log?follow=true";
      auto stream = co_await node.client.open(node.origin, std::move(request), deadline);
      EXPECT_TRUE(stream);
      if (!stream) co_return;
      status = (*stream)->status();
      if (status != 200) continue;
      EXPECT_TRUE(write_file(gate, ""));
      EXPECT_EQ((co_await (*stream)->read_all(1000, deadline)).value_or("?"), "first\nlast\n");
    }
  });
}

TEST(PodServer, RunsACommandWithItsInputAndReportsItsExitCode) {
  with_served_node([](ServedNode& node) -> Task<> {
    co_await node.create(node.shell_pod("web", "sleep 1000"));
    co_await node.until("web", [](const api::Pod& p) { return TestNode::is_ready(p); });
    const auto echoed = co_await node.exec("command=cat&stdin=true&stdout=true", "hello\n");
    EXPECT_EQ(echoed.output, "hello\n");
    EXPECT_EQ(echoed.status, R"({"metadata":{},"status":"Success"})");
    const auto failed =
        co_await node.exec("command=sh&command=-c&command=exit%207&stdout=true", "");
    EXPECT_THAT(failed.status, HasSubstr(R"({"reason":"ExitCode","message":"7"})"));
    const auto terminal = co_await node.exec("command=tty&stdin=true&stdout=true&tty=true", "");
    EXPECT_THAT(terminal.output, HasSubstr("/dev/pts/"));
    const auto missing = co_await node.exec("command=/no/such&stdout=true&stderr=true", "");
    EXPECT_THAT(missing.errors, HasSubstr("exec /no/such: No such file"));
    EXPECT_THAT(missing.status, HasSubstr(R"({"reason":"ExitCode","message":"127"})"));
  });
}

TEST(PodServer, GivesASlowClientAllTheOutputOfACommandThatHasEnded) {
  with_served_node([](ServedNode& node) -> Task<> {
    co_await node.create(node.shell_pod("web", "sleep 1000"));
    co_await node.until("web", [](const api::Pod& p) { return TestNode::is_ready(p); });
    // What the buffers between the two hold is not known, so several sizes.
    for (const int kilobytes : {100, 200, 300, 400}) {
      const auto done = co_await node.exec(
          fmt::format("command=head&command=-c&command={}k&command=/dev/zero&stdout=true",
                      kilobytes),
          "", std::chrono::milliseconds(500));
      EXPECT_EQ(done.output.size(), kilobytes * 1024U);
      EXPECT_EQ(done.status, R"({"metadata":{},"status":"Success"})");
    }
  });
}

TEST(PodServer, DoesNotWaitForOutputOfWhatACommandLeavesBehind) {
  with_served_node([](ServedNode& node) -> Task<> {
    co_await node.create(node.shell_pod("web", "sleep 1000"));
    co_await node.until("web", [](const api::Pod& p) { return TestNode::is_ready(p); });
    const SteadyTime began = node.loop.now();
    const auto done = co_await node.exec(
        "command=sh&command=-c&command=sleep%209%20%26%20echo%20out&stdout=true", "");
    EXPECT_EQ(done.output, "out\n");
    EXPECT_LT(node.loop.now() - began, std::chrono::seconds(5));
  });
}

TEST(PodServer, AMissingProgramHasTheExitCodeThatShellsGiveIt) {
  with_served_node([](ServedNode& node) -> Task<> {
    co_await node.create(node.shell_pod("web", "sleep 1000"));
    co_await node.until("web", [](const api::Pod& p) { return TestNode::is_ready(p); });
    const auto missing = co_await node.exec("command=/no/%22such%22&stdout=true", "");
    const auto status = json::parse(missing.status);
    EXPECT_TRUE(status) << missing.status;
    EXPECT_THAT(missing.status, HasSubstr(R"({"reason":"ExitCode","message":"127"})"));
    const auto denied = co_await node.exec("command=/etc/passwd&stdout=true", "");
    EXPECT_THAT(denied.status, HasSubstr(R"({"reason":"ExitCode","message":"126"})"));
  });
}

// In real containers: needs root and the runtime; skips with the reason where it does not work.
class ContainerExec : public ::testing::TestWithParam<RuntimeChoice> {
 protected:
  void with_node(Task<> (*body)(ServedNode&)) {
    ServedNode node(GetParam());
    if (!node.unavailable.empty()) GTEST_SKIP() << node.unavailable;
    run_until_complete(node.loop, body(node));
  }
};

bool is_run_somewhere(const std::string& text) {
  return std::ranges::any_of(names_in("/proc"), [&](const std::string& name) {
    return read_file("/proc/" + name + "/cmdline").value_or("").find(text) != std::string::npos;
  });
}

TEST_P(ContainerExec, ACommandWhoseClientLeavesEnds) {
  with_node([](ServedNode& node) -> Task<> {
    co_await node.create(node.shell_pod("web", "sleep 1000"));
    co_await node.until("web", [](const api::Pod& p) { return TestNode::is_ready(p); });
    const std::string mark = fmt::format("{}", 200000 + getpid());
    node.leaves = true;
    co_await node.exec("command=sh&command=-c&command=sleep%20" + mark + "%3B%20true&stdout=true",
                       "", std::chrono::milliseconds(500));
    const SteadyTime limit = node.loop.now() + std::chrono::seconds(5);
    while (is_run_somewhere(mark) && node.loop.now() < limit)
      co_await node.tick();
    EXPECT_FALSE(is_run_somewhere(mark));
  });
}

TEST_P(ContainerExec, AMissingProgramHasTheExitCodeThatShellsGiveIt) {
  with_node([](ServedNode& node) -> Task<> {
    co_await node.create(node.shell_pod("web", "sleep 1000"));
    co_await node.until("web", [](const api::Pod& p) { return TestNode::is_ready(p); });
    const auto missing = co_await node.exec("command=/no/such&stdout=true&stderr=true", "");
    EXPECT_THAT(missing.status, HasSubstr(R"({"reason":"ExitCode","message":"127"})"));
    const auto failed =
        co_await node.exec("command=sh&command=-c&command=exit%207&stdout=true", "");
    EXPECT_THAT(failed.status, HasSubstr(R"({"reason":"ExitCode","message":"7"})"));
  });
}

INSTANTIATE_TEST_SUITE_P(Debian,
                         ContainerExec,
                         ::testing::Values(RuntimeChoice::kRunc, RuntimeChoice::kCrun),
                         [](const auto& info) {
                           return info.param == RuntimeChoice::kRunc ? "runc" : "crun";
                         });

TEST(PodServer, ShowsGpusAndPodsInItsMetrics) {
  with_served_node([](ServedNode& node) -> Task<> {
    const http::Response metrics = co_await node.get("/metrics");
    EXPECT_THAT(metrics.body, HasSubstr("DCGM_FI_DEV_GPU_UTIL{gpu=\"0\""));
    EXPECT_THAT(metrics.body, HasSubstr("simulated=\"true\""));
    EXPECT_EQ((co_await node.get("/else")).status, 404);
    EXPECT_EQ((co_await node.get("/api/v1/namespaces/default/pods/web/portforward")).status, 501);
  });
}

}  // namespace
}  // namespace insula::node
