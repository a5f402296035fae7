#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/error.h"
#include "http/http2_head.h"

struct nghttp2_session;

namespace insula::http {

/// How far the beginning of a connection is that of an HTTP/2 client. Spec: RFC 9113 section 3.4.
enum class Preface : std::uint8_t { kNo, kPart, kWhole };

[[nodiscard]] Preface match_http2_preface(std::string_view bytes);

using StreamId = std::int32_t;

/// RFC 9113 section 7; those that we send.
enum class Http2Error : std::uint32_t {
  kNone = 0,
  kProtocol = 1,
  kInternal = 2,
  kRefusedStream = 7,
  kCancel = 8,
  kEnhanceYourCalm = 11,
};

struct Http2Limits {
  std::uint32_t streams = 100;  // at once
  /// Bytes of bodies under way that nobody has taken: of a stream, and of all together.
  std::uint32_t stream_window = 256U << 10U;
  std::uint32_t connection_window = 1U << 20U;
  HeadLimits head;
};

struct Http2Field {
  std::string_view name;
  std::string_view value;
};

/// Bytes of a reply, and whether they are its last.
struct Http2Piece {
  std::size_t bytes = 0;
  bool last = false;
};

/// One request and its reply. Called by the session, from its receive() and output().
class Http2StreamHandler {
 public:
  Http2StreamHandler(const Http2StreamHandler&) = delete;
  Http2StreamHandler& operator=(const Http2StreamHandler&) = delete;

  /// A piece of the request's body. It fills the client's window until it is taken.
  virtual void on_body(std::string_view piece) = 0;
  virtual void on_body_end() = 0;

  /// Puts the reply's next bytes into `into`; none while there are none yet, see resume().
  virtual Http2Piece read(std::span<char> into) = 0;

  /// The stream has ended, one way or another. Nothing is called afterwards.
  virtual void on_close() = 0;

 protected:
  Http2StreamHandler() = default;
  ~Http2StreamHandler() = default;
};

class Http2Handler {
 public:
  Http2Handler(const Http2Handler&) = delete;
  Http2Handler& operator=(const Http2Handler&) = delete;

  /// A request has begun; `ended`: it has no body. Returns what it is from here on, which lives
  /// until its on_close(), or nullptr to refuse it untouched.
  virtual Http2StreamHandler* on_request(StreamId id, Http2Head head, bool ended) = 0;

 protected:
  Http2Handler() = default;
  ~Http2Handler() = default;
};

/// The server's half of one HTTP/2 connection, without its I/O: received bytes go in, those to be
/// sent come out. A wrapper of libnghttp2, which keeps the frames, HPACK and the windows; what a
/// flood of frames may cost is bounded here.
///
/// Errors of a stream end the stream, errors of the connection end it with a GOAWAY.
///
/// Threads: one at a time. Lifetime: the handler outlives it.
/// Spec: RFC 9113.
class Http2Session {
 public:
  /// Frames that cost us and bring nothing (cancellations, pings, empty pieces of bodies) that a
  /// client may send at once. A stream that it makes us end, by breaking the protocol, is one, too.
  static constexpr std::int64_t kIdleFramesMax = 1000;
  /// Updates of windows that it may send at once, and for each frame of a reply.
  static constexpr std::int64_t kWindowUpdatesMax = 1000;
  static constexpr std::int64_t kWindowUpdatesPerFrame = 4;
  /// Frames that may wait for a client that does not read.
  static constexpr std::size_t kUnsentFramesMax = 1000;
  static constexpr int kContinuationsMax = 8;

  explicit Http2Session(Http2Handler& handler, const Http2Limits& limits = {});
  Http2Session(const Http2Session&) = delete;
  Http2Session& operator=(const Http2Session&) = delete;
  ~Http2Session();

  /// Errors: kBadRequest, kTooManyRequests: the connection is at its end. What output() still gives
  /// says so to the client.
  Result<> receive(std::string_view bytes);

  /// The next bytes to send; empty when there are none at the moment. Valid until the next call of
  /// anything.
  [[nodiscard]] std::string_view output();

  /// Both sides have said all that they will.
  [[nodiscard]] bool is_over() const;

  /// Some fields of a head have come, and not yet all.
  [[nodiscard]] bool in_head() const { return in_head_; }

  /// Lets a client that has used up its idle frames, or updates of windows, have so many more.
  void allow_idle_frames(std::int64_t more);

  /// Begins the reply, whose body the stream's read() gives unless `has_body` is false. Names are
  /// sent in lower case.
  void respond(StreamId id, std::span<const Http2Field> fields, bool has_body);

  /// Tells a client that waits for it that its body is wanted.
  void send_continue(StreamId id);

  /// There is more to read() than there was.
  void resume(StreamId id);

  /// So many bytes of the body were taken: the client may send as many more.
  void take(StreamId id, std::size_t bytes);

  /// Ends a stream.
  void reset(StreamId id, Http2Error why);

  /// No stream after those that may be on their way at present (graceful), or after those that have
  /// come (at once).
  void announce_end();
  void end();

 private:
  struct Callbacks;

  nghttp2_session* session_ = nullptr;
  Http2Handler& handler_;
  HeadLimits head_limits_;
  /// Of the request whose head is being decoded.
  Http2Head head_;
  bool in_head_ = false;
  int continuations_ = 0;
  std::int64_t idle_frames_left_ = kIdleFramesMax;
  std::int64_t window_updates_left_ = kWindowUpdatesMax;
  /// Why a callback has ended the connection.
  Http2Error ended_for_ = Http2Error::kEnhanceYourCalm;
};

}  // namespace insula::http
