#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace insula::api {

/// A character at the front of a text.
struct Character {
  char32_t point = 0;  // U+FFFD where the text is not UTF-8
  std::size_t bytes = 0;
};

/// Requires: `text` is not empty.
[[nodiscard]] Character first_character(std::string_view text);

/// Whether a character is seen: letters, marks, numbers, punctuation, symbols, and of spaces U+0020
/// only. As Go's unicode.IsPrint, but that what Unicode has not assigned counts as seen.
[[nodiscard]] bool is_printable(char32_t point);

/// With U+FFFD for each byte that is not UTF-8.
[[nodiscard]] std::string well_formed(std::string_view text);

/// In double quotes, with escapes for what is not printable, as Go's %q.
[[nodiscard]] std::string go_quoted(std::string_view text);

}  // namespace insula::api
