#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "api/gen/apps_v1.h"
#include "api/gen/core_v1.h"
#include "api/gen/policy_v1.h"
#include "controller/controller.h"
#include "controller/event_recorder.h"
#include "controller/informer.h"
#include "controllers/disruption/plan.h"

namespace insula::controllers {

/// Says in the status of each PodDisruptionBudget how many of its pods may be evicted. The API
/// server holds evictions to it.
///
/// Percentages and maxUnavailable are of what the pods' Deployments, ReplicaSets,
/// ReplicationControllers and StatefulSets ask for; pods of others do not count there, and an event
/// says so.
class DisruptionController final : private controller::Reconciler {
 public:
  struct Mirrors {
    controller::Informer<api::PodDisruptionBudget>& budgets;
    controller::Informer<api::Pod>& pods;
    controller::Informer<api::Deployment>& deployments;
    controller::Informer<api::ReplicaSet>& sets;
    controller::Informer<api::ReplicationController>& replications;
    controller::Informer<api::StatefulSet>& stateful_sets;
  };

  DisruptionController(client::Client& client,
                       const controller::Runtime& runtime,
                       Mirrors mirrors,
                       controller::EventRecorder& events);

  void start();

  [[nodiscard]] bool idle() const { return controller_.idle(); }

 private:
  using BudgetPtr = controller::Informer<api::PodDisruptionBudget>::Object;

  /// Who asks for how many pods.
  struct Scale {
    std::string uid;
    std::int32_t replicas = 0;
  };

  Task<Result<controller::Outcome>> reconcile(controller::Key key) override;
  Task<Result<>> write_status(BudgetPtr budget, api::PodDisruptionBudgetStatus status);
  /// Replicas that the owners of the pods ask for together. Sets `unmanaged` when a pod has no
  /// owner that says so.
  [[nodiscard]] std::int32_t expected_pods(const std::vector<PodPtr>& pods, bool& unmanaged) const;
  /// Nothing when the pod has no owner that says how many there should be.
  [[nodiscard]] std::optional<Scale> scale_of(const api::Pod& pod) const;
  void enqueue_budgets_of(const api::Pod& pod);
  void enqueue_namespace(const std::string& name_space);

  client::Client& client_;
  const Clock& clock_;
  Mirrors mirrors_;
  controller::EventRecorder& events_;
  controller::Controller controller_;
};

}  // namespace insula::controllers
