#include "node/pod_worker.h"

#include <algorithm>
#include <csignal>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "api/pod_support.h"
#include "api/tenant.h"
#include "async/deadline.h"
#include "async/loop.h"
#include "client/typed.h"
#include "node/files.h"
#include "node/pod_files.h"
#include "node/pod_release.h"
#include "node/pod_store.h"
#include "node/pod_volumes.h"
#include "node/rootfs.h"
#include "node/shim_launch.h"

namespace insula::node {

using controller::EventType;

namespace {

constexpr auto kPrepareAgainMin = std::chrono::milliseconds(250);
constexpr auto kPrepareAgainMax = std::chrono::seconds(10);
// How long a pod that stops waits for the API to know it is not ready, before its containers are
// told.
constexpr auto kReportBeforeStop = std::chrono::seconds(1);
constexpr auto kRemoveAgain = std::chrono::milliseconds(500);
// Another platform on the machine may have given pods addresses of the same range.
constexpr int kAddressTriesMax = 64;
constexpr std::int64_t kGraceSeconds = 30;

Task<> wait_for(Event& event) {
  co_await event.wait();
}

}  // namespace

std::string_view name_of(PodStage stage) {
  switch (stage) {
    case PodStage::kPreparing:
      return "preparing";
    case PodStage::kInitializing:
      return "initializing";
    case PodStage::kRunning:
      return "running";
    case PodStage::kStopping:
      return "stopping";
    case PodStage::kEnded:
      return "ended";
    case PodStage::kGone:
      return "gone";
  }
  std::unreachable();
}

PodWorker::PodWorker(NodeServices& services, api::Pod pod, Event& released)
    : services_(services),
      pod_(std::move(pod)),
      released_(released),
      record_(record_of(pod_)),
      tokens_(services.client) {
  record_.host_ip = services_.host_ip;
  for (std::size_t i = 0; i < record_.init_containers.size(); ++i)
    add_slot(pod_.spec.init_containers[i], record_.init_containers[i], ContainerSort::kInit);
  for (std::size_t i = 0; i < record_.containers.size(); ++i)
    add_slot(pod_.spec.containers[i], record_.containers[i], ContainerSort::kRegular);
  add_ephemeral_containers();
  sandbox_.pod_uid = pod_.metadata.uid;
  sandbox_.hostname = pod_hostname(pod_);
  sandbox_.host_network = pod_.spec.host_network;
  sandbox_.dir = dir();
}

PodWorker::~PodWorker() = default;

void PodWorker::reject(std::string reason, std::string message) {
  event(EventType::kWarning, reason, message);
  record_.failure_reason = std::move(reason);
  record_.failure_message = std::move(message);
  record_.stopping = true;
  stop_.set();
  enter(PodStage::kEnded);
}

void PodWorker::start() {
  tasks_.spawn(report());
  tasks_.spawn(report_slow_start());
  tasks_.spawn(enforce_deadline());
  tasks_.spawn(refresh_volumes_for_ever());
  tasks_.spawn(apply_resizes());
  tasks_.spawn(run());
  if (pod_.metadata.deletion_timestamp) update(pod_);
}

void PodWorker::update(api::Pod pod) {
  // The status says which generation it is about.
  if (pod.metadata.generation != pod_.metadata.generation) changed();
  if (pod.spec.active_deadline_seconds != pod_.spec.active_deadline_seconds)
    deadline_changed_.set();
  pod_ = std::move(pod);
  if (stage_ < PodStage::kStopping && !stopping()) add_ephemeral_containers();
  if (!record_.resize.pending_reason.empty() && !wants_resize()) {
    record_.resize.pending_reason.clear();
    changed();
  }
  if (!pod_.metadata.deletion_timestamp) return;
  const std::int64_t granted = pod_.metadata.deletion_grace_period_seconds.value_or(kGraceSeconds);
  // After a restart of the agent part of the grace has passed already.
  const std::int64_t left = pod_.metadata.deletion_timestamp->seconds - now().seconds;
  begin_stop(std::chrono::seconds(std::clamp<std::int64_t>(left, 0, granted)));
  deleted_.set();
}

void PodWorker::vanish() {
  vanished_ = true;
  begin_stop(std::chrono::nanoseconds::zero());
  deleted_.set();
}

void PodWorker::begin_stop(std::chrono::nanoseconds grace) {
  const Deadline deadline = Loop::current().now() + grace;
  if (stop_deadline_ && deadline < *stop_deadline_) {
    forced_deadline_ = deadline;
    hurry_.set();
  }
  if (!stop_deadline_ || deadline < *stop_deadline_) stop_deadline_ = deadline;
  if (stop_.is_set()) return;
  record_.stopping = true;
  stop_.set();
  changed();
}

std::chrono::nanoseconds PodWorker::grace_left() const {
  if (!stop_deadline_)
    return std::chrono::seconds(pod_.spec.termination_grace_period_seconds.value_or(kGraceSeconds));
  return std::max<std::chrono::nanoseconds>(*stop_deadline_ - Loop::current().now(),
                                            std::chrono::nanoseconds::zero());
}

Task<> PodWorker::run() {
  if (stage_ != PodStage::kEnded && !ended_before()) {
    co_await launches_settled();
    co_await prepare();
    if (stopping()) take_over();
    if (!stopping()) co_await run_init_containers();
    if (!stopping()) co_await run_containers();
    co_await end_containers();
  }
  enter(PodStage::kEnded);
  changed();
  released_.set();
  co_await release_sandbox();
  co_await deleted_.wait();
  co_await tear_down();
  if (!vanished_) co_await remove_object();
  enter(PodStage::kGone);
  released_.set();
}

// A pod whose status says that it is over; nothing of it may start again, whatever happened to us.
bool PodWorker::ended_before() const {
  return pod_.status.phase == "Succeeded" || pod_.status.phase == "Failed";
}

Task<> PodWorker::prepare() {
  std::chrono::nanoseconds wait = kPrepareAgainMin;
  if (record_.start_time.is_zero()) record_.start_time = now();
  while (!stopping()) {
    Result<> done = co_await try_prepare();
    if (done) break;
    const std::string message = done.error().message();
    if (message != failed_preparation_) {
      event(EventType::kWarning, std::string(preparing_), message);
      failed_preparation_ = message;
    }
    co_await race(sleep_for(wait), wait_for(stop_));
    wait = std::min<std::chrono::nanoseconds>(2 * wait, kPrepareAgainMax);
  }
}

// An agent that was killed may have left starts under way.
Task<> PodWorker::launches_settled() {
  for (const auto& slot : slots_) {
    if (has_run(*slot))
      co_await launch_settled(fmt::format("{}/{}", slot_dir(*slot), newest_run(slot_dir(*slot))));
  }
}

// What an earlier agent left running in a pod that is to end: it must be watched to be stopped.
void PodWorker::take_over() {
  for (const auto& slot : slots_) {
    if (has_run(*slot)) keep(*slot);
  }
}

bool PodWorker::has_run(const Slot& slot) const {
  return newest_run(slot_dir(slot)) >= 0;
}

Task<Result<>> PodWorker::try_prepare() {
  preparing_ = "FailedCreatePodSandBox";
  INSULA_CO_TRY(tenant_, co_await belongs_to_tenant());
  INSULA_CO_TRY_VOID(check_rights());
  INSULA_CO_TRY_VOID(make_dirs(sandbox_.dir, 0711));
  INSULA_CO_TRY_VOID(co_await set_up_sandbox(tenant_));
  preparing_ = "FailedMount";
  INSULA_CO_TRY(ReferencedObjects objects, co_await fetch_volume_contents());
  auto work = [volumes = dir() + "/volumes", pod = pod_, objects = std::move(objects),
               known = facts(), owner = volume_owner()] {
    return set_up_volumes(volumes, pod, objects, known, owner);
  };
  co_return co_await services_.pool.run(std::move(work));
}

VolumeOwner PodWorker::volume_owner() const {
  VolumeOwner owner;
  const auto& security = pod_.spec.security_context;
  if (sandbox_.user_base) owner = {*sandbox_.user_base, *sandbox_.user_base, true};
  if (security && security->fs_group) {
    owner.gid = owner.uid + static_cast<std::uint32_t>(*security->fs_group);
    owner.change = true;
  }
  std::set<std::uint32_t> groups;
  for (const auto& slot : slots_) {
    const auto& own = slot->spec.security_context;
    const std::int64_t user = own && own->run_as_user ? *own->run_as_user
                              : security              ? security->run_as_user.value_or(0)
                                                      : 0;
    if (const auto group = services_.runtime.volume_group(user); group) groups.insert(*group);
  }
  if (groups.empty()) return owner;
  // Containers of several users have no group in common.
  owner.top_mode = groups.size() == 1 ? 0710 : 0711;
  if (groups.size() > 1) return owner;
  owner.gid = *groups.begin();
  owner.top_group = owner.gid;
  owner.change = true;
  return owner;
}

Task<> PodWorker::refresh_volumes_for_ever() {
  if (std::ranges::none_of(pod_.spec.volumes, is_projection)) co_return;
  while (true) {
    co_await sleep_for(services_.options.volume_refresh);
    if (stage_ != PodStage::kInitializing && stage_ != PodStage::kRunning) continue;
    if (const Result<> done = co_await refresh_volumes_now(); !done) {
      services_.log.debug("volumes not refreshed", "pod", pod_.metadata.name, "err", done.error());
    }
  }
}

Task<Result<>> PodWorker::refresh_volumes_now() {
  INSULA_CO_TRY(ReferencedObjects objects, co_await fetch_volume_contents());
  auto work = [volumes = dir() + "/volumes", pod = pod_, objects = std::move(objects),
               known = facts(), owner = volume_owner()] {
    return refresh_volumes(volumes, pod, objects, known, owner);
  };
  co_return co_await services_.pool.run(std::move(work));
}

Result<> PodWorker::check_rights() const {
  if (!tenant_) return {};
  if (pod_.spec.host_network || pod_.spec.host_pid || pod_.spec.host_ipc) {
    return fail(ErrorCode::kForbidden,
                "a tenant's pod may not use the node's namespaces (hostNetwork, hostPID, hostIPC)");
  }
  for (const api::Volume& volume : pod_.spec.volumes) {
    if (volume.volume_source.host_path) {
      return fail(ErrorCode::kForbidden,
                  fmt::format("a tenant's pod may not mount hostPath volumes (volume \"{}\")",
                              volume.name));
    }
  }
  for (const auto* containers : {&pod_.spec.init_containers, &pod_.spec.containers}) {
    for (const api::Container& container : *containers) {
      if (!api::names_probe_host(container)) continue;
      return fail(ErrorCode::kForbidden,
                  fmt::format("a tenant's pod may not set host in probes and lifecycle hooks "
                              "(container \"{}\")",
                              container.name));
    }
  }
  return {};
}

Task<Result<>> PodWorker::set_up_sandbox(bool tenant) {
  if (prepared_) co_return Result<>{};
  const bool known = load_sandbox(sandbox_).has_value();
  const bool runs = std::ranges::any_of(slots_, [&](const auto& slot) {
    const std::string path = slot_dir(*slot);
    const Result<Container> found =
        find_container("", fmt::format("{}/{}", path, newest_run(path)));
    return found && is_alive(found->identity.container);
  });
  const auto write_files = [this] {
    return write_pod_files(dir() + "/etc", pod_, sandbox_.hostname, sandbox_.ip.text());
  };
  if (sandbox_.host_network) {
    sandbox_.ip = parse_ipv4(services_.host_ip).value_or(Ipv4{});
    if (!runs) INSULA_CO_TRY_VOID(write_files());
  } else if (!known || !runs) {
    INSULA_CO_TRY(sandbox_.ip, services_.ips.acquire(sandbox_.pod_uid));
    sandbox_.wants_user_namespace = tenant || !pod_.spec.host_users.value_or(true);
    Result<Sandbox> made = co_await services_.runtime.create_sandbox(sandbox_);
    for (int tries = 0;
         !made && made.error().code() == ErrorCode::kAlreadyExists && tries < kAddressTriesMax;
         ++tries) {
      INSULA_CO_TRY(sandbox_.ip, services_.ips.replace(sandbox_.pod_uid));
      made = co_await services_.runtime.create_sandbox(sandbox_);
    }
    if (!made) co_return std::unexpected(std::move(made).error());
    sandbox_ = *std::move(made);
    INSULA_CO_TRY_VOID(write_files());
    INSULA_CO_TRY_VOID(save_sandbox(sandbox_));
  }
  record_.pod_ip = sandbox_.ip.text();
  prepared_ = true;
  co_return Result<>{};
}

Task<Result<bool>> PodWorker::belongs_to_tenant() {
  INSULA_CO_TRY(
      const api::Namespace name_space,
      co_await client::get<api::Namespace>(services_.client, "", pod_.metadata.namespace_));
  co_return !api::owning_tenant(name_space.metadata).empty();
}

Task<Result<ReferencedObjects>> PodWorker::fetch_volume_contents() {
  INSULA_CO_TRY(ReferencedObjects out, co_await fetch_references());
  INSULA_CO_TRY(out.tokens, co_await tokens_.current(pod_, Loop::current().clock().wall()));
  co_return out;
}

Task<Result<ReferencedObjects>> PodWorker::fetch_references() {
  ReferencedObjects out;
  const References names = references_of(pod_.spec);
  for (const std::string& name : names.config_maps) {
    auto object =
        co_await client::get<api::ConfigMap>(services_.client, pod_.metadata.namespace_, name);
    if (object) {
      out.config_maps.emplace(name, *std::move(object));
    } else if (object.error().code() != ErrorCode::kNotFound) {
      co_return std::unexpected(std::move(object).error());
    }
  }
  for (const std::string& name : names.secrets) {
    auto object =
        co_await client::get<api::Secret>(services_.client, pod_.metadata.namespace_, name);
    if (object) {
      out.secrets.emplace(name, *std::move(object));
    } else if (object.error().code() != ErrorCode::kNotFound) {
      co_return std::unexpected(std::move(object).error());
    }
  }
  co_return out;
}

Task<> PodWorker::run_init_containers() {
  enter(PodStage::kInitializing);
  start_ephemeral_containers();
  const bool past = std::ranges::any_of(
      slots_, [&](const auto& slot) { return slot->is_regular() && has_run(*slot); });
  for (const auto& slot : slots_) {
    if (!slot->is_init()) continue;
    if (past && !is_sidecar(slot->spec)) {
      // The containers run already, so it ended well, even if nobody wrote that down in time.
      slot->record.phase = ContainerPhase::kTerminated;
      if (!slot->record.terminated)
        slot->record.terminated = Termination{0, 0, "Completed", "", now(), now(), ""};
      release_gpus(*slot);
      continue;
    }
    keep(*slot);
    Event& until = is_sidecar(slot->spec) ? slot->began : slot->done;
    co_await race(wait_for(until), wait_for(stop_));
    if (stopping()) co_return;
    const auto& end = slot->record.terminated;
    // The pod was placed by what runs at one time, so the next container may need these very ones.
    if (!is_sidecar(slot->spec)) release_gpus(*slot);
    if (!is_sidecar(slot->spec) && (!end || end->exit_code != 0)) {
      begin_stop(grace_left());
      co_return;
    }
  }
}

void PodWorker::release_gpus(const Slot& slot) {
  std::vector<HeldGpus> held = load_gpus(dir());
  const auto ours = [&](const HeldGpus& item) { return item.holder.container == slot.spec.name; };
  if (std::erase_if(held, ours) == 0) return;
  if (const Result<> saved = save_gpus(dir(), held); !saved)
    services_.log.warn("released GPUs not noted", "pod", pod_.metadata.name, "err", saved.error());
  services_.gpus.release(sandbox_.pod_uid, slot.spec.name);
}

Task<> PodWorker::run_containers() {
  enter(PodStage::kRunning);
  for (const auto& slot : slots_) {
    if (slot->is_regular()) keep(*slot);
  }
  for (const auto& slot : slots_) {
    if (slot->is_regular()) co_await race(wait_for(slot->done), wait_for(stop_));
  }
}

// Ends whatever still runs: containers side by side, then sidecars, the last one first.
Task<> PodWorker::end_containers() {
  enter(PodStage::kStopping);
  if (!vanished_ && stopping()) {
    static_cast<void>(
        co_await with_deadline(Loop::current().now() + kReportBeforeStop, write_status()));
  }
  TaskGroup stops;
  for (const auto& slot : slots_) {
    if (!slot->is_init() || !is_sidecar(slot->spec)) stops.spawn(stop(*slot));
  }
  co_await stops.drained();
  for (auto slot = slots_.rbegin(); slot != slots_.rend(); ++slot) {
    if ((*slot)->is_init() && is_sidecar((*slot)->spec)) co_await stop(**slot);
  }
  co_await containers_.drained();
}

Task<> PodWorker::release_sandbox() {
  co_await cleanups_.drained();
  if (!sandbox_.host_network) {
    if (const auto removed = co_await services_.runtime.remove_sandbox(sandbox_); !removed) {
      services_.log.warn("pod network not removed", "pod", pod_.metadata.name, "err",
                         removed.error());
    }
  }
  services_.ips.release(sandbox_.pod_uid);
  services_.gpus.release(sandbox_.pod_uid);
}

Task<> PodWorker::tear_down() {
  auto work = [path = dir()] {
    release_pod_mounts(path);
    return remove_tree(path);
  };
  if (const Result<> removed = co_await services_.pool.run(std::move(work)); !removed) {
    services_.log.warn("pod directory not removed", "pod", pod_.metadata.name, "err",
                       removed.error());
  }
}

Task<> PodWorker::remove_object() {
  static_cast<void>(co_await write_status());
  while (!vanished_) {
    client::DeleteOptions options;
    options.grace_period_seconds = 0;
    options.precondition_uid = pod_.metadata.uid;
    const Result<> removed = co_await client::remove<api::Pod>(
        services_.client, pod_.metadata.namespace_, pod_.metadata.name, std::move(options));
    const auto code = removed ? ErrorCode::kNotFound : removed.error().code();
    if (code == ErrorCode::kNotFound || code == ErrorCode::kConflict) co_return;
    co_await sleep_for(kRemoveAgain);
  }
}

Task<> PodWorker::enforce_deadline() {
  const auto change_of = [](Event& event) -> Task<> { co_await event.wait(); };
  for (bool over = false; !over;) {
    deadline_changed_.reset();
    if (!pod_.spec.active_deadline_seconds) {
      co_await deadline_changed_.wait();
      continue;
    }
    const std::int64_t active =
        record_.start_time.is_zero() ? 0 : now().seconds - record_.start_time.seconds;
    const std::chrono::seconds left(
        std::max<std::int64_t>(0, *pod_.spec.active_deadline_seconds - active));
    over = (co_await race(sleep_for(left), change_of(deadline_changed_))).index() == 0;
  }
  if (stage_ < PodStage::kStopping) {
    fail_pod("DeadlineExceeded", "Pod was active on the node longer than the specified deadline");
  }
}

void PodWorker::fail_pod(std::string reason, std::string message) {
  event(EventType::kNormal, reason, message);
  record_.failure_reason = std::move(reason);
  record_.failure_message = std::move(message);
  begin_stop(grace_left());
}

std::string PodWorker::describe() const {
  std::string out =
      fmt::format("{}/{} {}", pod_.metadata.namespace_, pod_.metadata.name, name_of(stage_));
  for (const auto& slot : slots_) {
    const ContainerRecord& record = slot->record;
    const bool waits = record.phase == ContainerPhase::kWaiting;
    const std::string_view phase = waits ? std::string_view(record.waiting_reason)
                                   : record.phase == ContainerPhase::kRunning ? "running"
                                                                              : "terminated";
    out += fmt::format(" {}={}{}#{}", record.name, phase, record.ready ? ",ready" : "",
                       record.restart_count);
  }
  return out;
}

void PodWorker::enter(PodStage stage) {
  if (stage <= stage_ && stage != PodStage::kPreparing) return;
  stage_ = stage;
  services_.log.debug("pod stage", "pod", pod_.metadata.name, "stage", name_of(stage));
}

PodWorker::Slot* PodWorker::find(std::string_view name) {
  return const_cast<Slot*>(std::as_const(*this).find(name));
}

const PodWorker::Slot* PodWorker::find(std::string_view name) const {
  for (const auto& slot : slots_) {
    if (name.empty() ? slot->is_regular() : slot->spec.name == name) return slot.get();
  }
  return nullptr;
}

api::Time PodWorker::now() const {
  return api::Time::from(Loop::current().clock().wall());
}

PodFacts PodWorker::facts() const {
  PodFacts facts{record_.pod_ip, services_.host_ip, services_.cpu, services_.memory, {}, {}};
  const bool own_network = services_.runtime.isolation().namespaces && !sandbox_.host_network;
  const auto api = api_endpoint(services_.options.api_address, own_network, services_.host_ip);
  if (api) {
    facts.api_host = api->host;
    facts.api_port = api->port;
  }
  return facts;
}

std::string PodWorker::dir() const {
  return services_.options.data_dir + "/pods/" + pod_.metadata.uid;
}

}  // namespace insula::node
