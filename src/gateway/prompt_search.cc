#include "gateway/prompt_search.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <re2/re2.h>
#include <time.h>

#include "api/prompt_pattern.h"

namespace insula::gateway {
namespace {

/// Memory that the phrases, and the patterns, of one tenant may take, compiled and at work.
constexpr std::int64_t kMemoryBytesMax = 8 << 20;
/// What RE2's \s finds.
constexpr std::string_view kSpace = " \t\n\f\r";
constexpr auto kIsSpace = [] {
  std::array<bool, 256> table{};
  for (const char c : kSpace)
    table[static_cast<unsigned char>(c)] = true;
  return table;
}();
/// In UTF-8 a letter and its other cases differ in length by no more than this.
constexpr std::size_t kCaseGrowth = 3;

re2::StringPiece piece_of(std::string_view text) {
  return {text.data(), text.size()};
}

/// A phrase with one space between its words, and none around it.
std::string evened(std::string_view phrase) {
  std::string text;
  for (;;) {
    phrase.remove_prefix(std::min(phrase.find_first_not_of(kSpace), phrase.size()));
    if (phrase.empty()) return text;
    const std::string_view word = phrase.substr(0, phrase.find_first_of(kSpace));
    if (!text.empty()) text += ' ';
    text += word;
    phrase.remove_prefix(word.size());
  }
}

/// All of them as one expression.
std::string joined(const std::vector<std::string>& expressions) {
  std::string all;
  for (const std::string& one : expressions)
    all.append(all.empty() ? "(?:" : "|(?:").append(one).append(")");
  return all;
}

Result<> compile(const std::vector<std::string>& expressions, std::optional<RE2>& out) {
  if (expressions.empty()) return {};
  RE2::Options options;
  options.set_log_errors(false);
  options.set_never_capture(true);
  options.set_max_mem(kMemoryBytesMax);
  out.emplace(joined(expressions), options);
  if (out->ok()) return {};
  return fail(ErrorCode::kInvalid,
              "the phrases or the patterns cannot be looked for together: " + out->error());
}

}  // namespace

struct PromptPatterns::Compiled {
  std::optional<RE2> patterns;
  std::optional<RE2> phrases;
};

PromptPatterns::PromptPatterns() : compiled_(std::make_unique<Compiled>()) {}

PromptPatterns::~PromptPatterns() = default;

Result<std::shared_ptr<const PromptPatterns>> PromptPatterns::make(
    const PromptDenyListConfig& config) {
  std::shared_ptr<PromptPatterns> made(new PromptPatterns());
  std::size_t instructions = 0;
  for (const std::string& pattern : config.patterns) {
    auto checked = api::check_prompt_pattern(pattern);
    if (!checked)
      return std::unexpected(
          std::move(checked).error().in(fmt::format("the pattern \"{}\"", pattern)));
    instructions += *checked;
    made->pattern_bytes_max_ = std::max(made->pattern_bytes_max_, *checked);
  }
  if (instructions > api::kPromptPatternsInstructionsMax) {
    return fail(ErrorCode::kInvalid,
                fmt::format("the patterns compile to {} instructions together, and may have {}",
                            instructions, api::kPromptPatternsInstructionsMax));
  }
  std::vector<std::string> phrases;
  for (const std::string& phrase : config.phrases) {
    const std::string even = evened(phrase);
    if (even.empty()) return fail(ErrorCode::kInvalid, "a phrase has no words");
    made->phrase_bytes_max_ = std::max(made->phrase_bytes_max_, even.size() * kCaseGrowth);
    phrases.push_back("(?i)" + RE2::QuoteMeta(piece_of(even)));
  }
  // Neighbours that begin alike are compared once.
  std::ranges::sort(phrases);
  INSULA_TRY_VOID(compile(config.patterns, made->compiled_->patterns));
  INSULA_TRY_VOID(compile(phrases, made->compiled_->phrases));
  return made;
}

bool PromptPatterns::has_pattern(std::string_view text, std::size_t begin, std::size_t end) const {
  const auto& patterns = compiled_->patterns;
  return patterns && patterns->Match(piece_of(text), begin, end, RE2::UNANCHORED, nullptr, 0);
}

bool PromptPatterns::has_phrase(std::string_view text) const {
  const auto& phrases = compiled_->phrases;
  return phrases && phrases->Match(piece_of(text), 0, text.size(), RE2::UNANCHORED, nullptr, 0);
}

void PromptTexts::add(std::string_view text) {
  bytes_.append(text);
  ends_.push_back(bytes_.size());
}

std::string_view PromptTexts::at(std::size_t index) const {
  const std::size_t begin = index == 0 ? 0 : ends_[index - 1];
  return std::string_view(bytes_).substr(begin, ends_[index] - begin);
}

std::chrono::nanoseconds thread_cpu_time() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

void PromptSearch::go_on(std::chrono::nanoseconds time) {
  const std::chrono::nanoseconds began = cpu_time_();
  std::chrono::nanoseconds used{0};
  while (!is_over() && used < time) {
    look_at_piece();
    used = cpu_time_() - began;
  }
  spent_ += used;
}

void PromptSearch::look_at_piece() {
  const std::string_view text = texts_.at(text_);
  const std::size_t end = std::min(at_ + kPieceBytes, text.size());
  const std::size_t begin = at_ - std::min(at_, patterns_->pattern_bytes_max());
  found_ = patterns_->has_pattern(text, begin, end);
  if (patterns_->phrase_bytes_max() != 0) {
    even_out(text.substr(at_, end - at_));
    found_ = found_ || patterns_->has_phrase(even_);
  }
  at_ = end;
  if (at_ < text.size()) return;
  ++text_;
  at_ = 0;
  even_.clear();
  ends_with_space_ = false;
}

/// Appends the piece to what may be the beginning of a phrase that ends in it.
void PromptSearch::even_out(std::string_view piece) {
  if (even_.size() > patterns_->phrase_bytes_max())
    even_.erase(0, even_.size() - patterns_->phrase_bytes_max());
  const std::size_t before = even_.size();
  even_.resize(before + piece.size());
  char* out = even_.data() + before;
  for (const char c : piece) {
    const bool is_space = kIsSpace[static_cast<unsigned char>(c)];
    // The next letter is written over a space that is one too many.
    *out = is_space ? ' ' : c;
    out += is_space && ends_with_space_ ? 0 : 1;
    ends_with_space_ = is_space;
  }
  even_.resize(static_cast<std::size_t>(out - even_.data()));
}

}  // namespace insula::gateway
