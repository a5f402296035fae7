#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "api/gen/core_v1.h"

namespace insula::node {

/// How one run of a container ended.
struct Termination {
  std::int32_t exit_code = 0;
  std::int32_t signal = 0;
  std::string reason;  // Completed, Error, OOMKilled, ContainerStatusUnknown
  std::string message;
  api::Time started_at;
  api::Time finished_at;
  std::string container_id;

  bool operator==(const Termination&) const = default;
};

enum class ContainerPhase : std::uint8_t { kWaiting, kRunning, kTerminated };

/// What the agent knows of one container of a pod.
struct ContainerRecord {
  std::string name;
  std::string image;
  std::string image_id;
  std::string container_id;
  ContainerPhase phase = ContainerPhase::kWaiting;
  std::string waiting_reason;
  std::string waiting_message;
  api::Time started_at;
  std::optional<Termination> terminated;  // of this run, with kTerminated
  std::optional<Termination> last;        // of the run before
  std::int32_t restart_count = 0;
  bool started = false;  // past its startup probe
  bool ready = false;
  api::ResourceRequirements granted;  // what the node holds for it
  api::ResourceRequirements applied;  // what the running container has
};

/// How far a change of a pod's resources has come.
struct ResizeRecord {
  /// Deferred or Infeasible while the node does not grant it; else empty.
  std::string pending_reason;
  std::string pending_message;
  std::int64_t pending_generation = 0;
  /// Granted, and containers do not have it yet.
  bool in_progress = false;
  std::string error;  // why they do not
  std::int64_t generation = 0;
};

/// What the agent knows of one pod; the only input of its status.
struct PodRecord {
  std::vector<ContainerRecord> init_containers;
  std::vector<ContainerRecord> containers;
  std::deque<ContainerRecord> ephemeral_containers;  // grows while others refer to its elements
  ResizeRecord resize;
  std::string pod_ip;
  std::string host_ip;
  api::Time start_time;
  bool stopping = false;
  /// Set when the node itself ended the pod (DeadlineExceeded, ...): its phase is then Failed.
  std::string failure_reason;
  std::string failure_message;
};

/// The record of a pod nobody has worked on yet, or, after a restart of the agent, of one whose
/// status says how often its containers ran and how they last ended.
[[nodiscard]] PodRecord record_of(const api::Pod& pod);

/// Pending, Running, Succeeded or Failed. Spec: Kubernetes, "Pod Lifecycle: Pod phase".
[[nodiscard]] std::string pod_phase(const api::PodSpec& spec, const PodRecord& record);

/// The whole status. Conditions of others are kept, and a condition's transition time changes only
/// with its value.
[[nodiscard]] api::PodStatus pod_status(const api::Pod& pod,
                                        const PodRecord& record,
                                        api::Time now);

/// Whether a container that ended is started again.
[[nodiscard]] bool restarts(const std::string& policy, std::int32_t exit_code);

/// Whether two containers ask for the same cpu and memory.
[[nodiscard]] bool same_amounts(const api::ResourceRequirements& a,
                                const api::ResourceRequirements& b);

/// Makes cpu and memory of `into` those of `from`; the rest of a container's resources is fixed.
void take_amounts(api::ResourceRequirements& into, const api::ResourceRequirements& from);

/// Whether the container must be restarted for the change, by its resizePolicy.
[[nodiscard]] bool resize_restarts(const api::Container& container,
                                   const api::ResourceRequirements& before,
                                   const api::ResourceRequirements& after);

/// An init container that keeps running beside the others.
[[nodiscard]] bool is_sidecar(const api::Container& container);

}  // namespace insula::node
