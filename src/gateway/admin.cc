#include "gateway/admin.h"

#include <optional>
#include <utility>

#include "base/number.h"
#include "http/message.h"
#include "json/write.h"

namespace insula::gateway {
namespace {

http::Response problem(int status, std::string_view message) {
  std::string body = R"({"error":)";
  json::append_string(body, message);
  body += "}\n";
  return http::make_response(status, "application/json", std::move(body));
}

Result<std::int64_t> hour_in(const http::Request& request,
                             std::string_view name,
                             std::int64_t absent) {
  const auto text = request.query(name);
  if (!text) return absent;
  if (const auto hour = parse_whole<std::int64_t>(*text); hour) return *hour;
  return fail(ErrorCode::kBadRequest, std::string(name) + " must be a number of hours since 1970");
}

Result<UsageQuery> usage_query(const http::Request& request) {
  UsageQuery query;
  query.tenant = request.query("tenant").value_or("");
  INSULA_TRY(query.from_hour, hour_in(request, "from", query.from_hour));
  INSULA_TRY(query.to_hour, hour_in(request, "to", query.to_hour));
  return query;
}

}  // namespace

Task<> Admin::handle(http::Exchange& exchange) {
  // A client that does not wait for its answer is no fault of ours.
  static_cast<void>(co_await exchange.respond(co_await answer(exchange.request())));
}

Task<http::Response> Admin::answer(const http::Request& request) {
  const std::string_view path = request.path();
  if (request.method != "GET" && request.method != "HEAD")
    co_return problem(405, "only GET is served here");
  if (path == "/healthz") co_return http::make_response(200, "text/plain", "ok\n");
  if (path == "/metrics")
    co_return http::make_response(200, kPrometheusContentType, registry_.expose());
  if (path != "/usage" || access_ != AdminAccess::kOwner)
    co_return problem(404, "there is nothing here");
  auto query = usage_query(request);
  if (!query) co_return problem(http_status(query.error().code()), query.error().message());
  const auto rows = co_await gateway_.usage(*std::move(query));
  if (!rows) co_return problem(http_status(rows.error().code()), rows.error().message());
  co_return http::make_response(200, "application/json", usage_json(*rows) + "\n");
}

}  // namespace insula::gateway
