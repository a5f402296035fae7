#include "http/parser.h"

#include <algorithm>

#include "http/scan.h"

namespace insula::http {
namespace {

constexpr std::size_t kMethodBytesMax = 32;
// 18 digits always fit 64 bits, signed or not, so no reader down the chain can wrap around.
constexpr std::size_t kLengthDigitsMax = 18;

struct Cursor {
  const char* p;
  const char* end;

  [[nodiscard]] std::size_t left() const { return static_cast<std::size_t>(end - p); }
};

std::string_view between(const char* begin, const char* end) {
  return {begin, static_cast<std::size_t>(end - begin)};
}

ParseStatus refuse(MessageHead& head, Refusal why) {
  head.refusal = why;
  return ParseStatus::kRefused;
}

FieldId id_of_short(std::string_view name) {
  switch (name.size()) {
    case 2:
      return token_is(name, "te") ? FieldId::kTe : FieldId::kOther;
    case 4:
      if (token_is(name, "host")) return FieldId::kHost;
      return token_is(name, "date") ? FieldId::kDate : FieldId::kOther;
    case 6:
      return token_is(name, "expect") ? FieldId::kExpect : FieldId::kOther;
    case 7:
      if (token_is(name, "upgrade")) return FieldId::kUpgrade;
      return token_is(name, "trailer") ? FieldId::kTrailer : FieldId::kOther;
    case 9:
      return token_is(name, "forwarded") ? FieldId::kForwarded : FieldId::kOther;
    case 10:
      if (token_is(name, "connection")) return FieldId::kConnection;
      return token_is(name, "keep-alive") ? FieldId::kKeepAlive : FieldId::kOther;
    default:
      return FieldId::kOther;
  }
}

FieldId id_of(std::string_view name) {
  switch (name.size()) {
    case 12:
      if (token_is(name, "content-type")) return FieldId::kContentType;
      return token_is(name, "x-request-id") ? FieldId::kXRequestId : FieldId::kOther;
    case 13:
      return token_is(name, "authorization") ? FieldId::kAuthorization : FieldId::kOther;
    case 14:
      return token_is(name, "content-length") ? FieldId::kContentLength : FieldId::kOther;
    case 15:
      return token_is(name, "x-forwarded-for") ? FieldId::kXForwardedFor : FieldId::kOther;
    case 16:
      if (token_is(name, "x-forwarded-host")) return FieldId::kXForwardedHost;
      return token_is(name, "proxy-connection") ? FieldId::kProxyConnection : FieldId::kOther;
    case 17:
      if (token_is(name, "transfer-encoding")) return FieldId::kTransferEncoding;
      return token_is(name, "x-forwarded-proto") ? FieldId::kXForwardedProto : FieldId::kOther;
    case 18:
      return token_is(name, "proxy-authenticate") ? FieldId::kProxyAuthenticate : FieldId::kOther;
    case 19:
      return token_is(name, "proxy-authorization") ? FieldId::kProxyAuthorization : FieldId::kOther;
    default:
      return id_of_short(name);
  }
}

Refusal read_content_length(MessageHead& head, std::string_view value) {
  if (head.content_length) return Refusal::kContentLengthRepeated;
  if (value.empty() || value.size() > kLengthDigitsMax) return Refusal::kContentLength;
  // A leading zero is octal to readers that use strtol's base 0.
  if (value.size() > 1 && value.front() == '0') return Refusal::kContentLength;
  std::uint64_t length = 0;
  for (const char c : value) {
    if (c == ',') return Refusal::kContentLengthRepeated;
    if (c < '0' || c > '9') return Refusal::kContentLength;
    length = length * 10 + static_cast<std::uint64_t>(c - '0');
  }
  head.content_length = length;
  return Refusal::kNone;
}

/// What the Connection headers of one head ask for.
struct ConnectionOptions {
  bool close = false;
  bool keep_alive = false;
  bool upgrade = false;
  bool others = false;
  std::size_t count = 0;
};

Refusal read_connection(std::string_view value, ConnectionOptions& options) {
  for (auto option = next_element(value); !option.empty(); option = next_element(value)) {
    if (++options.count > kConnectionOptionsMax) return Refusal::kTooManyFields;
    if (equals_ignoring_case(option, "keep-alive")) {
      options.keep_alive = true;
    } else if (equals_ignoring_case(option, "close")) {
      options.close = true;
    } else if (equals_ignoring_case(option, "upgrade")) {
      options.upgrade = true;
    } else if (equals_ignoring_case(option, "content-length") ||
               equals_ignoring_case(option, "host") ||
               equals_ignoring_case(option, "transfer-encoding")) {
      // A proxy that obeys would strip the very field that frames or routes the message.
      return Refusal::kConnectionNamesFraming;
    } else {
      options.others = true;
    }
  }
  return Refusal::kNone;
}

/// Understands the fields that frame the message. `options` and `has_upgrade` collect over the
/// head.
Refusal read_field(MessageHead& head,
                   const Field& field,
                   ConnectionOptions& options,
                   bool& has_upgrade) {
  switch (field.id) {
    case FieldId::kContentLength:
      return read_content_length(head, field.value);
    case FieldId::kTransferEncoding:
      if (head.chunked) return Refusal::kTransferEncodingRepeated;
      if (!equals_ignoring_case(field.value, "chunked")) return Refusal::kTransferCoding;
      head.chunked = true;
      return Refusal::kNone;
    case FieldId::kConnection:
      return read_connection(field.value, options);
    case FieldId::kUpgrade:
      has_upgrade = true;
      return Refusal::kNone;
    case FieldId::kOther:
      // CGI-style readers take '_' and '-' for the same character.
      if ((field.name.size() == 14 && equals_ignoring_case(field.name, "content_length")) ||
          (field.name.size() == 17 && equals_ignoring_case(field.name, "transfer_encoding"))) {
        return Refusal::kLookalikeName;
      }
      return Refusal::kNone;
    default:
      return Refusal::kNone;
  }
}

/// A line end at `in.p`, where a scan has stopped. Steps over it or says what stands there instead.
ParseStatus take_line_end(Cursor& in, MessageHead& head) {
  if (in.left() == 0) return ParseStatus::kNeedMore;
  if (*in.p == '\n') return refuse(head, Refusal::kBareLf);
  if (*in.p != '\r') return refuse(head, Refusal::kControlCharacter);
  if (in.left() < 2) return ParseStatus::kNeedMore;
  if (in.p[1] != '\n') return refuse(head, Refusal::kBareCr);
  in.p += 2;
  return ParseStatus::kComplete;
}

Refusal why_not_a_name(char c, bool at_line_start) {
  if (c == ' ' || c == '\t')
    return at_line_start ? Refusal::kLineFolding : Refusal::kSpaceBeforeColon;
  if (c == '\n') return Refusal::kBareLf;
  return Refusal::kFieldName;
}

/// One `name: value` line.
[[gnu::always_inline]] inline ParseStatus take_field(Cursor& in,
                                                     MessageHead& head,
                                                     const HeadLimits& limits) {
  const char* start = in.p;
  in.p = find_token_end(in.p, in.end);
  if (in.p == in.end) return ParseStatus::kNeedMore;
  if (in.p == start || *in.p != ':') return refuse(head, why_not_a_name(*in.p, in.p == start));
  if (head.field_count >= std::min(limits.fields, kFieldsMax))
    return refuse(head, Refusal::kTooManyFields);
  Field& field = head.table[head.field_count];
  field.name = between(start, in.p);
  ++in.p;
  while (in.p < in.end && (*in.p == ' ' || *in.p == '\t'))
    ++in.p;
  start = in.p;
  in.p = find_value_end(in.p, in.end);
  const char* stop = in.p;
  if (const auto status = take_line_end(in, head); status != ParseStatus::kComplete) return status;
  while (stop > start && (stop[-1] == ' ' || stop[-1] == '\t'))
    --stop;
  field.value = between(start, stop);
  field.id = id_of(field.name);
  ++head.field_count;
  return ParseStatus::kComplete;
}

ParseStatus check_framing(MessageHead& head, const ConnectionOptions& options, bool has_upgrade) {
  if (head.chunked && head.content_length) return refuse(head, Refusal::kLengthAndTransferEncoding);
  if (head.chunked && head.minor_version == 0)
    return refuse(head, Refusal::kTransferEncodingInHttp10);
  head.keep_alive = !options.close && (head.minor_version >= 1 || options.keep_alive);
  head.upgrade = has_upgrade && options.upgrade && head.minor_version >= 1;
  head.connection_names_fields = options.others;
  return ParseStatus::kComplete;
}

/// All field lines and the empty line; sets everything of MessageHead but `size`.
ParseStatus take_fields(Cursor& in, MessageHead& head, const HeadLimits& limits) {
  ConnectionOptions options;
  bool has_upgrade = false;
  for (;;) {
    if (in.left() == 0) return ParseStatus::kNeedMore;
    if (*in.p == '\r') {
      if (const auto status = take_line_end(in, head); status != ParseStatus::kComplete)
        return status;
      return check_framing(head, options, has_upgrade);
    }
    if (const auto status = take_field(in, head, limits); status != ParseStatus::kComplete)
      return status;
    const Field& field = head.table[head.field_count - 1];
    if (const auto why = read_field(head, field, options, has_upgrade); why != Refusal::kNone) {
      return refuse(head, why);
    }
  }
}

/// `HTTP/1.` and a digit 0 or 1, as far as they have arrived.
ParseStatus take_version(Cursor& in, MessageHead& head) {
  constexpr std::string_view kName = "HTTP/1.";
  const std::size_t size = std::min(in.left(), kName.size());
  if (between(in.p, in.p + size) != kName.substr(0, size)) return refuse(head, Refusal::kVersion);
  if (in.left() <= kName.size()) return ParseStatus::kNeedMore;
  const char minor = in.p[kName.size()];
  if (minor != '0' && minor != '1') return refuse(head, Refusal::kVersion);
  head.minor_version = minor - '0';
  in.p += kName.size() + 1;
  return ParseStatus::kComplete;
}

ParseStatus check_target(RequestHead& head) {
  const std::string_view target = head.target;
  if (target == "*" && head.method == "OPTIONS") return ParseStatus::kComplete;
  if (target.front() != '/') return refuse(head, Refusal::kTargetForm);
  for (const char c : target) {
    // A fragment is never sent; bytes beyond ASCII belong percent-encoded.
    if (c == '#' || static_cast<unsigned char>(c) >= 0x80) return refuse(head, Refusal::kTarget);
  }
  return ParseStatus::kComplete;
}

ParseStatus take_request_line(Cursor& in, RequestHead& head, const HeadLimits& limits) {
  // One empty line before the request, as some old clients leave it after a body (RFC 9112, 2.2).
  if (in.left() > 0 && *in.p == '\r') {
    if (const auto status = take_line_end(in, head); status != ParseStatus::kComplete)
      return status;
  }
  const char* start = in.p;
  in.p = find_token_end(in.p, in.end);
  if (in.p - start > static_cast<std::ptrdiff_t>(kMethodBytesMax))
    return refuse(head, Refusal::kMethod);
  if (in.p == in.end) return ParseStatus::kNeedMore;
  if (in.p == start || *in.p != ' ') return refuse(head, Refusal::kMethod);
  head.method = between(start, in.p);

  start = ++in.p;
  in.p = find_control(in.p, in.end, 0x20);
  if (in.p - start > static_cast<std::ptrdiff_t>(limits.target_bytes)) {
    return refuse(head, Refusal::kTargetTooLong);
  }
  if (in.p == in.end) return ParseStatus::kNeedMore;
  if (in.p == start || *in.p != ' ') {
    const bool line_end = in.p == start || *in.p == '\r' || *in.p == '\n';
    return refuse(head, line_end ? Refusal::kRequestLine : Refusal::kTarget);
  }
  head.target = between(start, in.p);
  ++in.p;
  if (const auto status = check_target(head); status != ParseStatus::kComplete) return status;
  if (const auto status = take_version(in, head); status != ParseStatus::kComplete) return status;
  if (in.left() > 0 && static_cast<unsigned char>(*in.p) >= 0x20)
    return refuse(head, Refusal::kVersion);
  return take_line_end(in, head);
}

ParseStatus take_status_line(Cursor& in, ResponseHead& head) {
  if (const auto status = take_version(in, head); status != ParseStatus::kComplete) return status;
  if (in.left() == 0) return ParseStatus::kNeedMore;
  if (*in.p != ' ') return refuse(head, Refusal::kStatusLine);
  ++in.p;
  head.status = 0;
  for (int digits = 0; digits < 3; ++digits, ++in.p) {
    if (in.left() == 0) return ParseStatus::kNeedMore;
    if (*in.p < '0' || *in.p > '9') return refuse(head, Refusal::kStatusLine);
    head.status = head.status * 10 + (*in.p - '0');
  }
  if (head.status < 100) return refuse(head, Refusal::kStatusLine);
  if (in.left() == 0) return ParseStatus::kNeedMore;
  // Several servers leave out the space before an empty reason; nothing is ambiguous about it.
  if (*in.p != ' ' && *in.p != '\r') return refuse(head, Refusal::kStatusLine);
  if (*in.p == ' ') ++in.p;
  const char* start = in.p;
  in.p = find_value_end(in.p, in.end);
  head.reason = between(start, in.p);
  return take_line_end(in, head);
}

ParseStatus check_request(RequestHead& head) {
  for (const Field& field : head.fields()) {
    if (field.id == FieldId::kHost) {
      if (head.host.data() != nullptr) return refuse(head, Refusal::kHostRepeated);
      if (!split_host(field.value)) return refuse(head, Refusal::kHostInvalid);
      head.host = field.value;
    } else if (field.id == FieldId::kExpect) {
      if (!equals_ignoring_case(field.value, "100-continue"))
        return refuse(head, Refusal::kExpectation);
      head.expect_continue = head.minor_version >= 1;
    }
  }
  if (head.host.data() == nullptr && head.minor_version >= 1)
    return refuse(head, Refusal::kHostMissing);
  return ParseStatus::kComplete;
}

ParseStatus check_response(ResponseHead& head) {
  const bool bodiless = head.status < 200 || head.status == 204;
  if (bodiless && (head.chunked || head.content_length.value_or(0) > 0)) {
    return refuse(head, Refusal::kBodyForbidden);
  }
  return ParseStatus::kComplete;
}

/// True when an earlier attempt has said kNeedMore and the new bytes end no line.
bool is_pointless(std::string_view bytes, std::size_t seen) {
  return seen > 0 && bytes.find('\n', std::min(seen, bytes.size())) == std::string_view::npos;
}

/// Applies the size limit, to the same effect whether the head arrives whole or in pieces.
ParseStatus limited(ParseStatus status,
                    std::size_t buffered,
                    const HeadLimits& limits,
                    MessageHead& head) {
  const std::size_t size = status == ParseStatus::kComplete ? head.size : buffered;
  const bool over =
      status == ParseStatus::kComplete ? size > limits.head_bytes : size >= limits.head_bytes;
  if (status != ParseStatus::kRefused && over) return refuse(head, Refusal::kHeadTooLarge);
  return status;
}

void reset(MessageHead& head) {
  head.refusal = Refusal::kNone;
  head.size = 0;
  head.minor_version = 1;
  head.chunked = false;
  head.content_length.reset();
  head.field_count = 0;
}

}  // namespace

std::optional<std::string_view> MessageHead::find(std::string_view name) const {
  for (const Field& field : fields()) {
    if (equals_ignoring_case(field.name, name)) return field.value;
  }
  return std::nullopt;
}

std::optional<std::string_view> MessageHead::find(FieldId id) const {
  for (const Field& field : fields()) {
    if (field.id == id) return field.value;
  }
  return std::nullopt;
}

ParseStatus parse_request(std::string_view bytes,
                          std::size_t seen,
                          const HeadLimits& limits,
                          RequestHead& head) {
  reset(head);
  head.host = {};
  head.expect_continue = false;
  auto status = ParseStatus::kNeedMore;
  if (!is_pointless(bytes, seen)) {
    Cursor in{bytes.data(), bytes.data() + bytes.size()};
    status = take_request_line(in, head, limits);
    if (status == ParseStatus::kComplete) status = take_fields(in, head, limits);
    if (status == ParseStatus::kComplete) status = check_request(head);
    head.size = static_cast<std::size_t>(in.p - bytes.data());
  }
  return limited(status, bytes.size(), limits, head);
}

ParseStatus parse_response(std::string_view bytes,
                           std::size_t seen,
                           const HeadLimits& limits,
                           ResponseHead& head) {
  reset(head);
  auto status = ParseStatus::kNeedMore;
  if (!is_pointless(bytes, seen)) {
    Cursor in{bytes.data(), bytes.data() + bytes.size()};
    status = take_status_line(in, head);
    if (status == ParseStatus::kComplete) status = take_fields(in, head, limits);
    if (status == ParseStatus::kComplete) status = check_response(head);
    head.size = static_cast<std::size_t>(in.p - bytes.data());
  }
  return limited(status, bytes.size(), limits, head);
}

Refusal understand_request(RequestHead& head) {
  const std::size_t count = head.field_count;
  reset(head);
  head.field_count = count;
  head.host = {};
  head.expect_continue = false;
  for (const char c : head.target) {
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f) return head.refusal = Refusal::kTarget;
  }
  if (head.target.empty()) return head.refusal = Refusal::kTarget;
  if (check_target(head) != ParseStatus::kComplete) return head.refusal;
  ConnectionOptions options;
  bool has_upgrade = false;
  for (Field& field : std::span(head.table).first(count)) {
    field.id = id_of(field.name);
    if (const auto why = read_field(head, field, options, has_upgrade); why != Refusal::kNone)
      return head.refusal = why;
  }
  // Only HTTP/1 frames bodies so.
  if (head.chunked) return head.refusal = Refusal::kTransferCoding;
  check_framing(head, {}, false);
  check_request(head);
  return head.refusal;
}

bool is_hop_by_hop(const MessageHead& head, const Field& field) {
  switch (field.id) {
    case FieldId::kConnection:
    case FieldId::kKeepAlive:
    case FieldId::kProxyAuthenticate:
    case FieldId::kProxyAuthorization:
    case FieldId::kProxyConnection:
    case FieldId::kTe:
    case FieldId::kTrailer:
    case FieldId::kTransferEncoding:
    case FieldId::kUpgrade:
      return true;
    default:
      break;
  }
  if (!head.connection_names_fields) return false;
  for (const Field& other : head.fields()) {
    if (other.id != FieldId::kConnection) continue;
    auto list = other.value;
    for (auto option = next_element(list); !option.empty(); option = next_element(list)) {
      if (equals_ignoring_case(option, field.name)) return true;
    }
  }
  return false;
}

}  // namespace insula::http
