#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/clock.h"

namespace insula::gateway {

/// How many requests to a backend may be retries, so that one which fails everything is not asked
/// twice as often as one that is well: a kShare-th of the requests of the last kWindow, and kFloor.
///
/// Threads: any. A thread that was away between a look at the clock and its count may count in a
/// later second.
class RetryBudget {
 public:
  static constexpr std::chrono::seconds kWindow{10};
  static constexpr std::int64_t kShare = 5;  // 20 %
  static constexpr std::int64_t kFloor = 10;

  /// A request that is no retry.
  void count(SteadyTime now) { slot(requests_, now).fetch_add(1, std::memory_order_relaxed); }

  /// Whether there may be one retry more; counts it.
  [[nodiscard]] bool take(SteadyTime now);

 private:
  /// One for each second of the window: the second and what was counted in it.
  using Slots = std::array<std::atomic<std::uint64_t>, kWindow.count()>;

  static std::atomic<std::uint64_t>& slot(Slots& slots, SteadyTime now);
  [[nodiscard]] static std::int64_t sum(const Slots& slots, SteadyTime now);

  Slots requests_{};
  Slots retries_{};
};

}  // namespace insula::gateway
