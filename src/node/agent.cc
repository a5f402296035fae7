#include "node/agent.h"

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <limits>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "api/pod_resources.h"
#include "node/files.h"
#include "node/node_room.h"
#include "node/pod_release.h"
#include "node/pod_store.h"
#include "node/shim_launch.h"

namespace insula::node {
namespace {

controller::ReflectorOptions of_node(const std::string& node_name) {
  controller::ReflectorOptions options;
  options.field_selector = "spec.nodeName=" + node_name;
  return options;
}

std::string pods_dir(const NodeServices& services) {
  return services.options.data_dir + "/pods";
}

NodeRoom room_of(const NodeServices& services) {
  return {services.cpu, services.memory, services.options.max_pods};
}

// By quality of service, the surest first.
int service_rank(const api::Pod& pod) {
  const std::string_view service = api::qos_class(pod.spec);
  return service == "Guaranteed" ? 0 : service == "Burstable" ? 1 : 2;
}

// Since when a pod waits for other resources, in seconds as its status says; last, if it does not.
std::int64_t waits_since(const api::Pod& pod) {
  const auto pending =
      std::ranges::find(pod.status.conditions, "PodResizePending", &api::PodCondition::type);
  return pending == pod.status.conditions.end() ? std::numeric_limits<std::int64_t>::max()
                                                : pending->last_transition_time.seconds;
}

}  // namespace

Agent::Agent(NodeServices& services, std::string node_name)
    : services_(services), pods_(services.client, of_node(node_name), services.log) {
  pods_.on_change(
      [this](const api::Pod* before, const api::Pod* after) { pod_changed(before, after); });
}

void Agent::start() {
  recover_holdings();
  pods_.start();
  tasks_.spawn(accept_first());
  tasks_.spawn(drop_finished());
  tasks_.spawn(clear_orphans());
}

// Before the first worker asks for an address or a device, those in use must be known.
void Agent::recover_holdings() {
  for (const std::string& uid : names_in(pods_dir(services_))) {
    Sandbox sandbox;
    sandbox.dir = pods_dir(services_) + "/" + uid;
    if (load_sandbox(sandbox)) services_.ips.reserve(uid, sandbox.ip);
    for (const HeldGpus& held : load_gpus(sandbox.dir))
      services_.gpus.reserve(uid, held.holder, held.uuids);
  }
}

void Agent::pod_changed(const api::Pod* before, const api::Pod* after) {
  const bool replaced =
      before != nullptr && (after == nullptr || after->metadata.uid != before->metadata.uid);
  if (replaced) {
    const auto worker = workers_.find(before->metadata.uid);
    if (worker != workers_.end()) worker->second->vanish();
  }
  if (after == nullptr) return;
  const auto known = workers_.find(after->metadata.uid);
  if (known != workers_.end()) {
    known->second->update(*after);
    if (known->second->wants_resize()) grant_resizes();
    return;
  }
  // Until all are known, only those that have their place already: accept_first() sees to the rest.
  if (pods_.synced().is_set() || was_accepted(*after)) accept(*after);
}

// An earlier agent prepared it, or it is over: neither is asked whether it fits.
bool Agent::was_accepted(const api::Pod& pod) const {
  return exists(pods_dir(services_) + "/" + pod.metadata.uid) || pod.status.phase == "Succeeded" ||
         pod.status.phase == "Failed";
}

void Agent::accept(const api::Pod& pod) {
  auto worker = std::make_unique<PodWorker>(services_, pod, released_);
  if (!was_accepted(pod) && !pod.metadata.deletion_timestamp) {
    if (auto rejection = reject_for_room(pod.spec, room_taken(nullptr), room_of(services_)))
      worker->reject(std::move(rejection->reason), std::move(rejection->message));
  }
  PodWorker& started = *worker;
  workers_.emplace(pod.metadata.uid, std::move(worker));
  started.start();
}

RoomTaken Agent::room_taken(const PodWorker* but) const {
  RoomTaken taken;
  for (const auto& [uid, worker] : workers_) {
    if (worker.get() != but && worker->takes_room()) taken.add(worker->granted_spec());
  }
  return taken;
}

// Of pods that wait for other resources those first that give something back, then the more
// important ones, then those that wait longest.
void Agent::grant_resizes() {
  std::vector<PodWorker*> waiting;
  for (const auto& [uid, worker] : workers_) {
    if (worker->takes_room() && worker->wants_resize()) waiting.push_back(worker.get());
  }
  std::ranges::sort(waiting, {}, [](const PodWorker* worker) {
    const api::Pod& pod = worker->pod();
    return std::tuple(asks_for_more(pod.spec, worker->granted_spec()),
                      -std::int64_t{pod.spec.priority.value_or(0)}, service_rank(pod),
                      waits_since(pod), std::string_view(pod.metadata.uid));
  });
  const NodeRoom room = room_of(services_);
  for (PodWorker* worker : waiting) {
    const api::PodSpec& spec = worker->pod().spec;
    if (auto rejection = reject_for_room(spec, {}, room)) {
      worker->hold_resize("Infeasible", std::move(rejection->why));
    } else if (rejection = reject_for_room(spec, room_taken(worker), room); rejection) {
      worker->hold_resize("Deferred", std::move(rejection->why));
    } else {
      worker->grant_resize();
    }
  }
}

Task<> Agent::accept_first() {
  co_await pods_.synced().wait();
  std::vector<controller::Informer<api::Pod>::Object> waiting;
  for (const auto& [key, pod] : pods_.all()) {
    if (!workers_.contains(pod->metadata.uid)) waiting.push_back(pod);
  }
  std::ranges::sort(waiting, {}, [](const auto& pod) {
    return std::pair(pod->metadata.creation_timestamp, std::string_view(pod->metadata.name));
  });
  for (const auto& pod : waiting)
    accept(*pod);
  // What an earlier agent did not come to.
  grant_resizes();
}

Task<> Agent::drop_finished() {
  while (true) {
    co_await released_.wait();
    released_.reset();
    std::erase_if(workers_,
                  [](const auto& entry) { return entry.second->stage() == PodStage::kGone; });
    grant_resizes();
  }
}

// Pods that were deleted while no agent ran: nobody asks for them any more, so they end at once.
Task<> Agent::clear_orphans() {
  co_await pods_.synced().wait();
  for (const std::string& uid : names_in(pods_dir(services_))) {
    if (!workers_.contains(uid)) co_await remove_orphan(uid);
  }
}

Task<> Agent::remove_orphan(std::string uid) {
  const std::string dir = pods_dir(services_) + "/" + uid;
  for (const std::string& name : names_in(dir + "/containers")) {
    const std::string path = fmt::format("{}/containers/{}", dir, name);
    for (const std::string& run : names_in(path)) {
      Container container{
          fmt::format("{}-{}-{}", uid, name, run), fmt::format("{}/{}", path, run), {}};
      co_await launch_settled(container.dir);
      if (Result<Container> found = find_container(container.id, container.dir); found) {
        services_.runtime.signal(*found, SIGKILL);
        co_await wait_for_exit(*found);
        container = *std::move(found);
      }
      static_cast<void>(co_await services_.runtime.remove(std::move(container)));
    }
  }
  Sandbox sandbox;
  sandbox.pod_uid = uid;
  sandbox.dir = dir;
  static_cast<void>(load_sandbox(sandbox).has_value());
  static_cast<void>(co_await services_.runtime.remove_sandbox(sandbox));
  release_pod_mounts(dir);
  services_.ips.release(uid);
  services_.gpus.release(uid);
  if (const Result<> removed = remove_tree(dir); !removed) {
    services_.log.warn("orphaned pod not removed", "uid", uid, "err", removed.error());
    co_return;
  }
  services_.log.info("orphaned pod removed", "uid", uid);
}

const PodWorker* Agent::find(std::string_view name_space, std::string_view name) const {
  const PodWorker* out = nullptr;
  for (const auto& [uid, worker] : workers_) {
    const api::ObjectMeta& meta = worker->pod().metadata;
    if (meta.namespace_ != name_space || meta.name != name) continue;
    if (out == nullptr || !meta.deletion_timestamp) out = worker.get();
  }
  return out;
}

}  // namespace insula::node
