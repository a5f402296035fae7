#pragma once

#include <map>
#include <string>

#include "api/gen/coordination_v1.h"
#include "api/gen/core_v1.h"
#include "controller/controller.h"
#include "controller/informer.h"
#include "controllers/nodes/plan.h"

namespace insula::controllers {

/// Notices nodes whose agent has fallen silent. See plan_node().
class NodeLifecycleController final : private controller::Reconciler {
 public:
  struct Mirrors {
    controller::Informer<api::Node>& nodes;
    controller::Informer<api::Lease>& leases;
  };

  NodeLifecycleController(client::Client& client,
                          const controller::Runtime& runtime,
                          Mirrors mirrors);

  void start();

 private:
  Task<Result<controller::Outcome>> reconcile(controller::Key key) override;

  client::Client& client_;
  const Clock& clock_;
  Mirrors mirrors_;
  // Since when this process has seen a node; begins anew after a restart, as it must.
  std::map<std::string, WallTime> first_seen_;
  controller::Controller controller_;
};

/// How often pods that nobody removes are looked for.
inline constexpr std::chrono::seconds kPodGarbageInterval{20};

/// Removes pods that nobody else will. See plan_pod_garbage().
class PodGarbageCollector final : private controller::Reconciler {
 public:
  struct Mirrors {
    controller::Informer<api::Pod>& pods;
    controller::Informer<api::Node>& nodes;
  };

  PodGarbageCollector(client::Client& client, const controller::Runtime& runtime, Mirrors mirrors);

  void start();

 private:
  Task<Result<controller::Outcome>> reconcile(controller::Key key) override;

  client::Client& client_;
  const Clock& clock_;
  Mirrors mirrors_;
  std::map<std::string, SteadyTime> missing_since_;  // nodes that pods name and that do not exist
  controller::Controller controller_;
};

}  // namespace insula::controllers
