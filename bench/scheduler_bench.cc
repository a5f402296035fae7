// Pods placed and bound per second: the scheduler over the durable store, in one process.
//
//   scheduler_bench [PODS] [DIRECTORY]
//
// Ends with one line of JSON.

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

#include "api/gen/core_v1.h"
#include "apiserver/registry.h"
#include "async/loop.h"
#include "async/task_group.h"
#include "base/random.h"
#include "client/in_process_client.h"
#include "client/typed.h"
#include "controller/informer.h"
#include "scheduler/scheduler.h"
#include "store/journal.h"
#include "store/store.h"
#include "telemetry/metrics.h"

namespace {

using namespace insula;

constexpr int kCreatesAtOnce = 64;

api::Pod make_pod(int number) {
  api::Pod pod;
  pod.metadata.namespace_ = "default";
  pod.metadata.name = "pod-" + std::to_string(number);
  api::Container& container = pod.spec.containers.emplace_back();
  container.name = "main";
  container.image = "insula/llm-sim";
  container.resources.requests["cpu"] = api::Quantity::of_milli(1);
  return pod;
}

Task<> create_some(client::Client& client, int first, int last) {
  for (int i = first; i < last; ++i) {
    const auto made = co_await client::create(client, make_pod(i));
    if (!made) std::fprintf(stderr, "%s\n", made.error().message().c_str());
  }
}

Task<> prepare(client::Client& client, int pods) {
  api::Namespace name_space;
  name_space.metadata.name = "default";
  (void)co_await client::create(client, std::move(name_space));
  api::Node node;
  node.metadata.name = "node";
  node = *co_await client::create(client, std::move(node));
  node.status.allocatable["cpu"] = api::Quantity::of(1 + pods / 1000);
  node.status.allocatable["pods"] = api::Quantity::of(pods);
  api::NodeCondition& ready = node.status.conditions.emplace_back();
  ready.type = "Ready";
  ready.status = "True";
  (void)co_await client::update_status(client, std::move(node));
  TaskGroup group;
  for (int i = 0; i < kCreatesAtOnce; ++i) {
    group.spawn(create_some(client, pods * i / kCreatesAtOnce, pods * (i + 1) / kCreatesAtOnce));
  }
  co_await group.drained();
}

struct Figures {
  double seconds = 0;
  double create_seconds = 0;
};

Task<> measure(client::Client& client,
               const controller::Runtime& runtime,
               int pods,
               Figures& figures) {
  const SteadyTime start = runtime.clock.now();
  co_await prepare(client, pods);
  figures.create_seconds = std::chrono::duration<double>(runtime.clock.now() - start).count();

  controller::Informer<api::Pod> mirror(client);
  controller::Informer<api::Node> nodes(client);
  controller::EventRecorder events(client, runtime, scheduler::kSchedulerName);
  scheduler::Scheduler scheduler(client, runtime, {mirror, nodes}, events);
  Event all_bound;
  int bound = 0;
  mirror.on_change([&](const api::Pod* before, const api::Pod* after) {
    if (after == nullptr || after->spec.node_name.empty()) return;
    if ((before == nullptr || before->spec.node_name.empty()) && ++bound == pods) all_bound.set();
  });
  events.start();
  mirror.start();
  nodes.start();
  co_await mirror.synced().wait();
  const SteadyTime begin = runtime.clock.now();
  scheduler.start();
  co_await all_bound.wait();
  figures.seconds = std::chrono::duration<double>(runtime.clock.now() - begin).count();
}

}  // namespace

int main(int argc, char** argv) {
  const int pods = argc > 1 ? std::atoi(argv[1]) : 5000;
  const std::filesystem::path directory =
      argc > 2 ? std::filesystem::path(argv[2]) : std::filesystem::temp_directory_path();
  const std::filesystem::path file =
      directory / ("scheduler_bench." + std::to_string(getpid()) + ".db");
  Loop loop;
  Figures figures;
  {
    auto journal = store::open_sqlite_journal(file.string());
    if (!journal) return std::fprintf(stderr, "%s\n", journal.error().message().c_str()), 1;
    auto store = *store::Store::open(*std::move(journal), {.ephemeral_prefixes = {"events/"}});
    apiserver::Registry registry(*store, loop.clock(), system_random());
    client::InProcessClient client(registry);
    MetricsRegistry metrics;
    run_until_complete(loop, measure(client, {loop.clock(), metrics, {}}, pods, figures));
    run_until_complete(loop, store->stop());
  }
  for (const char* suffix : {"", "-wal", "-shm"})
    std::filesystem::remove(file.string() + suffix);
  std::printf(
      "{\"bench\":\"scheduler\",\"pods\":%d,\"creates_per_second\":%.0f,\"binds_per_second\":%.0f}"
      "\n",
      pods, pods / figures.create_seconds, pods / figures.seconds);
  return 0;
}
