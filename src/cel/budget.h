#pragma once

#include <cstdint>

#include "base/error.h"

namespace insula::cel {

/// What an evaluation may still cost, in steps of about the work of one operator; ten bytes of a
/// text that is searched are a step, too. Bounds time and, as nothing is made without steps,
/// memory.
class Budget {
 public:
  explicit Budget(std::uint64_t steps) : left_(steps) {}

  /// Errors: kTooManyRequests once more was asked for than there was.
  Result<> charge(std::uint64_t steps) {
    if (steps > left_) {
      left_ = 0;
      return fail(ErrorCode::kTooManyRequests, "operation cancelled: actual cost limit exceeded");
    }
    left_ -= steps;
    return {};
  }

  [[nodiscard]] std::uint64_t left() const { return left_; }

 private:
  std::uint64_t left_;
};

/// Whether an error ends the evaluation whatever else is in the expression.
[[nodiscard]] inline bool is_final(const Error& error) {
  return error.code() == ErrorCode::kTooManyRequests;
}

}  // namespace insula::cel
