#include <algorithm>

#include <fmt/format.h>

#include "api/columns/columns.h"

namespace insula::api {

namespace {

constexpr Column kColumns[] = {
    kNameColumn,
    {"Ready", "string", "", "Containers that are ready, of all that should run."},
    {"Status", "string", "", "What the pod does now, or what holds it up."},
    {"Restarts", "string", "", "How often containers were started again, and when last."},
    kAgeColumn,
    {"IP", "string", "", "Address of the pod.", 1},
    {"Node", "string", "", "Node that runs the pod.", 1},
    {"Nominated Node", "string", "", "Node where room is being made for the pod.", 1},
    {"Readiness Gates", "string", "", "Conditions of others that are met, of all that must be.", 1},
};

/// Counts and words that the containers of a pod add up to.
struct Summary {
  std::int64_t ready = 0;
  std::int64_t total = 0;
  std::int64_t restarts = 0;
  Time last_restart;
  std::string status;

  void count_restarts(const ContainerStatus& container) {
    restarts += container.restart_count;
    if (container.last_state.terminated) {
      last_restart = std::max(last_restart, container.last_state.terminated->finished_at);
    }
  }
};

bool is_sidecar(const Container& container) {
  return container.restart_policy == "Always";
}

bool is_sidecar(const Pod& pod, std::string_view name) {
  return std::ranges::any_of(pod.spec.init_containers, [&](const Container& container) {
    return container.name == name && is_sidecar(container);
  });
}

bool has_true_condition(const Pod& pod, std::string_view type) {
  return std::ranges::any_of(pod.status.conditions, [&](const PodCondition& condition) {
    return condition.type == type && condition.status == "True";
  });
}

/// `Error`, `Signal:9` or `ExitCode:1`, whichever is known first.
std::string end_text(const ContainerStateTerminated& end) {
  if (!end.reason.empty()) return end.reason;
  if (end.signal != 0) return fmt::format("Signal:{}", end.signal);
  return fmt::format("ExitCode:{}", end.exit_code);
}

/// Goes through the init containers up to the first that is still at work. Returns whether there is
/// one; then it decides the status. Restarts of sidecars go into `sidecars` too: they alone count
/// once the pod is initialised.
bool summarize_init(const Pod& pod, Summary& summary, Summary& sidecars) {
  std::size_t position = 0;
  for (const ContainerStatus& container : pod.status.init_container_statuses) {
    summary.count_restarts(container);
    const bool sidecar = is_sidecar(pod, container.name);
    if (sidecar) sidecars.count_restarts(container);
    const ContainerState& state = container.state;
    const bool ended_well = state.terminated && state.terminated->exit_code == 0;
    if (!ended_well && sidecar && container.started.value_or(false)) {
      if (container.ready) ++summary.ready;
    } else if (!ended_well) {
      if (state.terminated) {
        summary.status = "Init:" + end_text(*state.terminated);
      } else if (state.waiting && !state.waiting->reason.empty() &&
                 state.waiting->reason != "PodInitializing") {
        summary.status = "Init:" + state.waiting->reason;
      } else {
        summary.status = fmt::format("Init:{}/{}", position, pod.spec.init_containers.size());
      }
      return true;
    }
    ++position;
  }
  return false;
}

void summarize_containers(const Pod& pod, Summary& summary) {
  bool running = false;
  const std::vector<ContainerStatus>& containers = pod.status.container_statuses;
  // Backwards, so that the first container has the last word.
  for (auto container = containers.rbegin(); container != containers.rend(); ++container) {
    summary.count_restarts(*container);
    const ContainerState& state = container->state;
    if (state.waiting && !state.waiting->reason.empty()) {
      summary.status = state.waiting->reason;
    } else if (state.terminated) {
      summary.status = end_text(*state.terminated);
    } else if (container->ready && state.running) {
      running = true;
      ++summary.ready;
    }
  }
  if (summary.status == "Completed" && running) {
    summary.status = has_true_condition(pod, "Ready") ? "Running" : "NotReady";
  }
}

Summary summarize(const Pod& pod) {
  Summary summary;
  summary.total = static_cast<std::int64_t>(pod.spec.containers.size());
  for (const Container& container : pod.spec.init_containers) {
    if (is_sidecar(container)) ++summary.total;
  }
  summary.status = pod.status.reason.empty() ? pod.status.phase : pod.status.reason;
  for (const PodCondition& condition : pod.status.conditions) {
    if (condition.type == "PodScheduled" && condition.reason == "SchedulingGated") {
      summary.status = condition.reason;
    }
  }
  Summary sidecars;
  const bool initializing = summarize_init(pod, summary, sidecars);
  if (!initializing || has_true_condition(pod, "Initialized")) {
    summary.restarts = sidecars.restarts;
    summary.last_restart = sidecars.last_restart;
    summarize_containers(pod, summary);
  }
  if (pod.metadata.deletion_timestamp) {
    const bool ended = pod.status.phase == "Succeeded" || pod.status.phase == "Failed";
    if (pod.status.reason == "NodeLost") {
      summary.status = "Unknown";
    } else if (!ended) {
      summary.status = "Terminating";
    }
  }
  return summary;
}

std::string or_none(const std::string& text) {
  return text.empty() ? "<none>" : text;
}

std::string readiness_gates(const Pod& pod) {
  if (pod.spec.readiness_gates.empty()) return "<none>";
  const auto met = std::ranges::count_if(
      pod.spec.readiness_gates,
      [&](const PodReadinessGate& gate) { return has_true_condition(pod, gate.condition_type); });
  return fmt::format("{}/{}", met, pod.spec.readiness_gates.size());
}

}  // namespace

std::span<const Column> pod_columns() {
  return kColumns;
}

std::vector<Cell> cells(const Pod& object, WallTime now) {
  const Summary summary = summarize(object);
  std::string restarts = fmt::format("{}", summary.restarts);
  if (summary.restarts != 0 && !summary.last_restart.is_zero()) {
    restarts += fmt::format(" ({} ago)", age(summary.last_restart, now));
  }
  return {
      object.metadata.name,
      fmt::format("{}/{}", summary.ready, summary.total),
      summary.status,
      restarts,
      age(object.metadata.creation_timestamp, now),
      object.status.pod_ips.empty() ? "<none>" : or_none(object.status.pod_ips.front().ip),
      or_none(object.spec.node_name),
      or_none(object.status.nominated_node_name),
      readiness_gates(object),
  };
}

}  // namespace insula::api
