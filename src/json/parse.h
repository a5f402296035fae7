#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "json/value.h"

namespace insula::json {

/// Longest text that parse() takes unless told otherwise, bytes.
inline constexpr std::size_t kTextMax = 64U << 20U;
/// Repeated keys that are reported; further ones are only counted as repeated.
inline constexpr std::size_t kDuplicatesMax = 100;

struct ParseOptions {
  std::size_t bytes_max = kTextMax;
  std::size_t depth_max = kDepthMax;  // not above kDepthMax
  /// Receives the path of each repeated key, such as `spec.containers[0].image`. The last value
  /// wins.
  std::vector<std::string>* duplicates = nullptr;
};

/// Reads one JSON text (RFC 8259, UTF-8).
///
/// Errors: kBadRequest with what is wrong and its line and column (both from 1, the column in
/// bytes); kTooLarge when the text is longer than bytes_max.
[[nodiscard]] Result<Value> parse(std::string_view text, const ParseOptions& options = {});

}  // namespace insula::json
