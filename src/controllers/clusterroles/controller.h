#pragma once

#include "api/gen/rbac_v1.h"
#include "controller/controller.h"
#include "controller/informer.h"

namespace insula::controllers {

/// Fills ClusterRoles that have an aggregationRule with the rules of those it selects, and keeps
/// them so: what anybody else writes into their rules is lost. See api::aggregated_rules().
class ClusterRoleAggregator final : private controller::Reconciler {
 public:
  ClusterRoleAggregator(client::Client& client,
                        const controller::Runtime& runtime,
                        controller::Informer<api::ClusterRole>& roles);

  void start();

  [[nodiscard]] bool idle() const { return controller_.idle(); }

 private:
  Task<Result<controller::Outcome>> reconcile(controller::Key key) override;

  client::Client& client_;
  controller::Informer<api::ClusterRole>& roles_;
  controller::Controller controller_;
};

}  // namespace insula::controllers
