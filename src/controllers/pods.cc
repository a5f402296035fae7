#include "controllers/pods.h"

#include <algorithm>

namespace insula::controllers {

const api::PodCondition* find_condition(const api::Pod& pod, std::string_view type) {
  for (const api::PodCondition& condition : pod.status.conditions) {
    if (condition.type == type) return &condition;
  }
  return nullptr;
}

bool is_finished(const api::Pod& pod) {
  return pod.status.phase == "Succeeded" || pod.status.phase == "Failed";
}

bool is_active(const api::Pod& pod) {
  return !is_finished(pod) && !pod.metadata.deletion_timestamp;
}

bool is_ready(const api::Pod& pod) {
  const api::PodCondition* ready = find_condition(pod, "Ready");
  return ready != nullptr && ready->status == "True";
}

std::optional<std::chrono::seconds> until_available(const api::Pod& pod,
                                                    std::int32_t min_ready_seconds,
                                                    WallTime now) {
  const api::PodCondition* ready = find_condition(pod, "Ready");
  if (ready == nullptr || ready->status != "True") return std::nullopt;
  if (min_ready_seconds == 0) return std::chrono::seconds(0);
  const WallTime since = ready->last_transition_time.wall();
  const auto left = since + std::chrono::seconds(min_ready_seconds) - now;
  return std::max(std::chrono::seconds(0), std::chrono::ceil<std::chrono::seconds>(left));
}

}  // namespace insula::controllers
