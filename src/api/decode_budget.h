#pragma once

#include <cstddef>

#include "api/schema.h"
#include "base/error.h"
#include "json/value.h"

namespace insula::api {

/// Memory that the elements of one decoded object may take, bytes. A list element of two bytes on
/// the wire becomes a struct of hundreds, so a body within its limit could otherwise fill the
/// machine.
inline constexpr std::size_t kDecodedBytesMax = 64U << 20U;

class DecodeBudget {
 public:
  /// Errors: kTooLarge.
  [[nodiscard]] Result<> spend(const ValueInfo& element) {
    const std::size_t cost =
        element.kind == ValueKind::kStruct ? element.type->ops.size : kScalarBytes;
    if (cost > left_)
      return fail(ErrorCode::kTooLarge, "the object has too many list or map elements");
    left_ -= cost;
    return {};
  }

  /// Of a value that is kept as it is. Errors: kTooLarge.
  [[nodiscard]] Result<> spend(const json::Value& value) {
    const std::size_t cost = value.bytes() * kCopies;
    if (cost > left_) return fail(ErrorCode::kTooLarge, "the object has too many values");
    left_ -= cost;
    return {};
  }

 private:
  /// A check of such a value copies it, and the one it replaces.
  static constexpr std::size_t kCopies = 2;

  static constexpr std::size_t kScalarBytes = 64;

  std::size_t left_ = kDecodedBytesMax;
};

}  // namespace insula::api
