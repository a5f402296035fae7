#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "gateway/limits.h"
#include "http/parser.h"

namespace insula::gateway {

class HeaderEdits;

/// The parts of a request line's target: `/tenant-a/v1/models?x=1` is of tenant-a and goes upstream
/// as `/v1/models?x=1`; whose `/v1/models` is, the credential says. Views into the target.
struct TenantTarget {
  std::string_view tenant;  // empty: not named
  std::string_view path;    // without query
  std::string_view target;  // with query
};

/// Errors: kBadRequest when there is an API key in it, where logs and histories find it.
[[nodiscard]] Result<> check_for_api_keys(std::string_view target);

/// Takes a target apart. What is metered is decided by the path, so each operation has one
/// spelling, but for one slash at its end.
///
/// Errors: kNotFound when it is neither `/TENANT/v1/...` nor `/v1/...`, or when two servers could
/// read it differently; kBadRequest for an empty segment, a letter, digit, `-`, `.`, `_` or `~` as
/// `%XX`, another spelling of an operation's path, or an API key anywhere in it.
[[nodiscard]] Result<TenantTarget> split_target(std::string_view target);

/// What the request head that goes upstream is made of, beside the client's own headers.
struct UpstreamHead {
  const http::RequestHead& head;
  const TenantTarget& target;
  std::string_view tenant;
  std::string_view client_address;
  std::string_view scheme;
  std::string_view request_id;
  std::string_view trace_lines;  // header lines of its trace's context
  /// Of a site's route; null: none.
  const HeaderEdits* edits = nullptr;
};

/// Writes the request head for an upstream, up to and without Host, Content-Length and the empty
/// line. Left out: hop-by-hop headers, credentials, and what the client may not claim
/// (X-Forwarded-*, Forwarded, X-Insula-*, the trace's context); ours take their place. No
/// compression is asked for: usage is read from the reply, event by event.
void write_upstream_head(std::string& out, const UpstreamHead& parts);

/// Credentials that a site's server does not see.
enum class WithheldCredentials : std::uint8_t {
  kNone,
  kChecked,  // those that the gateway has checked
  kAll,      // cookies, too
};

/// The same for a site, whose servers are asked as if there were no gateway, but for hop-by-hop
/// headers and what the client may not claim.
void write_site_head(std::string& out, const UpstreamHead& parts, WithheldCredentials withheld);
/// Has such a head ask for the WebSocket protocol. Spec: RFC 6455 section 4.1.
void ask_for_websocket(std::string& out);
/// Ends it. `body_bytes`: nothing when the request has no body.
void finish_upstream_head(std::string& out,
                          std::string_view service_host,
                          std::optional<std::size_t> body_bytes);

/// How the end of a reply's body is told to the client.
enum class ReplyFraming : std::uint8_t { kAsReceived, kChunked, kUntilClose };

/// The head of a reply on its way to the client. Views are borrowed for the call.
struct RelayedHead {
  const http::ResponseHead& head;
  ReplyFraming framing;
  bool keep_alive;
  /// Header lines of the gateway's own.
  std::string_view own_headers;
  /// Who answers has limits of its own, which the client is told of.
  bool tells_limits = false;
  /// The gateway says which web pages may use the path, whatever the upstream says of them.
  bool tells_cors = false;
  /// What filters or a route change; what they put in is among own_headers.
  std::span<const HeaderEdits* const> edits = {};
};

/// Whether a header of an upstream's reply is for the client: not those of the connection, nor
/// those that ours replace. Requires: `field` is one of `relayed.head.fields()`.
[[nodiscard]] bool is_for_client(const RelayedHead& relayed, const http::Field& field);

/// Writes the head of a relayed reply, the empty line included.
void write_reply_head(std::string& out, const RelayedHead& relayed);

/// The same for one that agrees to go on with the WebSocket protocol.
void write_switch_head(std::string& out, const RelayedHead& relayed);

/// A reply of the gateway's own.
struct OwnReply {
  int status = 500;
  std::string_view body;  // JSON; empty: OpenAI's error, of what follows
  std::string_view type;  // OpenAI's error type
  std::string_view code;  // OpenAI's error code
  std::string_view message;
  std::string_view own_headers;
  bool keep_alive = true;
  bool without_body = false;  // the answer to a HEAD request
};

/// Whether it has a body, if only an empty one: not with 204.
[[nodiscard]] bool has_content(const OwnReply& reply);

/// The text of its body.
[[nodiscard]] std::string body_of(const OwnReply& reply);

/// What `WWW-Authenticate` says with a 401.
inline constexpr std::string_view kChallenge = "Bearer realm=\"insula\"";

/// Writes it as a whole.
void write_own_reply(std::string& out, const OwnReply& reply);

/// `the tenant's`, as a message names whose limit it was.
[[nodiscard]] std::string_view owner_of(LimitScope scope);

/// Appends `RateLimit-Policy` and `RateLimit`, which list every limit that was looked at, and
/// `x-ratelimit-*-requests` and `-tokens`, which tell of the tightest: the one that was met, or
/// that has least left. Spec: draft-ietf-httpapi-ratelimit-headers; OpenAI's rate limit guide.
void append_rate_headers(std::string& out,
                         const RateReport& report,
                         std::optional<LimitMet> met = std::nullopt);

/// Appends `Retry-After`: this time in seconds, and at least one.
void append_retry_after(std::string& out, std::chrono::nanoseconds time);

/// Appends `Retry-After` for a request that met this limit, which is no budget.
void append_retry_after(std::string& out, const RateReport& report, LimitMet met);

void append_number(std::string& out, std::int64_t number);

}  // namespace insula::gateway
