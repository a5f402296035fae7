#include "node/agent.h"

#include <csignal>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "async/deadline.h"
#include "client/testing/fake_api.h"
#include "client/typed.h"
#include "gpu/device.h"
#include "http/server.h"
#include "net/listener.h"
#include "net/tls.h"
#include "node/files.h"
#include "node/testing/test_node.h"
#include "testing/certificate.h"

namespace insula::node {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class AgentTest : public ::testing::Test {
 protected:
  void with_node(Task<> (*body)(TestNode&)) {
    TestNode node;
    run_until_complete(node.loop, body(node));
  }
};

TEST_F(AgentTest, RunsAPodAndReportsItRunningAndReady) {
  with_node([](TestNode& node) -> Task<> {
    co_await node.create(node.shell_pod("web", "echo up; sleep 1000"));
    const api::Pod pod =
        co_await node.until("web", [](const api::Pod& p) { return TestNode::is_ready(p); });
    EXPECT_EQ(pod.status.phase, "Running");
    EXPECT_THAT(pod.status.pod_ip, HasSubstr("127."));
    EXPECT_EQ(pod.status.qos_class, "BestEffort");
    EXPECT_EQ(pod.status.container_statuses[0].image_id, "host:/bin/sh");
    EXPECT_TRUE(pod.status.container_statuses[0].state.running);
    EXPECT_THAT(co_await node.event_reasons("web"),
                ::testing::IsSupersetOf({"Pulled", "Created", "Started"}));
  });
}

TEST_F(AgentTest, APodThatEndsWellSucceedsAndOneThatDoesNotFails) {
  with_node([](TestNode& node) -> Task<> {
    api::Pod good = node.shell_pod("good", "exit 0");
    api::Pod bad = node.shell_pod("bad", "exit 3");
    good.spec.restart_policy = bad.spec.restart_policy = "Never";
    co_await node.create(good);
    co_await node.create(bad);
    co_await node.until("good", [](const api::Pod& p) { return p.status.phase == "Succeeded"; });
    const api::Pod failed =
        co_await node.until("bad", [](const api::Pod& p) { return p.status.phase == "Failed"; });
    EXPECT_EQ(failed.status.container_statuses[0].state.terminated->exit_code, 3);
    EXPECT_EQ(failed.status.container_statuses[0].state.terminated->reason, "Error");
  });
}

TEST_F(AgentTest, RestartsAContainerThatFailsAndBacksOff) {
  with_node([](TestNode& node) -> Task<> {
    co_await node.create(node.shell_pod("crash", "exit 1"));
    const api::Pod pod = co_await node.until("crash", [](const api::Pod& p) {
      return !p.status.container_statuses.empty() &&
             p.status.container_statuses[0].restart_count >= 2 &&
             p.status.container_statuses[0].state.waiting;
    });
    EXPECT_EQ(pod.status.phase, "Running");
    EXPECT_EQ(pod.status.container_statuses[0].state.waiting->reason, "CrashLoopBackOff");
    EXPECT_EQ(pod.status.container_statuses[0].last_state.terminated->exit_code, 1);
    EXPECT_THAT(co_await node.event_reasons("crash"), Contains("BackOff"));
  });
}

TEST_F(AgentTest, KeepsTheLogsOfTheLastTwoRunsOnly) {
  with_node([](TestNode& node) -> Task<> {
    node.options.log_bytes_max = 100;
    co_await node.create(
        node.shell_pod("crash", "for i in 1 2 3 4 5 6 7 8; do echo $i; done; exit 1"));
    const api::Pod pod = co_await node.until("crash", [](const api::Pod& p) {
      return !p.status.container_statuses.empty() &&
             p.status.container_statuses[0].restart_count >= 4;
    });
    const std::string logs = node.options.data_dir + "/pods/" + pod.metadata.uid + "/logs/main";
    while (!exists(logs + "/4.log"))
      co_await node.tick();
    for (const std::string& name : names_in(logs))
      EXPECT_GE(name, "3.log") << name;
    EXPECT_TRUE(exists(logs + "/3.log.1"));
  });
}

TEST_F(AgentTest, AKilledProcessIsReplaced) {
  with_node([](TestNode& node) -> Task<> {
    co_await node.create(node.shell_pod("web", "sleep 1000"));
    co_await node.until("web", [](const api::Pod& p) { return TestNode::is_ready(p); });
    kill(node.agent->find("default", "web")->exec_target("")->container.identity.container.pid,
         SIGKILL);
    const api::Pod pod = co_await node.until("web", [](const api::Pod& p) {
      return TestNode::is_ready(p) && p.status.container_statuses[0].restart_count == 1;
    });
    EXPECT_EQ(pod.status.container_statuses[0].last_state.terminated->exit_code, 137);
  });
}

TEST_F(AgentTest, AnImageThatIsNowhereSaysWhatToDo) {
  with_node([](TestNode& node) -> Task<> {
    api::Pod pod = node.shell_pod("nowhere", "true");
    pod.spec.containers[0].image = "registry.example/x:1";
    co_await node.create(pod);
    const api::Pod seen = co_await node.until("nowhere", [](const api::Pod& p) {
      return !p.status.container_statuses.empty() && p.status.container_statuses[0].state.waiting &&
             p.status.container_statuses[0].state.waiting->reason == "ImagePullBackOff";
    });
    EXPECT_EQ(seen.status.phase, "Pending");
    EXPECT_THAT(seen.status.container_statuses[0].state.waiting->message,
                HasSubstr("insula image import"));
  });
}

TEST_F(AgentTest, AMissingConfigMapHoldsTheContainerUntilItIsThere) {
  with_node([](TestNode& node) -> Task<> {
    api::Pod pod = node.shell_pod("needs", "test \"$MODE\" = fast && sleep 1000");
    pod.spec.containers[0]
        .env_from.emplace_back()
        .config_map_ref.emplace()
        .local_object_reference.name = "settings";
    co_await node.create(pod);
    co_await node.until("needs", [](const api::Pod& p) {
      return !p.status.container_statuses.empty() && p.status.container_statuses[0].state.waiting &&
             p.status.container_statuses[0].state.waiting->reason == "CreateContainerConfigError" &&
             p.status.container_statuses[0].state.waiting->message ==
                 "configmap \"settings\" not found";
    });
    api::ConfigMap settings;
    settings.metadata.name = "settings";
    settings.metadata.namespace_ = "default";
    settings.data["MODE"] = "fast";
    EXPECT_TRUE(co_await client::create(node.api, settings));
    co_await node.until("needs", [](const api::Pod& p) { return TestNode::is_ready(p); });
  });
}

TEST_F(AgentTest, AMissingConfigMapDoesNotRaiseTheRestartBackoff) {
  with_node([](TestNode& node) -> Task<> {
    node.options.restart_backoff_max = std::chrono::hours(1);
    api::Pod pod = node.shell_pod("needs", "sleep 1000");
    pod.spec.containers[0]
        .env_from.emplace_back()
        .config_map_ref.emplace()
        .local_object_reference.name = "settings";
    co_await node.create(pod);
    // With doubling, that many tries would take hours.
    co_await node.until_event("needs", "configmap \"settings\" not found", 20);
  });
}

TEST_F(AgentTest, AChangedConfigMapReachesTheVolumeOfARunningPod) {
  with_node([](TestNode& node) -> Task<> {
    node.options.volume_refresh = std::chrono::milliseconds(20);
    api::ConfigMap settings;
    settings.metadata.name = "settings";
    settings.metadata.namespace_ = "default";
    settings.data["MODE"] = "slow";
    EXPECT_TRUE(co_await client::create(node.api, settings));
    api::Pod pod = node.shell_pod("web", "sleep 1000");
    api::Volume& volume = pod.spec.volumes.emplace_back();
    volume.name = "config";
    volume.volume_source.config_map.emplace().local_object_reference.name = "settings";
    co_await node.create(pod);
    const api::Pod seen =
        co_await node.until("web", [](const api::Pod& p) { return TestNode::is_ready(p); });
    const std::string file =
        node.options.data_dir + "/pods/" + seen.metadata.uid + "/volumes/config/MODE";
    EXPECT_EQ(read_file(file).value_or(""), "slow");
    auto change = [](api::ConfigMap& it) {
      it.data["MODE"] = "fast";
      return true;
    };
    EXPECT_TRUE(co_await client::modify<api::ConfigMap>(node.api, "default", "settings",
                                                        std::move(change)));
    const SteadyTime limit = node.loop.now() + std::chrono::seconds(10);
    while (read_file(file).value_or("") != "fast" && node.loop.now() < limit)
      co_await node.tick();
    EXPECT_EQ(read_file(file).value_or(""), "fast");
    // A volume keeps what it has when its object is gone.
    EXPECT_TRUE(co_await client::remove<api::ConfigMap>(node.api, "default", "settings"));
    co_await node.idle(std::chrono::milliseconds(100));
    EXPECT_EQ(read_file(file).value_or(""), "fast");
  });
}

TEST_F(AgentTest, InitContainersRunOneAfterTheOtherAndFirst) {
  with_node([](TestNode& node) -> Task<> {
    const std::string file = node.dir / "order";
    api::Pod pod = node.shell_pod("init", "echo main >> " + file + "; sleep 1000");
    for (const char* name : {"one", "two"}) {
      api::Container init = pod.spec.containers[0];
      init.name = name;
      init.args[1] = std::string("echo ") + name + " >> " + file;
      pod.spec.init_containers.push_back(init);
    }
    EXPECT_TRUE(write_file(file, "", 0666));
    chmod(file.c_str(), 0666);
    co_await node.create(pod);
    co_await node.until("init", [](const api::Pod& p) { return TestNode::is_ready(p); });
    while (read_file(file).value() != "one\ntwo\nmain\n")
      co_await node.tick();
  });
}

TEST_F(AgentTest, DeletionAsksTheContainerToStopAndThenRemovesThePod) {
  with_node([](TestNode& node) -> Task<> {
    const std::string file = node.dir / "stopped";
    EXPECT_TRUE(write_file(file, "", 0666));
    chmod(file.c_str(), 0666);
    co_await node.create(node.shell_pod(
        "web",
        "trap 'echo bye > " + file + "; exit 0' TERM; echo set; while true; do sleep 0.01; done"));
    co_await node.log_until("web", "set\n");
    EXPECT_TRUE(co_await client::remove<api::Pod>(node.api, "default", "web"));
    co_await node.until_gone("web");
    EXPECT_EQ(read_file(file).value(), "bye\n");
    EXPECT_THAT(names_in(node.options.data_dir + "/pods"), IsEmpty());
    EXPECT_EQ(node.ips.in_use(), 0U);
  });
}

TEST_F(AgentTest, APodThatDoesNotFitFailsAndNothingOfItRuns) {
  with_node([](TestNode& node) -> Task<> {
    const auto asks = [&node](const char* name, const char* resource, const char* amount) {
      api::Pod pod = node.shell_pod(name, "sleep 1000");
      pod.spec.containers[0].resources.requests[resource] = *api::Quantity::parse(amount);
      return pod;
    };
    co_await node.create(asks("first", "cpu", "3"));
    co_await node.until("first", [](const api::Pod& p) { return TestNode::is_ready(p); });
    co_await node.create(asks("second", "cpu", "1500m"));
    co_await node.create(asks("third", "memory", "2Gi"));
    const auto failed = [](const api::Pod& p) { return p.status.phase == "Failed"; };
    const api::Pod second = co_await node.until("second", failed);
    EXPECT_EQ(second.status.reason, "OutOfcpu");
    EXPECT_EQ(second.status.message,
              "Pod was rejected: Node didn't have enough resource: cpu, requested: 1500, used: "
              "3000, capacity: 4000");
    EXPECT_FALSE(second.status.container_statuses[0].state.terminated);
    EXPECT_EQ(second.status.container_statuses[0].container_id, "");
    EXPECT_EQ((co_await node.until("third", failed)).status.reason, "OutOfmemory");
    // The place of one that goes is free for the next.
    client::DeleteOptions now;
    now.grace_period_seconds = 0;
    EXPECT_TRUE(co_await client::remove<api::Pod>(node.api, "default", "first", now));
    co_await node.until_gone("first");
    co_await node.create(asks("fourth", "cpu", "4"));
    co_await node.until("fourth", [](const api::Pod& p) { return TestNode::is_ready(p); });
    // A restarted agent does not reject what runs.
    node.restart_agent();
    co_await node.agent->synced().wait();
    co_await node.create(asks("fifth", "cpu", "1"));
    EXPECT_EQ((co_await node.until("fifth", failed)).status.reason, "OutOfcpu");
    co_await node.until("fourth", [](const api::Pod& p) { return TestNode::is_ready(p); });
  });
}

TEST_F(AgentTest, APodThatIsToStopIsUnreadyBeforeItsContainerIsAskedTo) {
  with_node([](TestNode& node) -> Task<> {
    api::Pod pod = node.shell_pod("web", "trap '' TERM; sleep 1000");
    auto& hook = pod.spec.containers[0].lifecycle.emplace().pre_stop.emplace();
    hook.sleep.emplace().seconds = 1000;
    co_await node.create(pod);
    co_await node.until("web", [](const api::Pod& p) { return TestNode::is_ready(p); });
    EXPECT_TRUE(co_await client::remove<api::Pod>(node.api, "default", "web"));
    const api::Pod seen =
        co_await node.until("web", [](const api::Pod& p) { return !TestNode::is_ready(p); });
    EXPECT_TRUE(seen.status.container_statuses[0].state.running);
    client::DeleteOptions now;
    now.grace_period_seconds = 0;
    EXPECT_TRUE(co_await client::remove<api::Pod>(node.api, "default", "web", now));
    co_await node.until_gone("web");
    while (!node.agent->workers().empty())
      co_await node.tick();
  });
}

TEST_F(AgentTest, APodThatIsDeletedWhileItStartsEnds) {
  with_node([](TestNode& node) -> Task<> {
    for (int turns = 0; turns < 40; ++turns) {
      const std::string name = "quick-" + std::to_string(turns);
      co_await node.create(node.shell_pod(name, "sleep 1000"));
      for (int i = 0; i < turns; ++i)
        co_await yield();
      client::DeleteOptions now;
      now.grace_period_seconds = 0;
      EXPECT_TRUE(co_await client::remove<api::Pod>(node.api, "default", name, now));
    }
    const SteadyTime limit = node.loop.now() + std::chrono::seconds(10);
    while (!node.agent->workers().empty() && node.loop.now() < limit)
      co_await node.tick();
    EXPECT_TRUE(node.agent->workers().empty());
  });
}

TEST_F(AgentTest, TakesOverRunningPodsAfterARestart) {
  with_node([](TestNode& node) -> Task<> {
    co_await node.create(node.shell_pod("web", "sleep 1000"));
    co_await node.until("web", [](const api::Pod& p) { return TestNode::is_ready(p); });
    const pid_t before =
        node.agent->find("default", "web")->exec_target("")->container.identity.container.pid;
    node.restart_agent();
    while (node.agent->find("default", "web") == nullptr ||
           !node.agent->find("default", "web")->exec_target(""))
      co_await node.tick();
    const auto target = node.agent->find("default", "web")->exec_target("");
    EXPECT_EQ(target->container.identity.container.pid, before);
    kill(before, SIGKILL);
    co_await node.until(
        "web", [](const api::Pod& p) { return p.status.container_statuses[0].restart_count == 1; });
  });
}

TEST_F(AgentTest, NoticesWhatEndedWhileNoAgentRan) {
  with_node([](TestNode& node) -> Task<> {
    api::Pod pod = node.shell_pod(
        "job", "while ! test -e " + (node.dir / "go") + "; do sleep 0.01; done; exit 5");
    pod.spec.restart_policy = "Never";
    co_await node.create(pod);
    co_await node.until("job", [](const api::Pod& p) { return TestNode::is_ready(p); });
    const ProcessIdentity process =
        node.agent->find("default", "job")->exec_target("")->container.identity.shim;
    node.stop_agent();
    EXPECT_TRUE(write_file(node.dir / "go", ""));
    while (is_alive(process))
      co_await node.tick();
    node.start_agent();
    const api::Pod seen =
        co_await node.until("job", [](const api::Pod& p) { return p.status.phase == "Failed"; });
    EXPECT_EQ(seen.status.container_statuses[0].state.terminated->exit_code, 5);
  });
}

TEST_F(AgentTest, ClearsAwayPodsThatWereDeletedWhileNoAgentRan) {
  with_node([](TestNode& node) -> Task<> {
    co_await node.create(node.shell_pod("web", "sleep 1000"));
    co_await node.until("web", [](const api::Pod& p) { return TestNode::is_ready(p); });
    const ProcessIdentity process =
        node.agent->find("default", "web")->exec_target("")->container.identity.container;
    node.stop_agent();
    client::DeleteOptions now;
    now.grace_period_seconds = 0;
    EXPECT_TRUE(co_await client::remove<api::Pod>(node.api, "default", "web", now));
    node.start_agent();
    while (is_alive(process) || !names_in(node.options.data_dir + "/pods").empty())
      co_await node.tick();
  });
}

TEST_F(AgentTest, ReadinessFollowsItsProbeAndLivenessRestarts) {
  with_node([](TestNode& node) -> Task<> {
    const std::string file = node.dir / "healthy";
    api::Pod pod = node.shell_pod("web", "sleep 1000");
    pod.spec.containers[0].readiness_probe.emplace().handler.exec.emplace().command = {
        "/usr/bin/test", "-e", file};
    pod.spec.containers[0].readiness_probe->period_seconds = 1;
    co_await node.create(pod);
    co_await node.until("web", [](const api::Pod& p) {
      return !p.status.container_statuses.empty() && p.status.container_statuses[0].state.running;
    });
    EXPECT_TRUE(write_file(file, ""));
    co_await node.until("web", [](const api::Pod& p) { return TestNode::is_ready(p); });

    api::Pod sick = node.shell_pod("sick", "sleep 1000");
    sick.spec.termination_grace_period_seconds = 0;
    sick.spec.containers[0].liveness_probe.emplace().handler.exec.emplace().command = {
        "/bin/false"};
    sick.spec.containers[0].liveness_probe->failure_threshold = 1;
    co_await node.create(sick);
    co_await node.until("sick", [](const api::Pod& p) {
      return !p.status.container_statuses.empty() &&
             p.status.container_statuses[0].restart_count > 0;
    });
    EXPECT_THAT(co_await node.event_reasons("sick"), Contains("Unhealthy"));
  });
}

/// Says yes to everybody.
class Healthy final : public http::Handler {
 public:
  Task<> handle(http::Exchange& exchange) override {
    (void)co_await exchange.respond(http::make_response(200, "text/plain", "ok"));
  }
};

TEST_F(AgentTest, AsksProbesOverTlsWhateverTheCertificate) {
  with_node([](TestNode& node) -> Task<> {
    const insula::testing::Certificate certificate = insula::testing::make_certificate({});
    net::TlsServerOptions keys;
    keys.certificate_chain = certificate.pem;
    keys.private_key = certificate.key;
    http::ServerOptions options;
    options.tls = net::TlsContext::server(keys).value();
    Healthy healthy;
    http::Server server(healthy, options);
    auto listener = *net::Listener::bind(node.loop, *net::Address::parse("127.0.0.1:0"));
    api::Pod pod = node.shell_pod("web", "sleep 1000");
    auto& action = pod.spec.containers[0].readiness_probe.emplace().handler.http_get.emplace();
    action.scheme = "HTTPS";
    action.host = "127.0.0.1";
    action.port = listener->address().port();
    server.serve(std::move(listener));
    co_await node.create(pod);
    co_await node.until("web", [](const api::Pod& p) { return TestNode::is_ready(p); });
  });
}

TEST_F(AgentTest, APreStopHookRunsOnceThoughTwoReasonsEndTheContainer) {
  with_node([](TestNode& node) -> Task<> {
    const std::string file = node.dir / "hooks";
    EXPECT_TRUE(write_file(file, "", 0666));
    chmod(file.c_str(), 0666);
    api::Pod pod = node.shell_pod("web", "sleep 1000");
    pod.spec.containers[0].lifecycle.emplace().pre_stop.emplace().exec.emplace().command = {
        "/bin/sh", "-c", "echo hook >> " + file + "; sleep 0.3"};
    api::Probe& probe = pod.spec.containers[0].liveness_probe.emplace();
    probe.handler.exec.emplace().command = {"/bin/false"};
    probe.failure_threshold = 1;
    co_await node.create(pod);
    const SteadyTime limit = node.loop.now() + std::chrono::seconds(10);
    while (read_file(file).value().empty() && node.loop.now() < limit)
      co_await node.tick();
    EXPECT_TRUE(co_await client::remove<api::Pod>(node.api, "default", "web"));
    co_await node.until_gone("web");
    EXPECT_EQ(read_file(file).value(), "hook\n");
  });
}

TEST_F(AgentTest, ProbesAndHooksRunAsTheUserOfTheContainer) {
  with_node([](TestNode& node) -> Task<> {
    const std::string file = node.dir / "users";
    EXPECT_TRUE(write_file(file, "", 0666));
    chmod(file.c_str(), 0666);
    api::Pod pod = node.shell_pod("web", "sleep 1000");
    api::Container& main = pod.spec.containers[0];
    main.security_context.emplace().run_as_user = 4321;
    main.readiness_probe.emplace().handler.exec.emplace().command = {
        "/bin/sh", "-c", "echo probe $(id -u) >> " + file};
    api::Lifecycle& lifecycle = main.lifecycle.emplace();
    lifecycle.post_start.emplace().exec.emplace().command = {"/bin/sh", "-c",
                                                             "echo start $(id -u) >> " + file};
    lifecycle.pre_stop.emplace().exec.emplace().command = {"/bin/sh", "-c",
                                                           "echo stop $(id -u) >> " + file};
    co_await node.create(pod);
    co_await node.until("web", [](const api::Pod& p) { return TestNode::is_ready(p); });
    EXPECT_TRUE(co_await client::remove<api::Pod>(node.api, "default", "web"));
    co_await node.until_gone("web");
    const std::string user = std::to_string(geteuid() == 0 ? 4321 : geteuid());
    const std::string text = read_file(file).value();
    for (const char* who : {"start ", "probe ", "stop "})
      EXPECT_THAT(text, HasSubstr(who + user + "\n"));
    if (geteuid() == 0) EXPECT_THAT(text, Not(HasSubstr(" 0\n")));
  });
}

TEST_F(AgentTest, AContainerReadsItsSecretAndNoOtherUserOfTheMachineDoes) {
  with_node([](TestNode& node) -> Task<> {
    api::Secret secret;
    secret.metadata.name = "token";
    secret.metadata.namespace_ = "default";
    secret.data["key"] = "opensesame";
    EXPECT_TRUE(co_await client::create(node.api, secret));
    api::Pod pod = node.shell_pod("web", "cat $INSULA_MOUNTS/secret/key; echo; sleep 1000");
    api::Volume& volume = pod.spec.volumes.emplace_back();
    volume.name = "secret";
    volume.volume_source.secret.emplace().secret_name = "token";
    volume.volume_source.secret->default_mode = 0400;
    api::VolumeMount& mount = pod.spec.containers[0].volume_mounts.emplace_back();
    mount.name = "secret";
    mount.mount_path = "/secret";
    co_await node.create(pod);
    co_await node.log_until("web", "opensesame\n");
    const std::string volumes = node.options.data_dir + "/pods/" +
                                node.agent->find("default", "web")->pod().metadata.uid + "/volumes";
    struct stat info{};
    EXPECT_EQ(stat(volumes.c_str(), &info), 0);
    EXPECT_EQ(info.st_uid, geteuid());
    EXPECT_EQ(info.st_mode & 0777, geteuid() == 0 ? 0710U : 0700U);
    if (geteuid() == 0) EXPECT_EQ(info.st_gid, 65534U);
  });
}

TEST_F(AgentTest, AnInitContainerGivesItsGpusBackWhenItHasEnded) {
  with_node([](TestNode& node) -> Task<> {
    api::Pod pod = node.shell_pod("train", "sleep 1000");
    api::Container prepare = pod.spec.containers[0];
    prepare.name = "prepare";
    prepare.args[1] = "true";
    // All there are, one after the other.
    prepare.resources.limits["nvidia.com/gpu"] = api::Quantity::of(2);
    pod.spec.containers[0].resources.limits["nvidia.com/gpu"] = api::Quantity::of(2);
    pod.spec.init_containers.push_back(prepare);
    co_await node.create(pod);
    co_await node.until("train", [](const api::Pod& p) { return TestNode::is_ready(p); });
    EXPECT_EQ(node.gpus.readings()[0].holder.container, "main");
    node.gpus.release(node.agent->find("default", "train")->pod().metadata.uid);
    node.restart_agent();
    EXPECT_EQ(node.gpus.readings()[0].holder.container, "main");
    EXPECT_EQ(node.gpus.readings()[1].holder.container, "main");
  });
}

TEST_F(AgentTest, GivesWholeGpusToContainersAndTakesThemBack) {
  with_node([](TestNode& node) -> Task<> {
    api::Pod pod = node.shell_pod(
        "gpu", "echo $NVIDIA_VISIBLE_DEVICES > " + (node.dir / "uuid") + "; sleep 1000");
    EXPECT_TRUE(write_file(node.dir / "uuid", "", 0666));
    chmod((node.dir / "uuid").c_str(), 0666);
    pod.spec.containers[0].resources.limits["nvidia.com/gpu"] = api::Quantity::of(1);
    co_await node.create(pod);
    co_await node.until("gpu", [](const api::Pod& p) { return TestNode::is_ready(p); });
    const std::string expected = node.gpus.devices()[0].uuid + "\n";
    while (read_file(node.dir / "uuid").value() != expected)
      co_await node.tick();
    EXPECT_EQ(node.gpus.readings()[0].holder.pod, "gpu");
    node.restart_agent();
    EXPECT_EQ(node.gpus.readings()[0].holder.pod, "gpu");
    EXPECT_TRUE(co_await client::remove<api::Pod>(node.api, "default", "gpu"));
    co_await node.until_gone("gpu");
    EXPECT_EQ(node.gpus.readings()[0].holder.pod, "");
  });
}

TEST_F(AgentTest, RefusesATenantsProbeOfAnotherHost) {
  with_node([](TestNode& node) -> Task<> {
    co_await node.make_tenant_namespace("team-a");
    api::Pod pod = node.shell_pod("curious", "sleep 1000");
    pod.metadata.namespace_ = "team-a";
    auto& action = pod.spec.containers[0].readiness_probe.emplace().handler.http_get.emplace();
    action.host = "127.0.0.1";
    action.port = 80;
    co_await node.create(pod);
    co_await node.until_event("curious", "host in probes");
    EXPECT_EQ(node.agent->find("team-a", "curious")->log_files("").value().size(), 0U);
  });
}

TEST_F(AgentTest, RefusesATenantsPodThatReachesForTheNode) {
  with_node([](TestNode& node) -> Task<> {
    co_await node.make_tenant_namespace("team-a");
    api::Pod pod = node.shell_pod("greedy", "sleep 1000");
    pod.metadata.namespace_ = "team-a";
    api::Volume& volume = pod.spec.volumes.emplace_back();
    volume.name = "host";
    volume.volume_source.host_path.emplace().path = "/";
    co_await node.create(pod);
    co_await node.until_event("greedy", "hostPath");
    const auto refused = co_await client::get<api::Pod>(node.api, "team-a", "greedy");
    EXPECT_THAT(refused->status.phase, ::testing::AnyOf("", "Pending"));
    EXPECT_EQ(node.agent->find("team-a", "greedy")->log_files("").value().size(), 0U);
  });
}

TEST_F(AgentTest, APodEndsThoughTheApiWasSilentWhenItBegan) {
  with_node([](TestNode& node) -> Task<> {
    co_await node.create(node.shell_pod("web", "sleep 1000"));
    co_await node.until("web", [](const api::Pod& p) { return TestNode::is_ready(p); });
    // The agent gives up telling the API that the pod stops after a second.
    node.api.set_silence([](std::string_view verb, const client::Target& target) {
      return verb == "patch" && target.name == "web";
    });
    client::DeleteOptions now;
    now.grace_period_seconds = 1;
    EXPECT_TRUE(co_await client::remove<api::Pod>(node.api, "default", "web", std::move(now)));
    co_await node.idle(std::chrono::milliseconds(1200));
    node.api.set_silence(nullptr);
    co_await node.until_gone("web");
  });
}

}  // namespace
}  // namespace insula::node
