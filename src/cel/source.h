#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace insula::cel {

/// Longest expression that is read.
inline constexpr std::size_t kSourceBytesMax = 65'536;

/// Something that is wrong with an expression, and where.
struct Issue {
  std::size_t offset;
  std::string message;
};

/// The issues as one text, each with its line and a mark below it:
/// `ERROR: <input>:1:3: undeclared reference to 'x' (in container '')`.
[[nodiscard]] std::string issues_text(std::string_view source, const std::vector<Issue>& issues);

/// Bytes of the UTF-8 character at the front of `text`; 0 when it is not well-formed, or empty.
[[nodiscard]] std::size_t character_length(std::string_view text);
/// Characters in a well-formed text; of others, each malformed byte is one.
[[nodiscard]] std::size_t character_count(std::string_view text);
/// Appends the character in UTF-8. False for surrogates and beyond U+10FFFF.
[[nodiscard]] bool append_character(std::string& text, char32_t character);

}  // namespace insula::cel
