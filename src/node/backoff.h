#pragma once

#include <algorithm>
#include <chrono>

#include "base/clock.h"

namespace insula::node {

/// The growing pause between two starts of a container: doubles from `initial` to `max`, and begins
/// anew once a run lasted twice the maximum.
/// Spec: Kubernetes, "Pod Lifecycle: Container restart policy".
class RestartBackoff {
 public:
  using Duration = std::chrono::milliseconds;

  RestartBackoff(Duration initial, Duration max) : initial_(initial), max_(max) {}

  /// A run ended after `lasted`; returns how long to wait before the next. The first restart is at
  /// once.
  Duration after_run(std::chrono::nanoseconds lasted) {
    if (lasted >= 2 * max_) next_ = Duration::zero();
    const Duration wait = next_;
    next_ = std::min(max_, next_ == Duration::zero() ? initial_ : 2 * next_);
    return wait;
  }

  /// The start itself failed.
  Duration after_failure() {
    next_ = std::min(max_, next_ == Duration::zero() ? initial_ : 2 * next_);
    return next_;
  }

 private:
  Duration initial_;
  Duration max_;
  Duration next_ = Duration::zero();
};

}  // namespace insula::node
