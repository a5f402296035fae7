#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "async/task.h"
#include "base/error.h"
#include "gateway/message_text.h"
#include "http/parser.h"
#include "net/stream.h"

namespace insula::gateway {

/// A client's connection, to be used for another protocol.
struct RawClient {
  net::Stream* stream;
  std::string_view received;  // of it, behind the request
};

/// The client's side of an exchange: where the request's body comes from and the reply goes. An
/// HTTP/1 connection is one for request after request, an HTTP/2 stream for one.
///
/// Nothing here blocks but the tasks. When the client leaves, its side calls
/// Exchange::client_left().
class Downstream {
 public:
  /// What of a reply was taken. kPart: flush() before sending more.
  enum class Sent : std::uint8_t { kAll, kPart, kGone };

  Downstream(const Downstream&) = delete;
  Downstream& operator=(const Downstream&) = delete;

  [[nodiscard]] std::string_view client_address() const { return client_address_; }

  /// The name that the client asked for when it shook hands; empty without TLS or when it did not
  /// say.
  [[nodiscard]] std::string_view server_name() const { return server_name_; }

  /// `HTTP/1.1`, `HTTP/2`: what the client speaks.
  [[nodiscard]] virtual std::string_view protocol() const = 0;

  /// A reply of unknown length is chunked for this client.
  [[nodiscard]] virtual bool takes_chunks() const = 0;

  /// The request has a body, if only an empty one.
  [[nodiscard]] virtual bool has_body() const = 0;

  /// The request's body, if it came as a whole with the head; with RequestReader::kPadding readable
  /// bytes behind it and valid until the reply is sent. The head is not valid any more afterwards.
  [[nodiscard]] virtual std::optional<std::string_view> received_body() = 0;

  /// Receives the body into the exchange's. Errors: the client's fault, or HeldBody's.
  virtual Task<Result<>> receive_body() = 0;

  /// Sends a reply of the gateway's own as a whole. Returns whether the client's connection may
  /// carry another request.
  virtual Task<bool> reply(const OwnReply& reply) = 0;

  /// Sends the head of a relayed reply and the beginning of its body, `last` if that is all of it.
  [[nodiscard]] virtual Sent begin(const RelayedHead& head, std::string_view first, bool last) = 0;

  /// Sends a further piece of the body.
  [[nodiscard]] virtual Sent send(std::string_view piece, bool last) = 0;

  /// Waits until the client has taken what was sent. False when it is gone.
  virtual Task<bool> flush() = 0;

  /// Gives the connection to another protocol once the request has been read; nothing else of this
  /// may be called afterwards. Nothing where the connection is not the request's alone.
  [[nodiscard]] virtual std::optional<RawClient> hand_over() = 0;

  /// Ends a reply that was begun so that the client sees that something is missing.
  virtual void cut_off() = 0;

 protected:
  Downstream(std::string client_address, std::string server_name)
      : client_address_(std::move(client_address)), server_name_(std::move(server_name)) {}

  ~Downstream() = default;

 private:
  std::string client_address_;
  std::string server_name_;
};

}  // namespace insula::gateway
