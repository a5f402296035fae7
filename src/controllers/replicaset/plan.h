#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/gen/apps_v1.h"
#include "api/gen/core_v1.h"
#include "base/clock.h"

namespace insula::controllers {

using PodPtr = std::shared_ptr<const api::Pod>;

/// Pods created or deleted in one reconcile; the rest follows in the next.
inline constexpr int kReplicaBurstMax = 500;

/// What a ReplicaSet's pods need. Pure.
struct ReplicaSetPlan {
  std::vector<PodPtr> adopt;    // match the selector and belong to nobody
  std::vector<PodPtr> release;  // belong to the set and no longer match
  int create = 0;
  std::vector<PodPtr> remove;
  /// As observed, before the actions; conditions are left as they are.
  api::ReplicaSetStatus status;
  /// When a ready pod becomes available by the passing of time alone.
  std::optional<std::chrono::seconds> again_after;
};

/// `pods`: those that the set controls, and those of its namespace that nobody controls.
[[nodiscard]] ReplicaSetPlan plan_replica_set(const api::ReplicaSet& set,
                                              const std::vector<PodPtr>& pods,
                                              WallTime now);

/// The pod that the template asks for, owned by `owner`, with a name to be generated.
[[nodiscard]] api::Pod pod_from_template(const api::ReplicaSet& set, api::OwnerReference owner);

/// Why pods could not be created or deleted, in the server's words.
struct ReplicaFailure {
  std::string reason;  // FailedCreate or FailedDelete
  std::string message;
};

/// Sets the ReplicaFailure condition, or removes it when `failure` is null.
void set_replica_failure(api::ReplicaSetStatus& status,
                         const ReplicaFailure* failure,
                         WallTime now);

}  // namespace insula::controllers
