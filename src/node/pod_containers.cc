#include <algorithm>
#include <charconv>
#include <csignal>
#include <utility>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "async/deadline.h"
#include "async/loop.h"
#include "node/container_plan.h"
#include "node/files.h"
#include "node/log_reader.h"
#include "node/pod_store.h"
#include "node/pod_volumes.h"
#include "node/pod_worker.h"
#include "node/shim_launch.h"

// The life of one container inside its pod: start, wait, restart with backoff, stop.
namespace insula::node {

using controller::EventType;

namespace {

constexpr std::size_t kTerminationMessageMax = 4096;
constexpr std::size_t kTerminationLogLinesMax = 80;
constexpr std::size_t kTerminationLogBytesMax = 2048;
constexpr int kStartFailed = 128;
constexpr int kLogsKept = 2;  // of the run under way and the one before
// What a container gets between SIGTERM and SIGKILL even when its preStop hook used the grace up.
constexpr auto kAfterHookMin = std::chrono::seconds(2);
constexpr std::string_view kTerminationLog = "termination-log";

Task<> wait_for(Event& event) {
  co_await event.wait();
}

std::string restart_policy(const api::PodSpec& pod,
                           const api::Container& container,
                           ContainerSort sort) {
  if (sort == ContainerSort::kEphemeral) return "Never";
  if (sort == ContainerSort::kRegular) return pod.restart_policy;
  if (is_sidecar(container)) return "Always";
  return pod.restart_policy == "Never" ? "Never" : "OnFailure";
}

// Logs are named `<attempt>.log`, and `<attempt>.log.<n>` once rotated.
void remove_old_logs(const std::string& dir, int attempt) {
  for (const std::string& name : names_in(dir)) {
    int of = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), of);
    const bool is_log = error == std::errc() && std::string_view(end).starts_with(".log");
    if (is_log && of <= attempt - kLogsKept) unlink(fmt::format("{}/{}", dir, name).c_str());
  }
}

int signal_number(const std::optional<std::string>& name) {
  if (name == "SIGINT") return SIGINT;
  if (name == "SIGQUIT") return SIGQUIT;
  if (name == "SIGHUP") return SIGHUP;
  if (name == "SIGUSR1") return SIGUSR1;
  if (name == "SIGUSR2") return SIGUSR2;
  if (name == "SIGKILL") return SIGKILL;
  return SIGTERM;
}

}  // namespace

void PodWorker::keep(Slot& slot) {
  slot.kept = true;
  containers_.spawn(keep_running(slot));
}

Task<> PodWorker::keep_running(Slot& slot) {
  bool ran = co_await adopt(slot);
  while (!(ran && !co_await wait_to_restart(slot)) && !stopping() && !slot.no_restart) {
    ran = co_await start_once(slot);
    if (ran && slot.running) co_await run_to_exit(slot);
  }
  slot.done.set();
}

// True when the container ran before and its run is over now.
Task<bool> PodWorker::adopt(Slot& slot) {
  const std::string path = slot_dir(slot);
  const int newest = newest_run(path);
  if (newest < 0) {
    if (slot.record.phase == ContainerPhase::kTerminated) co_return true;
    if (slot.record.started_at.is_zero()) co_return false;
    // It ran when its status was last written, and nothing of it is left.
    record_exit(slot, ExitRecord{128 + SIGKILL, 0, 0});
    slot.record.terminated->reason = "ContainerStatusUnknown";
    slot.record.terminated->message = "The container could not be located when the node started";
    co_return true;
  }
  slot.attempt = newest;
  slot.record.restart_count = std::max(slot.record.restart_count, newest);
  Result<Container> found =
      find_container(fmt::format("{}-{}-{}", pod_.metadata.uid, slot.spec.name, newest),
                     fmt::format("{}/{}", path, newest));
  if (!found) {
    // The agent died between making the directory and the start.
    Container unstarted{fmt::format("{}-{}-{}", pod_.metadata.uid, slot.spec.name, newest),
                        fmt::format("{}/{}", path, newest),
                        {}};
    co_await remove_later(std::move(unstarted));
    co_return slot.record.phase == ContainerPhase::kTerminated;
  }
  slot.running = *std::move(found);
  if (!same_amounts(slot.record.applied, slot.record.granted)) {
    // The earlier agent did not come to it.
    record_.resize.in_progress = true;
    record_.resize.generation = pod_.metadata.generation;
    resize_.set();
  }
  if (Result<ContainerPlan> plan_now = co_await plan(slot); plan_now) {
    slot.env = std::move(plan_now->env);
    slot.cwd = std::move(plan_now->cwd);
  }
  slot.record.container_id = "insula://" + slot.running->id;
  co_await run_to_exit(slot);
  co_return true;
}

Task<Result<ContainerPlan>> PodWorker::plan(Slot& slot) {
  INSULA_CO_TRY(const ResolvedImage image, services_.images.resolve(slot.spec.image));
  slot.record.image_id = image.image_id;
  INSULA_CO_TRY(const ReferencedObjects objects, co_await fetch_references());
  INSULA_CO_TRY(Variables variables, container_environment(pod_, slot.spec, objects, facts()));
  INSULA_CO_TRY(std::vector<Mount> mounts,
                volume_mounts(dir() + "/volumes", pod_, slot.spec, variables));
  const auto& limits = slot.spec.resources.limits;
  std::vector<std::string> gpus;
  if (const auto wanted = limits.find("nvidia.com/gpu");
      wanted != limits.end() && !wanted->second.is_zero()) {
    const gpu::Holder holder{tenant_ ? pod_.metadata.namespace_ : "", pod_.metadata.namespace_,
                             pod_.metadata.name, slot.spec.name};
    INSULA_CO_TRY(gpus, services_.gpus.acquire(sandbox_.pod_uid, holder,
                                               static_cast<std::size_t>(wanted->second.value())));
    std::vector<HeldGpus> held = load_gpus(dir());
    std::erase_if(held,
                  [&](const HeldGpus& item) { return item.holder.container == slot.spec.name; });
    held.push_back({holder, gpus});
    INSULA_CO_TRY_VOID(save_gpus(dir(), held));
  }
  std::vector<std::string> devices = services_.gpus.files(gpus);
  INSULA_CO_TRY(const std::optional<ProcessIdentity> joins, process_of(slot.target));
  api::Container container = slot.spec;
  if (tenant_ && slot.sort == ContainerSort::kEphemeral)
    container.resources = ephemeral_resources(granted_spec(), slot.target);
  PlanInput input{pod_,
                  container,
                  image,
                  sandbox_,
                  std::move(variables),
                  std::move(mounts),
                  std::move(gpus),
                  std::move(devices),
                  tenant_,
                  joins};
  co_return plan_container(std::move(input));
}

// False when the container could not be started and the pause before the next try is over.
Task<bool> PodWorker::start_once(Slot& slot) {
  const Result<ResolvedImage> image = services_.images.resolve(slot.spec.image);
  if (!image) {
    const bool invalid = image.error().code() == ErrorCode::kInvalid;
    const std::string& message = image.error().message();
    event(slot, EventType::kWarning, invalid ? "InspectFailed" : "Failed",
          fmt::format("Failed to pull image \"{}\": {}", slot.spec.image, message));
    event(slot, EventType::kWarning, "Failed",
          invalid ? "Error: InvalidImageName" : "Error: ErrImagePull");
    set_waiting(slot, invalid ? "InvalidImageName" : "ErrImagePull", message);
    const RestartBackoff::Duration wait = slot.backoff.after_failure();
    if (!invalid)
      event(slot, EventType::kNormal, "BackOff",
            fmt::format("Back-off pulling image \"{}\"", slot.spec.image));
    co_await pause(slot, wait, invalid ? "InvalidImageName" : "ImagePullBackOff",
                   fmt::format("Back-off pulling image \"{}\": {}", slot.spec.image, message));
    co_return false;
  }
  Result<ContainerPlan> planned = co_await plan(slot);
  const api::ResourceRequirements resources = slot.spec.resources;
  if (!planned) {
    event(slot, EventType::kWarning, "Failed", "Error: " + planned.error().message());
    // What is missing may be there at any moment; nothing has crashed, so this pause does not grow.
    co_await pause(slot, services_.options.restart_backoff_initial, "CreateContainerConfigError",
                   planned.error().message());
    co_return false;
  }
  const std::string pulled =
      fmt::format("Container image \"{}\" already present on machine", slot.spec.image);
  event(slot, EventType::kNormal, "Pulled", image->note.empty() ? pulled : image->note);
  slot.attempt = slot.record.restart_count;
  ContainerPlan start = *std::move(planned);
  start.id = fmt::format("{}-{}-{}", pod_.metadata.uid, slot.spec.name, slot.attempt);
  start.dir = fmt::format("{}/{}", slot_dir(slot), slot.attempt);
  start.log_path = log_path(slot, slot.attempt);
  start.log_bytes_max = services_.options.log_bytes_max;
  start.log_files_max = services_.options.log_files_max;
  slot.env = start.env;
  slot.cwd = start.cwd;
  Container unstarted{start.id, start.dir, {}};
  // Its log may be there before it counts as running.
  slot.starting = true;
  Result<Container> started = co_await launch(slot, std::move(start));
  slot.starting = false;
  slot.record.container_id = "insula://" + unstarted.id;
  if (started) {
    slot.running = *std::move(started);
    slot.record.applied = resources;
    // More may have been granted meanwhile.
    if (record_.resize.in_progress) resize_.set();
    event(slot, EventType::kNormal, "Created", "Created container: " + slot.spec.name);
    event(slot, EventType::kNormal, "Started", "Started container " + slot.spec.name);
    co_return true;
  }
  event(slot, EventType::kWarning, "Failed", "Error: " + started.error().message());
  slot.record.started_at = now();
  const auto wall = Loop::current().clock().wall().time_since_epoch();
  record_exit(slot, ExitRecord{kStartFailed, 0,
                               std::chrono::duration_cast<std::chrono::nanoseconds>(wall).count()});
  slot.record.terminated->reason = "StartError";
  slot.record.terminated->message = started.error().message();
  // Every try mounts a root of its own.
  co_await remove_later(std::move(unstarted));
  co_return true;
}

Task<Result<Container>> PodWorker::launch(Slot& slot, ContainerPlan start) {
  // What an agent left that died during this very start.
  INSULA_CO_TRY_VOID(remove_tree(start.dir));
  // Set-user-id programs of an image are for its container, not for the machine's users; only a
  // user namespace, or a container without any, must reach its files by their path.
  const bool passable = sandbox_.user_base || !services_.runtime.isolation().namespaces;
  INSULA_CO_TRY_VOID(make_dirs(start.dir, passable ? 0711 : 0700));
  INSULA_CO_TRY_VOID(make_dirs(dir() + "/logs/" + slot.spec.name, 0750));
  remove_old_logs(dir() + "/logs/" + slot.spec.name, slot.attempt);
  const std::string message_file = fmt::format("{}/{}", start.dir, kTerminationLog);
  INSULA_CO_TRY_VOID(write_file(message_file, "", 0666));
  chmod(message_file.c_str(), 0666);
  const std::string& inside = slot.spec.termination_message_path;
  start.mounts.push_back({message_file, inside.empty() ? "/dev/termination-log" : inside, false});
  co_return co_await services_.runtime.start(std::move(start), sandbox_);
}

Task<> PodWorker::run_to_exit(Slot& slot) {
  slot.exited.reset();
  slot.started.set();
  slot.pre_stop_began = false;
  slot.pre_stop_over.reset();
  slot.record.phase = ContainerPhase::kRunning;
  slot.record.terminated.reset();
  slot.record.waiting_reason.clear();
  slot.record.waiting_message.clear();
  if (slot.record.started_at.is_zero()) slot.record.started_at = now();
  slot.probes = std::make_unique<TaskGroup>();
  slot.probes->spawn(after_start(slot));
  const ExitRecord exit = co_await wait_for_exit(*slot.running);
  slot.probes.reset();
  record_exit(slot, exit);
  Container ended = *std::exchange(slot.running, std::nullopt);
  slot.started.reset();
  slot.exited.set();
  changed();
  cleanups_.spawn(remove_later(std::move(ended)));
}

Task<> PodWorker::after_start(Slot& slot) {
  if (slot.spec.lifecycle && slot.spec.lifecycle->post_start && !slot.record.started) {
    const Result<> done =
        co_await run_hook(*slot.spec.lifecycle->post_start, target_of(slot), Deadline::max());
    if (!done) {
      event(slot, EventType::kWarning, "FailedPostStartHook",
            "PostStartHook failed: " + done.error().message());
      co_await kill(slot, grace_left(), "FailedPostStartHook");
      co_return;
    }
  }
  co_await probe_all(slot);
}

void PodWorker::record_exit(Slot& slot, const ExitRecord& exit) {
  ContainerRecord& record = slot.record;
  Termination end;
  end.exit_code = exit.exit_code;
  end.signal = exit.signal;
  const bool no_memory =
      slot.running && exit.exit_code != 0 && services_.runtime.out_of_memory(*slot.running);
  end.reason = no_memory ? "OOMKilled" : exit.exit_code == 0 ? "Completed" : "Error";
  end.started_at = record.started_at;
  end.finished_at =
      exit.finished_unix_ns == 0 ? now() : api::Time{exit.finished_unix_ns / 1'000'000'000};
  end.container_id = record.container_id;
  end.message = slot.running ? termination_message(slot, exit.exit_code != 0) : "";
  record.phase = ContainerPhase::kTerminated;
  record.terminated = std::move(end);
  record.ready = false;
  record.started = false;
  record.started_at = {};
  changed();
}

std::string PodWorker::termination_message(const Slot& slot, bool failed) const {
  std::string text =
      read_file(fmt::format("{}/{}", slot.running->dir, kTerminationLog)).value_or("");
  if (text.empty() && failed && slot.spec.termination_message_policy == "FallbackToLogsOnError") {
    text = log_tail(log_path(slot, slot.attempt), kTerminationLogLinesMax, kTerminationLogBytesMax);
  }
  if (text.size() > kTerminationMessageMax) text.resize(kTerminationMessageMax);
  return text;
}

// Decides by the restart policy, waits out the backoff, and makes the slot ready for its next run.
Task<bool> PodWorker::wait_to_restart(Slot& slot) {
  ContainerRecord& record = slot.record;
  const std::int32_t exit_code = record.terminated ? record.terminated->exit_code : 0;
  const bool at_once = std::exchange(slot.restart_at_once, false);
  if (stopping() || slot.no_restart ||
      !(at_once || restarts(restart_policy(pod_.spec, slot.spec, slot.sort), exit_code)))
    co_return false;
  const Termination end = record.terminated.value_or(Termination{});
  const RestartBackoff::Duration wait =
      at_once ? RestartBackoff::Duration::zero()
              : slot.backoff.after_run(
                    std::chrono::seconds(end.finished_at.seconds - end.started_at.seconds));
  record.last = end;
  record.restart_count += 1;
  if (wait > RestartBackoff::Duration::zero()) {
    const std::string where =
        fmt::format("{}_{}({})", pod_.metadata.name, pod_.metadata.namespace_, pod_.metadata.uid);
    event(slot, EventType::kWarning, "BackOff",
          fmt::format("Back-off restarting failed container {} in pod {}", slot.spec.name, where));
    const double seconds = std::chrono::duration<double>(wait).count();
    co_await pause(slot, wait, "CrashLoopBackOff",
                   fmt::format("back-off {:g}s restarting failed container={} pod={}", seconds,
                               slot.spec.name, where));
  }
  co_return !stopping();
}

void PodWorker::set_waiting(Slot& slot, std::string reason, std::string message) {
  slot.record.phase = ContainerPhase::kWaiting;
  slot.record.waiting_reason = std::move(reason);
  slot.record.waiting_message = std::move(message);
  changed();
}

Task<> PodWorker::pause(Slot& slot,
                        RestartBackoff::Duration wait,
                        std::string reason,
                        std::string message) {
  set_waiting(slot, std::move(reason), std::move(message));
  co_await race(sleep_for(wait), wait_for(stop_));
}

// Ends a container for good, also one that is being started at this very moment.
Task<> PodWorker::stop(Slot& slot) {
  slot.no_restart = true;
  while (slot.kept && !slot.done.is_set()) {
    co_await race(wait_for(slot.done), wait_for(slot.started));
    if (slot.running) co_await kill(slot, grace_left(), "Stopping container " + slot.spec.name);
    co_await yield();
  }
}

Task<> PodWorker::kill(Slot& slot, std::chrono::nanoseconds grace, std::string why) {
  if (!slot.running) co_return;
  event(slot, EventType::kNormal, "Killing", std::move(why));
  Deadline deadline = Loop::current().now() + grace;
  const bool graceful = grace > std::chrono::nanoseconds::zero();
  if (graceful && slot.spec.lifecycle && slot.spec.lifecycle->pre_stop) {
    co_await pre_stop(slot, deadline);
    deadline = std::max<Deadline>(deadline, Loop::current().now() + kAfterHookMin);
  }
  if (graceful && slot.running) {
    const auto& lifecycle = slot.spec.lifecycle;
    services_.runtime.signal(*slot.running,
                             signal_number(lifecycle ? lifecycle->stop_signal : std::nullopt));
    co_await race(wait_for(slot.exited), grace_over(deadline));
  }
  if (slot.running) services_.runtime.signal(*slot.running, SIGKILL);
  co_await slot.exited.wait();
}

// The hook runs once in a run, though a liveness probe and a deletion may both end it.
Task<> PodWorker::pre_stop(Slot& slot, Deadline deadline) {
  if (std::exchange(slot.pre_stop_began, true)) {
    co_await race(wait_for(slot.pre_stop_over), grace_over(deadline));
    co_return;
  }
  const auto done = co_await race(
      run_hook(*slot.spec.lifecycle->pre_stop, target_of(slot), deadline), grace_over(deadline));
  slot.pre_stop_over.set();
  if (const auto* result = std::get_if<Result<>>(&done); result != nullptr && !*result) {
    event(slot, EventType::kWarning, "FailedPreStopHook",
          "PreStopHook failed: " + result->error().message());
  }
}

// Returns at the deadline, or earlier when a later request to delete left less time.
Task<> PodWorker::grace_over(Deadline deadline) {
  while (true) {
    const Deadline end = forced_deadline_ ? std::min(deadline, *forced_deadline_) : deadline;
    if (Loop::current().now() >= end) co_return;
    hurry_.reset();
    co_await race(sleep_until(end), wait_for(hurry_));
  }
}

Task<> PodWorker::remove_later(Container container) {
  const std::string id = container.id;
  if (const Result<> removed = co_await services_.runtime.remove(std::move(container)); !removed) {
    services_.log.warn("container not removed", "container", id, "err", removed.error());
  }
}

std::string PodWorker::log_path(const Slot& slot, int attempt) const {
  return fmt::format("{}/logs/{}/{}.log", dir(), slot.spec.name, attempt);
}

Result<PodWorker::ExecTarget> PodWorker::exec_target(const std::string& container) const {
  const Slot* slot = find(container);
  if (slot == nullptr)
    return fail(ErrorCode::kNotFound,
                fmt::format("container {} is not valid for pod {}", container, pod_.metadata.name));
  if (!slot->running)
    return fail(ErrorCode::kBadRequest,
                fmt::format("container {} is not running", slot->spec.name));
  return ExecTarget{*slot->running, slot->env, slot->cwd};
}

Result<std::vector<std::string>> PodWorker::log_files(const std::string& container) const {
  const Slot* slot = find(container);
  if (slot == nullptr)
    return fail(ErrorCode::kBadRequest,
                fmt::format("container {} is not valid for pod {}", container, pod_.metadata.name));
  std::vector<std::string> out;
  for (int attempt = std::max(0, slot->attempt - kLogsKept + 1); attempt <= slot->attempt;
       ++attempt) {
    if (exists(log_path(*slot, attempt))) out.push_back(log_path(*slot, attempt));
  }
  return out;
}

bool PodWorker::may_log_more(const std::string& container) const {
  const Slot* slot = find(container);
  return slot != nullptr && (slot->starting || slot->running.has_value());
}

}  // namespace insula::node
