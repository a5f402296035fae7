#include <csignal>
#include <sstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "json/parse.h"
#include "json/write.h"
#include "node/agent.h"
#include "node/cgroup.h"
#include "node/files.h"
#include "node/oci_config.h"
#include "node/testing/test_node.h"

// Changes of pods that run in real containers; skips with the reason where these do not work.
namespace insula::node {
namespace {

using ::testing::HasSubstr;

class OciChangesTest : public ::testing::TestWithParam<RuntimeChoice> {
 protected:
  void with_node(Task<> (*body)(TestNode&)) {
    TestNode node(GetParam());
    if (!node.unavailable.empty()) GTEST_SKIP() << node.unavailable;
    run_until_complete(node.loop, body(node));
  }
};

Task<> change_pod(TestNode& node, std::string name_space, std::function<void(api::Pod&)> change) {
  auto body = [change](api::Pod& pod) {
    change(pod);
    return true;
  };
  EXPECT_TRUE(co_await client::modify<api::Pod>(node.api, name_space, "web", std::move(body)));
}

api::EphemeralContainer debugger(const std::string& script) {
  api::EphemeralContainer out;
  out.ephemeral_container_common.name = "debugger";
  out.ephemeral_container_common.image = "test/sh";
  out.ephemeral_container_common.args = {"-c", script};
  out.target_container_name = "main";
  return out;
}

Task<std::string> log_of(TestNode& node, std::string name_space, std::string wanted) {
  const SteadyTime limit = node.loop.now() + std::chrono::seconds(10);
  std::string text;
  while (text.find(wanted) == std::string::npos && node.loop.now() < limit) {
    co_await node.tick();
    const PodWorker* worker = node.agent->find(name_space, "web");
    const auto files = worker == nullptr
                           ? std::vector<std::string>()
                           : worker->log_files("debugger").value_or(std::vector<std::string>());
    text = files.empty() ? "" : log_tail(files.back(), 1000, 100000);
  }
  EXPECT_NE(text.find(wanted), std::string::npos) << text;
  co_return text;
}

TEST_P(OciChangesTest, AnEphemeralContainerSeesProcessesAndNetworkOfItsTarget) {
  with_node([](TestNode& node) -> Task<> {
    co_await node.make_tenant_namespace("team-a");
    for (const char* name_space : {"default", "team-a"}) {
      api::Pod pod = node.shell_pod("web", "exec sleep 1000");
      pod.metadata.namespace_ = name_space;
      co_await node.create(pod);
      const api::Pod ready = co_await node.until("web", TestNode::is_ready, name_space);
      co_await change_pod(node, name_space, [](api::Pod& it) {
        it.spec.ephemeral_containers.push_back(
            debugger("tr '\\0' ' ' < /proc/1/cmdline; echo; cat /etc/hosts; sleep 1000 & echo end; "
                     "wait"));
      });
      const std::string log = co_await log_of(node, name_space, "end\n");
      EXPECT_THAT(log, HasSubstr("sleep 1000")) << name_space;
      EXPECT_THAT(log, HasSubstr(ready.status.pod_ip + "\tweb"));
      // Both are alone in the pod's processes; what the debugger leaves behind ends with it.
      const PodWorker* worker = node.agent->find(name_space, "web");
      const ProcessIdentity target = worker->exec_target("main")->container.identity.container;
      const Container ended = worker->exec_target("debugger")->container;
      kill(ended.identity.container.pid, SIGKILL);
      while (exists(ended.dir))
        co_await node.tick();
      EXPECT_TRUE(is_alive(target));
      // Orphans go to the first of the pod's processes, which may leave them unreaped.
      const std::string file = fmt::format("/proc/{0}/task/{0}/children", target.pid);
      std::istringstream children(read_file(file).value_or(""));
      for (pid_t child = 0; children >> child;)
        EXPECT_FALSE(identify(child)) << child << " runs on";
    }
  });
}

// A value of the container's own control group, as it sees it itself.
std::string limit_script(const char* first, const char* second) {
  return fmt::format(
      "while :; do cat /sys/fs/cgroup/{} 2>/dev/null || cat /sys/fs/cgroup/{}; "
      "sleep 0.05; done",
      first, second);
}

TEST_P(OciChangesTest, AnEphemeralContainerOfATenantHasTheLimitsOfItsTarget) {
  with_node([](TestNode& node) -> Task<> {
    co_await node.make_tenant_namespace("team-a");
    api::Pod pod = node.shell_pod("web", "exec sleep 1000");
    pod.metadata.namespace_ = "team-a";
    pod.spec.containers[0].resources.limits["memory"] = api::Quantity::of(96 << 20);
    co_await node.create(pod);
    co_await node.until("web", TestNode::is_ready, "team-a");
    co_await change_pod(node, "team-a", [](api::Pod& it) {
      it.spec.ephemeral_containers.push_back(
          debugger(limit_script("memory/memory.limit_in_bytes", "memory.max")));
    });
    co_await log_of(node, "team-a", fmt::format("{}\n", 96 << 20));
  });
}

TEST_P(OciChangesTest, AResizeChangesTheLimitsOfTheRunningContainer) {
  with_node([](TestNode& node) -> Task<> {
    api::Pod pod =
        node.shell_pod("web", limit_script("memory/memory.limit_in_bytes", "memory.max"));
    pod.spec.containers[0].resources.limits["memory"] = api::Quantity::of(64 << 20);
    co_await node.create(pod);
    co_await node.until("web", TestNode::is_ready);
    co_await node.log_until("web", fmt::format("{}\n", 64 << 20));
    co_await change_pod(node, "default", [](api::Pod& it) {
      it.spec.containers[0].resources.limits["memory"] = api::Quantity::of(128 << 20);
      it.spec.containers[0].resources.requests["cpu"] = api::Quantity::of(1);
    });
    co_await node.log_until("web", fmt::format("{}\n", 128 << 20));
    const api::Pod after = co_await node.until("web", [](const api::Pod& p) {
      return p.status.container_statuses[0].resources->limits.at("memory").value() == 128 << 20;
    });
    EXPECT_EQ(after.status.container_statuses[0].restart_count, 0);
  });
}

TEST_P(OciChangesTest, AResizeToZeroTakesTheLimitsAway) {
  with_node([](TestNode& node) -> Task<> {
    // Version 1 says so by the largest number of whole pages, and of cpu by -1.
    api::Pod pod =
        node.shell_pod("web",
                       "cd /sys/fs/cgroup; while :; do "
                       "memory=$(cat memory/memory.limit_in_bytes 2>/dev/null || cat memory.max); "
                       "cpu=$(cat cpu/cpu.cfs_quota_us 2>/dev/null || cat cpu.max); "
                       "echo \"memory $memory cpu ${cpu%% *}.\" | "
                       "sed 's/9223372036854771712/max/; s/cpu -1/cpu max/'; sleep 0.05; done");
    pod.spec.containers[0].resources.limits = {{"memory", api::Quantity::of(64 << 20)},
                                               {"cpu", api::Quantity::of(1)}};
    co_await node.create(pod);
    co_await node.until("web", TestNode::is_ready);
    co_await node.log_until("web", fmt::format("memory {} cpu 100000.", 64 << 20));
    co_await change_pod(node, "default", [](api::Pod& it) {
      it.spec.containers[0].resources.limits = {{"memory", api::Quantity()},
                                                {"cpu", api::Quantity()}};
    });
    co_await node.log_until("web", "memory max cpu max.");
  });
}

TEST_P(OciChangesTest, AMemoryLimitBelowWhatIsInUseIsNotApplied) {
  with_node([](TestNode& node) -> Task<> {
    // Ten megabytes of the shell's own.
    api::Pod pod = node.shell_pod(
        "web",
        "x=aaaaaaaaaa; for i in 1 2 3 4 5 6; do x=$x$x$x$x$x$x$x$x$x$x; done; echo full; "
        "sleep 1000; echo ${#x}");
    pod.spec.containers[0].resources.limits["memory"] = api::Quantity::of(64 << 20);
    co_await node.create(pod);
    co_await node.log_until("web", "full\n");
    co_await change_pod(node, "default", [](api::Pod& it) {
      it.spec.containers[0].resources.limits["memory"] = api::Quantity::of(2 << 20);
    });
    const auto error = [](const api::Pod& p) -> std::string {
      for (const api::PodCondition& condition : p.status.conditions) {
        if (condition.type == "PodResizeInProgress" && condition.reason == "Error")
          return condition.message;
      }
      return {};
    };
    const api::Pod stuck =
        co_await node.until("web", [&](const api::Pod& p) { return !error(p).empty(); });
    EXPECT_THAT(error(stuck), HasSubstr("memory limit (2097152) below current usage ("));
    EXPECT_EQ(stuck.status.container_statuses[0].resources->limits.at("memory").value(), 64 << 20);
    EXPECT_TRUE(TestNode::is_ready(stuck));
  });
}

INSTANTIATE_TEST_SUITE_P(Debian,
                         OciChangesTest,
                         ::testing::Values(RuntimeChoice::kRunc, RuntimeChoice::kCrun),
                         [](const auto& info) {
                           return info.param == RuntimeChoice::kRunc ? "runc" : "crun";
                         });

TEST(OciConfig, JoinsTheProcessesOfAnotherContainer) {
  OciSettings settings;
  settings.pid_namespace = "/proc/7/ns/pid";
  settings.ipc_namespace = "/proc/7/ns/ipc";
  settings.namespaces.network = "/net";
  const json::Value config = json::parse(oci_config({}, {}, settings)).value();
  EXPECT_EQ(json::write(config["linux"]["namespaces"]),
            R"([{"type":"pid","path":"/proc/7/ns/pid"},{"type":"ipc","path":"/proc/7/ns/ipc"},)"
            R"({"type":"uts"},{"type":"mount"},{"type":"network","path":"/net"}])");
}

TEST(OciConfig, LimitsThatChangeAreWrittenAlone) {
  EXPECT_EQ(
      oci_resources(
          {.memory_bytes = 1 << 20, .cpu_millis = 500, .cpu_request_millis = 250, .pids = 10}),
      R"({"memory":{"limit":1048576},"cpu":{"shares":256,"quota":50000,"period":100000}})");
  EXPECT_EQ(oci_resources({}), R"({"memory":{"limit":-1},"cpu":{"shares":2}})")
      << "what is not said is not changed";
}

TEST(CpuLimit, IsLiftedInEitherVersion) {
  const insula::testing::TempDir dir;
  ASSERT_TRUE(make_dirs(dir / "cpu/insula/x"));
  ASSERT_TRUE(make_dirs(dir / "insula/x"));
  ASSERT_TRUE(lift_cpu_limit(CgroupLayout::kHybrid, "/insula/x", dir.path()));
  ASSERT_TRUE(lift_cpu_limit(CgroupLayout::kV2, "/insula/x", dir.path()));
  EXPECT_EQ(read_file(dir / "cpu/insula/x/cpu.cfs_quota_us").value_or(""), "-1");
  EXPECT_EQ(read_file(dir / "insula/x/cpu.max").value_or(""), "max");
  EXPECT_FALSE(lift_cpu_limit(CgroupLayout::kV2, "/insula/y", dir.path()));
}

TEST(MemoryUsage, IsReadFromEitherVersion) {
  const insula::testing::TempDir dir;
  ASSERT_TRUE(make_dirs(dir / "memory/insula/x"));
  ASSERT_TRUE(make_dirs(dir / "insula/x"));
  ASSERT_TRUE(write_file(dir / "memory/insula/x/memory.usage_in_bytes", "4096\n"));
  ASSERT_TRUE(write_file(dir / "insula/x/memory.current", "8192\n"));
  EXPECT_EQ(memory_usage(CgroupLayout::kHybrid, "/insula/x", dir.path()), 4096);
  EXPECT_EQ(memory_usage(CgroupLayout::kV2, "/insula/x", dir.path()), 8192);
  EXPECT_EQ(memory_usage(CgroupLayout::kV2, "/insula/y", dir.path()), std::nullopt);
}

}  // namespace
}  // namespace insula::node
