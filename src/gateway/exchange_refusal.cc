#include <string>
#include <string_view>
#include <utility>

#include "gateway/exchange.h"
#include "gateway/worker.h"
#include "http/refusal.h"

namespace insula::gateway {
namespace {

constexpr int kHeadersTooLarge = 431;

/// The one error of those that the API knows.
ApiError api_error_of(const Request& request, ErrorCode code) {
  if (request.limit_met && request.limit_met->kind == LimitKind::kConcurrency)
    return ApiError::kConcurrencyLimitExceeded;
  if (request.limit_met && request.limit_met->kind == LimitKind::kBudget)
    return ApiError::kInsufficientQuota;
  if (request.refusal_code) return *request.refusal_code;
  // The gateway itself is what lacks something when the tenant has endpoints.
  const bool served =
      request.site_route == nullptr && request.tenant != nullptr && request.tenant->is_served;
  if (code == ErrorCode::kUnavailable && served) return ApiError::kTemporarilyUnavailable;
  return gateway::api_error_of(code);
}

}  // namespace

Task<bool> Exchange::refuse_head(http::Refusal why) {
  const WorkerSettings& settings = worker_.settings();
  Request request(worker_.snapshot(), settings.metrics.nobody, worker_.usage(), settings.clock);
  name(request, nullptr);
  request.refusal_status = http::status_of(why);
  if (request.refusal_status == kHeadersTooLarge) request.refusal_code = ApiError::kHeadersTooLarge;
  co_return co_await refuse(request, http::request_error(why));
}

Task<bool> Exchange::refuse(Request& request, Error error) {
  const ApiError code = api_error_of(request, error.code());
  std::string_view type = type_of(error.code());
  if (request.limit_met && request.limit_met->kind == LimitKind::kTokens) type = "tokens";
  if (code == ApiError::kInsufficientQuota) type = code_of(code);
  const int status = request.refusal_status.value_or(http_status(error.code()));
  request.status = status;
  if (status >= 500) worker_.log_failure(request, error.message());
  if (error.code() == ErrorCode::kUnavailable) own_headers_.append("Retry-After: 1\r\n");
  request.facts.error = code_of(code);
  request.settle();
  const std::string body =
      body_of({.type = type, .code = code_of(code), .message = error.message()});
  co_return co_await reply(request, body);
}

/// Sends the gateway's own reply to a settled request, with its status.
Task<bool> Exchange::reply(Request& request, std::string_view body) {
  request.note_sent(request.is_head ? 0 : body.size());
  append_date();
  co_return co_await client_.reply({.status = request.status,
                                    .body = body,
                                    .own_headers = own_headers_,
                                    .keep_alive = request.keep_alive && !worker_.draining(),
                                    .without_body = request.is_head});
}

/// What a reply without a date gets. Spec: RFC 9110 section 6.6.1.
void Exchange::append_date() {
  own_headers_.append("Date: ").append(worker_.date()).append("\r\n");
}

}  // namespace insula::gateway
