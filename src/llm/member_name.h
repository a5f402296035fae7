#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace insula::llm {

/// `key` as readers see it that ignore case, Go's encoding/json among them. Empty when it is longer
/// than `bytes_max`.
[[nodiscard]] std::string folded_name(std::string_view key, std::size_t bytes_max);

}  // namespace insula::llm
