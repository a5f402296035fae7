#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "base/clock.h"
#include "base/random.h"

namespace insula::gateway {

/// When an issuer's keys are fetched next: shortly before what was fetched ceases to be fresh,
/// after growing pauses when that fails, and sooner when a token names a key that is not there.
///
/// Times are spread, so that the gateways of many machines do not come at once. Pure.
class RefreshSchedule {
 public:
  using Duration = std::chrono::nanoseconds;

  /// How long an answer counts as fresh, whatever it says of itself.
  static constexpr std::chrono::seconds kFreshMin{60};
  static constexpr std::chrono::seconds kFreshMax = std::chrono::hours(24);
  /// Between an attempt and the next that tokens ask for: made-up keys make no flood.
  static constexpr std::chrono::seconds kAskedIntervalMin{10};
  /// Between failed attempts.
  static constexpr std::chrono::seconds kPauseMin{1};
  static constexpr std::chrono::seconds kPauseMax = std::chrono::minutes(5);

  /// Due at once.
  RefreshSchedule(SteadyTime now, Random& random)
      : random_(&random), due_(now), tried_(now - kAskedIntervalMin) {}

  [[nodiscard]] SteadyTime due() const { return due_; }

  void asked() { due_ = std::min(due_, tried_ + kAskedIntervalMin); }

  /// An attempt began at `tried` and its answer, `age` old, says that it is fresh for `fresh`.
  void succeeded(SteadyTime tried, Duration fresh, Duration age = {}) {
    tried_ = tried;
    pause_ = kPauseMin;
    const Duration left = std::clamp<Duration>(fresh, kFreshMin, kFreshMax) - age;
    due_ = tried + std::max<Duration>(left - spread(left / 10), Duration::zero());
  }

  /// An attempt that began at `tried` failed at `now`.
  void failed(SteadyTime tried, SteadyTime now) {
    tried_ = tried;
    due_ = now + pause_ - spread(pause_ / 2);
    pause_ = std::min<Duration>(2 * pause_, kPauseMax);
  }

 private:
  /// Between nothing and `most`.
  Duration spread(Duration most) {
    if (most <= Duration::zero()) return {};
    return Duration(random_->below(static_cast<std::uint64_t>(most.count())));
  }

  Random* random_;
  SteadyTime due_;
  SteadyTime tried_;
  Duration pause_ = kPauseMin;
};

}  // namespace insula::gateway
