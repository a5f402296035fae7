#include "node/oci_runtime.h"

#include <csignal>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/files.h"
#include "node/image_import.h"
#include "node/netlink.h"
#include "node/pod_network.h"
#include "node/run.h"
#include "node/shim_launch.h"
#include "node/testing/image_file.h"
#include "node/testing/test_node.h"

namespace insula::node {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Real containers: needs root and the runtime; skips with the reason where it does not work.
class OciRuntimeTest : public ::testing::TestWithParam<RuntimeChoice> {
 protected:
  void with_node(Task<> (*body)(TestNode&)) {
    TestNode node(GetParam());
    if (!node.unavailable.empty()) GTEST_SKIP() << node.unavailable;
    run_until_complete(node.loop, body(node));
  }
};

TEST_P(OciRuntimeTest, APodHasAnAddressProcessesAndFilesOfItsOwn) {
  with_node([](TestNode& node) -> Task<> {
    co_await node.create(node.shell_pod(
        "web",
        "echo pid $$$$; hostname; cat /etc/hosts; ls /root /etc/shadow /etc/ssl/private 2>&1; "
        "cat /proc/net/route; touch /usr/x 2>&1; touch /tmp/y && echo wrote; echo end; sleep "
        "1000"));
    const api::Pod pod =
        co_await node.until("web", [](const api::Pod& p) { return TestNode::is_ready(p); });
    EXPECT_THAT(pod.status.pod_ip, HasSubstr("10.231."));
    const std::string log = co_await node.log_until("web", "end\n");
    EXPECT_THAT(log, HasSubstr("pid 1\nweb\n"));
    EXPECT_THAT(log, HasSubstr(pod.status.pod_ip + "\tweb"));
    EXPECT_THAT(log, HasSubstr("/etc/shadow': No such file"));
    EXPECT_THAT(log, HasSubstr("eth0\t00000000\t0101FEA9"));  // the default route over 169.254.1.1
    EXPECT_THAT(log, HasSubstr("Read-only file system"));
    EXPECT_THAT(log, HasSubstr("wrote\n"));
  });
}

TEST_P(OciRuntimeTest, TheNodeReachesAPodByItsAddress) {
  with_node([](TestNode& node) -> Task<> {
    api::Pod pod = node.shell_pod("web", "");
    EXPECT_TRUE(node.images.add("test/python = host:/usr/bin/python3"));
    pod.spec.containers[0].image = "test/python";
    pod.spec.containers[0].args = {"-m", "http.server", "80"};
    pod.spec.containers[0].readiness_probe.emplace().handler.http_get.emplace().port = 80;
    co_await node.create(pod);
    co_await node.until("web", [](const api::Pod& p) { return TestNode::is_ready(p); });
  });
}

TEST_P(OciRuntimeTest, ATenantsPodRunsInAUserNamespaceAndCannotGainRights) {
  with_node([](TestNode& node) -> Task<> {
    co_await node.make_tenant_namespace("team-a");
    api::Pod pod = node.shell_pod(
        "safe",
        "cat /proc/self/uid_map; grep -E 'NoNewPrivs|Seccomp:' /proc/self/status; "
        "mount -t tmpfs x /mnt 2>&1; unshare -U true 2>&1; id -u; echo end; sleep 1000");
    pod.metadata.namespace_ = "team-a";
    co_await node.create(pod);
    while (node.agent->find("team-a", "safe") == nullptr)
      co_await node.tick();
    const std::string log = co_await node.log_until("safe", "end\n");
    EXPECT_THAT(log, Not(HasSubstr("         0          0 4294967295")));
    EXPECT_THAT(log, HasSubstr(" 65536\n"));
    EXPECT_THAT(log, HasSubstr("NoNewPrivs:\t1"));
    EXPECT_THAT(log, HasSubstr("Seccomp:\t2"));
    EXPECT_THAT(log, HasSubstr("unshare failed: Operation not permitted"));
    EXPECT_THAT(log, HasSubstr("\n0\nend"));
  });
}

// An agent that was killed before it noted a pod's address left namespaces of other ids.
TEST_P(OciRuntimeTest, ASandboxMadeHalfIsMadeAnewForAnotherAddress) {
  with_node([](TestNode& node) -> Task<> {
    Sandbox sandbox;
    sandbox.pod_uid = "half-made";
    sandbox.hostname = "again";
    sandbox.dir = node.dir / "half-made";
    sandbox.wants_user_namespace = true;
    ContainerPlan plan;
    plan.id = fmt::format("half-made-{}", getpid());
    plan.dir = sandbox.dir + "/container";
    plan.log_path = sandbox.dir + "/log";
    plan.log_bytes_max = 1 << 16;
    plan.root = HostRoot{};
    plan.argv = {"/bin/sh", "-c", "cat /proc/self/uid_map"};
    EXPECT_TRUE(make_dirs(plan.dir, 0711));
    Result<Sandbox> made = sandbox;
    for (int times = 0; times < 2; ++times) {
      do {
        node.ips.release(sandbox.pod_uid);
        sandbox.ip = node.ips.acquire(sandbox.pod_uid).value();
        made = co_await node.runtime->create_sandbox(sandbox);
      } while (!made && made.error().code() == ErrorCode::kAlreadyExists);
    }
    const auto container = co_await node.runtime->start(plan, *made);
    EXPECT_TRUE(container) << container.error().message();
    if (!container) co_return;
    EXPECT_EQ((co_await wait_for_exit(*container)).exit_code, 0);
    const std::string log = read_file(plan.log_path).value_or("");
    EXPECT_THAT(log, HasSubstr(fmt::format(" {} ", *made->user_base)));
    EXPECT_TRUE(co_await node.runtime->remove(*container));
    EXPECT_TRUE(co_await node.runtime->remove_sandbox(sandbox));
  });
}

TEST_P(OciRuntimeTest, AnotherPlatformThatTriesThingsOutCostsNoIsolation) {
  bool user_namespaces = false;
  {
    const TestNode alone(GetParam());
    if (!alone.unavailable.empty()) GTEST_SKIP() << alone.unavailable;
    user_namespaces = alone.runtime->isolation().user_namespaces;
  }
  insula::testing::TempDir dir;
  const PodNetwork other(dir.path());
  // Fine if a platform of this machine has it at this moment.
  const auto held = other.add("held", parse_ipv4("169.254.255.1").value(), std::nullopt);
  EXPECT_TRUE(held || held.error().code() == ErrorCode::kAlreadyExists) << held.error().message();
  {
    const TestNode node(GetParam());
    EXPECT_EQ(node.unavailable, "");
    if (node.runtime) {
      EXPECT_EQ(node.runtime->isolation().user_namespaces, user_namespaces)
          << node.runtime->isolation().reason;
    }
  }
  EXPECT_TRUE(other.remove("held"));
}

TEST_P(OciRuntimeTest, ATenantsPodOpensItsOutputByName) {
  with_node([](TestNode& node) -> Task<> {
    co_await node.make_tenant_namespace("team-a");
    api::Pod pod = node.shell_pod(
        "safe", "echo to stdout > /dev/stdout; echo to stderr > /dev/stderr; echo end; sleep 1000");
    pod.metadata.namespace_ = "team-a";
    pod.spec.security_context.emplace().run_as_user = 1000;
    api::Probe& probe = pod.spec.containers[0].readiness_probe.emplace();
    probe.handler.exec.emplace().command = {"/bin/sh", "-c", "echo probe > /dev/stdout"};
    co_await node.create(pod);
    while (node.agent->find("team-a", "safe") == nullptr)
      co_await node.tick();
    const std::string log = co_await node.log_until("safe", "end\n");
    EXPECT_THAT(log, HasSubstr("to stdout\n"));
    EXPECT_THAT(log, HasSubstr("to stderr\n"));
    co_await node.until("safe", TestNode::is_ready, "team-a");
  });
}

// How many processes of the machine have this text in their arguments.
int processes_with(const std::string& text) {
  int count = 0;
  for (const std::string& name : names_in("/proc")) {
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    if (read_file("/proc/" + name + "/cmdline").value_or("").find(text) != std::string::npos)
      ++count;
  }
  return count;
}

TEST_P(OciRuntimeTest, AProbeThatTakesTooLongLeavesNoProcess) {
  with_node([](TestNode& node) -> Task<> {
    const std::string mark = fmt::format("{}", 100000 + getpid());
    api::Pod pod = node.shell_pod("web", "exec sleep 1000");
    api::Probe& probe = pod.spec.containers[0].liveness_probe.emplace();
    probe.handler.exec.emplace().command = {"/bin/sh", "-c", "sleep " + mark + "; true"};
    probe.timeout_seconds = 1;
    probe.failure_threshold = 10;
    probe.period_seconds = 100;
    co_await node.create(pod);
    const SteadyTime limit = node.loop.now() + std::chrono::seconds(10);
    // The one that the shell starts: the runtime has the mark among its arguments before that.
    const std::string sleeper = std::string("sleep\0", 6) + mark;
    while (processes_with(sleeper) == 0 && node.loop.now() < limit)
      co_await node.tick();
    EXPECT_EQ(processes_with(sleeper), 1);
    while (processes_with(mark) > 0 && node.loop.now() < limit)
      co_await node.tick();
    EXPECT_EQ(processes_with(mark), 0);
  });
}

TEST_P(OciRuntimeTest, AContainerThatUsesTooMuchMemoryIsKilledAndSaidSo) {
  with_node([](TestNode& node) -> Task<> {
    api::Pod pod = node.shell_pod("hungry", "x=a; while true; do x=$x$x; done");
    pod.spec.restart_policy = "Never";
    pod.spec.containers[0].resources.limits["memory"] = api::Quantity::of(32 << 20);
    co_await node.create(pod);
    const api::Pod seen =
        co_await node.until("hungry", [](const api::Pod& p) { return p.status.phase == "Failed"; });
    EXPECT_EQ(seen.status.container_statuses[0].state.terminated->reason, "OOMKilled");
    EXPECT_EQ(seen.status.container_statuses[0].state.terminated->exit_code, 137);
  });
}

TEST_P(OciRuntimeTest, VolumesAndTheTerminationMessageAreInPlace) {
  with_node([](TestNode& node) -> Task<> {
    api::ConfigMap settings;
    settings.metadata.name = "settings";
    settings.metadata.namespace_ = "default";
    settings.data["mode"] = "fast";
    EXPECT_TRUE(co_await client::create(node.api, settings));
    api::Pod pod = node.shell_pod(
        "job", "cat /etc/settings/mode > /scratch/copy; cat /scratch/copy > /dev/termination-log");
    pod.spec.restart_policy = "Never";
    api::Volume& config = pod.spec.volumes.emplace_back();
    config.name = "config";
    config.volume_source.config_map.emplace().local_object_reference.name = "settings";
    api::Volume& scratch = pod.spec.volumes.emplace_back();
    scratch.name = "scratch";
    scratch.volume_source.empty_dir.emplace();
    for (const auto& [name, path] :
         {std::pair{"config", "/etc/settings"}, std::pair{"scratch", "/scratch"}}) {
      api::VolumeMount& mount = pod.spec.containers[0].volume_mounts.emplace_back();
      mount.name = name;
      mount.mount_path = path;
    }
    co_await node.create(pod);
    const api::Pod seen =
        co_await node.until("job", [](const api::Pod& p) { return p.status.phase == "Succeeded"; });
    EXPECT_EQ(seen.status.container_statuses[0].state.terminated->message, "fast");
  });
}

// A process of the runtime's may collect the status of a container that ends before it does.
TEST_P(OciRuntimeTest, ContainersThatEndAtOnceEndWithTheirOwnStatus) {
  with_node([](TestNode& node) -> Task<> {
    Sandbox sandbox;
    sandbox.pod_uid = "quick";
    sandbox.hostname = "quick";
    sandbox.dir = node.dir / "quick";
    sandbox.ip = node.ips.acquire(sandbox.pod_uid).value();
    const Result<Sandbox> made = co_await node.runtime->create_sandbox(sandbox);
    EXPECT_TRUE(made) << made.error().message();
    if (!made) co_return;
    for (int i = 0; i < 24; ++i) {
      ContainerPlan plan;
      plan.id = fmt::format("quick-{}-{}", getpid(), i);
      plan.dir = fmt::format("{}/container-{}", sandbox.dir, i);
      plan.log_path = fmt::format("{}/log-{}", sandbox.dir, i);
      plan.log_bytes_max = 1 << 16;
      plan.root = HostRoot{};
      plan.argv = {"/bin/sh", "-c", "exit 7"};
      EXPECT_TRUE(make_dirs(plan.dir, 0711));
      const auto container = co_await node.runtime->start(plan, *made);
      EXPECT_TRUE(container) << container.error().message();
      if (!container) co_return;
      EXPECT_EQ((co_await wait_for_exit(*container)).exit_code, 7) << i;
      EXPECT_TRUE(co_await node.runtime->remove(*container));
    }
    EXPECT_TRUE(co_await node.runtime->remove_sandbox(sandbox));
  });
}

void add_volume(api::Pod& pod,
                const std::string& name,
                const std::string& path,
                api::Volume volume) {
  volume.name = name;
  pod.spec.volumes.push_back(std::move(volume));
  api::VolumeMount& mount = pod.spec.containers[0].volume_mounts.emplace_back();
  mount.name = name;
  mount.mount_path = path;
}

TEST_P(OciRuntimeTest, ATenantReachesItsVolumesAndNoUserOfTheMachineDoes) {
  with_node([](TestNode& node) -> Task<> {
    co_await node.make_tenant_namespace("team-a");
    api::Secret secret;
    secret.metadata.name = "token";
    secret.metadata.namespace_ = "team-a";
    secret.data["key"] = "opensesame";
    EXPECT_TRUE(co_await client::create(node.api, secret));
    api::Pod pod =
        node.shell_pod("safe",
                       "cat /secret/key; echo; cat /key; echo; echo part > /part/file && "
                       "cat /whole/a/b/file; ls -nd /part; ls /memory; echo end; sleep "
                       "1000");
    pod.metadata.namespace_ = "team-a";
    pod.spec.containers[0].security_context.emplace().run_as_user = 1000;
    api::Volume empty;
    empty.volume_source.empty_dir.emplace();
    api::Volume memory;
    memory.volume_source.empty_dir.emplace().medium = "Memory";
    api::Volume token;
    token.volume_source.secret.emplace().secret_name = "token";
    add_volume(pod, "whole", "/whole", empty);
    add_volume(pod, "memory", "/memory", memory);
    pod.spec.containers[0].volume_mounts.back().read_only = true;
    add_volume(pod, "secret", "/secret", token);
    auto& mounts = pod.spec.containers[0].volume_mounts;
    api::VolumeMount part = mounts.front();
    part.mount_path = "/part";
    part.sub_path = "a/b";
    mounts.push_back(part);
    part.name = "secret";
    part.mount_path = "/key";
    part.sub_path = "key";
    mounts.push_back(part);
    co_await node.create(pod);
    while (node.agent->find("team-a", "safe") == nullptr)
      co_await node.tick();
    const std::string log = co_await node.log_until("safe", "end\n");
    EXPECT_THAT(log, HasSubstr("opensesame\nopensesame\npart\ndrwxrwsrwx "))
        << co_await node.event_texts();

    const std::string uid = node.agent->find("team-a", "safe")->pod().metadata.uid;
    const std::string volumes = node.options.data_dir + "/pods/" + uid + "/volumes";
    struct stat info{};
    EXPECT_EQ(stat(volumes.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0700U);
    EXPECT_EQ(info.st_uid, 0U);
    EXPECT_TRUE(is_mount_point(volumes + "/secret"));
    client::DeleteOptions now;
    now.grace_period_seconds = 0;
    EXPECT_TRUE(co_await client::remove<api::Pod>(node.api, "team-a", "safe", now));
    while (!node.agent->workers().empty())
      co_await node.tick();
    EXPECT_TRUE(names_in(node.options.data_dir + "/pods").empty());
  });
}

TEST_P(OciRuntimeTest, AContainerThatCannotBeStartedLeavesNothingMounted) {
  with_node([](TestNode& node) -> Task<> {
    api::Pod pod = node.shell_pod("broken", "");
    pod.spec.restart_policy = "Never";
    pod.spec.containers[0].command = {"/no/such/program"};
    api::Volume empty;
    empty.volume_source.empty_dir.emplace();
    add_volume(pod, "whole", "/part", empty);
    pod.spec.containers[0].volume_mounts.back().sub_path = "a";
    co_await node.create(pod);
    co_await node.until("broken", [](const api::Pod& p) { return p.status.phase == "Failed"; });
    EXPECT_TRUE(co_await client::remove<api::Pod>(node.api, "default", "broken"));
    co_await node.until_gone("broken");
    while (!node.agent->workers().empty())
      co_await node.tick();
    EXPECT_TRUE(names_in(node.options.data_dir + "/pods").empty());
  });
}

TEST_P(OciRuntimeTest, ExecRunsInsideTheContainerOfATenantToo) {
  with_node([](TestNode& node) -> Task<> {
    co_await node.make_tenant_namespace("team-a");
    api::Pod safe = node.shell_pod("safe", "sleep 1000");
    safe.metadata.namespace_ = "team-a";
    safe.spec.containers[0].readiness_probe.emplace().handler.exec.emplace().command = {
        "/bin/sh", "-c", "grep -q 65536 /proc/self/uid_map"};
    co_await node.create(safe);
    co_await node.until("safe", TestNode::is_ready, "team-a");

    api::Pod pod = node.shell_pod("web", "sleep 1000");
    pod.spec.containers[0].readiness_probe.emplace().handler.exec.emplace().command = {
        "/bin/sh", "-c", "test $(hostname) = web"};
    co_await node.create(pod);
    co_await node.until("web", [](const api::Pod& p) { return TestNode::is_ready(p); });
  });
}

TEST_P(OciRuntimeTest, ExecRunsAsTheContainerDoes) {
  with_node([](TestNode& node) -> Task<> {
    api::Pod pod = node.shell_pod("web", "sleep 1000");
    api::SecurityContext& security = pod.spec.containers[0].security_context.emplace();
    security.run_as_user = 1000;
    security.run_as_group = 1001;
    security.allow_privilege_escalation = false;
    security.capabilities.emplace().drop = {"ALL"};
    pod.spec.containers[0].working_dir = "/tmp";
    pod.spec.containers[0].env.push_back({.name = "GREETING", .value = "hello"});
    pod.spec.containers[0].readiness_probe.emplace().handler.exec.emplace().command = {
        "/bin/sh", "-c",
        "test \"$(id -u):$(id -g):$(pwd):$GREETING\" = 1000:1001:/tmp:hello && "
        "grep -q '^NoNewPrivs:.1' /proc/self/status && "
        "grep -q '^CapBnd:.0000000000000000' /proc/self/status"};
    co_await node.create(pod);
    co_await node.until("web", TestNode::is_ready);
    const Container container = node.agent->find("default", "web")->exec_target("")->container;
    for (const auto& entry : std::filesystem::directory_iterator(container.dir))
      EXPECT_FALSE(entry.path().string().ends_with(kProcessFileSuffix))
          << "it is not needed any more";
  });
}

TEST_P(OciRuntimeTest, APrivilegedContainerStartsWithWhatTheMachineHasToGive) {
  with_node([](TestNode& node) -> Task<> {
    api::Pod pod = node.shell_pod("web", "sleep 1000");
    pod.spec.containers[0].security_context.emplace().privileged = true;
    co_await node.create(pod);
    co_await node.until("web", TestNode::is_ready);
  });
}

// A shell with the libraries it needs, as the only content of an image.
void import_shell_image(TestNode& node, const std::string& name) {
  const std::string files = node.dir / "shell";
  ImageFile::shell("mkdir -p " + files + "/bin " + files + "/private && cp /bin/sh " + files +
                   "/bin/sh && echo secret > " + files + "/private/file && chmod 700 " + files +
                   "/private && ldd /bin/sh | grep -o '/[^ ]*' | "
                   "while read l; do mkdir -p " +
                   files + "$(dirname $l) && cp $l " + files + "$l; done");
  ImageFile file(node.dir / "image");
  file.add_layer(files);
  file.finish(name, R"("Entrypoint":["/bin/sh"])");
  const auto imported = import_images({file.dir(), node.store.dir(), ""});
  ASSERT_TRUE(imported) << imported.error().message();
}

TEST_P(OciRuntimeTest, AnImportedImageIsThePodsRootAndStaysAsItIs) {
  with_node([](TestNode& node) -> Task<> {
    import_shell_image(node, "example.org/shell:1");
    co_await node.make_tenant_namespace("team-a");
    for (const char* name_space : {"default", "team-a"}) {
      api::Pod pod =
          node.shell_pod("image",
                         "read x < /private/file && echo got $x; echo changed > /private/file; "
                         "echo /usr*; echo end; while true; do read y < /dev/zero; done");
      pod.metadata.namespace_ = name_space;
      pod.spec.containers[0].image = "example.org/shell:1";
      co_await node.create(pod);
      while (node.agent->find(name_space, "image") == nullptr)
        co_await node.tick();
      const std::string log = co_await node.log_until("image", "end\n");
      EXPECT_THAT(log, HasSubstr("got secret\n")) << name_space;
      EXPECT_THAT(log, HasSubstr("end\n"));
      client::DeleteOptions now;
      now.grace_period_seconds = 0;
      EXPECT_TRUE(co_await client::remove<api::Pod>(node.api, name_space, "image", now));
      while (!node.agent->workers().empty())
        co_await node.tick();
    }
    EXPECT_EQ(
        read_file(node.store.find("example.org/shell:1")->layers[0] + "/private/file").value(),
        "secret\n");
  });
}

std::string mounts_below(const std::string& path) {
  std::string out;
  const std::string all = read_file("/proc/self/mounts", 64U << 20U).value_or("");
  for (std::size_t at = 0; at < all.size();) {
    const std::size_t end = std::min(all.find('\n', at), all.size());
    const std::string line = all.substr(at, end - at);
    if (line.find(" " + path + "/") != std::string::npos) out += line + "\n";
    at = end + 1;
  }
  return out;
}

TEST_P(OciRuntimeTest, AContainerThatCannotStartLeavesNoMounts) {
  with_node([](TestNode& node) -> Task<> {
    import_shell_image(node, "example.org/shell:1");
    co_await node.make_tenant_namespace("team-a");
    api::Pod pod = node.shell_pod("broken", "");
    pod.metadata.namespace_ = "team-a";
    pod.spec.containers[0].image = "example.org/shell:1";
    pod.spec.containers[0].command = {"/nonexistent"};
    co_await node.create(pod);
    const SteadyTime limit = node.loop.now() + std::chrono::seconds(20);
    int restarts = 0;
    while (restarts < 3 && node.loop.now() < limit) {
      const auto seen = co_await client::get<api::Pod>(node.api, "team-a", "broken");
      if (seen && !seen->status.container_statuses.empty())
        restarts = seen->status.container_statuses[0].restart_count;
      co_await node.tick();
    }
    EXPECT_GE(restarts, 3);
    client::DeleteOptions now;
    now.grace_period_seconds = 0;
    EXPECT_TRUE(co_await client::remove<api::Pod>(node.api, "team-a", "broken", now));
    while (!node.agent->workers().empty())
      co_await node.tick();
    EXPECT_EQ(mounts_below(node.options.data_dir), "");
    EXPECT_TRUE(names_in(node.options.data_dir + "/pods").empty());
  });
}

std::vector<std::string> control_groups_of(const std::string& uid) {
  std::vector<std::string> out;
  for (const std::string& name : names_in("/sys/fs/cgroup")) {
    for (const std::string& below : {std::string("insula"), name + "/insula"}) {
      for (const std::string& group : names_in("/sys/fs/cgroup/" + below)) {
        if (group.find(uid) != std::string::npos) out.push_back(below + "/" + group);
      }
    }
  }
  return out;
}

TEST_P(OciRuntimeTest, PodsThatWereStoppedWithoutTheAgentHoldNothingOfTheMachine) {
  with_node([](TestNode& node) -> Task<> {
    import_shell_image(node, "example.org/shell:1");
    api::Pod pod = node.shell_pod("image", "echo end; while true; do read y < /dev/zero; done");
    pod.spec.containers[0].image = "example.org/shell:1";
    api::Volume& volume = pod.spec.volumes.emplace_back();
    volume.name = "memory";
    volume.volume_source.empty_dir.emplace().medium = "Memory";
    co_await node.create(pod);
    const api::Pod seen =
        co_await node.until("image", [](const api::Pod& p) { return TestNode::is_ready(p); });
    const std::string& uid = seen.metadata.uid;
    const Container container = node.agent->find("default", "image")->exec_target("")->container;
    node.stop_agent();
    node.runtime->signal(container, SIGKILL);
    co_await wait_for_exit(container);
    EXPECT_NE(mounts_below(node.options.data_dir + "/pods"), "");
    EXPECT_FALSE(control_groups_of(uid).empty());
    auto work = [dir = node.options.data_dir] { return release_pods(dir, NODE_TEST_SHIM); };
    const Result<> released = co_await node.pool.run(std::move(work));
    EXPECT_TRUE(released) << released.error().message();
    EXPECT_EQ(mounts_below(node.options.data_dir + "/pods"), "");
    EXPECT_THAT(control_groups_of(uid), ::testing::IsEmpty());
    EXPECT_TRUE(names_in(node.options.data_dir + "/oci").empty());
    // The next agent goes on, with a volume in memory again.
    node.start_agent();
    co_await node.until("image", [](const api::Pod& p) {
      return TestNode::is_ready(p) && p.status.container_statuses[0].restart_count == 1;
    });
    EXPECT_THAT(mounts_below(node.options.data_dir + "/pods"), HasSubstr("volumes/memory tmpfs"));
  });
}

TEST_P(OciRuntimeTest, LeavesNothingBehind) {
  with_node([](TestNode& node) -> Task<> {
    co_await node.create(
        node.shell_pod("web", "trap 'exit 0' TERM; echo set; while true; do sleep 0.05; done"));
    const api::Pod pod =
        co_await node.until("web", [](const api::Pod& p) { return TestNode::is_ready(p); });
    co_await node.log_until("web", "set\n");
    EXPECT_NE(link_index(host_link_name(pod.metadata.uid)), 0);
    EXPECT_TRUE(co_await client::remove<api::Pod>(node.api, "default", "web"));
    co_await node.until_gone("web");
    EXPECT_EQ(link_index(host_link_name(pod.metadata.uid)), 0);
    EXPECT_TRUE(names_in(node.options.data_dir + "/netns").empty());
    EXPECT_TRUE(names_in(node.options.data_dir + "/pods").empty());
    EXPECT_TRUE(names_in(node.options.data_dir + "/oci").empty());
  });
}

TEST_P(OciRuntimeTest, ARunningContainerSurvivesTheAgent) {
  with_node([](TestNode& node) -> Task<> {
    co_await node.create(node.shell_pod("web", "sleep 1000"));
    const api::Pod before =
        co_await node.until("web", [](const api::Pod& p) { return TestNode::is_ready(p); });
    const pid_t pid =
        node.agent->find("default", "web")->exec_target("")->container.identity.container.pid;
    node.restart_agent();
    while (node.agent->find("default", "web") == nullptr ||
           !node.agent->find("default", "web")->exec_target(""))
      co_await node.tick();
    EXPECT_EQ(node.agent->find("default", "web")->exec_target("")->container.identity.container.pid,
              pid);
    const api::Pod after =
        co_await node.until("web", [](const api::Pod& p) { return TestNode::is_ready(p); });
    EXPECT_EQ(after.status.pod_ip, before.status.pod_ip);
  });
}

INSTANTIATE_TEST_SUITE_P(Debian,
                         OciRuntimeTest,
                         ::testing::Values(RuntimeChoice::kRunc, RuntimeChoice::kCrun),
                         [](const auto& info) {
                           return info.param == RuntimeChoice::kRunc ? "runc" : "crun";
                         });

TEST(CgroupLayout, TellsTheThreeArrangementsApart) {
  const insula::testing::TempDir dir;
  EXPECT_EQ(cgroup_layout(dir.path()), CgroupLayout::kNone);
  ASSERT_TRUE(make_dirs(dir / "memory/insula/x"));
  EXPECT_EQ(cgroup_layout(dir.path()), CgroupLayout::kV1);
  ASSERT_TRUE(make_dirs(dir / "unified"));
  ASSERT_TRUE(write_file(dir / "unified/cgroup.controllers", ""));
  EXPECT_EQ(cgroup_layout(dir.path()), CgroupLayout::kHybrid);
  ASSERT_TRUE(write_file(dir / "cgroup.controllers", ""));
  EXPECT_EQ(cgroup_layout(dir.path()), CgroupLayout::kV2);
  ASSERT_TRUE(write_file(dir / "memory/insula/x/memory.oom_control",
                         "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n"));
  EXPECT_EQ(oom_kills(CgroupLayout::kV1, "/insula/x", dir.path()), 2);
  EXPECT_EQ(oom_kills(CgroupLayout::kV2, "/insula/x", dir.path()), 0);
}

}  // namespace
}  // namespace insula::node
