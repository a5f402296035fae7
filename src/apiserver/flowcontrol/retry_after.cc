#include "apiserver/flowcontrol/retry_after.h"

#include <algorithm>

namespace insula::apiserver {

namespace {

// Refusals for each second of advice from which on it is too short.
constexpr std::int64_t kTooMany = 3;

}  // namespace

std::int64_t RetryAfter::refuse(SteadyTime now) {
  const std::int64_t second =
      std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  if (second != current_) adjust(second);
  ++refused_[second];
  return seconds_;
}

void RetryAfter::adjust(std::int64_t second) {
  current_ = second;
  std::int64_t refused = 0;
  for (auto it = refused_.lower_bound(second - seconds_); it != refused_.end(); ++it)
    refused += it->second;
  if (refused >= kTooMany * seconds_ && second - raised_ >= seconds_) {
    seconds_ = std::min(2 * seconds_, kSecondsMax);
    raised_ = second;
  } else if (refused < seconds_ && seconds_ > 1) {
    --seconds_;
  }
  refused_.erase(refused_.begin(), refused_.lower_bound(second - kSecondsMax));
}

}  // namespace insula::apiserver
