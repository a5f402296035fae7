#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"

namespace re2 {
class RE2;
}  // namespace re2

namespace insula::cel {

/// A regular expression in RE2's syntax, which is that of CEL and of `pattern` in schemas. Small,
/// copied freely.
///
/// Threads: deeply const. Cost: finding is linear in the text.
class Pattern {
 public:
  /// Errors: kInvalid with what is wrong, also for one that would take too much memory.
  [[nodiscard]] static Result<Pattern> compile(std::string_view expression);

  /// Whether it is found anywhere in `text`.
  [[nodiscard]] bool found_in(std::string_view text) const;

  [[nodiscard]] const std::string& text() const;

  /// Of the program to which it compiles. Without endless repeats it has no loop, so that no match
  /// has more bytes than it instructions.
  [[nodiscard]] std::size_t instructions() const;

 private:
  explicit Pattern(std::shared_ptr<const re2::RE2> compiled) : compiled_(std::move(compiled)) {}

  std::shared_ptr<const re2::RE2> compiled_;
};

}  // namespace insula::cel
