#pragma once

#include <set>
#include <string>

#include "api/gen/core_v1.h"
#include "controller/controller.h"
#include "controller/event_recorder.h"
#include "controller/informer.h"
#include "scheduler/cluster_state.h"

namespace insula::scheduler {

inline constexpr const char* kSchedulerName = "default-scheduler";
/// Bindings in flight; the store commits them together.
inline constexpr std::size_t kBindingsMax = 128;

/// Gives every pod a node.
///
/// Decides one pod at a time and binds many at once: a decision reserves its room before the server
/// has confirmed it. A pod that fits nowhere gets the condition PodScheduled=False with the reason
/// of every node, and is looked at again as soon as a pod ends or shrinks, or a node changes.
class Scheduler final : private controller::Reconciler {
 public:
  struct Mirrors {
    controller::Informer<api::Pod>& pods;
    controller::Informer<api::Node>& nodes;
  };

  Scheduler(client::Client& client,
            const controller::Runtime& runtime,
            Mirrors mirrors,
            controller::EventRecorder& events);

  void start();

  [[nodiscard]] bool idle() const { return controller_.idle(); }

 private:
  using PodPtr = controller::Informer<api::Pod>::Object;

  Task<Result<controller::Outcome>> reconcile(controller::Key key) override;
  Task<Result<controller::Outcome>> bind(PodPtr pod, std::string node);
  Task<Result<controller::Outcome>> hold(PodPtr pod, std::string reason, std::string message);
  void pod_changed(const api::Pod* before, const api::Pod* after);
  void retry_waiting();

  client::Client& client_;
  const Clock& clock_;
  Mirrors mirrors_;
  controller::EventRecorder& events_;
  Counter& bound_;
  Counter& unschedulable_;
  Gauge& pending_;
  ClusterState cluster_;
  std::set<controller::Key> waiting_;  // fit nowhere when last looked at
  controller::Controller controller_;
};

}  // namespace insula::scheduler
