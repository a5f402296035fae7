#pragma once

#include <chrono>

#include "base/clock.h"

namespace insula::testing {

/// Time that moves only when a test says so. Starts at 2026-01-01T00:00:00Z.
class FakeClock final : public Clock {
 public:
  [[nodiscard]] SteadyTime now() const override { return SteadyTime{} + elapsed_; }

  [[nodiscard]] WallTime wall() const override {
    return std::chrono::sys_days{kStart} + elapsed_ + step_;
  }

  void advance(std::chrono::nanoseconds by) { elapsed_ += by; }

  /// Moves the wall clock alone, as an administrator or NTP does.
  void step_wall(std::chrono::nanoseconds by) { step_ += by; }

 private:
  static constexpr std::chrono::year_month_day kStart{std::chrono::year{2026}, std::chrono::January,
                                                      std::chrono::day{1}};
  // After the epoch of SteadyTime, so that code may subtract a window from now().
  std::chrono::nanoseconds elapsed_ = std::chrono::hours(24);
  std::chrono::nanoseconds step_{};
};

}  // namespace insula::testing
