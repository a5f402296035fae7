#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace insula::llm {

/// A JSON text without the contents of its long strings: who wants none of them need not parse what
/// most of a large request is. Names of members stay, and so does a text that is mostly short ones.
///
/// Keep one per loop: it reuses its memory. Threads: one at a time.
class Outline {
 public:
  /// Readable bytes behind text(): simdjson loads whole vectors.
  static constexpr std::size_t kPadding = 64;

  /// `long_from`: bytes of a string, as they are written, from which they are left out.
  explicit Outline(std::size_t long_from) : long_from_(long_from) {}

  /// Makes that of `body`, which must stay as it is. False when a string that would be left out
  /// holds control characters or is no UTF-8: it is no JSON.
  /// Requires: kPadding bytes behind `body` are readable memory.
  [[nodiscard]] bool make(std::string_view body);

  /// Followed by kPadding readable bytes. The body itself where there is nothing to leave out.
  /// Valid until the next call of make().
  [[nodiscard]] std::string_view text() const { return text_; }

  /// Where in the body the byte is that is at `offset` in text(). Requires: the next make() was not
  /// called.
  [[nodiscard]] std::size_t place(std::size_t offset) const;

  /// Whether the contents of the string are left out whose closing quote is at `offset` in text().
  [[nodiscard]] bool is_left_out(std::size_t offset) const;

 private:
  struct Cut {
    std::size_t at;       // in text(): of the closing quote
    std::size_t removed;  // before it, by this cut and those before
  };

  std::size_t long_from_;
  std::string copy_;  // of what stays, and the padding
  std::string_view text_;
  std::vector<Cut> cuts_;
};

}  // namespace insula::llm
