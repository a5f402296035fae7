#include <csignal>
#include <tuple>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "node/agent.h"
#include "node/files.h"
#include "node/oci_config.h"
#include "node/testing/test_node.h"
#include "telemetry/log.h"

// What changes in a pod that runs: ephemeral containers come, and resources.
namespace insula::node {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;

using Amounts = std::map<std::string, api::Quantity>;

api::EphemeralContainer debugger(const std::string& script, const std::string& name = "debugger") {
  api::EphemeralContainer out;
  out.ephemeral_container_common.name = name;
  out.ephemeral_container_common.image = "test/sh";
  out.ephemeral_container_common.args = {"-c", script};
  return out;
}

Task<> add(TestNode& node, std::string pod, api::EphemeralContainer container) {
  auto change = [container](api::Pod& it) {
    it.spec.ephemeral_containers.push_back(container);
    return true;
  };
  EXPECT_TRUE(
      co_await client::modify<api::Pod>(node.api, "default", std::move(pod), std::move(change)));
}

Task<> resize(TestNode& node, std::string pod, Amounts requests, Amounts limits) {
  auto change = [requests, limits](api::Pod& it) {
    it.spec.containers[0].resources.requests = requests;
    it.spec.containers[0].resources.limits = limits;
    return true;
  };
  EXPECT_TRUE(
      co_await client::modify<api::Pod>(node.api, "default", std::move(pod), std::move(change)));
}

const api::ContainerStatus* ephemeral(const api::Pod& pod, const std::string& name = "debugger") {
  for (const api::ContainerStatus& status : pod.status.ephemeral_container_statuses) {
    if (status.name == name) return &status;
  }
  return nullptr;
}

bool debugs(const api::Pod& pod) {
  const api::ContainerStatus* status = ephemeral(pod);
  return status != nullptr && status->state.running;
}

const api::PodCondition* condition(const api::Pod& pod, const std::string& type) {
  for (const api::PodCondition& each : pod.status.conditions) {
    if (each.type == type) return &each;
  }
  return nullptr;
}

bool is_resized(const api::Pod& pod) {
  return pod.status.observed_generation == pod.metadata.generation &&
         condition(pod, "PodResizePending") == nullptr &&
         condition(pod, "PodResizeInProgress") == nullptr && TestNode::is_ready(pod);
}

class PodChangesTest : public ::testing::Test {
 protected:
  void with_node(Task<> (*body)(TestNode&)) {
    TestNode node;
    run_until_complete(node.loop, body(node));
  }
};

TEST_F(PodChangesTest, AnEphemeralContainerRunsBesideTheOthersAndIsNotStartedAgain) {
  with_node([](TestNode& node) -> Task<> {
    co_await node.create(node.shell_pod("web", "sleep 1000"));
    co_await node.until("web", TestNode::is_ready);
    co_await add(node, "web", debugger("echo looked; exit 3"));
    const api::Pod pod = co_await node.until("web", [](const api::Pod& p) {
      return ephemeral(p) != nullptr && ephemeral(p)->state.terminated;
    });
    EXPECT_EQ(ephemeral(pod)->state.terminated->exit_code, 3);
    EXPECT_EQ(ephemeral(pod)->restart_count, 0);
    EXPECT_EQ(pod.status.phase, "Running");
    EXPECT_EQ(pod.status.observed_generation, pod.metadata.generation);
    EXPECT_TRUE(TestNode::is_ready(pod)) << "it has no say in that";
    const auto files = node.agent->find("default", "web")->log_files("debugger");
    EXPECT_TRUE(files && files->size() == 1);
    EXPECT_THAT(log_tail(files->back(), 10, 1000), HasSubstr("looked"));
    co_await node.idle(std::chrono::milliseconds(100));
    EXPECT_EQ(ephemeral(co_await node.until("web", TestNode::is_ready))->restart_count, 0);
  });
}

TEST_F(PodChangesTest, ARefusedStatusIsAWarning) {
  with_node([](TestNode& node) -> Task<> {
    const std::string file = node.dir / "agent.log";
    const auto sink = file_log_sink(file, 1 << 20, {}, system_clock());
    EXPECT_TRUE(sink);
    node.services->log = Log(**sink, "node");
    node.api.set_hook([](std::string_view verb, const client::Target& target) {
      return verb == "patch" && target.subresource == "status"
                 ? std::optional(Error(ErrorCode::kForbidden, "exceeded quota: q"))
                 : std::nullopt;
    });
    co_await node.create(node.shell_pod("web", "sleep 1000"));
    const SteadyTime limit = node.loop.now() + std::chrono::seconds(10);
    std::string text;
    while (text.find("exceeded quota: q") == std::string::npos && node.loop.now() < limit) {
      co_await node.tick();
      text = read_file(file).value_or("");
    }
    EXPECT_THAT(text, HasSubstr("pod status refused"));
    EXPECT_THAT(text, HasSubstr("web"));
    // Refused for a moment only: what is true is written then.
    node.api.set_hook(nullptr);
    co_await node.until("web", TestNode::is_ready);
    node.stop_agent();
    node.services->log = Log();
    node.start_agent();
  });
}

TEST_F(PodChangesTest, AnEphemeralContainerEndsWithItsPod) {
  with_node([](TestNode& node) -> Task<> {
    const std::string go = node.dir / "go";
    api::Pod pod = node.shell_pod("job", "while ! test -e " + go + "; do sleep 0.01; done");
    pod.spec.restart_policy = "Never";
    pod.spec.termination_grace_period_seconds = 0;
    co_await node.create(pod);
    co_await node.until("job", TestNode::is_ready);
    co_await add(node, "job", debugger("sleep 1000"));
    co_await node.until("job", debugs);
    const ProcessIdentity process =
        node.agent->find("default", "job")->exec_target("debugger")->container.identity.container;
    EXPECT_TRUE(write_file(go, ""));
    const api::Pod seen =
        co_await node.until("job", [](const api::Pod& p) { return p.status.phase == "Succeeded"; });
    while (is_alive(process))
      co_await node.tick();
  });
}

TEST_F(PodChangesTest, TheNextAgentTakesEphemeralContainersOver) {
  with_node([](TestNode& node) -> Task<> {
    co_await node.create(node.shell_pod("web", "sleep 1000"));
    co_await node.until("web", TestNode::is_ready);
    co_await add(node, "web", debugger("exit 0", "over"));
    co_await add(node, "web", debugger("sleep 1000"));
    co_await node.until("web", [](const api::Pod& p) {
      return debugs(p) && ephemeral(p, "over") != nullptr && ephemeral(p, "over")->state.terminated;
    });
    const pid_t before = node.agent->find("default", "web")
                             ->exec_target("debugger")
                             ->container.identity.container.pid;
    node.restart_agent();
    while (node.agent->find("default", "web") == nullptr ||
           !node.agent->find("default", "web")->exec_target("debugger"))
      co_await node.tick();
    EXPECT_EQ(node.agent->find("default", "web")
                  ->exec_target("debugger")
                  ->container.identity.container.pid,
              before);
    EXPECT_FALSE(node.agent->find("default", "web")->exec_target("over"));
    kill(before, SIGKILL);
    const api::Pod pod = co_await node.until(
        "web", [](const api::Pod& p) { return ephemeral(p)->state.terminated.has_value(); });
    EXPECT_EQ(ephemeral(pod)->state.terminated->exit_code, 137);
  });
}

TEST_F(PodChangesTest, AnEphemeralContainerWaitsForTheContainerItIsToLookAt) {
  with_node([](TestNode& node) -> Task<> {
    api::Pod pod = node.shell_pod("web", "sleep 1000");
    pod.spec.init_containers.push_back(pod.spec.containers[0]);
    pod.spec.init_containers[0].name = "init";
    const std::string go = node.dir / "go";
    pod.spec.init_containers[0].args = {"-c", "while ! test -e " + go + "; do sleep 0.01; done"};
    co_await node.create(pod);
    api::EphemeralContainer container = debugger("sleep 1000");
    container.target_container_name = "main";
    co_await add(node, "web", container);
    const api::Pod waits = co_await node.until("web", [](const api::Pod& p) {
      return ephemeral(p) != nullptr && ephemeral(p)->state.waiting &&
             ephemeral(p)->state.waiting->reason == "CreateContainerConfigError";
    });
    EXPECT_EQ(ephemeral(waits)->state.waiting->message, "target container \"main\" is not running");
    EXPECT_TRUE(write_file(go, ""));
    co_await node.until("web", debugs);
  });
}

TEST_F(PodChangesTest, AShorterDeadlineCountsAtOnce) {
  with_node([](TestNode& node) -> Task<> {
    api::Pod pod = node.shell_pod("web", "sleep 1000");
    pod.spec.termination_grace_period_seconds = 0;
    pod.spec.active_deadline_seconds = 1000;
    co_await node.create(pod);
    co_await node.until("web", TestNode::is_ready);
    auto change = [](api::Pod& it) {
      it.spec.active_deadline_seconds = 1;
      return true;
    };
    EXPECT_TRUE(co_await client::modify<api::Pod>(node.api, "default", "web", change));
    const api::Pod ended =
        co_await node.until("web", [](const api::Pod& p) { return p.status.phase == "Failed"; });
    EXPECT_EQ(ended.status.reason, "DeadlineExceeded");
  });
}

TEST_F(PodChangesTest, AResizeIsGrantedAndReported) {
  with_node([](TestNode& node) -> Task<> {
    api::Pod pod = node.shell_pod("web", "sleep 1000");
    pod.spec.containers[0].resources.requests["cpu"] = api::Quantity::of(1);
    co_await node.create(pod);
    const api::Pod before = co_await node.until("web", TestNode::is_ready);
    EXPECT_EQ(before.status.container_statuses[0].allocated_resources.at("cpu").text(), "1");
    EXPECT_TRUE(before.status.container_statuses[0].resources);
    const pid_t pid =
        node.agent->find("default", "web")->exec_target("")->container.identity.container.pid;
    co_await resize(node, "web", {{"cpu", api::Quantity::of(2)}}, {{"cpu", api::Quantity::of(3)}});
    const api::Pod after = co_await node.until("web", [](const api::Pod& p) {
      return is_resized(p) &&
             p.status.container_statuses[0].allocated_resources.at("cpu").text() == "2";
    });
    const api::ContainerStatus& status = after.status.container_statuses[0];
    EXPECT_EQ(status.resources->requests.at("cpu").text(), "2");
    EXPECT_EQ(status.resources->limits.at("cpu").text(), "3");
    EXPECT_EQ(status.restart_count, 0);
    EXPECT_EQ(node.agent->find("default", "web")->exec_target("")->container.identity.container.pid,
              pid);
    EXPECT_EQ(after.status.resize, "");
    EXPECT_THAT(co_await node.event_reasons("web"),
                IsSupersetOf({"ResizeStarted", "ResizeCompleted"}));
  });
}

TEST_F(PodChangesTest, AResizeRestartsTheContainerIfThatIsItsPolicy) {
  with_node([](TestNode& node) -> Task<> {
    api::Pod pod = node.shell_pod("web", "sleep 1000");
    pod.spec.restart_policy = "OnFailure";
    pod.spec.termination_grace_period_seconds = 0;
    auto& container = pod.spec.containers[0];
    container.resources.requests = {{"cpu", api::Quantity::of(1)},
                                    {"memory", api::Quantity::of(1 << 20)}};
    container.resize_policy.push_back({"cpu", "NotRequired"});
    container.resize_policy.push_back({"memory", "RestartContainer"});
    co_await node.create(pod);
    co_await node.until("web", TestNode::is_ready);
    co_await resize(node, "web",
                    {{"cpu", api::Quantity::of(2)}, {"memory", api::Quantity::of(1 << 20)}}, {});
    const api::Pod first = co_await node.until("web", [](const api::Pod& p) {
      return is_resized(p) &&
             p.status.container_statuses[0].resources->requests.at("cpu").text() == "2";
    });
    EXPECT_EQ(first.status.container_statuses[0].restart_count, 0);
    co_await resize(node, "web",
                    {{"cpu", api::Quantity::of(2)}, {"memory", api::Quantity::of(2 << 20)}}, {});
    const api::Pod second = co_await node.until("web", [](const api::Pod& p) {
      return is_resized(p) && p.status.container_statuses[0].restart_count == 1;
    });
    EXPECT_EQ(second.status.container_statuses[0].resources->requests.at("memory").value(),
              2 << 20);
  });
}

TEST_F(PodChangesTest, AResizeWaitsUntilThereIsRoom) {
  with_node([](TestNode& node) -> Task<> {
    for (const char* name : {"web", "other"}) {
      api::Pod pod = node.shell_pod(name, "sleep 1000");
      pod.spec.termination_grace_period_seconds = 0;
      pod.spec.containers[0].resources.requests["cpu"] = api::Quantity::of(2);
      co_await node.create(pod);
      co_await node.until(name, TestNode::is_ready);
    }
    co_await resize(node, "web", {{"cpu", api::Quantity::of(3)}}, {});
    const api::Pod waits = co_await node.until(
        "web", [](const api::Pod& p) { return condition(p, "PodResizePending") != nullptr; });
    EXPECT_EQ(condition(waits, "PodResizePending")->reason, "Deferred");
    EXPECT_EQ(condition(waits, "PodResizePending")->message,
              "Node didn't have enough resource: cpu, requested: 3000, used: 2000, capacity: 4000");
    EXPECT_EQ(condition(waits, "PodResizePending")->observed_generation, waits.metadata.generation);
    EXPECT_EQ(waits.status.container_statuses[0].allocated_resources.at("cpu").text(), "2");
    // The next agent does not forget that it waits, nor what the pod has.
    node.restart_agent();
    co_await node.idle(std::chrono::milliseconds(50));
    co_await resize(node, "other", {{"cpu", api::Quantity::of(1)}}, {});
    const api::Pod resized = co_await node.until("web", [](const api::Pod& p) {
      return is_resized(p) &&
             p.status.container_statuses[0].allocated_resources.at("cpu").text() == "3";
    });
    EXPECT_EQ(resized.status.container_statuses[0].restart_count, 0);
  });
}

TEST_F(PodChangesTest, RoomGoesToTheMoreImportantOfThePodsThatWait) {
  with_node([](TestNode& node) -> Task<> {
    for (const auto& [name, cpu, priority] :
         {std::tuple("big", 2, 0), std::tuple("low", 1, 0), std::tuple("high", 1, 10)}) {
      api::Pod pod = node.shell_pod(name, "sleep 1000");
      pod.spec.termination_grace_period_seconds = 0;
      pod.spec.priority = priority;
      pod.spec.containers[0].resources.requests["cpu"] = api::Quantity::of(cpu);
      co_await node.create(pod);
      co_await node.until(name, TestNode::is_ready);
    }
    const auto waits = [](const api::Pod& p) {
      return condition(p, "PodResizePending") != nullptr;
    };
    for (const char* name : {"low", "high"}) {
      co_await resize(node, name, {{"cpu", api::Quantity::of(2)}}, {});
      co_await node.until(name, waits);
    }
    co_await resize(node, "big", {{"cpu", api::Quantity::of(1)}}, {});
    co_await node.until("high", [](const api::Pod& p) {
      return is_resized(p) &&
             p.status.container_statuses[0].allocated_resources.at("cpu").text() == "2";
    });
    co_await node.until("low", waits);
    // The end of a pod gives room, too.
    EXPECT_TRUE(co_await client::remove<api::Pod>(node.api, "default", "big"));
    co_await node.until("low", is_resized);
  });
}

TEST_F(PodChangesTest, AResizeBeyondTheNodeIsInfeasibleUntilItIsTakenBack) {
  with_node([](TestNode& node) -> Task<> {
    api::Pod pod = node.shell_pod("web", "sleep 1000");
    pod.spec.containers[0].resources.requests["cpu"] = api::Quantity::of(1);
    co_await node.create(pod);
    co_await node.until("web", TestNode::is_ready);
    co_await resize(node, "web", {{"cpu", api::Quantity::of(5)}}, {});
    const api::Pod refused = co_await node.until(
        "web", [](const api::Pod& p) { return condition(p, "PodResizePending") != nullptr; });
    EXPECT_EQ(condition(refused, "PodResizePending")->reason, "Infeasible");
    EXPECT_THAT(co_await node.event_reasons("web"), Contains("ResizeInfeasible"));
    co_await resize(node, "web", {{"cpu", api::Quantity::of(1)}}, {});
    co_await node.until("web", is_resized);
  });
}

}  // namespace
}  // namespace insula::node
