#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/error.h"

namespace insula::gateway {

/// Why the gateway refuses a request: one for each `code` of its error bodies, which programs
/// decide by. What is none of these is a model server's own answer.
enum class ApiError : std::uint8_t {
  kInvalidRequest,
  kInvalidApiKey,
  kTenantMismatch,
  kModelNotAllowed,
  kModelNotPriced,
  kOriginNotAllowed,
  kPromptDenied,
  kUnknownTenant,
  kModelNotFound,
  kNoRoute,
  kNoBackend,
  kMethodNotAllowed,
  kRequestTooLarge,
  kPromptTooLarge,
  kMisdirectedRequest,
  kRateLimitExceeded,
  kConcurrencyLimitExceeded,
  kInsufficientQuota,
  kQueueFull,
  kHeadersTooLarge,
  kUpstreamFailed,
  kProviderRefused,
  kNoReadyEndpoint,
  kTemporarilyUnavailable,
  kOverloaded,
  kLimitsUnavailable,
  kUpstreamTimeout,
  kInternalError,
};

/// What the gateway's API says of it.
struct ApiErrorWords {
  ApiError error;
  /// OpenAI's `code`, where it has one for this.
  std::string_view code;
  /// The statuses that it comes with; 0: no further one.
  std::array<int, 5> statuses;
  /// For who reads the API's description.
  std::string_view meaning;
};

/// All of them, in the order of ApiError.
[[nodiscard]] std::span<const ApiErrorWords> api_errors();

[[nodiscard]] std::string_view code_of(ApiError error);

/// The one that an error is when nothing more is known of it, and OpenAI's `type` of its kind.
[[nodiscard]] ApiError api_error_of(ErrorCode code);
[[nodiscard]] std::string_view type_of(ErrorCode code);

}  // namespace insula::gateway
