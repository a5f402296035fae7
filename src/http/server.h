#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string>

#include "async/event.h"
#include "async/task.h"
#include "async/task_group.h"
#include "base/clock.h"
#include "http/exchange.h"
#include "http/parser.h"
#include "net/listener.h"
#include "net/tls.h"

namespace insula::http {

struct ServerLimits {
  HeadLimits head;
  /// Connections at a time. Beyond it the longest idle one is closed, or else new ones wait.
  std::size_t connections = 10'000;
  /// Payload of a request, as a last resort; handlers set limits of their own.
  std::uint64_t body_bytes = 256uz * 1024 * 1024;
  /// Slowest upload, in bytes per second on average after `body_grace`.
  std::uint64_t body_bytes_per_second = 1024;
  std::chrono::nanoseconds body_grace = std::chrono::seconds(30);
  /// For a whole head, from its first byte: what a client that drips bytes gets.
  std::chrono::nanoseconds head_timeout = std::chrono::seconds(10);
  /// Between two requests, and before the first.
  std::chrono::nanoseconds idle_timeout = std::chrono::seconds(75);
  std::chrono::nanoseconds handshake_timeout = std::chrono::seconds(10);
  /// Without any progress of a write.
  std::chrono::nanoseconds write_timeout = std::chrono::seconds(30);
};

struct ServerOptions {
  ServerLimits limits;
  /// Null: plain text.
  std::shared_ptr<net::TlsContext> tls;
};

/// What a server has done since it was made; for a metrics page.
struct ServerCounters {
  std::uint64_t connections_accepted = 0;
  std::uint64_t connections_open = 0;
  std::uint64_t connections_evicted = 0;  // idle, closed to make room
  std::uint64_t handshakes_failed = 0;
  std::uint64_t requests = 0;
  std::uint64_t requests_in_flight = 0;
  std::uint64_t requests_refused = 0;  // malformed or over a limit
  std::uint64_t head_timeouts = 0;
  std::uint64_t unanswered = 0;  // handlers that returned without an answer, client still there
};

/// An HTTP/1.1 server on one loop: keep-alive, pipelining, chunked bodies, 100-continue, upgrades.
///
/// Lifetime: the handler outlives the server; destruction cancels all that runs.
/// Threads: the loop that is current when serve() is called. Run one per loop to use more cores.
/// Spec: RFC 9110, RFC 9112.
class Server {
 public:
  Server(Handler& handler, ServerOptions options);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  /// Accepts from `listener` until drain(). May be called for several.
  void serve(std::unique_ptr<net::Listener> listener);

  /// Serves one connection that is there already, with TLS if the server has it.
  void serve(std::unique_ptr<net::Stream> stream);

  /// Stops accepting, closes idle connections, lets requests in flight finish (their answers say
  /// `Connection: close`), and cancels those that are not done at `deadline`.
  Task<> drain(Deadline deadline);

  [[nodiscard]] const ServerCounters& counters() const { return counters_; }

 private:
  friend class ServerConnection;
  friend class Exchange;

  Task<> accept_all(std::unique_ptr<net::Listener> listener);
  /// Counts a connection as long as it lives, whatever ends it.
  class Slot;

  Task<> run(std::unique_ptr<net::Stream> stream, Slot slot);
  Task<> wait_for_room();
  /// Value of a Date header; formatted once a second.
  [[nodiscard]] std::string_view date();

  Handler& handler_;
  ServerOptions options_;
  ServerCounters counters_;
  bool draining_ = false;
  std::string date_;
  WallTime date_second_;
  /// A connection ended or became idle.
  Event room_;
  /// Connections between two requests, longest idle first.
  std::list<ServerConnection*> idle_;
  TaskGroup connections_;
  TaskGroup accepting_;
};

}  // namespace insula::http
