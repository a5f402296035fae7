#include "http/exchange.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "base/check.h"
#include "http/scan.h"
#include "http/server_connection.h"
#include "http/wire.h"

namespace insula::http {
namespace {

constexpr std::size_t kBodyPieceBytes = 16uz * 1024;
// Up to one TLS record; larger bodies are not worth the copy.
constexpr std::size_t kJoinedBytesMax = 16uz * 1024;
// Beyond it an unread body is not skipped, so the answer had better say that the connection ends.
constexpr std::uint64_t kUnreadBytesMax = 256uz * 1024;

/// Headers that frame the message or manage the connection; the server writes them itself.
bool is_ours(std::string_view name) {
  constexpr std::array<std::string_view, 5> kNames = {"connection", "content-length", "date",
                                                      "keep-alive", "transfer-encoding"};
  return std::ranges::any_of(kNames, [&](std::string_view ours) { return token_is(name, ours); });
}

std::optional<std::uint64_t> announced_length(const Headers& headers) {
  const auto value = headers.find("Content-Length");
  if (!value) return std::nullopt;
  std::uint64_t length = 0;
  for (const char c : *value) {
    INSULA_CHECK(c >= '0' && c <= '9', *value);
    length = length * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return length;
}

std::unexpected<Error> broken() {
  return fail(ErrorCode::kUpstream, "the answer's connection is broken");
}

}  // namespace

const net::Stream& Exchange::stream() const {
  return *connection_.stream_;
}

std::optional<std::uint64_t> Exchange::body_length() const {
  const BodyFramer& framer = connection_.current_.framer;
  if (framer.is_chunked()) return std::nullopt;
  return connection_.current_.body_received + framer.left();
}

Task<Result<std::size_t>> Exchange::read_body(std::span<char> out) {
  ServerConnection& c = connection_;
  auto& current = c.current_;
  if (std::exchange(current.expect_continue, false) && c.reader_.buffered().empty() &&
      state_ == State::kUnanswered) {
    INSULA_CO_TRY_VOID(co_await send("HTTP/1.1 100 Continue\r\n\r\n", {}));
  }
  auto size = co_await c.reader_.read_body(current.framer, out, c.body_deadline());
  if (size) {
    current.body_received += *size;
    if (current.body_received <= c.server_.options_.limits.body_bytes) co_return *size;
    size = fail(ErrorCode::kTooLarge, "the body is too large");
  }
  current.keep_alive = false;
  if (size.error().code() == ErrorCode::kTimeout) {
    co_return std::unexpected(
        Error(ErrorCode::kTimeout, ErrorOrigin::kClient, "the body came too slowly"));
  }
  co_return std::unexpected(std::move(size).error());
}

Task<Result<std::string>> Exchange::body(std::size_t bytes_max) {
  const auto too_large = [&] {
    return fail(ErrorCode::kTooLarge, fmt::format("the body is larger than {} bytes", bytes_max));
  };
  const auto length = body_length();
  if (length && *length > bytes_max) co_return too_large();
  std::string body;
  // What a client announces is not what it sends: memory follows the bytes that have arrived.
  std::size_t size = 0;
  for (;;) {
    const std::size_t piece = std::max(kBodyPieceBytes, size);
    body.resize(size + (length ? std::min<std::size_t>(piece, *length - size + 1) : piece));
    INSULA_CO_TRY(const std::size_t got, co_await read_body(std::span(body).subspan(size)));
    size += got;
    if (size > bytes_max) co_return too_large();
    if (got == 0) break;
  }
  body.resize(size);
  co_return body;
}

bool Exchange::is_bodiless(int status) const {
  return status < 200 || status == 204 || status == 304 || request_.method == "HEAD";
}

std::string Exchange::head_text(int status,
                                const Headers& headers,
                                Body body,
                                std::uint64_t length) {
  auto& current = connection_.current_;
  if (headers.has_token("Connection", "close") || connection_.server_.draining_ ||
      body == Body::kUntilClose || current.expect_continue ||
      (!current.framer.is_chunked() && current.framer.left() > kUnreadBytesMax)) {
    current.keep_alive = false;
  }
  std::string text;
  text.reserve(512);
  const auto out = std::back_inserter(text);
  fmt::format_to(out, "HTTP/1.1 {} {}\r\nDate: {}\r\n", status, reason_phrase(status),
                 connection_.server_.date());
  for (const auto& [name, value] : headers) {
    if (is_ours(name)) continue;
    text.append(name).append(": ").append(value).append("\r\n");
  }
  if (body == Body::kLength) fmt::format_to(out, "Content-Length: {}\r\n", length);
  if (body == Body::kChunked) text += "Transfer-Encoding: chunked\r\n";
  if (!current.keep_alive) text += "Connection: close\r\n";
  if (current.keep_alive && current.old_version) text += "Connection: keep-alive\r\n";
  return text += "\r\n";
}

Task<Result<>> Exchange::send(std::string_view first, std::string_view second) {
  auto sent = co_await write_patiently(*connection_.stream_, first, second,
                                       connection_.server_.options_.limits.write_timeout);
  if (!sent) state_ = State::kBroken;
  co_return sent;
}

Task<Result<>> Exchange::respond(Response response) {
  INSULA_CHECK(state_ == State::kUnanswered, request_.target);
  const bool bodiless = is_bodiless(response.status);
  std::uint64_t length = response.body.size();
  if (bodiless && response.body.empty()) length = announced_length(response.headers).value_or(0);
  const bool never = response.status < 200 || response.status == 204 || response.status == 304;
  std::string text =
      head_text(response.status, response.headers, never ? Body::kNone : Body::kLength, length);
  if (bodiless) response.body.clear();
  if (connection_.stream_->tls() != nullptr && response.body.size() <= kJoinedBytesMax) {
    text += response.body;
    response.body.clear();
  }
  state_ = State::kDone;
  co_return co_await send(text, response.body);
}

Task<Result<>> Exchange::start(int status, Headers headers) {
  INSULA_CHECK(state_ == State::kUnanswered, request_.target);
  const auto length = announced_length(headers);
  length_left_ = length.value_or(0);
  body_ = length                             ? Body::kLength
          : connection_.current_.old_version ? Body::kUntilClose
                                             : Body::kChunked;
  if (is_bodiless(status) && request_.method != "HEAD") body_ = Body::kNone;
  const std::string text = head_text(status, headers, body_, length_left_);
  if (is_bodiless(status)) body_ = Body::kNone;
  state_ = State::kStreaming;
  co_return co_await send(text, {});
}

Task<Result<>> Exchange::write(std::string_view data) {
  if (state_ == State::kBroken) co_return broken();
  INSULA_CHECK(state_ == State::kStreaming, request_.target);
  if (data.empty() || body_ == Body::kNone) co_return Result<>();
  if (body_ == Body::kUntilClose) co_return co_await send(data, {});
  if (body_ == Body::kLength) {
    INSULA_CHECK(data.size() <= length_left_, request_.target);
    length_left_ -= data.size();
    co_return co_await send(data, {});
  }
  std::string chunk = fmt::format("{:x}\r\n", data.size());
  if (data.size() <= kJoinedBytesMax) {
    chunk.append(data).append("\r\n");
    co_return co_await send(chunk, {});
  }
  // The end of the chunk goes along with the last of it.
  const std::size_t most = data.size() - kJoinedBytesMax / 2;
  INSULA_CO_TRY_VOID(co_await send(chunk, data.substr(0, most)));
  co_return co_await send(data.substr(most), "\r\n");
}

Task<Result<>> Exchange::finish() {
  if (state_ == State::kBroken) co_return broken();
  if (state_ == State::kDone) co_return Result<>();
  INSULA_CHECK(state_ == State::kStreaming, request_.target);
  if (body_ == Body::kLength && length_left_ > 0) {
    state_ = State::kBroken;
    co_return fail(ErrorCode::kInternal, "fewer bytes written than announced");
  }
  state_ = State::kDone;
  if (body_ != Body::kChunked) co_return Result<>();
  co_return co_await send("0\r\n\r\n", {});
}

Task<> Exchange::client_gone() {
  co_await connection_.stream_->hangup();
}

Task<Result<std::unique_ptr<net::Stream>>> Exchange::upgrade(Headers headers) {
  INSULA_CHECK(state_ == State::kUnanswered, request_.target);
  if (!connection_.current_.upgrade || !connection_.current_.framer.done()) {
    co_return fail(ErrorCode::kBadRequest, "the request does not ask for an upgrade");
  }
  if (!connection_.reader_.buffered().empty()) {
    co_return fail(ErrorCode::kBadRequest, "bytes of the new protocol before the upgrade");
  }
  std::string text = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n";
  for (const auto& [name, value] : headers) {
    if (!is_ours(name)) text.append(name).append(": ").append(value).append("\r\n");
  }
  text += "\r\n";
  state_ = State::kDone;
  INSULA_CO_TRY_VOID(co_await send(text, {}));
  co_return std::move(connection_.stream_);
}

}  // namespace insula::http
