#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "api/gen/core_v1.h"
#include "base/clock.h"

namespace insula::controllers {

/// Null when the pod has no such condition.
[[nodiscard]] const api::PodCondition* find_condition(const api::Pod& pod, std::string_view type);

/// Succeeded or Failed: it will never run again.
[[nodiscard]] bool is_finished(const api::Pod& pod);

/// Counts as a replica: neither finished nor being deleted.
[[nodiscard]] bool is_active(const api::Pod& pod);

[[nodiscard]] bool is_ready(const api::Pod& pod);

/// How long until the pod has been ready for `min_ready_seconds`; zero when it has, nullopt when it
/// is not ready.
[[nodiscard]] std::optional<std::chrono::seconds> until_available(const api::Pod& pod,
                                                                  std::int32_t min_ready_seconds,
                                                                  WallTime now);

}  // namespace insula::controllers
