#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "async/event.h"
#include "async/task.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "http/client.h"
#include "http/exchange.h"
#include "http/message.h"
#include "http/websocket_frame.h"
#include "http/wire.h"
#include "net/stream.h"

namespace insula::http::websocket {

struct Options {
  /// Subprotocols in order of preference. A server that has some refuses a client that offers none
  /// of them.
  std::vector<std::string> protocols;
  std::size_t message_bytes = 4uz * 1024 * 1024;
  /// Without any progress of a write.
  std::chrono::nanoseconds write_timeout = std::chrono::seconds(30);
};

/// A text or binary message.
struct Message {
  Opcode opcode = Opcode::kBinary;
  std::string data;
};

/// A WebSocket, either end. One task may read while others write; writes queue up behind each
/// other.
///
/// Pings are answered by read(), so somebody has to be reading. Destruction closes the connection
/// without the closing handshake.
///
/// Cancellation: a cancelled read loses nothing. A cancelled write may have left half a frame; then
/// every later write fails.
/// Threads: the stream's loop. Spec: RFC 6455.
class Connection {
 public:
  struct Parts {
    std::unique_ptr<net::Stream> stream;
    Role role;
    std::string protocol;
    /// Bytes that came along with the handshake.
    std::string received;
  };

  Connection(Parts parts, const Options& options, Random& random);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// The subprotocol agreed on; empty if none.
  [[nodiscard]] const std::string& protocol() const { return protocol_; }

  [[nodiscard]] const net::Stream& stream() const { return *stream_; }

  /// The next message; nullopt when the peer has closed the socket in good order.
  /// Errors: kUpstream for a connection that broke or a peer that violates the protocol.
  Task<Result<std::optional<Message>>> read();

  Task<Result<>> write_text(std::string_view data);
  Task<Result<>> write_binary(std::string_view data);
  /// `payload`: at most kControlBytesMax.
  Task<Result<>> ping(std::string_view payload);

  /// Sends a close frame and waits for the peer's, dropping messages that are still on the way.
  Task<Result<>> close(std::uint16_t code, std::string reason, Deadline deadline);

  /// What the peer closed with; kCloseNoStatus before that, and when it gave no code.
  [[nodiscard]] std::uint16_t close_code() const { return close_code_; }

  [[nodiscard]] const std::string& close_reason() const { return close_reason_; }

 private:
  /// Holds the sending side; a frame that was begun and not ended poisons it.
  class Sending;

  Task<Result<>> send(Opcode opcode, std::string_view payload);
  Task<Result<>> send_frame(Opcode opcode, std::string_view payload);
  /// The next message in what has arrived.
  std::optional<Received> decode();
  Task<Result<std::optional<Message>>> handle_violation(Violation violation);
  Task<Result<std::optional<Message>>> handle_close(std::string payload);
  Task<Result<>> answer_ping(std::string payload);

  std::unique_ptr<net::Stream> stream_;
  WireReader reader_;
  Decoder decoder_;
  Role role_;
  std::string protocol_;
  std::string received_;
  std::chrono::nanoseconds write_timeout_;
  Random& random_;
  bool sending_ = false;
  bool broken_ = false;
  bool close_sent_ = false;
  bool closed_ = false;
  Event sent_;
  /// Answer to a ping that arrived while something else was being sent; only the latest counts.
  std::optional<std::string> pong_;
  std::uint16_t close_code_ = kCloseNoStatus;
  std::string close_reason_;
};

/// Accepts the upgrade that `exchange` asks for.
/// Errors: kBadRequest, after the client has been answered with the reason.
Task<Result<std::unique_ptr<Connection>>> accept(Exchange& exchange,
                                                 Options options,
                                                 Random& random = system_random());

/// Opens a WebSocket at `request.target`; method and handshake headers are filled in.
/// Errors: kUpstream; the code of the status when the server answers with something else than 101.
Task<Result<std::unique_ptr<Connection>>> connect(
    Client& client, Origin origin, Request request, Options options, Deadline deadline);

}  // namespace insula::http::websocket
