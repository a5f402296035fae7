#include "api/prompt_pattern.h"

#include <fmt/format.h>

#include "cel/pattern.h"

namespace insula::api {
namespace {

/// The parts of an expression that RE2 understands, one after the other.
class PatternParts {
 public:
  explicit PatternParts(std::string_view rest) : rest_(rest) {}

  /// Whether one of them says that something repeats without end.
  bool have_endless_repeat() {
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '*' || c == '+') return true;
      if (c == '\\') skip_escape();
      if (c == '[') skip_class();
      if (c == '{' && take_open_count()) return true;
    }
    return false;
  }

 private:
  void skip_past(std::string_view end) {
    const std::size_t at = rest_.find(end);
    rest_.remove_prefix(at == rest_.npos ? rest_.size() : at + end.size());
  }

  /// What follows a backslash: \Q...\E is literal, \x{...} and \p{...} have braces of their own.
  void skip_escape() {
    if (rest_.empty()) return;
    const char c = rest_.front();
    rest_.remove_prefix(1);
    if (c == 'Q') skip_past("\\E");
    if ((c == 'x' || c == 'p' || c == 'P') && rest_.starts_with('{')) skip_past("}");
  }

  void skip_class() {
    if (rest_.starts_with('^')) rest_.remove_prefix(1);
    // A bracket that comes first is one of the characters.
    if (rest_.starts_with(']')) rest_.remove_prefix(1);
    while (!rest_.empty() && !rest_.starts_with(']')) {
      if (rest_.starts_with("[:")) {
        const std::size_t end = rest_.find(":]", 2);
        rest_.remove_prefix(end == rest_.npos ? 1 : end + 2);
        continue;
      }
      const bool escaped = rest_.front() == '\\';
      rest_.remove_prefix(1);
      if (escaped) skip_escape();
    }
    if (!rest_.empty()) rest_.remove_prefix(1);
  }

  /// Whether `{3,}` begins; what is no count is text.
  [[nodiscard]] bool take_open_count() const {
    const std::size_t comma = rest_.find_first_not_of("0123456789");
    return comma != rest_.npos && comma != 0 && rest_.substr(comma).starts_with(",}");
  }

  std::string_view rest_;
};

}  // namespace

Result<std::size_t> check_prompt_pattern(std::string_view pattern) {
  INSULA_TRY(const cel::Pattern compiled, cel::Pattern::compile(pattern));
  if (PatternParts(pattern).have_endless_repeat()) {
    return fail(ErrorCode::kInvalid,
                "has *, + or {n,}, and what it finds must have an end: write {0,64} or {1,64}, "
                "or leave out what may be found as well without");
  }
  const std::size_t instructions = compiled.instructions();
  if (instructions > kPromptPatternInstructionsMax) {
    return fail(ErrorCode::kInvalid,
                fmt::format("compiles to {} instructions, and may have {}: repeat less, and "
                            "narrower classes",
                            instructions, kPromptPatternInstructionsMax));
  }
  return instructions;
}

}  // namespace insula::api
