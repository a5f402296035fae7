#pragma once

#include <chrono>
#include <cstddef>

#include "apiserver/registry.h"
#include "async/task.h"

namespace insula::apiserver {

/// How long an Event is kept after it was last seen.
inline constexpr std::chrono::hours kEventLifetime{1};
/// Events kept at most; beyond it the oldest go first.
inline constexpr std::size_t kEventsMax = 10'000;
inline constexpr std::chrono::seconds kEventSweepEvery{60};

/// Removes Events that are too old or too many. Costs no disk write.
Task<> expire_events(Registry& registry);

/// Does so every kEventSweepEvery, until cancelled.
Task<> keep_expiring_events(Registry& registry);

}  // namespace insula::apiserver
