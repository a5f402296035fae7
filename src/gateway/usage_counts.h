#pragma once

#include <array>
#include <cstdint>

namespace insula::gateway {

/// The sum, or the largest number: a bill that has run over must not turn negative.
[[nodiscard]] std::int64_t saturating_sum(std::int64_t a, std::int64_t b);

/// Sums over requests; they saturate.
struct UsageCounts {
  std::int64_t requests = 0;
  std::int64_t failed = 0;
  std::int64_t prompt_tokens = 0;
  std::int64_t completion_tokens = 0;
  /// Requests whose tokens were estimated.
  std::int64_t estimated = 0;
  /// Of the prompt's tokens.
  std::int64_t cached_tokens = 0;
  /// Of the completion's tokens.
  std::int64_t reasoning_tokens = 0;
  std::int64_t duration_us = 0;
  /// Until the first token, over `first_tokens` requests that had one.
  std::int64_t first_token_us = 0;
  std::int64_t first_tokens = 0;
  /// In nano-units of one currency, see prices.h.
  std::int64_t cost = 0;

  UsageCounts& operator+=(const UsageCounts& other);
  [[nodiscard]] UsageCounts minus(const UsageCounts& other) const;

  bool operator==(const UsageCounts&) const = default;
};

/// All of them, in the order in which files and tables have them.
inline constexpr std::array kUsageCountMembers = {
    &UsageCounts::requests,          &UsageCounts::failed,      &UsageCounts::prompt_tokens,
    &UsageCounts::completion_tokens, &UsageCounts::estimated,   &UsageCounts::cached_tokens,
    &UsageCounts::reasoning_tokens,  &UsageCounts::duration_us, &UsageCounts::first_token_us,
    &UsageCounts::first_tokens,      &UsageCounts::cost};

static_assert(sizeof(UsageCounts) == kUsageCountMembers.size() * sizeof(std::int64_t));

}  // namespace insula::gateway
