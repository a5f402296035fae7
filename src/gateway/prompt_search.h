#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "gateway/edge_config.h"

namespace insula::gateway {

/// What a prompt may not have, compiled.
///
/// Threads: deeply const.
class PromptPatterns {
 public:
  /// Errors: kInvalid for a pattern that is none or is beyond a bound
  /// (api::check_prompt_pattern()), and for more of them than there is memory for.
  [[nodiscard]] static Result<std::shared_ptr<const PromptPatterns>> make(
      const PromptDenyListConfig& config);

  ~PromptPatterns();
  PromptPatterns(const PromptPatterns&) = delete;
  PromptPatterns& operator=(const PromptPatterns&) = delete;

  /// Whether a pattern is found between `begin` and `end`. What is around them counts where a
  /// pattern asks for the beginning of a word or of the text.
  [[nodiscard]] bool has_pattern(std::string_view text, std::size_t begin, std::size_t end) const;

  /// The most bytes that a match has.
  [[nodiscard]] std::size_t pattern_bytes_max() const { return pattern_bytes_max_; }

  /// Whether a phrase is found. `text`: with one space for each run of white space.
  [[nodiscard]] bool has_phrase(std::string_view text) const;

  [[nodiscard]] std::size_t phrase_bytes_max() const { return phrase_bytes_max_; }

 private:
  struct Compiled;

  PromptPatterns();

  std::unique_ptr<Compiled> compiled_;
  std::size_t pattern_bytes_max_ = 0;
  std::size_t phrase_bytes_max_ = 0;
};

/// The texts of a prompt, one after the other.
class PromptTexts {
 public:
  void add(std::string_view text);

  [[nodiscard]] std::size_t bytes() const { return bytes_.size(); }

  [[nodiscard]] std::size_t size() const { return ends_.size(); }

  [[nodiscard]] std::string_view at(std::size_t index) const;

 private:
  std::string bytes_;
  std::vector<std::size_t> ends_;
};

/// The processor's time that the calling thread has had.
[[nodiscard]] std::chrono::nanoseconds thread_cpu_time();

/// A search of the texts of one prompt, in pieces: it can be left and gone on with between any two
/// of them. What begins in one piece and ends in the next is found, since each piece is looked at
/// together with as much of what is before it as a match may have.
///
/// Threads: one at a time.
class PromptSearch {
 public:
  static constexpr std::size_t kPieceBytes = 4096;

  using CpuTime = std::chrono::nanoseconds (*)();

  PromptSearch(std::shared_ptr<const PromptPatterns> patterns,
               PromptTexts texts,
               CpuTime cpu_time = thread_cpu_time)
      : patterns_(std::move(patterns)), texts_(std::move(texts)), cpu_time_(cpu_time) {}

  /// Looks at one piece or more, until `time` is used up.
  void go_on(std::chrono::nanoseconds time);

  /// Whether there is nothing more to look at.
  [[nodiscard]] bool is_over() const { return found_ || text_ == texts_.size(); }

  [[nodiscard]] bool has_found() const { return found_; }

  /// The processor's time that it took until now.
  [[nodiscard]] std::chrono::nanoseconds spent() const { return spent_; }

 private:
  void look_at_piece();
  void even_out(std::string_view piece);

  std::shared_ptr<const PromptPatterns> patterns_;
  PromptTexts texts_;
  CpuTime cpu_time_;
  std::size_t text_ = 0;  // which is looked at
  std::size_t at_ = 0;    // how much of it has been
  /// The end of what has been looked at and the present piece, with one space for each run of them.
  std::string even_;
  bool ends_with_space_ = false;
  bool found_ = false;
  std::chrono::nanoseconds spent_{0};
};

}  // namespace insula::gateway
