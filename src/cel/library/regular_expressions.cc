#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <re2/re2.h>

#include "cel/library/arguments.h"
#include "cel/library/library.h"
#include "cel/source.h"

namespace insula::cel::library {
namespace {

/// Memory that one compiled expression may take; RE2 refuses what needs more.
constexpr std::int64_t kProgramBytesMax = 1 << 20;

/// A compiled expression, charged for compiling it and for one way through the text.
class Pattern {
 public:
  static Result<Pattern> compile(const std::string& pattern,
                                 const std::string& text,
                                 Budget& budget) {
    INSULA_TRY_VOID(charge_bytes(budget, pattern.size() * 10));
    // Each byte of the text costs at most a step for each of the pattern's.
    INSULA_TRY_VOID(charge_bytes(budget, text.size() * (pattern.size() / 4 + 1)));
    RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(kProgramBytesMax);
    auto compiled = std::make_unique<RE2>(pattern, options);
    if (!compiled->ok()) {
      return invalid(fmt::format("error parsing regexp: {}: `{}`", compiled->error(), pattern));
    }
    return Pattern(std::move(compiled));
  }

  [[nodiscard]] const RE2& operator*() const { return *compiled_; }

 private:
  explicit Pattern(std::unique_ptr<RE2> compiled) : compiled_(std::move(compiled)) {}

  std::unique_ptr<RE2> compiled_;
};

Result<Value> matches(Arguments a, Budget& budget) {
  INSULA_TRY(const Pattern pattern, Pattern::compile(a[1].text(), a[0].text(), budget));
  return Value::boolean(RE2::PartialMatch(a[0].text(), *pattern));
}

/// The parts of a text that match, from left to right, at most `most`.
Result<std::vector<Value>> found(const std::string& text,
                                 const RE2& pattern,
                                 std::size_t most,
                                 Budget& budget) {
  std::vector<Value> parts;
  std::size_t at = 0;
  re2::StringPiece match;
  while (parts.size() < most && at <= text.size() &&
         pattern.Match(text, at, text.size(), RE2::UNANCHORED, &match, 1)) {
    INSULA_TRY_VOID(charge_bytes(budget, match.size()));
    parts.push_back(Value::string(std::string(match)));
    const auto begin = static_cast<std::size_t>(match.data() - text.data());
    // After an empty match the search goes on one character further.
    at = begin + match.size();
    if (match.empty())
      at += std::max<std::size_t>(character_length(std::string_view(text).substr(at)), 1);
  }
  return parts;
}

Result<Value> find(Arguments a, Budget& budget) {
  INSULA_TRY(const Pattern pattern, Pattern::compile(a[1].text(), a[0].text(), budget));
  INSULA_TRY(std::vector<Value> parts, found(a[0].text(), *pattern, 1, budget));
  return parts.empty() ? Value::string("") : std::move(parts[0]);
}

Result<Value> find_all(Arguments a, Budget& budget) {
  INSULA_TRY(const Pattern pattern, Pattern::compile(a[1].text(), a[0].text(), budget));
  const std::int64_t most = a.size() < 3 ? -1 : int_of(a[2]);
  INSULA_TRY(std::vector<Value> parts,
             found(a[0].text(), *pattern,
                   most < 0 ? a[0].text().size() + 1 : static_cast<std::size_t>(most), budget));
  return Value::list(std::move(parts));
}

}  // namespace

void add_regular_expressions(FunctionTable& table) {
  const TypePtr text = Type::string();
  add_both(table, "matches", {{text, text}, Type::boolean(), matches});
  table.add_member("find", {{text, text}, text, find});
  table.add_member("findAll", {{text, text}, Type::list(text), find_all});
  table.add_member("findAll", {{text, text, Type::integer()}, Type::list(text), find_all});
}

}  // namespace insula::cel::library
