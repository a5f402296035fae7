#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "async/task.h"
#include "async/task_group.h"
#include "base/clock.h"
#include "base/error.h"
#include "gateway/body_relay.h"
#include "gateway/message_text.h"
#include "gateway/request.h"
#include "net/stream.h"

namespace insula::gateway {

class Worker;

/// One client connection and the requests that come over it.
///
/// The life of a request is answer(): accept, authenticate, admit, route, relay; it settles when
/// its Request goes. While it runs, a second task waits for the client to leave and then shuts the
/// upstream connection down, which ends the relay at once and stops the work there.
///
/// Lifetime: the worker outlives it. Threads: the worker's loop.
class Connection {
 public:
  Connection(Worker& worker, std::unique_ptr<net::Stream> client);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  /// Serves requests until either side is done.
  Task<> serve();

  /// Ends whatever the connection waits for, if its deadline has passed.
  void check_deadline(SteadyTime now);

  /// No request after the present one; an idle connection gets a moment for one that is under way.
  void begin_drain(SteadyTime now);

 private:
  /// What an attempt to have a request answered came to.
  enum class Attempt : std::uint8_t {
    kDone,
    kClientGone,
    kCutOff,     // the reply had begun; nothing can be put right
    kUnsent,     // no connection: nothing was sent
    kNoSocket,   // the same, for want of something here
    kStale,      // a pooled connection turned out closed before the request was written whole
    kLost,       // sent, and the connection ended without a byte of reply
    kMalformed,  // the reply is not HTTP
    kTimedOut,
  };

  enum class Phase : std::uint8_t { kIdle, kClient, kUpstream };

  /// Which connections an attempt may use.
  enum class Via : std::uint8_t { kAny, kFresh };

  /// How a request went upstream.
  struct Sent {
    bool reused = false;  // over a pooled connection
    bool whole = false;

    /// What it means when the connection now ends without a byte of reply. A request that was
    /// written whole may have been processed, whoever closed first.
    [[nodiscard]] Attempt if_silent() const {
      return reused && !whole ? Attempt::kStale : Attempt::kLost;
    }
  };

  Task<Result<>> shake_hands();
  Task<> watch_hangup();
  Task<bool> read_head();
  Task<bool> answer();

  Result<> accept(Request& request, const http::RequestHead& head);
  Task<Result<>> read_body(Request& request);
  Result<> read_framed(http::BodyFramer& framer, std::span<char> bytes);
  void drop_body();
  Result<> inspect(Request& request);
  Result<> expect_admission(Request& request);
  Result<> admit(Request& request);
  Result<> refuse_for_limit(const Request& request);
  Task<bool> route(Request& request);
  Task<Attempt> attempt(Request& request, Endpoint& endpoint, Via via);
  Task<bool> write_on(std::string_view head, std::string_view body);
  Task<Attempt> relay(Request& request, Endpoint& endpoint, Sent sent);
  Task<std::optional<Attempt>> read_reply_head(std::string& partial,
                                               Sent sent,
                                               std::span<char>& rest);
  static http::ParseStatus parse_final_head(std::span<char>& rest,
                                            std::size_t seen,
                                            http::ResponseHead& head);
  Task<Attempt> relay_body(Request& request, BodyRelay& body);
  static std::optional<LimitScope> reserve_for_stream(Request& request, const BodyRelay& body);
  Task<Attempt> end_stream(Request& request, BodyRelay& body, LimitScope scope);
  bool take_piece(BodyRelay& body, const Result<std::size_t>& got, std::string_view& out);
  Task<bool> finish_attempt(Request& request, Attempt result);

  Task<bool> refuse(Request& request, Error error);
  Task<bool> refuse_as(Request& request, int status, Error error);
  Task<bool> send_own(Request& request, OwnReply reply);
  Task<bool> send(std::string_view first, std::string_view second);
  Task<bool> flush();
  bool send_now(std::string_view first, std::string_view second, bool& failed);
  Task<> linger();
  void wait_for(Phase phase, std::chrono::nanoseconds patience);
  void shrink();

  Worker& worker_;
  std::unique_ptr<net::Stream> client_;
  std::unique_ptr<net::Stream> upstream_;
  std::string client_address_;

  std::string in_;             // received and not used up; begins with the present request's head
  std::string body_;           // the request's body when it is not a part of in_
  std::string_view payload_;   // the request's body
  std::size_t used_ = 0;       // how much of in_ the present request takes
  std::size_t held_ = 0;       // of the worker's budget for bodies
  bool body_pending_ = false;  // some of the request's body has not been read
  bool expect_continue_ = false;
  http::BodyFramer body_framer_;

  std::string upstream_head_;
  std::string reply_head_;
  std::string own_headers_;
  std::string overflow_;

  Phase phase_ = Phase::kIdle;
  SteadyTime deadline_;
  bool client_gone_ = false;
  bool expired_ = false;

  TaskGroup watchers_;
};

}  // namespace insula::gateway
