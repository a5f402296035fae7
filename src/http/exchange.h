#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "async/task.h"
#include "base/error.h"
#include "http/message.h"
#include "net/stream.h"

namespace insula::http {

class ServerConnection;

/// One request being answered, on the server's side.
///
/// A handler reads the body if it wants it, and answers once: with respond(), or with start(), any
/// number of write() and finish(), or with upgrade(). The server finishes what is left: it answers
/// 500 for a handler that returned without a word, breaks the connection of an answer that was
/// started and not finished, and skips a body that was not read.
///
/// Lifetime: until the handler returns. Threads: the server's loop.
class Exchange {
 public:
  /// `request` has everything but its body.
  Exchange(ServerConnection& connection, Request request)
      : connection_(connection), request_(std::move(request)) {}

  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  [[nodiscard]] const Request& request() const { return request_; }

  /// For the peer's address and client certificate. Requires: not upgraded.
  [[nodiscard]] const net::Stream& stream() const;

  /// Announced length of the body; nullopt when it comes in chunks.
  [[nodiscard]] std::optional<std::uint64_t> body_length() const;

  /// The whole body. Errors: kTooLarge beyond `bytes_max`, before the rest is read; as read_body().
  Task<Result<std::string>> body(std::size_t bytes_max);

  /// The next bytes of the body; 0 at its end. Asks a client that waits for it to go on (100).
  /// Errors: kBadRequest (framing, early end), kTooLarge (the server's limit), kTimeout.
  Task<Result<std::size_t>> read_body(std::span<char> out);

  /// Answers in one piece. Content-Length, Connection and Date are the server's to write; a
  /// `Connection: close` given here is obeyed.
  Task<Result<>> respond(Response response);

  /// Begins an answer whose body follows in pieces: chunked, or of the Content-Length in `headers`.
  Task<Result<>> start(int status, Headers headers);
  /// Sends at once; never waits to fill a buffer. Errors: kUpstream when the client is gone,
  /// kTimeout when it stopped reading.
  Task<Result<>> write(std::string_view data);
  /// Ends the answer; idempotent.
  Task<Result<>> finish();

  /// Something was answered, if only the head.
  [[nodiscard]] bool answered() const { return state_ != State::kUnanswered; }

  /// Returns when the client has closed its side. race() it with work that should stop then.
  Task<> client_gone();

  /// Answers 101 and hands the connection over; the server forgets it.
  /// Errors: kBadRequest when the client did not ask, or sent bytes before the answer.
  Task<Result<std::unique_ptr<net::Stream>>> upgrade(Headers headers);

 private:
  friend class ServerConnection;

  enum class State : std::uint8_t { kUnanswered, kStreaming, kDone, kBroken };

  enum class Body : std::uint8_t { kNone, kLength, kChunked, kUntilClose };

  [[nodiscard]] bool is_bodiless(int status) const;
  /// Status line and headers, with those that are ours to write.
  [[nodiscard]] std::string head_text(int status,
                                      const Headers& headers,
                                      Body body,
                                      std::uint64_t length);
  Task<Result<>> send(std::string_view first, std::string_view second);

  ServerConnection& connection_;
  Request request_;
  State state_ = State::kUnanswered;
  Body body_ = Body::kNone;
  /// Bytes of an announced Content-Length that are not written yet.
  std::uint64_t length_left_ = 0;
};

/// Answers requests; one object serves all connections of its servers.
class Handler {
 public:
  virtual ~Handler() = default;

  /// Answers one request. Destroyed without finishing when the server is.
  virtual Task<> handle(Exchange& exchange) = 0;
};

}  // namespace insula::http
