#include "http/websocket.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include "async/deadline.h"
#include "base/check.h"
#include "http/scan.h"

namespace insula::http::websocket {
namespace {

// RFC 6455 section 1.3.
constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
constexpr std::size_t kKeyBytes = 16;

std::string base64(std::span<const std::uint8_t> bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes.data(),
                                   static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

std::string accept_key(std::string_view key) {
  const std::string text = std::string(key).append(kGuid);
  std::array<std::uint8_t, SHA_DIGEST_LENGTH> digest{};
  SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return base64(digest);
}

/// 16 bytes in base64.
bool is_key(std::string_view key) {
  if (key.size() != 24 || !key.ends_with("==")) return false;
  return std::ranges::all_of(key.substr(0, 22), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '+' ||
           c == '/';
  });
}

/// The first of ours that the client offers.
std::optional<std::string> negotiate(const Headers& headers, const std::vector<std::string>& ours) {
  for (const std::string& protocol : ours) {
    for (const auto& [name, value] : headers) {
      if (!equals_ignoring_case(name, "Sec-WebSocket-Protocol")) continue;
      std::string_view list = value;
      for (auto offered = next_element(list); !offered.empty(); offered = next_element(list)) {
        if (offered == protocol) return protocol;
      }
    }
  }
  return std::nullopt;
}

std::string_view why_no_handshake(const Request& request) {
  if (request.method != "GET" || !request.headers.has_token("Connection", "upgrade") ||
      !request.headers.has_token("Upgrade", "websocket")) {
    return "a WebSocket upgrade is needed here";
  }
  if (request.headers.get("Sec-WebSocket-Version") != "13") return "WebSocket version 13 is needed";
  if (!is_key(request.headers.get("Sec-WebSocket-Key")))
    return "Sec-WebSocket-Key is not 16 bytes in base64";
  return {};
}

}  // namespace

class Connection::Sending {
 public:
  explicit Sending(Connection& connection) : connection_(connection) {
    connection_.sending_ = true;
  }

  Sending(const Sending&) = delete;
  Sending& operator=(const Sending&) = delete;

  ~Sending() {
    connection_.broken_ = connection_.broken_ || !whole_;
    connection_.sending_ = false;
    connection_.sent_.set();
  }

  void set_whole(bool whole) { whole_ = whole; }

 private:
  Connection& connection_;
  bool whole_ = false;
};

Connection::Connection(Parts parts, const Options& options, Random& random)
    : stream_(std::move(parts.stream)),
      reader_(*stream_, parts.role == Role::kServer ? Side::kServer : Side::kClient),
      decoder_(parts.role, options.message_bytes),
      role_(parts.role),
      protocol_(std::move(parts.protocol)),
      received_(std::move(parts.received)),
      write_timeout_(options.write_timeout),
      random_(random) {}

Task<Result<>> Connection::send_frame(Opcode opcode, std::string_view payload) {
  if (role_ == Role::kServer) {
    const std::string header = frame_header(opcode, payload.size(), nullptr);
    co_return co_await write_patiently(*stream_, header, payload, write_timeout_);
  }
  std::array<char, 4> mask{};
  random_.fill({reinterpret_cast<std::uint8_t*>(mask.data()), mask.size()});
  const std::string header = frame_header(opcode, payload.size(), &mask);
  std::string masked(payload);
  apply_mask(masked, mask);
  co_return co_await write_patiently(*stream_, header, masked, write_timeout_);
}

Task<Result<>> Connection::send(Opcode opcode, std::string_view payload) {
  while (sending_) {
    sent_.reset();
    co_await sent_.wait();
  }
  if (broken_) co_return insula::fail(ErrorCode::kUpstream, "the WebSocket is broken");
  if (close_sent_) co_return insula::fail(ErrorCode::kUpstream, "the WebSocket is closed");
  Sending guard(*this);
  close_sent_ = opcode == Opcode::kClose;
  auto sent = co_await send_frame(opcode, payload);
  if (sent && pong_ && !close_sent_) {
    const std::string pong = *std::exchange(pong_, std::nullopt);
    sent = co_await send_frame(Opcode::kPong, pong);
  }
  guard.set_whole(sent.has_value());
  co_return sent;
}

Task<Result<>> Connection::write_text(std::string_view data) {
  return send(Opcode::kText, data);
}

Task<Result<>> Connection::write_binary(std::string_view data) {
  return send(Opcode::kBinary, data);
}

Task<Result<>> Connection::ping(std::string_view payload) {
  INSULA_CHECK(payload.size() <= kControlBytesMax);
  return send(Opcode::kPing, payload);
}

Task<Result<>> Connection::answer_ping(std::string payload) {
  if (close_sent_) co_return Result<>();
  // Waiting here would stop reading for as long as a slow peer takes to accept our message.
  if (sending_) {
    pong_ = std::move(payload);
    co_return Result<>();
  }
  co_return co_await send(Opcode::kPong, payload);
}

Task<Result<std::optional<Message>>> Connection::handle_close(std::string payload) {
  closed_ = true;
  if (payload.size() >= 2) {
    const auto high = static_cast<unsigned char>(payload[0]);
    const auto low = static_cast<unsigned char>(payload[1]);
    close_code_ = static_cast<std::uint16_t>(high << 8 | low);
    close_reason_ = payload.substr(2);
  }
  // The peer may be gone already; it has said all it wanted to.
  if (!close_sent_ && !broken_) (void)co_await send(Opcode::kClose, payload);
  co_return std::optional<Message>();
}

std::optional<Received> Connection::decode() {
  const bool early = !received_.empty();
  std::string_view bytes = early ? std::string_view(received_) : reader_.buffered();
  const std::size_t before = bytes.size();
  auto received = decoder_.next(bytes);
  if (early) {
    received_.erase(0, before - bytes.size());
  } else {
    reader_.consume(before - bytes.size());
  }
  return received;
}

Task<Result<std::optional<Message>>> Connection::handle_violation(Violation violation) {
  closed_ = true;
  const std::string payload = close_payload(violation.code, violation.what);
  if (!close_sent_ && !broken_) (void)co_await send(Opcode::kClose, payload);
  co_return insula::fail(ErrorCode::kUpstream, fmt::format("WebSocket: {}", violation.what));
}

Task<Result<std::optional<Message>>> Connection::read() {
  if (closed_) co_return std::optional<Message>();
  for (;;) {
    auto received = decode();
    if (const auto& violation = decoder_.violation())
      co_return co_await handle_violation(*violation);
    if (!received) {
      if (!received_.empty()) continue;
      INSULA_CO_TRY(const std::size_t size, co_await reader_.fill(Deadline::max()));
      if (size > 0) continue;
      co_return insula::fail(ErrorCode::kUpstream,
                             "WebSocket: connection closed without a close frame");
    }
    switch (received->opcode) {
      case Opcode::kPing:
        INSULA_CO_TRY_VOID(co_await answer_ping(std::move(received->payload)));
        break;
      case Opcode::kPong:
        break;
      case Opcode::kClose:
        co_return co_await handle_close(std::move(received->payload));
      default:
        co_return Message{received->opcode, std::move(received->payload)};
    }
  }
}

namespace {

Task<Result<>> read_until_closed(Connection& connection) {
  for (;;) {
    INSULA_CO_TRY(const auto message, co_await connection.read());
    if (!message) co_return Result<>();
  }
}

}  // namespace

Task<Result<>> Connection::close(std::uint16_t code, std::string reason, Deadline deadline) {
  if (!closed_ && !close_sent_) {
    const std::string payload = close_payload(code, reason);
    INSULA_CO_TRY_VOID(co_await send(Opcode::kClose, payload));
  }
  co_return co_await with_deadline(deadline, read_until_closed(*this));
}

Task<Result<std::unique_ptr<Connection>>> accept(Exchange& exchange,
                                                 Options options,
                                                 Random& random) {
  const Request& request = exchange.request();
  std::string_view why = why_no_handshake(request);
  const auto protocol = negotiate(request.headers, options.protocols);
  if (why.empty() && !protocol && !options.protocols.empty())
    why = "none of the offered subprotocols is known";
  if (!why.empty()) {
    const bool upgrade = request.headers.has_token("Upgrade", "websocket");
    Response refusal = make_response(upgrade ? 400 : 426, "text/plain", fmt::format("{}\n", why));
    refusal.headers.add("Sec-WebSocket-Version", "13");
    if (!upgrade) refusal.headers.add("Upgrade", "websocket");
    (void)co_await exchange.respond(std::move(refusal));
    co_return insula::fail(ErrorCode::kBadRequest, std::string(why));
  }
  Headers headers{{"Upgrade", "websocket"},
                  {"Sec-WebSocket-Accept", accept_key(request.headers.get("Sec-WebSocket-Key"))}};
  if (protocol) headers.add("Sec-WebSocket-Protocol", *protocol);
  INSULA_CO_TRY(auto stream, co_await exchange.upgrade(std::move(headers)));
  Connection::Parts parts{std::move(stream), Role::kServer, protocol.value_or(""), {}};
  co_return std::make_unique<Connection>(std::move(parts), options, random);
}

Task<Result<std::unique_ptr<Connection>>> connect(
    Client& client, Origin origin, Request request, Options options, Deadline deadline) {
  std::array<std::uint8_t, kKeyBytes> nonce{};
  system_random().fill(nonce);
  const std::string key = base64(nonce);
  request.method = "GET";
  request.headers.set("Upgrade", "websocket");
  request.headers.set("Sec-WebSocket-Version", "13");
  request.headers.set("Sec-WebSocket-Key", key);
  if (!options.protocols.empty()) {
    request.headers.set("Sec-WebSocket-Protocol",
                        fmt::format("{}", fmt::join(options.protocols, ", ")));
  }
  INSULA_CO_TRY(auto upgraded,
                co_await client.upgrade(std::move(origin), std::move(request), deadline));
  const Response& response = upgraded.response;
  if (upgraded.stream == nullptr) {
    const ErrorCode code =
        response.ok() ? ErrorCode::kUpstream : error_code_of_status(response.status);
    co_return insula::fail(code,
                           fmt::format("no WebSocket here: {} {}", response.status, response.body));
  }
  std::string protocol(response.headers.get("Sec-WebSocket-Protocol"));
  const bool ours =
      protocol.empty() || std::ranges::find(options.protocols, protocol) != options.protocols.end();
  if (response.headers.get("Sec-WebSocket-Accept") != accept_key(key) || !ours ||
      !response.headers.has_token("Upgrade", "websocket")) {
    co_return insula::fail(ErrorCode::kUpstream,
                           "the server's WebSocket handshake does not answer ours");
  }
  Connection::Parts parts{std::move(upgraded.stream), Role::kClient, std::move(protocol),
                          std::move(upgraded.received)};
  co_return std::make_unique<Connection>(std::move(parts), options, system_random());
}

}  // namespace insula::http::websocket
