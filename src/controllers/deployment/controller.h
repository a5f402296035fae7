#pragma once

#include <vector>

#include "api/gen/apps_v1.h"
#include "api/gen/core_v1.h"
#include "controller/controller.h"
#include "controller/event_recorder.h"
#include "controller/informer.h"
#include "controllers/deployment/plan.h"

namespace insula::controllers {

/// Turns Deployments into ReplicaSets: rolling updates, Recreate, revisions, pausing, scaling, and
/// the conditions that `kubectl rollout status` reads.
class DeploymentController final : private controller::Reconciler {
 public:
  struct Mirrors {
    controller::Informer<api::Deployment>& deployments;
    controller::Informer<api::ReplicaSet>& sets;
    controller::Informer<api::Pod>& pods;
  };

  DeploymentController(client::Client& client,
                       const controller::Runtime& runtime,
                       Mirrors mirrors,
                       controller::EventRecorder& events);

  void start();

  [[nodiscard]] bool idle() const { return controller_.idle(); }

 private:
  using DeploymentPtr = controller::Informer<api::Deployment>::Object;

  Task<Result<controller::Outcome>> reconcile(controller::Key key) override;
  /// The sets that the deployment controls, after adopting those that belong to nobody and giving
  /// up those that it does not select any more.
  Task<Result<std::vector<SetPtr>>> claim(DeploymentPtr deployment);
  Task<Result<>> release(DeploymentPtr deployment, SetPtr set);
  Task<Result<>> apply(DeploymentPtr deployment, DeploymentPlan& plan);
  Task<Result<>> create_set(DeploymentPtr deployment, DeploymentPlan& plan);
  Task<Result<>> write_status(DeploymentPtr deployment, const DeploymentPlan& plan);
  [[nodiscard]] bool old_pods_left(const api::Deployment& deployment,
                                   const std::vector<SetPtr>& sets) const;
  void enqueue_owner(const api::ReplicaSet& set);
  void pod_gone(const api::Pod& pod);

  client::Client& client_;
  const Clock& clock_;
  Mirrors mirrors_;
  controller::EventRecorder& events_;
  controller::Informer<api::ReplicaSet>::IndexId sets_by_owner_;
  controller::Informer<api::Pod>::IndexId pods_by_owner_;
  controller::Controller controller_;
};

}  // namespace insula::controllers
