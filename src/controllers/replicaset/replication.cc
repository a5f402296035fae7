#include "controllers/replicaset/replication.h"

#include <utility>

namespace insula::controllers {

namespace {

/// The kinds of conditions differ in their name only.
template <class To, class From>
To same_condition(const From& from) {
  To to;
  to.type = from.type;
  to.status = from.status;
  to.last_transition_time = from.last_transition_time;
  to.reason = from.reason;
  to.message = from.message;
  return to;
}

}  // namespace

api::ReplicaSet as_replica_set(const api::ReplicationController& set) {
  api::ReplicaSet out;
  out.metadata = set.metadata;
  out.spec.replicas = set.spec.replicas;
  out.spec.min_ready_seconds = set.spec.min_ready_seconds;
  out.spec.selector.emplace().match_labels = set.spec.selector;
  if (set.spec.template_) out.spec.template_ = *set.spec.template_;
  for (const api::ReplicationControllerCondition& condition : set.status.conditions)
    out.status.conditions.push_back(same_condition<api::ReplicaSetCondition>(condition));
  return out;
}

api::ReplicationControllerStatus status_of(const api::ReplicationController&,
                                           const api::ReplicaSetStatus& status) {
  api::ReplicationControllerStatus out;
  out.replicas = status.replicas;
  out.fully_labeled_replicas = status.fully_labeled_replicas;
  out.ready_replicas = status.ready_replicas;
  out.available_replicas = status.available_replicas;
  out.observed_generation = status.observed_generation;
  for (const api::ReplicaSetCondition& condition : status.conditions)
    out.conditions.push_back(same_condition<api::ReplicationControllerCondition>(condition));
  return out;
}

}  // namespace insula::controllers
