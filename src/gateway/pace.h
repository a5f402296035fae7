#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>

#include "base/clock.h"

namespace insula::gateway {

/// How fast bytes must pass: one now and then would otherwise keep a connection, and what is held
/// for it, for ever.
class Pace {
 public:
  /// Bytes pass since `begin`: never nothing for `gap`, and after that no fewer on the whole than
  /// `bytes_per_second`.
  Pace(SteadyTime begin, std::chrono::nanoseconds gap, std::size_t bytes_per_second)
      : begin_(begin), gap_(gap), bytes_per_second_(bytes_per_second) {}

  /// When the next must have passed, so many having done so until `now`.
  [[nodiscard]] SteadyTime deadline(SteadyTime now, std::size_t passed) const {
    return std::min(now + gap_, begin_ + gap_ + std::chrono::seconds(passed / bytes_per_second_));
  }

 private:
  SteadyTime begin_;
  std::chrono::nanoseconds gap_;
  std::size_t bytes_per_second_;
};

}  // namespace insula::gateway
