#include "controllers/replicaset/plan.h"

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "base/number.h"
#include "controller/owner.h"
#include "controller/selector.h"
#include "controllers/pods.h"

namespace insula::controllers {

namespace {

constexpr std::string_view kDeletionCost = "controller.kubernetes.io/pod-deletion-cost";

int phase_rank(const api::Pod& pod) {
  if (pod.status.phase == "Running") return 2;
  return pod.status.phase == "Unknown" ? 1 : 0;
}

std::int32_t deletion_cost(const api::Pod& pod) {
  const auto it = pod.metadata.annotations.find(std::string(kDeletionCost));
  if (it == pod.metadata.annotations.end()) return 0;
  return parse_whole<std::int32_t>(it->second).value_or(0);
}

std::int64_t restarts(const api::Pod& pod) {
  std::int64_t most = 0;
  for (const api::ContainerStatus& status : pod.status.container_statuses) {
    most = std::max<std::int64_t>(most, status.restart_count);
  }
  return most;
}

std::int64_t ready_since(const api::Pod& pod) {
  const api::PodCondition* ready = find_condition(pod, "Ready");
  return ready != nullptr && ready->status == "True" ? ready->last_transition_time.seconds : 0;
}

// The pods that are missed least come first.
// Spec: Kubernetes, ReplicaSet, "Scaling a ReplicaSet".
void sort_for_deletion(std::vector<PodPtr>& pods) {
  std::map<std::string, int> on_node;
  for (const PodPtr& pod : pods)
    ++on_node[pod->spec.node_name];
  const auto rank = [&on_node](const PodPtr& pod) {
    return std::tuple(!pod->spec.node_name.empty(), phase_rank(*pod), is_ready(*pod),
                      deletion_cost(*pod), -on_node[pod->spec.node_name], -ready_since(*pod),
                      -restarts(*pod), -pod->metadata.creation_timestamp.seconds,
                      std::string_view(pod->metadata.name));
  };
  std::ranges::sort(pods, [&rank](const PodPtr& a, const PodPtr& b) { return rank(a) < rank(b); });
}

void count(const api::ReplicaSet& set, const api::Pod& pod, WallTime now, ReplicaSetPlan& plan) {
  api::ReplicaSetStatus& status = plan.status;
  ++status.replicas;
  if (controller::contains(pod.metadata.labels, set.spec.template_.metadata.labels))
    ++status.fully_labeled_replicas;
  const auto wait = until_available(pod, set.spec.min_ready_seconds, now);
  if (!wait) return;
  ++status.ready_replicas;
  if (*wait == std::chrono::seconds(0)) {
    ++status.available_replicas;
  } else {
    plan.again_after = plan.again_after ? std::min(*plan.again_after, *wait) : *wait;
  }
}

/// The set's pods that are not over; those to adopt or to release go into the plan.
std::vector<PodPtr> replicas_of(const api::ReplicaSet& set,
                                const std::vector<PodPtr>& pods,
                                ReplicaSetPlan& plan) {
  const bool deleted = set.metadata.deletion_timestamp.has_value();
  std::vector<PodPtr> replicas;
  std::int32_t terminating = 0;
  for (const PodPtr& pod : pods) {
    const bool match =
        set.spec.selector && controller::matches(*set.spec.selector, pod->metadata.labels);
    const api::OwnerReference* owner = controller::controller_of(pod->metadata);
    if (owner != nullptr && owner->uid != set.metadata.uid) continue;
    if (owner != nullptr && !match) {
      if (!deleted) plan.release.push_back(pod);
      continue;
    }
    if (!match) continue;
    if (owner == nullptr) {
      if (deleted || !is_active(*pod)) continue;
      plan.adopt.push_back(pod);
    }
    if (pod->metadata.deletion_timestamp && !is_finished(*pod)) ++terminating;
    if (is_active(*pod)) replicas.push_back(pod);
  }
  plan.status.terminating_replicas = terminating;
  return replicas;
}

}  // namespace

ReplicaSetPlan plan_replica_set(const api::ReplicaSet& set,
                                const std::vector<PodPtr>& pods,
                                WallTime now) {
  ReplicaSetPlan plan;
  plan.status.conditions = set.status.conditions;
  plan.status.observed_generation = set.metadata.generation;
  std::vector<PodPtr> replicas = replicas_of(set, pods, plan);
  for (const PodPtr& pod : replicas)
    count(set, *pod, now, plan);
  if (set.metadata.deletion_timestamp) return plan;

  const int surplus = static_cast<int>(replicas.size()) - set.spec.replicas.value_or(1);
  if (surplus < 0) plan.create = std::min(-surplus, kReplicaBurstMax);
  if (surplus > 0) {
    sort_for_deletion(replicas);
    replicas.resize(static_cast<std::size_t>(std::min(surplus, kReplicaBurstMax)));
    plan.remove = std::move(replicas);
  }
  return plan;
}

api::Pod pod_from_template(const api::ReplicaSet& set, api::OwnerReference owner) {
  api::Pod pod;
  pod.metadata.namespace_ = set.metadata.namespace_;
  pod.metadata.generate_name = set.metadata.name + "-";
  pod.metadata.labels = set.spec.template_.metadata.labels;
  pod.metadata.annotations = set.spec.template_.metadata.annotations;
  pod.metadata.finalizers = set.spec.template_.metadata.finalizers;
  pod.metadata.owner_references.push_back(std::move(owner));
  pod.spec = set.spec.template_.spec;
  return pod;
}

void set_replica_failure(api::ReplicaSetStatus& status,
                         const ReplicaFailure* failure,
                         WallTime now) {
  const auto it =
      std::ranges::find(status.conditions, "ReplicaFailure", &api::ReplicaSetCondition::type);
  if (failure == nullptr) {
    if (it != status.conditions.end()) status.conditions.erase(it);
    return;
  }
  // The first failure stays: the next ones differ by the generated pod name only, and a status that
  // changes with every attempt would wake everybody who watches.
  if (it != status.conditions.end()) return;
  api::ReplicaSetCondition condition;
  condition.type = "ReplicaFailure";
  condition.status = "True";
  condition.last_transition_time = api::Time::from(now);
  condition.reason = failure->reason;
  condition.message = failure->message;
  status.conditions.push_back(std::move(condition));
}

}  // namespace insula::controllers
