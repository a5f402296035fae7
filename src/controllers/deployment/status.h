#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "api/gen/apps_v1.h"
#include "base/clock.h"
#include "controllers/deployment/rollout.h"

namespace insula::controllers {

/// Null when there is none.
[[nodiscard]] const api::DeploymentCondition* find_condition(const api::DeploymentStatus& status,
                                                             std::string_view type);

/// Puts the condition in, keeping the time of its last transition when its status stays. A
/// condition with the same status and reason is left alone.
void set_condition(api::DeploymentStatus& status, api::DeploymentCondition condition, WallTime now);

[[nodiscard]] api::DeploymentCondition make_condition(std::string_view type,
                                                      std::string_view status,
                                                      std::string_view reason,
                                                      std::string message);

/// Counts of all sets and the conditions Available, Progressing and ReplicaFailure. Null `new_set`:
/// it does not exist yet.
[[nodiscard]] api::DeploymentStatus deployment_status(const api::Deployment& deployment,
                                                      const SetPtr& new_set,
                                                      const std::vector<SetPtr>& old_sets,
                                                      WallTime now);

/// Every pod is of the newest template and available, and no old one is left.
[[nodiscard]] bool is_complete(const api::Deployment& deployment,
                               const api::DeploymentStatus& status);

/// When the progress deadline passes; nullopt when there is none or nothing is in progress.
[[nodiscard]] std::optional<WallTime> progress_deadline(const api::Deployment& deployment,
                                                        const api::DeploymentStatus& status);

}  // namespace insula::controllers
