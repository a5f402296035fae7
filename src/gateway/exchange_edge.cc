#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "gateway/api_description.h"
#include "gateway/cors.h"
#include "gateway/exchange.h"
#include "gateway/worker.h"
#include "http/url.h"

namespace insula::gateway {
namespace {

constexpr int kNoContent = 204;
constexpr int kHeadersTooLarge = 431;
/// Of each header, beside its name and value: what HTTP/1 has around them.
constexpr std::size_t kBytesAround = 4;

std::size_t bytes_of_headers(const http::RequestHead& head) {
  std::size_t bytes = 0;
  for (const http::Field& field : head.fields())
    bytes += field.name.size() + field.value.size() + kBytesAround;
  return bytes;
}

}  // namespace

/// A request whose path is no tenant's: for the description of the API, or for nothing.
Result<> Exchange::accept_without_tenant(Request& request,
                                         const http::RequestHead& head,
                                         const Error& why) {
  if (http::target_path(head.target) != kDescriptionPath) return std::unexpected(why);
  if (head.method != "GET" && head.method != "HEAD") {
    own_headers_.append("Allow: GET, HEAD\r\n");
    return fail(ErrorCode::kMethodNotAllowed, fmt::format("{} is not served here", head.method));
  }
  // It says nothing that is not said to everybody.
  own_headers_.append("Access-Control-Allow-Origin: *\r\n");
  request.own_answer = OwnAnswer::kDescription;
  return {};
}

/// Says in the reply what the web page may do that the request is from. `tenant`: its, or the
/// snapshot's for nobody's. A preflight is answered
/// here: browsers send it without a credential.
Result<> Exchange::apply_cors(Request& request,
                              const http::RequestHead& head,
                              const Tenant& tenant) {
  if (tenant.edge.cors == nullptr) return {};
  const CorsPolicy& policy = *tenant.edge.cors;
  const auto origin = head.find("origin");
  const auto method = head.method == "OPTIONS" && origin
                          ? head.find("access-control-request-method")
                          : std::nullopt;
  if (!method) {
    policy.append_reply_lines(own_headers_, origin);
    return {};
  }
  const TenantMetrics& metrics =
      request.tenant == nullptr ? worker_.settings().metrics.nobody : *request.tenant->metrics;
  if (!policy.allows(*origin)) {
    metrics.preflights_refused->add();
    own_headers_.append("Vary: Origin\r\n");
    request.refusal_code = ApiError::kOriginNotAllowed;
    return fail(ErrorCode::kForbidden,
                "pages of this origin may not use this path; spec.gateway.cors.allowOrigins of the "
                "Tenant says which may");
  }
  metrics.preflights_allowed->add();
  policy.append_preflight_lines(
      own_headers_, {.origin = *origin,
                     .method = *method,
                     .headers = head.find("access-control-request-headers").value_or("")});
  request.own_answer = OwnAnswer::kPreflight;
  return {};
}

/// Refuses what is larger than the tenant's requests may be. A body of unknown length is held to it
/// as it comes.
Result<> Exchange::check_bounds(Request& request, const http::RequestHead& head) {
  const Edge& edge = request.tenant->edge;
  if (edge.header_bytes_max) {
    if (const std::size_t bytes = bytes_of_headers(head); bytes > *edge.header_bytes_max) {
      request.refusal_code = ApiError::kHeadersTooLarge;
      request.refusal_status = kHeadersTooLarge;
      return fail(ErrorCode::kBadRequest,
                  fmt::format("the request's headers may have at most {} bytes, and have {}",
                              *edge.header_bytes_max, bytes));
    }
  }
  if (edge.body_bytes_max) body_.hold_at_most(*edge.body_bytes_max);
  if (head.content_length.value_or(0) > body_.bytes_max()) return body_too_large(body_.bytes_max());
  return {};
}

/// Answers what accept() found to be the gateway's own to answer.
Task<bool> Exchange::answer_here(Request& request) {
  const bool described = request.own_answer == OwnAnswer::kDescription;
  const std::string_view body =
      described ? std::string_view(api_description()) : std::string_view();
  request.status = described ? 200 : kNoContent;
  request.settle();
  co_return co_await reply(request, body);
}

}  // namespace insula::gateway
