#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace insula::llm {

/// What one request consumed.
struct Usage {
  /// All of the prompt, what was cached included.
  std::int64_t prompt_tokens = 0;
  /// All that was made, reasoning included.
  std::int64_t completion_tokens = 0;
  /// Guessed from sizes, because the upstream did not say or the reply was cut off.
  bool estimated = false;
  /// Of the prompt: read from the model's cache. What was written to it for later was computed, and
  /// is not among them.
  std::int64_t cached_tokens = 0;
  /// Of the completion: thought and not shown.
  std::int64_t reasoning_tokens = 0;

  bool operator==(const Usage&) const = default;
};

/// Bytes that stand for one token when nothing better is known.
inline constexpr std::int64_t kBytesPerToken = 4;

/// More tokens than any model can take or make in one request: an upstream that tells more, or
/// fewer than none, has told nothing.
inline constexpr std::int64_t kTokensMax = 100'000'000;

/// Finds `usage` in a JSON text that arrives in pieces, without keeping the text.
///
/// Takes the last `usage` object that is a member of the outermost object (chat, completions,
/// embeddings) or, where that has none, of its `response` (events of the Responses API) or
/// `message` (of Anthropic's); `null` does not count. Not a validator: of broken JSON it may find
/// nothing, or a usage that is there.
///
/// Cost: strings are skipped sixteen bytes at a time.
class UsageScanner {
 public:
  /// Longer `usage` objects are ignored.
  static constexpr std::size_t kUsageBytesMax = 4096;

  void feed(std::string_view json);

  [[nodiscard]] const std::optional<Usage>& usage() const { return usage_; }

  /// The outermost object had `"choices":[]`, as the chunk has that carries a stream's usage.
  [[nodiscard]] bool choices_empty() const { return choices_empty_; }

  /// Ready for the next text; keeps nothing.
  void reset() { *this = UsageScanner(); }

 private:
  enum class Key : std::uint8_t { kOther, kUsage, kChoices, kHolder };

  static Key key_of(std::string_view name);
  const char* skip_string(const char* p, const char* end);
  const char* skip_deep(const char* p, const char* end, std::uint32_t floor);
  void look_at(char c);
  void finish_capture();
  void step(char c);
  void open(char c);
  void close();
  void capture(const char* from, const char* to);
  [[nodiscard]] bool in_tracked_object() const;

  static constexpr std::uint32_t kDepthTracked = 2;
  static constexpr std::size_t kKeyBytesMax = 9;  // More than any name that is looked for.

  std::optional<Usage> usage_;
  std::string captured_;
  std::string key_;
  std::uint32_t depth_ = 0;
  std::uint32_t arrays_ = 0;  // Bit d: level d is an array. Tracked levels only.
  std::uint32_t capture_depth_ = 0;
  std::uint32_t usage_depth_ = kDepthTracked;  // of the object that usage_ is a member of
  Key value_of_ = Key::kOther;                 // Whose value comes next.
  bool in_holder_ = false;  // The last object in the outermost one may have a usage.
  bool in_string_ = false;
  bool escaped_ = false;
  bool expect_key_ = false;
  bool is_key_ = false;
  bool capturing_ = false;
  bool choices_open_ = false;  // The last character was the bracket of `choices`.
  bool choices_empty_ = false;
};

/// The members of a `usage` object, in OpenAI's two spellings or Anthropic's, whose `input_tokens`
/// leaves out what its cache holds. Nothing when it has none of them, or one that is not a whole
/// number up to kTokensMax. Parts are at most the whole that they are of.
///
/// Spec: OpenAI's CompletionUsage and ResponseUsage; Anthropic's Usage of a message.
[[nodiscard]] std::optional<Usage> parse_usage(std::string_view object);

}  // namespace insula::llm
