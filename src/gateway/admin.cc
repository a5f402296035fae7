#include "gateway/admin.h"

#include <optional>
#include <utility>

#include <fmt/format.h>

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

constexpr std::string_view kKeys = "/keys/";
constexpr std::string_view kCsv = "text/csv; charset=utf-8; header=present";

http::Response problem(const Error& error) {
  return problem(http_status(error.code()), error.message());
}

Result<std::int64_t> number_in(const http::Request& request,
                               std::string_view name,
                               std::int64_t absent,
                               std::string_view what) {
  const auto text = request.query(name);
  if (!text) return absent;
  if (const auto number = parse_whole<std::int64_t>(*text); number && *number >= 0) return *number;
  return fail(ErrorCode::kBadRequest, fmt::format("{} must be {}", name, what));
}

/// Whether `form` is csv; the other form is the one that is used when nothing is said.
Result<bool> wants_csv(const http::Request& request, std::string_view other) {
  const std::string form = request.query("form").value_or(std::string(other));
  if (form == "csv" || form == other) return form == "csv";
  return fail(ErrorCode::kBadRequest, fmt::format("form must be {} or csv", other));
}

UsageOf whose(const http::Request& request) {
  return request.query("all") == "true" ? UsageOf::kAllTenants : UsageOf::kPresentTenants;
}

Result<UsageQuery> usage_query(const http::Request& request) {
  constexpr std::string_view kHours = "a number of hours since 1970";
  UsageQuery query;
  query.tenant = request.query("tenant").value_or("");
  query.uid = request.query("uid");
  INSULA_TRY(query.from_hour, number_in(request, "from", query.from_hour, kHours));
  INSULA_TRY(query.to_hour, number_in(request, "to", query.to_hour, kHours));
  INSULA_TRY(query.by, usage_by(request.query("by").value_or("")));
  return query;
}

Result<RecordQuery> record_query(const http::Request& request) {
  constexpr std::string_view kMicros = "a number of microseconds since 1970";
  RecordQuery query;
  query.tenant = request.query("tenant").value_or("");
  query.uid = request.query("uid");
  if (query.tenant.empty() && !query.uid)
    return fail(ErrorCode::kBadRequest, "tenant or uid must be given");
  INSULA_TRY(query.from_us, number_in(request, "from", query.from_us, kMicros));
  INSULA_TRY(query.to_us, number_in(request, "to", query.to_us, kMicros));
  INSULA_TRY(const std::int64_t limit, number_in(request, "limit", INT64_MAX, "a number"));
  query.limit = static_cast<std::size_t>(limit);
  query.oldest_first = request.query("order") == "oldest";
  return query;
}

}  // namespace

Task<> Admin::handle(http::Exchange& exchange) {
  const http::Request& request = exchange.request();
  if (request.method == "GET" && request.path() == "/usage/records" &&
      access_ == AdminAccess::kOwner) {
    co_await send_records(exchange);
    co_return;
  }
  // A client that does not wait for its answer is no fault of ours.
  static_cast<void>(co_await exchange.respond(co_await answer(request)));
}

Task<http::Response> Admin::answer(const http::Request& request) {
  const std::string_view path = request.path();
  if (request.method != "GET" && request.method != "HEAD")
    co_return problem(405, "only GET is served here");
  if (path == "/healthz") co_return http::make_response(200, "text/plain", "ok\n");
  if (path == "/metrics")
    co_return http::make_response(200, kPrometheusContentType, registry_.expose());
  if (access_ != AdminAccess::kOwner) co_return problem(404, "there is nothing here");
  if (path.starts_with(kKeys)) co_return answer_key(path.substr(kKeys.size()));
  if (path == "/usage/sums") {
    auto dump = co_await gateway_.usage_dump();
    if (!dump) co_return problem(dump.error());
    co_return http::make_response(200, "application/jsonl", *std::move(dump));
  }
  if (path != "/usage") co_return problem(404, "there is nothing here");
  co_return co_await answer_usage(request);
}

Task<http::Response> Admin::answer_usage(const http::Request& request) {
  auto query = usage_query(request);
  if (!query) co_return problem(query.error());
  const auto csv = wants_csv(request, "json");
  if (!csv) co_return problem(csv.error());
  const auto answer = co_await gateway_.usage(*std::move(query), whose(request));
  if (!answer) co_return problem(answer.error());
  if (*csv) co_return http::make_response(200, kCsv, usage_csv(*answer));
  co_return http::make_response(200, "application/json", usage_json(*answer) + "\n");
}

http::Response Admin::answer_key(std::string_view id) const {
  const auto end = gateway_.api_key_end(id);
  if (!end) return problem(404, "no such key");
  std::string body = R"({"id":)";
  json::append_string(body, id);
  body += R"(,"expires":)";
  json::append_string(body, *end == api::Time() ? "" : end->text());
  body += "}\n";
  return http::make_response(200, "application/json", std::move(body));
}

/// Sends records as they are read: neither side holds all of them.
Task<> Admin::send_records(http::Exchange& exchange) {
  const http::Request& request = exchange.request();
  auto query = record_query(request);
  const auto csv = wants_csv(request, "jsonl");
  if (!query || !csv) {
    static_cast<void>(co_await exchange.respond(problem(query ? csv.error() : query.error())));
    co_return;
  }
  const auto scan = co_await gateway_.records(*std::move(query), whose(request));
  http::Headers headers;
  headers.add("Content-Type", *csv ? kCsv : "application/jsonl");
  if (!co_await exchange.start(200, std::move(headers))) co_return;
  std::string text(*csv ? usage_record_csv_header() : std::string_view());
  for (bool last = false; !last;) {
    const auto piece = co_await gateway_.next_records(scan);
    // The answer breaks off: a part of it must not look like all.
    if (!piece) co_return;
    for (const UsageRecord& record : piece->records) {
      if (*csv) {
        append_csv(text, record);
      } else {
        append_json(text, record);
        text += '\n';
      }
    }
    last = piece->last;
    if (!text.empty() && !co_await exchange.write(text)) co_return;
    text.clear();
  }
  static_cast<void>(co_await exchange.finish());
}

}  // namespace insula::gateway
