#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "async/event.h"
#include "async/task.h"
#include "base/clock.h"
#include "base/error.h"
#include "http/client.h"
#include "http/framing.h"
#include "http/message.h"
#include "http/parser.h"
#include "http/wire.h"
#include "net/stream.h"

namespace insula::http {

/// The head of an answer, as values.
struct AnswerHead {
  int status = 0;
  Headers headers;
  BodyFramer framer;
  bool keep_alive = true;
  Refusal refusal = Refusal::kNone;
};

/// Reads up to and including the head of the final answer; interim ones (1xx but 101) are skipped.
/// Cancellation: what was received stays in the reader, so a second call goes on.
Task<Result<AnswerHead>> read_answer_head(WireReader& reader,
                                          const HeadLimits& limits,
                                          std::string_view method,
                                          Deadline deadline);

/// Request line and headers as they are sent. `connection`: the Connection header, if any.
/// Errors: kInvalid when the method or target cannot stand in a request line.
Result<std::string> request_head(std::string_view host,
                                 const Request& request,
                                 std::string_view connection);

/// Connections to one origin. Lives while it has connections or somebody waits for one.
class ConnectionPool {
 public:
  ConnectionPool(Client& owner, std::string origin_key)
      : client(owner), key(std::move(origin_key)) {}

  Client& client;
  std::string key;
  /// Busy, idle and being dialled.
  std::size_t open = 0;
  std::size_t waiting = 0;
  /// Set when a connection ends or becomes idle.
  Event freed;
  /// Oldest first.
  std::list<std::unique_ptr<ClientConnection>> idle;
};

/// The right to one connection of a pool, from before it is dialled until it is closed.
class PoolSlot {
 public:
  explicit PoolSlot(ConnectionPool& pool) : pool_(&pool) { ++pool.open; }

  PoolSlot(PoolSlot&& other) noexcept : pool_(std::exchange(other.pool_, nullptr)) {}

  PoolSlot& operator=(PoolSlot&&) = delete;
  ~PoolSlot();

  [[nodiscard]] ConnectionPool& pool() const { return *pool_; }

 private:
  ConnectionPool* pool_;
};

/// A connection to an origin, busy or idle.
class ClientConnection {
 public:
  ClientConnection(PoolSlot slot, std::unique_ptr<net::Stream> connected)
      : stream(std::move(connected)), reader(*stream, Side::kClient), slot_(std::move(slot)) {}

  [[nodiscard]] ConnectionPool& pool() const { return slot_.pool(); }

  std::unique_ptr<net::Stream> stream;
  WireReader reader;
  SteadyTime idle_since;
  /// It has carried a request before: the server may have closed it at any moment since.
  bool reused = false;

 private:
  PoolSlot slot_;
};

}  // namespace insula::http
