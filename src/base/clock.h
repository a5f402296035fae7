#pragma once

#include <chrono>

namespace insula {

using SteadyTime = std::chrono::steady_clock::time_point;
using WallTime = std::chrono::system_clock::time_point;
/// A point in time after which nobody wants the answer. Passed down the call chain instead of a
/// timeout, so that the remaining time shrinks by itself.
using Deadline = SteadyTime;

/// Time, as a constructor parameter, so that tests never sleep.
///
/// Threads: now() and wall() may be called from any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  /// Monotonic; for deadlines, backoff and durations.
  [[nodiscard]] virtual SteadyTime now() const = 0;
  /// Wall time; for what users read and what must mean the same after a restart. May step.
  [[nodiscard]] virtual WallTime wall() const = 0;
};

/// The machine's clocks. Lives as long as the process.
[[nodiscard]] const Clock& system_clock();

}  // namespace insula
