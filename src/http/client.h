#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "async/task.h"
#include "async/task_group.h"
#include "base/clock.h"
#include "base/error.h"
#include "http/message.h"
#include "http/parser.h"
#include "net/address.h"
#include "net/stream.h"
#include "net/tls.h"

namespace insula::http {

/// Where requests go. Connections are pooled by all three together.
struct Origin {
  net::Address address;
  /// The Host header; without its port also the name that a TLS certificate must have.
  std::string host;
  bool tls = false;

  /// `http://127.0.0.1:8080`, `https://[::1]:6443`, `unix:/run/x.sock`; a path is ignored.
  /// Names other than localhost are not resolved. Errors: kInvalid.
  [[nodiscard]] static Result<Origin> parse(std::string_view text);
};

struct ClientOptions {
  /// For origins with TLS.
  std::shared_ptr<net::TlsContext> tls;
  HeadLimits head;
  /// Connections to one origin, busy and idle; more requests wait for one.
  std::size_t connections_per_origin = 64;
  std::size_t idle_per_origin = 8;
  std::chrono::nanoseconds idle_timeout = std::chrono::seconds(30);
  std::chrono::nanoseconds connect_timeout = std::chrono::seconds(5);
  /// Largest body that send() collects.
  std::size_t body_bytes = 64uz * 1024 * 1024;
};

struct ClientCounters {
  std::uint64_t connections_opened = 0;
  std::uint64_t connections_reused = 0;
  std::uint64_t retries = 0;  // on a pooled connection that the server had closed
};

struct AnswerHead;
class ClientConnection;
class ConnectionPool;
class PoolSlot;

/// An answer whose body is read as it arrives. Destruction before the end closes the connection.
///
/// Lifetime: the client outlives it.
class ResponseStream {
 public:
  ResponseStream(std::unique_ptr<ClientConnection> connection, AnswerHead head);
  ResponseStream(const ResponseStream&) = delete;
  ResponseStream& operator=(const ResponseStream&) = delete;
  ~ResponseStream();

  [[nodiscard]] int status() const;
  [[nodiscard]] const Headers& headers() const;

  /// The next bytes of the body as soon as there are any; 0 at its end.
  /// Errors: kTimeout; kUpstream for an early end or broken framing.
  Task<Result<std::size_t>> read(std::span<char> out, Deadline deadline);

  /// What is left of the body. Errors: kTooLarge beyond `bytes_max`; as read().
  Task<Result<std::string>> read_all(std::size_t bytes_max, Deadline deadline);

 private:
  void give_back();

  std::unique_ptr<ClientConnection> connection_;  // null once the body has ended
  std::unique_ptr<AnswerHead> head_;
};

/// The answer to a request for another protocol.
struct Upgraded {
  Response response;
  /// Null unless the status is 101.
  std::unique_ptr<net::Stream> stream;
  /// Bytes of the new protocol that came with the answer.
  std::string received;
};

/// An HTTP/1.1 client with keep-alive pools, over TCP, TLS and Unix sockets.
///
/// A request that finds its pooled connection closed by the server is sent once more on a fresh
/// one, when not a byte of an answer has arrived and repeating is harmless: the method is
/// idempotent, or an Idempotency-Key says so. Everything else is the caller's decision; see
/// Error::retry().
///
/// Threads: one loop. Lifetime: outlives its tasks and response streams.
/// Spec: RFC 9110, RFC 9112.
class Client {
 public:
  explicit Client(ClientOptions options);
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client();

  /// Sends and collects the answer; any status is a success.
  /// Errors: kUpstream, kTimeout, kTooLarge, kInvalid for a request that cannot be sent.
  Task<Result<Response>> send(Origin origin, Request request, Deadline deadline);

  /// Sends and returns when the head of the answer is there. `deadline` is for that much only.
  Task<Result<std::unique_ptr<ResponseStream>>> open(Origin origin,
                                                     Request request,
                                                     Deadline deadline);

  /// Sends on a connection of its own, with `Connection: Upgrade`, and hands that over on 101.
  Task<Result<Upgraded>> upgrade(Origin origin, Request request, Deadline deadline);

  [[nodiscard]] const ClientCounters& counters() const { return counters_; }

 private:
  friend class ClientConnection;
  friend class PoolSlot;
  friend class ResponseStream;

  Task<Result<std::unique_ptr<net::Stream>>> dial(Origin origin, Deadline deadline);
  Task<Result<std::unique_ptr<ClientConnection>>> acquire(Origin origin, Deadline deadline);
  std::unique_ptr<ClientConnection> take_idle(ConnectionPool& pool);
  Task<Result<AnswerHead>> exchange(ClientConnection& connection,
                                    const Request& request,
                                    std::string_view head,
                                    Deadline deadline) const;
  ConnectionPool& pool_of(const Origin& origin);
  Task<> sweep_idle();
  void keep(std::unique_ptr<ClientConnection> connection);
  void forget_if_unused(ConnectionPool& pool);

  ClientOptions options_;
  ClientCounters counters_;
  std::map<std::string, std::unique_ptr<ConnectionPool>, std::less<>> pools_;
  bool sweeping_ = false;
  TaskGroup tasks_;
};

}  // namespace insula::http
