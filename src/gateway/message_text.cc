#include "gateway/message_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "gateway/api_key.h"
#include "gateway/credentials.h"
#include "gateway/header_edits.h"
#include "gateway/trace_context.h"
#include "http/message.h"
#include "http/scan.h"
#include "http/url.h"
#include "llm/openai_error.h"
#include "llm/request.h"

namespace insula::gateway {
namespace {

using http::Field;
using http::FieldId;

/// RFC 9110 section 15.3.5: it has neither a body nor a length.
constexpr int kNoContent = 204;
constexpr std::string_view kSwitch = "Connection: Upgrade\r\nUpgrade: websocket\r\n";

/// Returns where the text ends.
char* put_text(char* at, std::string_view text) {
  std::memcpy(at, text.data(), text.size());
  return at + text.size();
}

/// Grows once: heads have a dozen of these.
void append_header(std::string& out, std::string_view name, std::string_view value) {
  const std::size_t before = out.size();
  const std::size_t after = before + name.size() + value.size() + 4;
  out.resize_and_overwrite(after, [&](char* text, std::size_t /*size*/) {
    char* at = put_text(text + before, name);
    at = put_text(at, ": ");
    at = put_text(at, value);
    put_text(at, "\r\n");
    return after;
  });
}

/// The fields that tell of limits, put together where nothing has to grow. Requires: kBytes are
/// enough for what is put.
class LimitFields {  // NOLINT(cppcoreguidelines-pro-type-member-init): read where written
 public:
  static constexpr std::size_t kBytes = 2048;

  void put(std::string_view text) { end_ = put_text(end_, text); }

  void put(std::int64_t number) {
    end_ = std::to_chars(end_, bytes_.data() + bytes_.size(), number).ptr;
  }

  [[nodiscard]] std::string_view text() const {
    return {bytes_.data(), static_cast<std::size_t>(end_ - bytes_.data())};
  }

 private:
  std::array<char, kBytes> bytes_;
  char* end_ = bytes_.data();
};

/// RFC 3986 section 6.2.2.2: such a path is another spelling of one without them, and servers that
/// decode it see the other. Requires: no broken escapes.
bool has_encoded_unreserved(std::string_view path) {
  for (std::size_t at = path.find('%'); at != path.npos; at = path.find('%', at + 1)) {
    unsigned code = 0;
    std::from_chars(path.data() + at + 1, path.data() + at + 3, code, 16);
    const char c = static_cast<char>(code);
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
        c == '.' || c == '_' || c == '~') {
      return true;
    }
  }
  return false;
}

/// Headers that the gateway writes itself, or that only it may say.
bool is_ours_upstream(const Field& field) {
  switch (field.id) {
    case FieldId::kHost:
    case FieldId::kContentLength:
    case FieldId::kTransferEncoding:
    case FieldId::kExpect:
    case FieldId::kForwarded:
    case FieldId::kXForwardedFor:
    case FieldId::kXForwardedHost:
    case FieldId::kXForwardedProto:
    case FieldId::kXRequestId:
      return true;
    case FieldId::kOther: {
      const std::string_view name = field.name;
      if (reads_as(name, "accept-encoding") || is_trace_field(name)) return true;
      if (name.empty() || (name.front() | 0x20) != 'x') return false;
      const auto starts = [&](std::string_view prefix) {
        return name.size() >= prefix.size() && reads_as(name.substr(0, prefix.size()), prefix);
      };
      return starts("x-forwarded-") || starts("x-insula-") || starts("x-real-ip") ||
             reads_as(name, "x-request-id");
    }
    default:
      return false;
  }
}

/// Of the credentials that the gateway takes, those that it has looked at: cookies are the site's.
bool is_checked_credential(const Field& field) {
  return is_credential(field) && !reads_as(field.name, "cookie");
}

/// Headers of a reply that ours replace. `tells_limits`: those of limits are not ours.
bool is_ours_downstream(const Field& field, bool tells_limits) {
  if (field.id == FieldId::kXRequestId) return true;
  if (tells_limits || field.id != FieldId::kOther) return false;
  const std::string_view name = field.name;
  const auto starts = [&](std::string_view prefix) {
    return name.size() >= prefix.size() && http::token_is(name.substr(0, prefix.size()), prefix);
  };
  return starts("x-ratelimit-") || starts("ratelimit");
}

/// What a server says of web pages. Spec: the Fetch standard, "CORS protocol".
bool is_cors(const Field& field) {
  constexpr std::string_view kPrefix = "access-control-";
  return field.id == FieldId::kOther && field.name.size() >= kPrefix.size() &&
         http::token_is(field.name.substr(0, kPrefix.size()), kPrefix);
}

std::int64_t seconds_up(std::chrono::nanoseconds duration) {
  return std::chrono::ceil<std::chrono::seconds>(duration).count();
}

/// One limit in the fields of the draft.
struct RateField {
  const std::optional<RateDecision>& decision;
  std::string_view policy;
  std::chrono::seconds window;
  std::string_view unit;  // parameter of the policy
};

using RateFieldList = std::array<RateField, 2 * kLimitScopes.size()>;

/// A field of the draft, which lists all limits; `append` writes the parameters of one.
template <class F>
void put_list(LimitFields& out, std::string_view field, const RateFieldList& limits, F put) {
  std::string_view before = ": \"";
  out.put(field);
  for (const RateField& limit : limits) {
    if (!limit.decision) continue;
    out.put(std::exchange(before, ", \""));
    out.put(limit.policy);
    out.put("\"");
    put(limit);
  }
  out.put("\r\n");
}

/// `1s`, `6m0s`, `12ms`, as OpenAI writes durations.
void put_duration(LimitFields& out, std::chrono::nanoseconds duration) {
  using std::chrono::milliseconds;
  using std::chrono::seconds;
  if (duration < seconds(1)) {
    out.put(std::chrono::ceil<milliseconds>(duration).count());
    out.put("ms");
    return;
  }
  const std::int64_t left = std::chrono::ceil<seconds>(duration).count();
  if (left >= 3600) {
    out.put(left / 3600);
    out.put("h");
  }
  if (left >= 60) {
    out.put(left % 3600 / 60);
    out.put("m");
  }
  out.put(left % 60);
  out.put("s");
}

std::int64_t remaining_of(const RateDecision& decision) {
  return std::max<std::int64_t>(decision.remaining, 0);
}

/// OpenAI's fields have room for one limit of each kind.
void put_openai_fields(LimitFields& out,
                       std::string_view unit,
                       const std::optional<RateDecision>& decision) {
  if (!decision) return;
  out.put("x-ratelimit-limit-");
  out.put(unit);
  out.put(": ");
  out.put(decision->limit);
  out.put("\r\nx-ratelimit-remaining-");
  out.put(unit);
  out.put(": ");
  out.put(remaining_of(*decision));
  out.put("\r\nx-ratelimit-reset-");
  out.put(unit);
  out.put(": ");
  put_duration(out, decision->reset);
  out.put("\r\n");
}

/// The decision that leaves least room, and of two that leave none the one that lasts longer.
const std::optional<RateDecision>& tightest(
    const PerScope<std::optional<RateDecision>>& decisions) {
  const auto room = [](const std::optional<RateDecision>& decision) {
    return std::pair(decision ? remaining_of(*decision) : INT64_MAX,
                     decision ? -decision->reset : std::chrono::nanoseconds::max());
  };
  return *std::ranges::min_element(decisions.values, {}, room);
}

}  // namespace

Result<> check_for_api_keys(std::string_view target) {
  if (!holds_api_key(target)) return {};
  return fail(
      ErrorCode::kBadRequest,
      "the URL has an API key, which servers log; send it as `Authorization: Bearer <key>`");
}

Result<TenantTarget> split_target(std::string_view target) {
  const auto nowhere = [] {
    return fail(ErrorCode::kNotFound,
                "the path must be /TENANT/v1/..., for example /demo-a/v1/models, or /v1/... with a "
                "credential that says whose it is");
  };
  const std::string_view whole = http::target_path(target);
  std::size_t slash = whole.find('/', 1);
  if (!whole.starts_with('/') || slash == whole.npos || slash == 1) return nowhere();
  const bool names_tenant = !whole.starts_with("/v1/") || whole.substr(slash).starts_with("/v1/");
  if (!names_tenant) slash = 0;
  const std::string_view path = whole.substr(slash);
  if (path.find("//") != path.npos)
    return fail(ErrorCode::kBadRequest, "the path has an empty segment (//)");
  if (!path.starts_with("/v1/") || !http::is_unambiguous_path(whole)) return nowhere();
  if (has_encoded_unreserved(path)) {
    return fail(ErrorCode::kBadRequest,
                "the path has a letter, a digit or one of -._~ as %XX; write it as it is");
  }
  if (const std::string_view known = llm::known_path_like(path); !known.empty()) {
    return fail(ErrorCode::kBadRequest,
                fmt::format("the path is another spelling of {}; write it so", known));
  }
  INSULA_TRY_VOID(check_for_api_keys(target));
  return TenantTarget{names_tenant ? whole.substr(1, slash - 1) : std::string_view(), path,
                      target.substr(slash)};
}

void write_upstream_head(std::string& out, const UpstreamHead& parts) {
  out.append(parts.head.method).append(" ").append(parts.target.target).append(" HTTP/1.1\r\n");
  for (const Field& field : parts.head.fields()) {
    if (is_ours_upstream(field) || is_credential(field) || http::is_hop_by_hop(parts.head, field))
      continue;
    append_header(out, field.name, field.value);
  }
  append_header(out, "Accept-Encoding", "identity");
  append_header(out, "X-Forwarded-For", parts.client_address);
  append_header(out, "X-Forwarded-Proto", parts.scheme);
  if (!parts.head.host.empty()) append_header(out, "X-Forwarded-Host", parts.head.host);
  if (!parts.target.tenant.empty())
    out.append("X-Forwarded-Prefix: /").append(parts.target.tenant).append("\r\n");
  append_header(out, "X-Insula-Tenant", parts.tenant);
  append_header(out, "X-Request-Id", parts.request_id);
  out.append(parts.trace_lines);
}

void write_site_head(std::string& out, const UpstreamHead& parts, WithheldCredentials withheld) {
  out.append(parts.head.method).append(" ").append(parts.target.target).append(" HTTP/1.1\r\n");
  for (const Field& field : parts.head.fields()) {
    const bool ours = is_ours_upstream(field) && !reads_as(field.name, "accept-encoding");
    const bool is_withheld =
        (withheld == WithheldCredentials::kChecked && is_checked_credential(field)) ||
        (withheld == WithheldCredentials::kAll && is_credential(field));
    if (ours || is_withheld || http::is_hop_by_hop(parts.head, field)) continue;
    if (parts.edits != nullptr && parts.edits->takes_away(field.name)) continue;
    append_header(out, field.name, field.value);
  }
  if (parts.edits != nullptr) out.append(parts.edits->lines());
  append_header(out, "X-Forwarded-For", parts.client_address);
  append_header(out, "X-Forwarded-Proto", parts.scheme);
  append_header(out, "X-Forwarded-Host", parts.head.host);
  append_header(out, "X-Request-Id", parts.request_id);
  out.append(parts.trace_lines);
}

void ask_for_websocket(std::string& out) {
  out.append(kSwitch);
}

void finish_upstream_head(std::string& out,
                          std::string_view service_host,
                          std::optional<std::size_t> body_bytes) {
  append_header(out, "Host", service_host);
  if (body_bytes) {
    out.append("Content-Length: ");
    append_number(out, static_cast<std::int64_t>(*body_bytes));
    out.append("\r\n");
  }
  out.append("\r\n");
}

bool is_for_client(const RelayedHead& relayed, const Field& field) {
  if (is_ours_downstream(field, relayed.tells_limits)) return false;
  if (relayed.tells_cors && is_cors(field)) return false;
  if (field.id == FieldId::kContentLength || field.id == FieldId::kTransferEncoding)
    return relayed.framing == ReplyFraming::kAsReceived;
  if (!relayed.edits.empty() && takes_away(relayed.edits, field.name)) return false;
  return !http::is_hop_by_hop(relayed.head, field);
}

void write_reply_head(std::string& out, const RelayedHead& relayed) {
  const http::ResponseHead& head = relayed.head;
  const std::array<char, 3> status = {static_cast<char>('0' + head.status / 100),
                                      static_cast<char>('0' + head.status / 10 % 10),
                                      static_cast<char>('0' + head.status % 10)};
  out.append("HTTP/1.1 ")
      .append(status.data(), status.size())
      .append(" ")
      .append(head.reason)
      .append("\r\n");
  for (const Field& field : head.fields()) {
    if (is_for_client(relayed, field)) append_header(out, field.name, field.value);
  }
  if (relayed.framing == ReplyFraming::kChunked) out.append("Transfer-Encoding: chunked\r\n");
  out.append(relayed.own_headers);
  out.append(relayed.keep_alive ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n");
}

std::string body_of(const OwnReply& reply) {
  if (!reply.body.empty() || !has_content(reply)) return std::string(reply.body);
  return llm::to_json({.message = reply.message, .type = reply.type, .code = reply.code}) + "\n";
}

void write_switch_head(std::string& out, const RelayedHead& relayed) {
  out.append("HTTP/1.1 101 Switching Protocols\r\n");
  for (const Field& field : relayed.head.fields()) {
    if (is_for_client(relayed, field)) append_header(out, field.name, field.value);
  }
  out.append(relayed.own_headers).append(kSwitch).append("\r\n");
}

bool has_content(const OwnReply& reply) {
  return reply.status != kNoContent;
}

void write_own_reply(std::string& out, const OwnReply& reply) {
  const std::string body = body_of(reply);
  out.append("HTTP/1.1 ");
  append_number(out, reply.status);
  out.append(" ").append(http::reason_phrase(reply.status)).append("\r\n");
  if (has_content(reply)) {
    out.append("Content-Type: application/json\r\nContent-Length: ");
    append_number(out, static_cast<std::int64_t>(body.size()));
    out.append("\r\n");
  }
  if (reply.status == 401) append_header(out, "WWW-Authenticate", kChallenge);
  out.append(reply.own_headers);
  out.append(reply.keep_alive ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n");
  if (!reply.without_body) out.append(body);
}

void append_number(std::string& out, std::int64_t number) {
  std::array<char, 20> digits{};
  const auto end = std::to_chars(digits.begin(), digits.end(), number).ptr;
  out.append(digits.data(), static_cast<std::size_t>(end - digits.data()));
}

std::string_view owner_of(LimitScope scope) {
  switch (scope) {
    case LimitScope::kKey:
      return "this API key's";
    case LimitScope::kModel:
      return "the model's";
    case LimitScope::kMember:
      return "this member's";
    case LimitScope::kTenant:
      break;
  }
  return "the tenant's";
}

void append_rate_headers(std::string& out, const RateReport& report, std::optional<LimitMet> met) {
  constexpr std::string_view kTokenUnit = ";qu=\"tokens\"";
  const RateFieldList limits{
      {{report.requests[LimitScope::kTenant], "tenant", kRateWindow, ""},
       {report.tokens[LimitScope::kTenant], "tenant-tokens", kTokenWindow, kTokenUnit},
       {report.requests[LimitScope::kKey], "key", kRateWindow, ""},
       {report.tokens[LimitScope::kKey], "key-tokens", kTokenWindow, kTokenUnit},
       {report.requests[LimitScope::kMember], "member", kRateWindow, ""},
       {report.tokens[LimitScope::kMember], "member-tokens", kTokenWindow, kTokenUnit},
       {report.requests[LimitScope::kModel], "model", kRateWindow, ""},
       {report.tokens[LimitScope::kModel], "model-tokens", kTokenWindow, kTokenUnit}}};
  LimitFields fields;
  if (std::ranges::any_of(limits,
                          [](const RateField& limit) { return limit.decision.has_value(); })) {
    put_list(fields, "RateLimit-Policy", limits, [&](const RateField& limit) {
      fields.put(";q=");
      fields.put(limit.decision->limit);
      fields.put(";w=");
      fields.put(limit.window.count());
      fields.put(limit.unit);
    });
    put_list(fields, "RateLimit", limits, [&](const RateField& limit) {
      fields.put(";r=");
      fields.put(remaining_of(*limit.decision));
      fields.put(";t=");
      fields.put(seconds_up(limit.decision->reset));
    });
  }
  const bool for_requests = met && met->kind == LimitKind::kRequests;
  const bool for_tokens = met && met->kind == LimitKind::kTokens;
  put_openai_fields(fields, "requests",
                    for_requests ? report.requests[met->scope] : tightest(report.requests));
  put_openai_fields(fields, "tokens",
                    for_tokens ? report.tokens[met->scope] : tightest(report.tokens));
  out.append(fields.text());
}

void append_retry_after(std::string& out, std::chrono::nanoseconds time) {
  out.append("Retry-After: ");
  append_number(out, std::max<std::int64_t>(seconds_up(time), 1));
  out.append("\r\n");
}

void append_retry_after(std::string& out, const RateReport& report, LimitMet met) {
  std::chrono::nanoseconds time{};
  if (met.kind == LimitKind::kTokens) time = report.tokens[met.scope]->reset;
  if (met.kind == LimitKind::kRequests) time = report.requests[met.scope]->reset;
  append_retry_after(out, time);
}

}  // namespace insula::gateway
