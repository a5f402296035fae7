#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "async/event.h"
#include "async/task.h"
#include "base/clock.h"
#include "base/error.h"
#include "gateway/downstream.h"
#include "gateway/exchange.h"
#include "gateway/pace.h"
#include "http/http2_session.h"

namespace insula::gateway {

class Http2Connection;
struct Timeouts;

/// One request of an HTTP/2 connection and its reply.
///
/// Lifetime: the connection outlives it, and keeps it until both the session and run() have ended.
/// Threads: the worker's loop.
class Http2Stream final : public http::Http2StreamHandler, private Downstream {
 public:
  Http2Stream(Http2Connection& connection, http::StreamId id, http::Http2Head head, bool ended);
  ~Http2Stream();

  /// Answers the request.
  Task<> run();

  /// The client has left, or the connection is at its end.
  void leave();

  void check_deadline(SteadyTime now);

  /// Nobody needs it any more.
  [[nodiscard]] bool is_over() const { return closed_ && answered_; }

 private:
  void on_body(std::string_view piece) override;
  void on_body_end() override;
  http::Http2Piece read(std::span<char> into) override;
  void on_close() override;

  [[nodiscard]] std::string_view protocol() const override { return "HTTP/2"; }

  /// The replies' lengths are told by the frames.
  [[nodiscard]] bool takes_chunks() const override { return false; }

  [[nodiscard]] bool has_body() const override { return has_body_; }

  [[nodiscard]] std::optional<std::string_view> received_body() override;
  Task<Result<>> receive_body() override;
  Task<bool> reply(const OwnReply& reply) override;
  [[nodiscard]] Sent begin(const RelayedHead& head, std::string_view first, bool last) override;
  [[nodiscard]] Sent send(std::string_view piece, bool last) override;
  Task<bool> flush() override;
  void cut_off() override;

  [[nodiscard]] std::optional<RawClient> hand_over() override { return std::nullopt; }

  void respond(int status, std::vector<http::Http2Field> fields, std::string_view own_headers);

  [[nodiscard]] std::size_t unread() const { return out_.size() - out_read_; }

  void take_body();
  void drop(std::size_t bytes);
  [[nodiscard]] const Timeouts& timeouts() const;
  void wait_for_reader();

  Http2Connection& connection_;
  http::StreamId id_;
  http::Http2Head head_;
  Exchange exchange_;

  bool has_body_;
  bool ended_;              // the request's body has come as a whole
  bool receiving_ = false;  // somebody wants it
  bool expect_continue_ = false;
  std::size_t untaken_ = 0;  // bytes of it that still fill the client's window
  std::size_t dropped_ = 0;
  Result<> received_;
  Event arrived_;

  std::string out_;  // of the reply's body, not yet read by the session
  std::size_t out_read_ = 0;
  bool out_last_ = false;
  bool begun_ = false;
  Event drained_;

  std::optional<SteadyTime> deadline_;
  /// While the stream waits for its client to read.
  std::optional<Pace> reading_;
  std::size_t read_since_ = 0;
  bool closed_ = false;
  bool answered_ = false;
};

}  // namespace insula::gateway
