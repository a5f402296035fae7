#include "controllers/deployment/status.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace insula::controllers {

namespace {

void remove_condition(api::DeploymentStatus& status, std::string_view type) {
  std::erase_if(status.conditions,
                [type](const auto& condition) { return condition.type == type; });
}

void add_counts(api::DeploymentStatus& status, const SetPtr& set) {
  status.replicas += set->status.replicas;
  status.ready_replicas += set->status.ready_replicas;
  status.available_replicas += set->status.available_replicas;
  status.terminating_replicas =
      status.terminating_replicas.value_or(0) + set->status.terminating_replicas.value_or(0);
  status.unavailable_replicas +=
      set->spec.replicas.value_or(1);  // wanted; what is available is taken off below
}

void set_available(const api::Deployment& deployment, api::DeploymentStatus& status, WallTime now) {
  const bool enough =
      status.available_replicas >= wanted_replicas(deployment) - bounds_of(deployment).unavailable;
  set_condition(status,
                enough ? make_condition("Available", "True", "MinimumReplicasAvailable",
                                        "Deployment has minimum availability.")
                       : make_condition("Available", "False", "MinimumReplicasUnavailable",
                                        "Deployment does not have minimum availability."),
                now);
}

// More new, ready or available pods, or fewer old ones, than the status said.
bool progressed(const api::DeploymentStatus& before, const api::DeploymentStatus& after) {
  return after.updated_replicas > before.updated_replicas ||
         after.replicas - after.updated_replicas < before.replicas - before.updated_replicas ||
         after.ready_replicas > before.ready_replicas ||
         after.available_replicas > before.available_replicas;
}

std::string subject(const api::Deployment& deployment, const SetPtr& new_set) {
  return new_set ? fmt::format("ReplicaSet \"{}\"", new_set->metadata.name)
                 : fmt::format("Deployment \"{}\"", deployment.metadata.name);
}

void set_progressing(const api::Deployment& deployment,
                     const SetPtr& new_set,
                     api::DeploymentStatus& status,
                     WallTime now) {
  const std::string what = subject(deployment, new_set);
  if (is_complete(deployment, status)) {
    set_condition(status,
                  make_condition("Progressing", "True", "NewReplicaSetAvailable",
                                 what + " has successfully progressed."),
                  now);
    return;
  }
  const auto deadline = progress_deadline(deployment, status);
  if (progressed(deployment.status, status)) {
    api::DeploymentCondition condition =
        make_condition("Progressing", "True", "ReplicaSetUpdated", what + " is progressing.");
    // lastUpdateTime must move with every step: the deadline counts from it.
    const api::DeploymentCondition* current = find_condition(status, "Progressing");
    condition.last_update_time = api::Time::from(now);
    condition.last_transition_time = current != nullptr && current->status == "True"
                                         ? current->last_transition_time
                                         : condition.last_update_time;
    remove_condition(status, "Progressing");
    status.conditions.push_back(std::move(condition));
  } else if (deadline && *deadline < now) {
    set_condition(status,
                  make_condition("Progressing", "False", "ProgressDeadlineExceeded",
                                 what + " has timed out progressing."),
                  now);
  }
}

void set_paused(const api::Deployment& deployment, api::DeploymentStatus& status, WallTime now) {
  const api::DeploymentCondition* current = find_condition(status, "Progressing");
  if (current != nullptr && current->reason == "ProgressDeadlineExceeded") return;
  const bool known = current != nullptr && current->reason == "DeploymentPaused";
  if (deployment.spec.paused && !known) {
    set_condition(
        status,
        make_condition("Progressing", "Unknown", "DeploymentPaused", "Deployment is paused"), now);
  } else if (!deployment.spec.paused && known) {
    set_condition(
        status,
        make_condition("Progressing", "Unknown", "DeploymentResumed", "Deployment is resumed"),
        now);
  }
}

void copy_failure(const SetPtr& new_set,
                  const std::vector<SetPtr>& old_sets,
                  api::DeploymentStatus& status,
                  WallTime now) {
  std::vector<SetPtr> sets = old_sets;
  if (new_set) sets.push_back(new_set);
  for (auto set = sets.rbegin(); set != sets.rend(); ++set) {
    const auto& conditions = (*set)->status.conditions;
    const auto failure =
        std::ranges::find(conditions, "ReplicaFailure", &api::ReplicaSetCondition::type);
    if (failure == conditions.end()) continue;
    set_condition(
        status,
        make_condition("ReplicaFailure", failure->status, failure->reason, failure->message), now);
    return;
  }
  remove_condition(status, "ReplicaFailure");
}

bool has_deadline(const api::Deployment& deployment) {
  const auto seconds = deployment.spec.progress_deadline_seconds;
  return seconds && *seconds != std::numeric_limits<std::int32_t>::max();
}

}  // namespace

const api::DeploymentCondition* find_condition(const api::DeploymentStatus& status,
                                               std::string_view type) {
  const auto it = std::ranges::find(status.conditions, type, &api::DeploymentCondition::type);
  return it == status.conditions.end() ? nullptr : &*it;
}

api::DeploymentCondition make_condition(std::string_view type,
                                        std::string_view status,
                                        std::string_view reason,
                                        std::string message) {
  api::DeploymentCondition condition;
  condition.type = type;
  condition.status = status;
  condition.reason = reason;
  condition.message = std::move(message);
  return condition;
}

void set_condition(api::DeploymentStatus& status,
                   api::DeploymentCondition condition,
                   WallTime now) {
  const api::DeploymentCondition* current = find_condition(status, condition.type);
  if (current != nullptr && current->status == condition.status &&
      current->reason == condition.reason)
    return;
  condition.last_update_time = api::Time::from(now);
  condition.last_transition_time = current != nullptr && current->status == condition.status
                                       ? current->last_transition_time
                                       : condition.last_update_time;
  const std::string type = condition.type;
  remove_condition(status, type);
  status.conditions.push_back(std::move(condition));
}

bool is_complete(const api::Deployment& deployment, const api::DeploymentStatus& status) {
  const std::int32_t wanted = wanted_replicas(deployment);
  return status.updated_replicas == wanted && status.replicas == wanted &&
         status.available_replicas == wanted &&
         status.observed_generation >= deployment.metadata.generation;
}

std::optional<WallTime> progress_deadline(const api::Deployment& deployment,
                                          const api::DeploymentStatus& status) {
  const api::DeploymentCondition* current = find_condition(status, "Progressing");
  if (!has_deadline(deployment) || deployment.spec.paused || current == nullptr)
    return std::nullopt;
  if (current->reason == "NewReplicaSetAvailable" || current->reason == "ProgressDeadlineExceeded")
    return std::nullopt;
  return current->last_update_time.wall() +
         std::chrono::seconds(*deployment.spec.progress_deadline_seconds);
}

api::DeploymentStatus deployment_status(const api::Deployment& deployment,
                                        const SetPtr& new_set,
                                        const std::vector<SetPtr>& old_sets,
                                        WallTime now) {
  api::DeploymentStatus status;
  status.observed_generation = deployment.metadata.generation;
  status.collision_count = deployment.status.collision_count;
  status.conditions = deployment.status.conditions;
  status.terminating_replicas = 0;
  for (const SetPtr& set : old_sets)
    add_counts(status, set);
  if (new_set) {
    add_counts(status, new_set);
    status.updated_replicas = new_set->status.replicas;
  }
  status.unavailable_replicas =
      std::max(0, status.unavailable_replicas - status.available_replicas);
  set_available(deployment, status, now);
  if (has_deadline(deployment)) {
    const api::DeploymentCondition* current = find_condition(status, "Progressing");
    const bool was_complete = status.replicas == status.updated_replicas && current != nullptr &&
                              current->reason == "NewReplicaSetAvailable";
    set_paused(deployment, status, now);
    if (!was_complete && !deployment.spec.paused) set_progressing(deployment, new_set, status, now);
  } else {
    remove_condition(status, "Progressing");
  }
  copy_failure(new_set, old_sets, status, now);
  return status;
}

}  // namespace insula::controllers
