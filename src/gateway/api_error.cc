#include "gateway/api_error.h"

#include <utility>

namespace insula::gateway {
namespace {

/// OpenAI's words where it has them: its client libraries decide by status, type and code.
constexpr std::array<ApiErrorWords, std::to_underlying(ApiError::kInternalError) + 1> kErrors = {{
    {ApiError::kInvalidRequest,
     "invalid_request",
     {400, 414, 417, 501, 505},
     "The request cannot be read, or two servers could read it differently; the message says what "
     "is wrong."},
    {ApiError::kInvalidApiKey,
     "invalid_api_key",
     {401},
     "There is no valid credential, or there are several."},
    {ApiError::kTenantMismatch,
     "tenant_mismatch",
     {403},
     "The credential is another tenant's, or the route is open to nobody."},
    {ApiError::kModelNotAllowed, "model_not_allowed", {403}, "The API key is for other models."},
    {ApiError::kModelNotPriced,
     "model_not_priced",
     {403},
     "There is a budget of money, and the model has no price."},
    {ApiError::kOriginNotAllowed,
     "origin_not_allowed",
     {403},
     "A preflight of a page whose origin the tenant does not allow."},
    {ApiError::kPromptDenied,
     "prompt_denied",
     {400},
     "The prompt has something that the tenant's list forbids."},
    {ApiError::kUnknownTenant,
     "unknown_tenant",
     {404},
     "There is no such tenant, or the path is none of the API's."},
    {ApiError::kModelNotFound, "model_not_found", {404}, "The tenant has no such model."},
    {ApiError::kNoRoute, "no_route", {404}, "The host is a route's, and no rule of it fits."},
    {ApiError::kNoBackend, "no_backend", {500}, "The route has no backend that could be asked."},
    {ApiError::kMethodNotAllowed,
     "method_not_allowed",
     {405},
     "The method is not served; Allow says which are."},
    {ApiError::kRequestTooLarge,
     "request_too_large",
     {413},
     "The body is larger than the tenant or the gateway takes."},
    {ApiError::kPromptTooLarge,
     "prompt_too_large",
     {413},
     "The prompt has more text than the tenant's list of what it may not have is looked for in."},
    {ApiError::kMisdirectedRequest,
     "misdirected_request",
     {421},
     "The connection was opened for a host with another certificate."},
    {ApiError::kRateLimitExceeded,
     "rate_limit_exceeded",
     {429},
     "A limit of requests or tokens is reached; Retry-After says when to come back. The type is "
     "`requests` or `tokens`."},
    {ApiError::kConcurrencyLimitExceeded,
     "concurrency_limit_exceeded",
     {429},
     "As many requests are answered at one time as may be."},
    {ApiError::kInsufficientQuota,
     "insufficient_quota",
     {429},
     "A budget of a day or a month is used up."},
    {ApiError::kQueueFull,
     "queue_full",
     {429},
     "As many of the tenant's requests wait for an endpoint as may."},
    {ApiError::kHeadersTooLarge,
     "headers_too_large",
     {431},
     "There are more headers than the tenant or the gateway takes."},
    {ApiError::kUpstreamFailed,
     "upstream_failed",
     {502},
     "No model server answered, or its answer was no HTTP."},
    {ApiError::kProviderRefused,
     "provider_refused",
     {502},
     "A provider outside the platform does not take the platform's own key."},
    {ApiError::kNoReadyEndpoint,
     "no_ready_endpoint",
     {503},
     "The tenant, the model or the route has no server that is ready."},
    {ApiError::kTemporarilyUnavailable,
     "temporarily_unavailable",
     {503},
     "The gateway itself lacks something at the moment, such as memory for a body."},
    {ApiError::kOverloaded,
     "overloaded",
     {503},
     "Each server answers as many requests as it may, and waiting is off or took too long."},
    {ApiError::kLimitsUnavailable,
     "limits_unavailable",
     {503},
     "What is left of a limit that gateways share cannot be known at the moment."},
    {ApiError::kUpstreamTimeout,
     "upstream_timeout",
     {504},
     "The model server did not answer in time."},
    {ApiError::kInternalError, "internal_error", {500}, "The gateway failed; its log says how."},
}};

constexpr bool is_in_order() {
  for (std::size_t i = 0; i < kErrors.size(); ++i) {
    if (std::to_underlying(kErrors[i].error) != i) return false;
  }
  return true;
}

static_assert(is_in_order());

}  // namespace

std::span<const ApiErrorWords> api_errors() {
  return kErrors;
}

std::string_view code_of(ApiError error) {
  return kErrors[std::to_underlying(error)].code;
}

ApiError api_error_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kBadRequest:
      return ApiError::kInvalidRequest;
    case ErrorCode::kUnauthenticated:
      return ApiError::kInvalidApiKey;
    case ErrorCode::kForbidden:
      return ApiError::kTenantMismatch;
    case ErrorCode::kNotFound:
      return ApiError::kUnknownTenant;
    case ErrorCode::kMethodNotAllowed:
      return ApiError::kMethodNotAllowed;
    case ErrorCode::kTooLarge:
      return ApiError::kRequestTooLarge;
    case ErrorCode::kTooManyRequests:
      return ApiError::kRateLimitExceeded;
    case ErrorCode::kUpstream:
      return ApiError::kUpstreamFailed;
    case ErrorCode::kUnavailable:
      return ApiError::kNoReadyEndpoint;
    case ErrorCode::kTimeout:
      return ApiError::kUpstreamTimeout;
    default:
      return ApiError::kInternalError;
  }
}

std::string_view type_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kBadRequest:
    case ErrorCode::kUnauthenticated:
    case ErrorCode::kNotFound:
    case ErrorCode::kMethodNotAllowed:
    case ErrorCode::kTooLarge:
      return "invalid_request_error";
    case ErrorCode::kForbidden:
      return "permission_error";
    case ErrorCode::kTooManyRequests:
      return "requests";
    default:
      return "server_error";
  }
}

}  // namespace insula::gateway
