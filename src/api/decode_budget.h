#pragma once

#include <cstddef>

#include "api/schema.h"
#include "base/error.h"

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

 private:
  static constexpr std::size_t kScalarBytes = 64;

  std::size_t left_ = kDecodedBytesMax;
};

}  // namespace insula::api
