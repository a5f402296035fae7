#pragma once

#include <chrono>
#include <cstdint>
#include <map>

#include "base/clock.h"

namespace insula::apiserver {

/// How long those of a priority level that are refused should wait before they try again: a second,
/// and twice as long, up to half a minute, each time that refusals do not cease; a second less when
/// they do.
///
/// Source: Kubernetes 1.36, dropped requests tracker (behaviour). Threads: one at a time.
class RetryAfter {
 public:
  static constexpr std::int64_t kSecondsMax = 32;

  /// Counts a refusal, and says what its client is told, in seconds.
  std::int64_t refuse(SteadyTime now);

 private:
  void adjust(std::int64_t second);

  std::int64_t seconds_ = 1;
  std::int64_t raised_ = 0;  // second in which it was raised last
  std::int64_t current_ = 0;
  std::map<std::int64_t, std::int64_t> refused_;  // by second, the newest ones
};

}  // namespace insula::apiserver
