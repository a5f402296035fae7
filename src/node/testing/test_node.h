#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "async/blocking_pool.h"
#include "async/deadline.h"
#include "async/loop.h"
#include "async/task_group.h"
#include "client/testing/fake_api.h"
#include "client/typed.h"
#include "controller/event_recorder.h"
#include "gpu/device.h"
#include "http/client.h"
#include "node/agent.h"
#include "node/log_reader.h"
#include "node/probe.h"
#include "node/runtime_choice.h"
#include "telemetry/metrics.h"
#include "testing/temp_dir.h"

namespace insula::node {

/// A node over an API in memory and real processes, for tests. `test/sh` runs /bin/sh.
class TestNode {
 public:
  explicit TestNode(RuntimeChoice choice = RuntimeChoice::kProcess) {
    chmod(dir.path().c_str(), 0755);
    options.runtime = choice;
    auto chosen = make_runtime();
    if (!chosen) {
      unavailable = chosen.error().message();
      return;
    }
    runtime = *std::move(chosen);
    services.emplace(NodeServices{options,
                                  api,
                                  *runtime,
                                  resolver,
                                  ips,
                                  gpus,
                                  events,
                                  pool,
                                  http,
                                  {},
                                  "127.0.0.1",
                                  api::Quantity::of(4),
                                  api::Quantity::of(1 << 30)});
    EXPECT_TRUE(images.add("test/sh = host:/bin/sh"));
    events.start();
    start_agent();
  }

  ~TestNode() {
    // What the test left running must not outlive it.
    if (agent) run_until_complete(loop, remove_all());
    stop_agent();
  }

  TestNode(const TestNode&) = delete;
  TestNode& operator=(const TestNode&) = delete;

  void start_agent() {
    agent = std::make_unique<Agent>(*services, "node-1");
    agent->start();
  }

  void stop_agent() { agent.reset(); }

  void restart_agent() {
    stop_agent();
    start_agent();
  }

  [[nodiscard]] api::Pod shell_pod(const std::string& name, const std::string& script) const {
    api::Pod pod;
    pod.metadata.name = name;
    pod.metadata.namespace_ = "default";
    pod.spec.node_name = "node-1";
    pod.spec.restart_policy = "Always";
    api::Container& container = pod.spec.containers.emplace_back();
    container.name = "main";
    container.image = "test/sh";
    container.args = {"-c", script};
    return pod;
  }

  Task<> create(api::Pod pod) {
    const auto created = co_await client::create(api, std::move(pod));
    EXPECT_TRUE(created) << (created ? "" : created.error().message());
  }

  /// Waits until the pod is as wanted; fails the test after ten seconds.
  Task<api::Pod> until(std::string name,
                       std::function<bool(const api::Pod&)> wanted,
                       std::string name_space = "default") {
    const SteadyTime limit = loop.now() + std::chrono::seconds(10);
    while (true) {
      auto pod = co_await client::get<api::Pod>(api, name_space, name);
      if (pod && wanted(*pod)) co_return *std::move(pod);
      if (loop.now() > limit) {
        ADD_FAILURE() << "pod " << name << " never became as wanted: "
                      << (pod ? api::encode_json(pod->status) : pod.error().message())
                      << co_await event_texts();
        co_return pod ? *pod : api::Pod{};
      }
      co_await tick();
    }
  }

  Task<> until_gone(std::string name) {
    const SteadyTime limit = loop.now() + std::chrono::seconds(10);
    while (co_await client::get<api::Pod>(api, "default", name)) {
      if (loop.now() > limit) {
        ADD_FAILURE() << "pod " << name << " is still there";
        co_return;
      }
      co_await tick();
    }
  }

  /// Lets processes make progress.
  Task<> tick() { return sleep_for(std::chrono::milliseconds(1)); }

  /// Lets that much time pass, for what must not happen in it.
  Task<> idle(std::chrono::milliseconds time) { return sleep_for(time); }

  Task<std::vector<std::string>> event_reasons(std::string pod) {
    std::vector<std::string> out;
    while (!events.idle())
      co_await tick();
    const auto list = co_await client::list<api::Event>(api);
    if (!list) co_return out;
    for (const api::Event& event : list->items) {
      if (event.involved_object.name == pod) out.push_back(event.reason);
    }
    co_return out;
  }

  /// The log of a pod's first container once it has that text in it.
  Task<std::string> log_until(std::string pod, std::string wanted) {
    const SteadyTime limit = loop.now() + std::chrono::seconds(10);
    std::string text;
    while (text.find(wanted) == std::string::npos && loop.now() < limit) {
      const PodWorker* worker = agent->find("default", pod);
      if (worker == nullptr) worker = agent->find("team-a", pod);
      const auto files =
          worker == nullptr ? std::vector<std::string>() : worker->log_files("").value();
      text = files.empty() ? "" : log_tail(files.back(), 1000, 100000);
      co_await tick();
    }
    EXPECT_NE(text.find(wanted), std::string::npos) << text;
    co_return text;
  }

  Task<std::string> event_texts() {
    std::string out;
    const auto list = co_await client::list<api::Event>(api);
    if (!list) co_return out;
    for (const api::Event& event : list->items) {
      out += "\n" + event.involved_object.name + ": " + event.reason + ": " + event.message;
    }
    co_return out;
  }

  /// Waits until events of the pod have said `text` that many times; fails the test after ten
  /// seconds.
  Task<> until_event(std::string pod, std::string text, int times = 1) {
    const SteadyTime limit = loop.now() + std::chrono::seconds(10);
    while (co_await count_events(pod, text) < times) {
      if (loop.now() > limit) {
        ADD_FAILURE() << "no event of " << pod << " says " << text << co_await event_texts();
        co_return;
      }
      co_await tick();
    }
  }

  Task<int> count_events(std::string pod, std::string text) {
    int times = 0;
    const auto list = co_await client::list<api::Event>(api);
    if (!list) co_return times;
    for (const api::Event& event : list->items) {
      if (event.involved_object.name == pod && event.message.find(text) != std::string::npos)
        times += std::max(1, event.count);
    }
    co_return times;
  }

  Task<> make_tenant_namespace(std::string name) {
    api::Namespace name_space;
    name_space.metadata.name = name;
    auto& owner = name_space.metadata.owner_references.emplace_back();
    owner.api_version = "insula.dev/v1alpha1";
    owner.kind = "Tenant";
    owner.name = name;
    owner.uid = "tenant-uid";
    owner.controller = true;
    EXPECT_TRUE(co_await client::create(api, std::move(name_space)));
  }

  [[nodiscard]] static bool is_ready(const api::Pod& pod) {
    for (const api::PodCondition& condition : pod.status.conditions) {
      if (condition.type == "Ready") return condition.status == "True";
    }
    return false;
  }

  insula::testing::TempDir dir;
  Loop loop;
  client::testing::FakeApi api{system_clock()};
  MetricsRegistry metrics;
  NodeOptions options = make_options(dir.path());
  ImageMap images;
  ImageStore store{dir / "images"};
  ImageResolver resolver{images, store};
  SeededRandom random{7};
  // Tests of several trees may run side by side on one machine.
  IpPool ips{parse_ipv4_range("127.128.0.0/9").value(), system_random()};
  std::unique_ptr<gpu::Driver> driver =
      gpu::simulated_driver({2, "M", 1024, "test"}, system_clock());
  GpuAllocator gpus{*driver};
  controller::Runtime controllers{system_clock(), metrics, {}};
  controller::EventRecorder events{api, controllers, "kubelet"};
  BlockingPool pool{2};
  http::Client http{probe_client_options()};
  std::unique_ptr<Runtime> runtime;
  std::optional<NodeServices> services;
  /// Why the chosen runtime does not work here; empty when it does.
  std::string unavailable;
  std::unique_ptr<Agent> agent;

 private:
  Result<std::unique_ptr<Runtime>> make_runtime() {
    std::optional<Result<std::unique_ptr<Runtime>>> out;
    run_until_complete(loop, detail::store(choose_runtime(options, pool, {}), &out));
    if (options.runtime != RuntimeChoice::kProcess && *out) {
      ips = IpPool(parse_ipv4_range("10.231.0.0/16").value(), system_random());
    }
    return *std::move(out);
  }

  Task<> remove_all() {
    const auto pods = co_await client::list<api::Pod>(api);
    if (!pods) co_return;
    for (const api::Pod& pod : pods->items) {
      client::DeleteOptions now;
      now.grace_period_seconds = 0;
      static_cast<void>(
          co_await client::remove<api::Pod>(api, pod.metadata.namespace_, pod.metadata.name, now));
    }
    const SteadyTime limit = loop.now() + std::chrono::seconds(10);
    while (!agent->workers().empty() && loop.now() < limit)
      co_await tick();
    for (const auto& [uid, worker] : agent->workers())
      ADD_FAILURE() << "does not end: " << worker->describe();
  }

  static NodeOptions make_options(const std::string& dir) {
    NodeOptions out;
    out.data_dir = dir + "/node";
    out.binary = NODE_TEST_SHIM;
    out.restart_backoff_initial = std::chrono::milliseconds(20);
    out.restart_backoff_max = std::chrono::milliseconds(50);
    return out;
  }
};

}  // namespace insula::node
