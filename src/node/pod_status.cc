#include "node/pod_status.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "api/ephemeral_containers.h"
#include "node/pod_facts.h"

namespace insula::node {
namespace {

constexpr std::string_view kPending = "Pending";
constexpr std::string_view kRunning = "Running";
constexpr std::string_view kSucceeded = "Succeeded";
constexpr std::string_view kFailed = "Failed";

bool succeeded(const ContainerRecord& record) {
  return record.phase == ContainerPhase::kTerminated && record.terminated &&
         record.terminated->exit_code == 0;
}

bool failed(const ContainerRecord& record) {
  return record.phase == ContainerPhase::kTerminated && record.terminated &&
         record.terminated->exit_code != 0;
}

// An init container has done its part: it ended well, or it is a sidecar that has started.
bool initialized(const api::Container& container, const ContainerRecord& record) {
  if (is_sidecar(container)) return record.started || record.restart_count > 0;
  return succeeded(record);
}

bool all_initialized(const api::PodSpec& spec, const PodRecord& record) {
  for (std::size_t i = 0; i < record.init_containers.size(); ++i) {
    if (!initialized(spec.init_containers[i], record.init_containers[i])) return false;
  }
  return true;
}

// Whether an init container failed that is not started again.
bool any_init_failed(const api::PodSpec& spec, const PodRecord& record) {
  if (spec.restart_policy != "Never") return false;
  for (std::size_t i = 0; i < record.init_containers.size(); ++i) {
    if (!is_sidecar(spec.init_containers[i]) && failed(record.init_containers[i])) return true;
  }
  return false;
}

api::ContainerStateTerminated terminated_state(const Termination& termination) {
  api::ContainerStateTerminated out;
  out.exit_code = termination.exit_code;
  out.signal = termination.signal;
  out.reason = termination.reason;
  out.message = termination.message;
  out.started_at = termination.started_at;
  out.finished_at = termination.finished_at;
  out.container_id = termination.container_id;
  return out;
}

api::ContainerStatus container_status(const ContainerRecord& record) {
  api::ContainerStatus out;
  out.name = record.name;
  out.image = record.image;
  out.image_id = record.image_id;
  out.container_id = record.container_id;
  out.restart_count = record.restart_count;
  out.started = record.phase == ContainerPhase::kRunning && record.started;
  out.ready = record.ready;
  switch (record.phase) {
    case ContainerPhase::kWaiting: {
      auto& waiting = out.state.waiting.emplace();
      waiting.reason = record.waiting_reason;
      waiting.message = record.waiting_message;
      break;
    }
    case ContainerPhase::kRunning:
      out.state.running.emplace().started_at = record.started_at;
      break;
    case ContainerPhase::kTerminated:
      out.state.terminated = terminated_state(record.terminated.value_or(Termination{}));
      break;
  }
  if (record.last) out.last_state.terminated = terminated_state(*record.last);
  return out;
}

// With what the node holds for it, which ephemeral containers have nothing of.
api::ContainerStatus status_with_resources(const ContainerRecord& record) {
  api::ContainerStatus out = container_status(record);
  out.allocated_resources = record.granted.requests;
  out.resources = record.phase == ContainerPhase::kRunning ? record.applied : record.granted;
  return out;
}

constexpr const char* kResizable[] = {"cpu", "memory"};

using Amounts = std::map<std::string, api::Quantity>;

bool same_amount(const Amounts& a, const Amounts& b, const char* name) {
  const auto left = a.find(name);
  const auto right = b.find(name);
  if (left == a.end() || right == b.end()) return left == a.end() && right == b.end();
  return left->second == right->second;
}

bool same_amount(const api::ResourceRequirements& a,
                 const api::ResourceRequirements& b,
                 const char* name) {
  return same_amount(a.requests, b.requests, name) && same_amount(a.limits, b.limits, name);
}

void take_resizable(Amounts& into, const Amounts& from) {
  for (const char* name : kResizable) {
    into.erase(name);
    if (const auto found = from.find(name); found != from.end()) into.insert(*found);
  }
}

Termination termination_of(const api::ContainerStateTerminated& state) {
  return {state.exit_code,  state.signal,      state.reason,      state.message,
          state.started_at, state.finished_at, state.container_id};
}

ContainerRecord container_record(const api::Container& container,
                                 const std::vector<api::ContainerStatus>& before) {
  ContainerRecord out;
  out.name = container.name;
  out.image = container.image;
  out.granted = out.applied = container.resources;
  const auto status = std::ranges::find(before, container.name, &api::ContainerStatus::name);
  if (status == before.end()) return out;
  out.restart_count = status->restart_count;
  out.image_id = status->image_id;
  out.container_id = status->container_id;
  if (status->resources) {
    take_resizable(out.granted.requests, status->allocated_resources);
    take_resizable(out.granted.limits, status->resources->limits);
    take_amounts(out.applied, *status->resources);
  }
  if (status->last_state.terminated) out.last = termination_of(*status->last_state.terminated);
  if (status->state.terminated) {
    out.phase = ContainerPhase::kTerminated;
    out.terminated = termination_of(*status->state.terminated);
  } else if (status->state.running) {
    out.started_at = status->state.running->started_at;
    out.started = status->started.value_or(false);
    out.ready = status->ready;
  }
  return out;
}

class Conditions {
 public:
  Conditions(const api::Pod& pod, api::Time now) : before_(pod.status.conditions), now_(now) {
    for (const api::PodCondition& condition : before_) {
      if (!is_ours(condition.type)) out_.push_back(condition);
    }
  }

  void add(std::string type, bool value, std::string reason = {}, std::string message = {}) {
    api::PodCondition condition;
    condition.type = std::move(type);
    condition.status = value ? "True" : "False";
    condition.reason = std::move(reason);
    condition.message = std::move(message);
    condition.last_transition_time = now_;
    const auto old = std::ranges::find(before_, condition.type, &api::PodCondition::type);
    if (old != before_.end() && old->status == condition.status) {
      condition.last_transition_time = old->last_transition_time;
    }
    out_.push_back(std::move(condition));
  }

  /// Of the last one.
  void set_generation(std::int64_t generation) { out_.back().observed_generation = generation; }

  [[nodiscard]] bool is_true(const std::string& type) const {
    const auto found = std::ranges::find(before_, type, &api::PodCondition::type);
    return found != before_.end() && found->status == "True";
  }

  std::vector<api::PodCondition> take() { return std::move(out_); }

 private:
  static bool is_ours(const std::string& type) {
    return type == "PodReadyToStartContainers" || type == "Initialized" ||
           type == "ContainersReady" || type == "Ready" || type == "PodResizePending" ||
           type == "PodResizeInProgress";
  }

  const std::vector<api::PodCondition>& before_;
  api::Time now_;
  std::vector<api::PodCondition> out_;
};

void add_resize(const ResizeRecord& resize, Conditions& out) {
  if (!resize.pending_reason.empty()) {
    out.add("PodResizePending", true, resize.pending_reason, resize.pending_message);
    out.set_generation(resize.pending_generation);
  }
  if (resize.in_progress) {
    out.add("PodResizeInProgress", true, resize.error.empty() ? "" : "Error", resize.error);
    out.set_generation(resize.generation);
  }
}

std::vector<api::PodCondition> conditions_of(const api::Pod& pod,
                                             const PodRecord& record,
                                             std::string_view phase,
                                             api::Time now) {
  Conditions out(pod, now);
  const bool ended = phase == kSucceeded || phase == kFailed;
  if (!ended) add_resize(record.resize, out);
  out.add("PodReadyToStartContainers", !record.pod_ip.empty() && !ended);
  if (ended && phase == kSucceeded) {
    out.add("Initialized", true, "PodCompleted");
    out.add("ContainersReady", false, "PodCompleted");
    out.add("Ready", false, "PodCompleted");
    return out.take();
  }
  std::vector<std::string> pending;
  for (std::size_t i = 0; i < record.init_containers.size(); ++i) {
    if (!initialized(pod.spec.init_containers[i], record.init_containers[i]))
      pending.push_back(record.init_containers[i].name);
  }
  const bool done = pending.empty();
  out.add(
      "Initialized", done, done ? "" : "ContainersNotInitialized",
      done ? "" : fmt::format("containers with incomplete status: [{}]", fmt::join(pending, " ")));
  std::vector<std::string> unready;
  for (const ContainerRecord& container : record.containers) {
    if (!container.ready || ended || record.stopping) unready.push_back(container.name);
  }
  const bool containers_ready = unready.empty();
  const std::string why = phase == kFailed ? "PodFailed" : "ContainersNotReady";
  const std::string message =
      fmt::format("containers with unready status: [{}]", fmt::join(unready, " "));
  out.add("ContainersReady", containers_ready, containers_ready ? "" : why,
          containers_ready ? "" : message);
  for (const api::PodReadinessGate& gate : pod.spec.readiness_gates) {
    if (containers_ready && !out.is_true(gate.condition_type)) {
      out.add(
          "Ready", false, "ReadinessGatesNotReady",
          fmt::format(
              "corresponding condition of pod readiness gate \"{}\" does not exist or is not True.",
              gate.condition_type));
      return out.take();
    }
  }
  out.add("Ready", containers_ready, containers_ready ? "" : why, containers_ready ? "" : message);
  return out.take();
}

}  // namespace

bool same_amounts(const api::ResourceRequirements& a, const api::ResourceRequirements& b) {
  return std::ranges::all_of(kResizable, [&](const char* name) { return same_amount(a, b, name); });
}

void take_amounts(api::ResourceRequirements& into, const api::ResourceRequirements& from) {
  take_resizable(into.requests, from.requests);
  take_resizable(into.limits, from.limits);
}

bool resize_restarts(const api::Container& container,
                     const api::ResourceRequirements& before,
                     const api::ResourceRequirements& after) {
  return std::ranges::any_of(container.resize_policy, [&](const auto& policy) {
    return policy.restart_policy == "RestartContainer" &&
           !same_amount(before, after, policy.resource_name.c_str());
  });
}

bool is_sidecar(const api::Container& container) {
  return container.restart_policy == "Always";
}

bool restarts(const std::string& policy, std::int32_t exit_code) {
  return policy != "Never" && (policy != "OnFailure" || exit_code != 0);
}

PodRecord record_of(const api::Pod& pod) {
  PodRecord out;
  for (const api::Container& c : pod.spec.init_containers) {
    out.init_containers.push_back(container_record(c, pod.status.init_container_statuses));
  }
  for (const api::Container& c : pod.spec.containers) {
    out.containers.push_back(container_record(c, pod.status.container_statuses));
    if (out.containers.back().phase == ContainerPhase::kWaiting) {
      out.containers.back().waiting_reason =
          pod.spec.init_containers.empty() ? "ContainerCreating" : "PodInitializing";
    }
  }
  for (ContainerRecord& init : out.init_containers) {
    if (init.phase == ContainerPhase::kWaiting) init.waiting_reason = "PodInitializing";
  }
  for (const api::EphemeralContainer& c : pod.spec.ephemeral_containers) {
    out.ephemeral_containers.push_back(
        container_record(as_container(c), pod.status.ephemeral_container_statuses));
    if (out.ephemeral_containers.back().phase == ContainerPhase::kWaiting)
      out.ephemeral_containers.back().waiting_reason = "ContainerCreating";
  }
  out.pod_ip = pod.status.pod_ip;
  out.start_time = pod.status.start_time.value_or(api::Time{});
  return out;
}

std::string pod_phase(const api::PodSpec& spec, const PodRecord& record) {
  if (!record.failure_reason.empty()) return std::string(kFailed);
  if (!all_initialized(spec, record))
    return std::string(any_init_failed(spec, record) ? kFailed : kPending);
  int waiting = 0;
  int running = 0;
  int bad = 0;
  for (const ContainerRecord& container : record.containers) {
    const bool never_ran = container.phase == ContainerPhase::kWaiting && !container.last;
    waiting += never_ran ? 1 : 0;
    // Between two runs a container counts as running: its pod is not done.
    const bool between = container.phase == ContainerPhase::kWaiting && container.last.has_value();
    const bool again =
        container.phase == ContainerPhase::kTerminated && !record.stopping &&
        restarts(spec.restart_policy, container.terminated ? container.terminated->exit_code : 1);
    running += container.phase == ContainerPhase::kRunning || between || again ? 1 : 0;
    bad += failed(container) ? 1 : 0;
  }
  if (waiting > 0 && running == 0) return std::string(kPending);
  if (waiting > 0 || running > 0) return std::string(kRunning);
  return std::string(bad > 0 ? kFailed : kSucceeded);
}

api::PodStatus pod_status(const api::Pod& pod, const PodRecord& record, api::Time now) {
  api::PodStatus out = pod.status;
  out.observed_generation = pod.metadata.generation;
  out.phase = pod_phase(pod.spec, record);
  out.reason = record.failure_reason;
  out.message = record.failure_message;
  out.host_ip = record.host_ip;
  out.host_ips.clear();
  if (!record.host_ip.empty()) out.host_ips.emplace_back().ip = record.host_ip;
  out.pod_ip = record.pod_ip;
  out.pod_ips.clear();
  if (!record.pod_ip.empty()) out.pod_ips.emplace_back().ip = record.pod_ip;
  if (!record.start_time.is_zero()) out.start_time = record.start_time;
  out.qos_class = qos_class(pod.spec);
  out.init_container_statuses.clear();
  for (std::size_t i = 0; i < record.init_containers.size(); ++i) {
    api::ContainerStatus status = status_with_resources(record.init_containers[i]);
    // An init container that ended well is "ready"; clients count on it.
    if (!is_sidecar(pod.spec.init_containers[i]))
      status.ready = succeeded(record.init_containers[i]);
    out.init_container_statuses.push_back(std::move(status));
  }
  out.container_statuses.clear();
  for (const ContainerRecord& container : record.containers) {
    out.container_statuses.push_back(status_with_resources(container));
    if (record.stopping) out.container_statuses.back().ready = false;
  }
  out.ephemeral_container_statuses.clear();
  for (const ContainerRecord& container : record.ephemeral_containers) {
    out.ephemeral_container_statuses.push_back(container_status(container));
    // Nobody asks them, and no Service counts on them.
    out.ephemeral_container_statuses.back().ready = false;
    out.ephemeral_container_statuses.back().started.reset();
  }
  out.conditions = conditions_of(pod, record, out.phase, now);
  return out;
}

}  // namespace insula::node
