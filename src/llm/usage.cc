#include "llm/usage.h"

#include <algorithm>
#include <bit>
#include <utility>

#include <simdjson.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace insula::llm {
namespace {

/// First quote or backslash; `end` when there is none.
const char* find_quote(const char* p, const char* end) {
#if defined(__SSE2__)
  const __m128i quote = _mm_set1_epi8('"');
  const __m128i backslash = _mm_set1_epi8('\\');
  for (; end - p >= 16; p += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const auto hits = static_cast<unsigned>(_mm_movemask_epi8(
        _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash))));
    if (hits != 0) return p + std::countr_zero(hits);
  }
#endif
  while (p < end && *p != '"' && *p != '\\')
    ++p;
  return p;
}

/// First quote or bracket of any kind; `end` when there is none.
const char* find_quote_or_bracket(const char* p, const char* end) {
#if defined(__SSE2__)
  const __m128i quote = _mm_set1_epi8('"');
  const __m128i fold = _mm_set1_epi8(0x20);
  const __m128i open = _mm_set1_epi8('{');
  const __m128i close = _mm_set1_epi8('}');
  for (; end - p >= 16; p += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const __m128i folded = _mm_or_si128(bytes, fold);  // [ and ] become { and }
    const __m128i brackets =
        _mm_or_si128(_mm_cmpeq_epi8(folded, open), _mm_cmpeq_epi8(folded, close));
    const auto hits = static_cast<unsigned>(
        _mm_movemask_epi8(_mm_or_si128(brackets, _mm_cmpeq_epi8(bytes, quote))));
    if (hits != 0) return p + std::countr_zero(hits);
  }
#endif
  while (p < end && *p != '"' && (*p | 0x20) != '{' && (*p | 0x20) != '}')
    ++p;
  return p;
}

bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/// What a `usage` object says, in whichever names; nothing where it says null or does not say.
struct TokenCounts {
  std::optional<std::int64_t> prompt = std::nullopt;
  std::optional<std::int64_t> input = std::nullopt;
  std::optional<std::int64_t> completion = std::nullopt;
  std::optional<std::int64_t> output = std::nullopt;
  std::optional<std::int64_t> cache_read = std::nullopt;
  std::optional<std::int64_t> cache_written = std::nullopt;
  std::optional<std::int64_t> cached = std::nullopt;
  std::optional<std::int64_t> reasoning = std::nullopt;
  /// Each is a number of tokens that can be.
  bool credible = true;

  void read(std::string_view name, simdjson::dom::element value);

 private:
  void note(std::optional<std::int64_t>& count, simdjson::dom::element value);
  void note_in(std::optional<std::int64_t>& count,
               std::string_view name,
               simdjson::dom::element details);
};

void TokenCounts::note(std::optional<std::int64_t>& count, simdjson::dom::element value) {
  if (count || value.is_null()) return;
  std::int64_t number = 0;
  const bool whole = value.get_int64().get(number) == simdjson::SUCCESS;
  credible = credible && whole && number >= 0 && number <= kTokensMax;
  count = number;
}

void TokenCounts::note_in(std::optional<std::int64_t>& count,
                          std::string_view name,
                          simdjson::dom::element details) {
  simdjson::dom::object members;
  simdjson::dom::element value;
  if (details.get_object().get(members) != simdjson::SUCCESS) return;
  if (members[name].get(value) == simdjson::SUCCESS) note(count, value);
}

void TokenCounts::read(std::string_view name, simdjson::dom::element value) {
  if (name == "prompt_tokens") return note(prompt, value);
  if (name == "completion_tokens") return note(completion, value);
  if (name == "input_tokens") return note(input, value);
  if (name == "output_tokens") return note(output, value);
  if (name == "cache_read_input_tokens") return note(cache_read, value);
  if (name == "cache_creation_input_tokens") return note(cache_written, value);
  if (name == "prompt_tokens_details" || name == "input_tokens_details")
    return note_in(cached, "cached_tokens", value);
  if (name == "completion_tokens_details" || name == "output_tokens_details")
    return note_in(reasoning, "reasoning_tokens", value);
}

/// Neither whitespace nor a mark: a character of a number or of true, false and null.
bool is_literal(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-' || c == '.';
}

}  // namespace

const char* UsageScanner::skip_string(const char* p, const char* end) {
  if (std::exchange(escaped_, false)) {
    if (is_key_ && key_.size() < kKeyBytesMax) key_ += '\\';  // No key of ours has an escape.
    return p + 1;
  }
  const char* stop = find_quote(p, end);
  if (is_key_ && key_.size() < kKeyBytesMax) key_.append(p, stop);
  if (stop == end) return end;
  escaped_ = *stop == '\\';
  in_string_ = escaped_;
  return stop + 1;
}

bool UsageScanner::in_tracked_object() const {
  if (depth_ == 0 || depth_ > kDepthTracked) return false;
  if (depth_ == kDepthTracked && !in_holder_) return false;
  return (arrays_ & ((2U << depth_) - 1U)) == 0;  // Neither this level nor one above is an array.
}

void UsageScanner::open(char c) {
  if (c == '[' && value_of_ == Key::kChoices && depth_ == 1) {
    choices_open_ = true;
    choices_empty_ = false;
  }
  if (depth_ == 1) in_holder_ = value_of_ == Key::kHolder;
  ++depth_;
  if (depth_ <= kDepthTracked) {
    const std::uint32_t bit = 1U << depth_;
    arrays_ = c == '[' ? arrays_ | bit : arrays_ & ~bit;
  }
  expect_key_ = c == '{' && in_tracked_object();
}

void UsageScanner::close() {
  if (depth_ > 0) --depth_;
  expect_key_ = false;
}

/// Below the levels that are looked at, and in what is captured, only strings and brackets count.
/// Goes on while it is deeper than `floor`; returns where that ends.
const char* UsageScanner::skip_deep(const char* p, const char* end, std::uint32_t floor) {
  while (p < end && depth_ > floor) {
    p = find_quote_or_bracket(p, end);
    if (p == end) break;
    const char c = *p++;
    if (c == '"') {
      in_string_ = true;
      is_key_ = false;
      while (p < end && in_string_)
        p = skip_string(p, end);
    } else if ((c | 0x20) == '{') {
      ++depth_;
    } else {
      --depth_;
    }
  }
  return p;
}

UsageScanner::Key UsageScanner::key_of(std::string_view name) {
  if (name == "usage") return Key::kUsage;
  if (name == "choices") return Key::kChoices;
  return name == "response" || name == "message" ? Key::kHolder : Key::kOther;
}

void UsageScanner::step(char c) {
  if (is_space(c)) return;
  if (std::exchange(choices_open_, false) && c == ']') choices_empty_ = true;
  switch (c) {
    case '"':
      in_string_ = true;
      is_key_ = std::exchange(expect_key_, false);
      if (is_key_) key_.clear();
      break;
    case ':':
      if (std::exchange(is_key_, false)) {
        value_of_ = key_of(key_);
        return;
      }
      break;
    case ',':
      expect_key_ = in_tracked_object();
      break;
    case '{':
    case '[':
      open(c);
      break;
    case '}':
    case ']':
      close();
      break;
    default:
      break;
  }
  value_of_ = Key::kOther;
}

void UsageScanner::capture(const char* from, const char* to) {
  const auto size = static_cast<std::size_t>(to - from);
  if (captured_.size() + size <= kUsageBytesMax) {
    captured_.append(from, size);
  } else {
    captured_.assign(kUsageBytesMax, ' ');  // Too long to be one; stays too long.
  }
}

void UsageScanner::feed(std::string_view json) {
  const char* p = json.data();
  const char* const end = p + json.size();
  while (p < end) {
    if (in_string_) {
      const char* const from = p;
      p = skip_string(p, end);
      if (capturing_) capture(from, p);
    } else if (capturing_) {
      const char* const from = p;
      p = skip_deep(p, end, capture_depth_);
      capture(from, p);
      if (depth_ == capture_depth_) finish_capture();
    } else if (depth_ > kDepthTracked) {
      p = skip_deep(p, end, kDepthTracked);
    } else {
      look_at(*p++);
    }
  }
}

/// A character outside of strings, at a level that is looked at.
void UsageScanner::look_at(char c) {
  if (is_literal(c)) {
    value_of_ = Key::kOther;
    choices_open_ = false;
    return;
  }
  const bool is_usage = c == '{' && value_of_ == Key::kUsage;
  if (is_usage) {
    capturing_ = true;
    capture_depth_ = depth_;
    captured_ = c;
  }
  step(c);
}

void UsageScanner::finish_capture() {
  capturing_ = false;
  expect_key_ = false;
  if (usage_ && capture_depth_ > usage_depth_) return;
  if (auto found = parse_usage(captured_)) {
    usage_ = found;
    usage_depth_ = capture_depth_;
  }
}

std::optional<Usage> parse_usage(std::string_view object) {
  // Making one takes longer than what it parses here.
  thread_local simdjson::dom::parser parser;
  simdjson::dom::object members;
  if (parser.parse(object.data(), object.size()).get_object().get(members) != simdjson::SUCCESS)
    return std::nullopt;
  TokenCounts counts;
  for (const auto& [name, value] : members)
    counts.read(name, value);
  const auto& [prompt, input, completion, output, read, written, cached, reasoning, credible] =
      counts;
  if (!credible || (!prompt && !input && !completion && !output)) return std::nullopt;
  // Only where the prompt has Anthropic's name does it leave out what the cache had to do with.
  const std::int64_t whole =
      prompt ? *prompt : input.value_or(0) + read.value_or(0) + written.value_or(0);
  const std::int64_t made = completion ? *completion : output.value_or(0);
  if (whole > kTokensMax) return std::nullopt;
  return Usage{.prompt_tokens = whole,
               .completion_tokens = made,
               .cached_tokens = std::min(std::max(read.value_or(0), cached.value_or(0)), whole),
               .reasoning_tokens = std::min(reasoning.value_or(0), made)};
}

}  // namespace insula::llm
