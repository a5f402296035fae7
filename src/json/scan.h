#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace insula::json {

/// Where a text stops being JSON, and what is wrong there.
struct Fault {
  std::size_t offset;  // bytes
  std::string what;
};

/// The first fault of `text`, or nullopt when it is JSON. Builds nothing: it only explains texts
/// that parse() refused, since simdjson tells what but not where.
[[nodiscard]] std::optional<Fault> find_fault(std::string_view text, std::size_t depth_max);

/// `line 3, column 7` of an offset; both from 1, the column in bytes.
[[nodiscard]] std::string position_text(std::string_view text, std::size_t offset);

}  // namespace insula::json
