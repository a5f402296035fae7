#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/gen/core_v1.h"
#include "async/blocking_pool.h"
#include "async/event.h"
#include "async/task.h"
#include "async/task_group.h"
#include "client/client.h"
#include "controller/event_recorder.h"
#include "http/client.h"
#include "node/backoff.h"
#include "node/gpu_allocator.h"
#include "node/image_resolver.h"
#include "node/ip_pool.h"
#include "node/pod_env.h"
#include "node/pod_facts.h"
#include "node/pod_status.h"
#include "node/pod_tokens.h"
#include "node/pod_volumes.h"
#include "node/probe.h"
#include "node/run.h"
#include "node/runtime.h"
#include "telemetry/log.h"

namespace insula::node {

/// What every worker of a node uses; made once and passed by reference. All of it outlives workers.
struct NodeServices {
  const NodeOptions& options;
  client::Client& client;
  Runtime& runtime;
  ImageResolver& images;
  IpPool& ips;
  GpuAllocator& gpus;
  controller::EventRecorder& events;
  BlockingPool& pool;
  http::Client& http;
  Log log;
  std::string host_ip;
  api::Quantity cpu;
  api::Quantity memory;
};

/// Where a worker is in its pod's life. It only moves forward.
enum class PodStage : std::uint8_t {
  kPreparing,     // address, volumes
  kInitializing,  // init containers, one after the other
  kRunning,       // containers side by side
  kStopping,      // hooks, SIGTERM, grace, SIGKILL
  kEnded,         // nothing runs any more; the object is still there
  kGone,          // everything is cleaned up; the worker can be dropped
};

[[nodiscard]] std::string_view name_of(PodStage stage);

enum class ContainerSort : std::uint8_t { kInit, kRegular, kEphemeral };

/// Makes one pod of the API real, from its binding to its removal, and reports its status.
///
/// Containers that an earlier agent started are found by their shims and taken over; nothing that
/// runs is touched by a restart of the agent. Destroying a worker leaves its containers running.
///
/// Threads: the agent's loop.
class PodWorker {
 public:
  /// `released`: set whenever the pod holds less of the node than before, or a worker becomes
  /// kGone, for the agent to drop it.
  PodWorker(NodeServices& services, api::Pod pod, Event& released);
  ~PodWorker();

  /// Makes the pod fail without anything of it being started. Before start().
  void reject(std::string reason, std::string message);

  void start();

  /// The object changed: ephemeral containers that are new in it are started. A deletion timestamp
  /// begins the graceful end.
  void update(api::Pod pod);

  /// The object is gone from the API: end at once and report nothing.
  void vanish();

  [[nodiscard]] PodStage stage() const { return stage_; }

  [[nodiscard]] const api::Pod& pod() const { return pod_; }

  /// Something of it runs or will, and the API knows of it.
  [[nodiscard]] bool takes_room() const {
    return !vanished_ && stage_ < PodStage::kEnded && !ended_before();
  }

  /// The API wants other amounts of cpu and memory for its containers than the node has granted.
  [[nodiscard]] bool wants_resize() const;

  /// The pod's specification with what was granted.
  [[nodiscard]] api::PodSpec granted_spec() const;

  /// Grants what is wanted: running containers get it, or are restarted if that is their policy.
  void grant_resize();

  /// `reason`: Deferred until there is room, or Infeasible.
  void hold_resize(std::string reason, std::string message);

  /// Stage and the state of each container, on one line.
  [[nodiscard]] std::string describe() const;

  /// The container to which `kubectl exec` goes; empty name: the first.
  /// Errors: kNotFound, kBadRequest when it does not run.
  struct ExecTarget {
    Container container;
    std::vector<std::string> env;
    std::string cwd;
  };

  [[nodiscard]] Result<ExecTarget> exec_target(const std::string& container) const;

  /// Logs of a container's runs, the newest last; empty name: the first.
  /// Errors: kNotFound for an unknown container.
  [[nodiscard]] Result<std::vector<std::string>> log_files(const std::string& container) const;

  /// Whether a container of that name runs or is being started: following its log makes sense.
  [[nodiscard]] bool may_log_more(const std::string& container) const;

 private:
  // One container: its specification, what is known of it, and the run that is under way.
  struct Slot {
    Slot(const api::Container& container,
         ContainerRecord& state,
         ContainerSort which,
         RestartBackoff pause)
        : spec(container), record(state), sort(which), backoff(pause) {
      spec.resources = record.granted;
    }

    [[nodiscard]] bool is_init() const { return sort == ContainerSort::kInit; }

    [[nodiscard]] bool is_regular() const { return sort == ContainerSort::kRegular; }

    api::Container spec;  // its resources: those granted
    ContainerRecord& record;
    ContainerSort sort;
    RestartBackoff backoff;
    std::optional<Container> running;
    bool starting = false;  // on its way to run
    std::vector<std::string> env;
    std::string cwd;
    Event exited;                 // set while nothing runs
    bool kept = false;            // keep_running() has been started for it
    Event started;                // set while it runs
    Event done;                   // set when it will not run again
    Event began;                  // set once it is past its startup probe
    bool pre_stop_began = false;  // of this run
    Event pre_stop_over;
    int attempt = 0;
    bool no_restart = false;
    bool restart_at_once = false;  // whatever the policy: it gets other resources
    std::string target;            // of an ephemeral container: whose processes it sees
    std::unique_ptr<TaskGroup> probes = nullptr;
  };

  // pod_worker.cc: the pod as a whole
  Task<> run();
  Task<> launches_settled();
  Task<> prepare();
  Task<Result<>> try_prepare();
  Task<Result<>> set_up_sandbox(bool tenant);
  Task<> refresh_volumes_for_ever();
  Task<Result<>> refresh_volumes_now();
  [[nodiscard]] VolumeOwner volume_owner() const;
  Task<> run_init_containers();
  void release_gpus(const Slot& slot);
  Task<> run_containers();
  Task<> end_containers();
  Task<> release_sandbox();
  Task<> tear_down();
  Task<> remove_object();
  void take_over();
  [[nodiscard]] bool has_run(const Slot& slot) const;
  [[nodiscard]] bool ended_before() const;
  [[nodiscard]] Result<> check_rights() const;
  Task<> enforce_deadline();
  Task<Result<bool>> belongs_to_tenant();
  Task<Result<ReferencedObjects>> fetch_references();
  /// Those, and the tokens that volumes ask for.
  Task<Result<ReferencedObjects>> fetch_volume_contents();
  void fail_pod(std::string reason, std::string message);

  // pod_ephemeral.cc
  void add_slot(const api::Container& container, ContainerRecord& record, ContainerSort sort);
  void add_ephemeral_containers();
  void start_ephemeral_containers();
  [[nodiscard]] Result<std::optional<ProcessIdentity>> process_of(const std::string& name) const;

  // pod_resize.cc
  [[nodiscard]] const api::Container* wanted(const Slot& slot) const;
  Task<> apply_resizes();
  Task<Result<>> apply_resize();
  Task<Result<>> apply_resize(Slot& slot);
  [[nodiscard]] bool is_applied() const;
  void resize_failed(const Error& error);

  // pod_containers.cc: one container
  void keep(Slot& slot);
  Task<> keep_running(Slot& slot);
  Task<> stop(Slot& slot);
  Task<bool> adopt(Slot& slot);
  Task<bool> start_once(Slot& slot);
  Task<bool> wait_to_restart(Slot& slot);
  Task<Result<ContainerPlan>> plan(Slot& slot);
  Task<Result<Container>> launch(Slot& slot, ContainerPlan start);
  Task<> run_to_exit(Slot& slot);
  Task<> after_start(Slot& slot);
  void record_exit(Slot& slot, const ExitRecord& exit);
  [[nodiscard]] std::string termination_message(const Slot& slot, bool failed) const;
  Task<> pause(Slot& slot, RestartBackoff::Duration wait, std::string reason, std::string message);
  Task<> kill(Slot& slot, std::chrono::nanoseconds grace, std::string why);
  Task<> pre_stop(Slot& slot, Deadline deadline);
  Task<> grace_over(Deadline deadline);
  Task<> remove_later(Container container);
  void set_waiting(Slot& slot, std::string reason, std::string message);

  // pod_probes.cc
  Task<> probe_all(Slot& slot);
  Task<> probe_startup(Slot& slot);
  Task<> probe_readiness(Slot& slot);
  Task<> probe_liveness(Slot& slot);
  Task<Result<>> probe_once(Slot& slot, const api::Probe& probe);
  void probe_failed(Slot& slot, std::string_view kind, const Error& error);
  [[nodiscard]] ProbeTarget target_of(Slot& slot);

  // pod_report.cc: what the API is told
  class Writing;

  void changed() { dirty_.set(); }

  Task<> report();
  Task<> report_slow_start();
  Task<Result<>> write_status();
  Task<Result<>> write_status_now();

  void event(const Slot& slot, controller::EventType type, std::string reason, std::string message);
  void event(controller::EventType type, std::string reason, std::string message);
  void enter(PodStage stage);
  [[nodiscard]] Slot* find(std::string_view name);
  [[nodiscard]] const Slot* find(std::string_view name) const;

  [[nodiscard]] bool stopping() const { return stop_.is_set(); }

  void begin_stop(std::chrono::nanoseconds grace);
  [[nodiscard]] std::chrono::nanoseconds grace_left() const;
  [[nodiscard]] api::Time now() const;
  [[nodiscard]] PodFacts facts() const;
  [[nodiscard]] std::string dir() const;

  [[nodiscard]] std::string slot_dir(const Slot& slot) const {
    return dir() + "/containers/" + slot.spec.name;
  }

  [[nodiscard]] std::string log_path(const Slot& slot, int attempt) const;

  NodeServices& services_;
  api::Pod pod_;
  Event& released_;
  PodStage stage_ = PodStage::kPreparing;
  PodRecord record_;
  // Init containers first, ephemeral ones last; a list, as these come while others go through it.
  std::list<std::unique_ptr<Slot>> slots_;
  Sandbox sandbox_;
  PodTokens tokens_;
  bool tenant_ = false;
  bool vanished_ = false;
  bool prepared_ = false;
  std::string_view preparing_;      // the event's reason if this step of preparation fails
  std::string failed_preparation_;  // the last reason, so that an event tells it once
  std::optional<Deadline> stop_deadline_;
  std::optional<Deadline> forced_deadline_;  // a later request left less time than the first
  Event hurry_;
  Event stop_;     // containers must end
  Event deleted_;  // the object must go
  Event dirty_;
  Event deadline_changed_;
  Event resize_;  // granted resources are to be given to containers
  bool writing_ = false;
  Event write_done_;
  std::string written_;  // the last status that the API took, as JSON
  TaskGroup cleanups_;
  TaskGroup containers_;
  TaskGroup tasks_;
};

}  // namespace insula::node
