#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "async/event.h"
#include "async/task.h"
#include "async/task_group.h"
#include "base/clock.h"
#include "gateway/connection.h"
#include "gateway/connection_list.h"
#include "gateway/http2_stream.h"
#include "http/http2_session.h"
#include "net/stream.h"

namespace insula::gateway {

class Worker;

/// A client's HTTP/2 connection: one task reads, one writes, and each stream has one of its own.
///
/// Lifetime: the worker and the place outlive it. Threads: the worker's loop.
class Http2Connection final : public Connection, private http::Http2Handler {
 public:
  Http2Connection(Worker& worker,
                  ConnectionList::Place& place,
                  std::unique_ptr<net::Stream> client,
                  std::string server_name);

  /// Serves requests until either side is done. `received`: what was read of the connection before.
  Task<> serve(std::string received);

  void check_deadline(SteadyTime now) override;
  void begin_drain(SteadyTime now) override;

  // What its streams use.
  [[nodiscard]] Worker& worker() const { return worker_; }

  [[nodiscard]] http::Http2Session& session() { return session_; }

  [[nodiscard]] std::string_view client_address() const { return client_address_; }

  [[nodiscard]] std::string_view server_name() const { return server_name_; }

  /// The session may have something to send.
  void wake() { has_output_.set(); }

  /// Destroys a stream that is over.
  void forget_if_over(const Http2Stream& stream);

 private:
  http::Http2StreamHandler* on_request(http::StreamId id,
                                       http::Http2Head head,
                                       bool ended) override;

  Task<> write_out();
  bool take(std::string_view bytes);

  Worker& worker_;
  ConnectionList::Place& place_;
  std::unique_ptr<net::Stream> client_;
  std::string client_address_;
  std::string server_name_;
  http::Http2Session session_;
  std::unordered_map<const Http2Stream*, std::unique_ptr<Http2Stream>> streams_;
  std::string out_;
  Event has_output_;

  /// Of a connection without streams, or in the middle of a head.
  SteadyTime idle_since_;
  std::optional<SteadyTime> head_since_;
  std::optional<SteadyTime> writing_since_;
  std::optional<SteadyTime> drain_deadline_;

  TaskGroup exchanges_;
  TaskGroup writer_;
};

}  // namespace insula::gateway
