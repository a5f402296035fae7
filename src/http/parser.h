#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "http/refusal.h"

namespace insula::http {

/// Headers that the protocol itself or every proxy looks at; recognised once, while parsing, so
/// that a relay decides what to forward by a switch and not by comparing names again.
enum class FieldId : std::uint8_t {
  kOther,
  kAuthorization,
  kConnection,
  kContentLength,
  kContentType,
  kDate,
  kExpect,
  kForwarded,
  kHost,
  kKeepAlive,
  kProxyAuthenticate,
  kProxyAuthorization,
  kProxyConnection,
  kTe,
  kTrailer,
  kTransferEncoding,
  kUpgrade,
  kXForwardedFor,
  kXForwardedHost,
  kXForwardedProto,
  kXRequestId,
};

/// One header line. Both views point into the parsed buffer; the value is trimmed.
struct Field {
  std::string_view name;
  std::string_view value;
  FieldId id = FieldId::kOther;
};

/// Most headers a message may have; HeadLimits can only lower it.
inline constexpr std::size_t kFieldsMax = 100;
/// Most options in the Connection headers of one message.
inline constexpr std::size_t kConnectionOptionsMax = 16;

struct HeadLimits {
  std::size_t head_bytes = 64uz * 1024;
  std::size_t target_bytes = 16uz * 1024;
  std::size_t fields = kFieldsMax;
};

enum class ParseStatus : std::uint8_t {
  kComplete,
  kNeedMore,  // nothing wrong so far
  kRefused,   // see `refusal`; nothing more of the connection can be trusted
};

/// What the heads of requests and responses have in common.
///
/// Lifetime: all views point into the buffer given to the parser.
/// Cost: 4 KB for the table. Keep one per loop, not one per connection.
struct MessageHead {
  Refusal refusal = Refusal::kNone;
  /// Bytes of the head, its empty line included; the body starts there.
  std::size_t size = 0;
  /// 0 or 1, of HTTP/1.x.
  int minor_version = 1;
  /// The connection may carry another message after this one.
  bool keep_alive = true;
  bool chunked = false;
  /// An Upgrade header that the Connection header names.
  bool upgrade = false;
  /// The Connection header names headers beyond the protocol's own; they are hop-by-hop as well.
  bool connection_names_fields = false;
  std::optional<std::uint64_t> content_length;

  [[nodiscard]] std::span<const Field> fields() const { return {table.data(), field_count}; }

  /// Value of the first header of that name in any case; nullopt when absent.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const;
  [[nodiscard]] std::optional<std::string_view> find(FieldId id) const;

  std::array<Field, kFieldsMax> table;
  std::size_t field_count = 0;
};

struct RequestHead : MessageHead {
  std::string_view method;
  /// Starts with '/', or is "*" in an OPTIONS request.
  std::string_view target;
  /// Empty only in HTTP/1.0.
  std::string_view host;
  /// The client waits for "100 Continue" before it sends the body.
  bool expect_continue = false;
};

struct ResponseHead : MessageHead {
  /// 100 to 999.
  int status = 0;
  std::string_view reason;
};

/// Parses the head of an HTTP/1 request at the start of `bytes`.
///
/// `seen`: how many of `bytes` an earlier call for the same head has been given (0 at first). A
/// head that arrives in pieces is parsed again only when a line has become complete, so that a
/// client that sends single bytes costs no more than lines times head size.
///
/// Stricter than the grammar where two readers could differ; refusal.h lists every case.
/// Absolute-form and authority-form targets are refused although RFC 9112 section 3.2.2 wants the
/// former accepted: we are an origin server or a gateway, never a proxy, and a second host name in
/// the request line contradicts the Host header.
///
/// Spec: RFC 9112 sections 2 to 6.
[[nodiscard]] ParseStatus parse_request(std::string_view bytes,
                                        std::size_t seen,
                                        const HeadLimits& limits,
                                        RequestHead& head);

/// Completes a head that did not come as HTTP/1 text: method, target and table are set, names are
/// tokens and values have no control characters. Everything that parse_request() refuses for what
/// fields or target say is refused here. Returns head.refusal.
Refusal understand_request(RequestHead& head);

/// As parse_request(), for a response. An answer of 1xx is a head of its own; the caller goes on
/// after it.
[[nodiscard]] ParseStatus parse_response(std::string_view bytes,
                                         std::size_t seen,
                                         const HeadLimits& limits,
                                         ResponseHead& head);

/// True for headers that speak of one connection and are not forwarded: those of RFC 9110 section
/// 7.6.1 and those that the Connection header names.
/// Requires: `field` is one of `head.fields()`.
[[nodiscard]] bool is_hop_by_hop(const MessageHead& head, const Field& field);

}  // namespace insula::http
