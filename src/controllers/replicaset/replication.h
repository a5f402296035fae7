#pragma once

#include "api/gen/apps_v1.h"
#include "api/gen/core_v1.h"

/// A ReplicationController is planned for as the ReplicaSet that asks for the same pods.
namespace insula::controllers {

[[nodiscard]] inline const api::ReplicaSet& as_replica_set(const api::ReplicaSet& set) {
  return set;
}

/// Status but the conditions is left out: nothing is planned by it.
[[nodiscard]] api::ReplicaSet as_replica_set(const api::ReplicationController& set);

/// The status that a set of the first argument's kind is to have.
[[nodiscard]] inline api::ReplicaSetStatus status_of(const api::ReplicaSet&,
                                                     api::ReplicaSetStatus status) {
  return status;
}

[[nodiscard]] api::ReplicationControllerStatus status_of(const api::ReplicationController& set,
                                                         const api::ReplicaSetStatus& status);

}  // namespace insula::controllers
