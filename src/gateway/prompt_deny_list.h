#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "base/error.h"
#include "gateway/edge_config.h"
#include "gateway/filter.h"
#include "gateway/prompt_search.h"

namespace insula::gateway {

/// Refuses requests whose prompt has a phrase or a pattern that is listed. Each text of a prompt is
/// looked at by itself: what is spread over two is not found. Nothing of a prompt is kept or
/// logged.
///
/// Cost: linear in the text. A prompt of more than kHereBytesMax is searched on the pool, a slice
/// of kSliceTime at a time, so that neither the loop nor the prompts of others wait for it to end.
class PromptDenyList final : public Filter {
 public:
  /// Text of one prompt that is looked at; more is refused.
  static constexpr std::size_t kTextBytesMax = std::size_t{4} << 20U;
  /// Text that is searched on the loop. With the slowest patterns it takes some milliseconds.
  static constexpr std::size_t kHereBytesMax = 256;
  static constexpr std::chrono::milliseconds kSliceTime{10};
  /// The processor's time that a prompt may take; one that takes more is refused.
  static constexpr std::chrono::nanoseconds kSearchTimeMax = std::chrono::seconds(1);
  /// Prompts that may take more than one slice, at one time.
  static constexpr int kLongSearchesMax = 8;

  /// `search_time_max`: as kSearchTimeMax. Errors: as PromptPatterns::make().
  static Result<std::unique_ptr<const Filter>> make(
      const PromptDenyListConfig& config,
      std::chrono::nanoseconds search_time_max = kSearchTimeMax);

  [[nodiscard]] bool runs_at(FilterPoint point) const override {
    return point == FilterPoint::kRequest;
  }

  [[nodiscard]] Task<std::optional<FilterRefusal>> on_request(FilterRequest request) const override;

 private:
  PromptDenyList(std::shared_ptr<const PromptPatterns> patterns,
                 std::string message,
                 std::chrono::nanoseconds search_time_max);

  [[nodiscard]] Task<std::optional<FilterRefusal>> search_on_pool(const FilterRequest& request,
                                                                  PromptTexts texts) const;
  [[nodiscard]] std::optional<FilterRefusal> verdict_of(const PromptSearch& search) const;

  std::shared_ptr<const PromptPatterns> patterns_;
  std::string message_;
  std::chrono::nanoseconds search_time_max_;
  mutable std::atomic<int> long_searches_{0};
};

}  // namespace insula::gateway
