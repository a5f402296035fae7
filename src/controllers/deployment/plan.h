#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "api/gen/apps_v1.h"
#include "base/clock.h"
#include "controllers/deployment/rollout.h"

namespace insula::controllers {

/// Old sets kept for rollbacks when the deployment does not say.
inline constexpr std::int32_t kRevisionHistoryDefault = 10;

/// What a deployment looks at: the ReplicaSets that it controls, in any order.
struct ObservedDeployment {
  const api::Deployment& deployment;
  std::vector<SetPtr> sets;
  /// Old pods still run; a deployment of strategy Recreate waits for them.
  bool old_pods_left = false;
};

/// One step towards what the deployment asks for. Pure; the next step is planned from what the
/// first one made.
struct DeploymentPlan {
  std::optional<api::ReplicaSet> create;
  std::vector<api::ReplicaSet>
      update;                  // with new sizes or annotations, and the resourceVersion read
  std::vector<SetPtr> remove;  // beyond the revision history
  /// The deployment's own revision annotation, when it must change.
  std::optional<std::string> revision;
  api::DeploymentStatus status;
  std::vector<std::string> events;  // messages, reason ScalingReplicaSet
  std::optional<std::chrono::seconds> again_after;
};

[[nodiscard]] DeploymentPlan plan_deployment(const ObservedDeployment& observed, WallTime now);

/// The set whose template the deployment asks for now; null when there is none.
[[nodiscard]] SetPtr find_new_set(const api::Deployment& deployment,
                                  const std::vector<SetPtr>& sets);

}  // namespace insula::controllers
