#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace insula::redis {

/// What a server answers to one command.
struct Reply {
  enum class Kind : std::uint8_t { kNull, kInteger, kText, kError, kArray };

  Kind kind = Kind::kNull;
  std::int64_t integer = 0;  // RESP3's booleans are 0 and 1
  /// Of texts, numbers with fractions or without bounds, and errors.
  std::string text;
  /// Of arrays and sets; of maps keys and values in turn.
  std::vector<Reply> items;

  bool operator==(const Reply&) const = default;
};

}  // namespace insula::redis
