#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "async/deadline.h"
#include "async/task.h"
#include "base/clock.h"
#include "base/error.h"
#include "gateway/snapshot.h"
#include "net/stream.h"
#include "net/tls.h"

namespace insula::gateway {

/// Connections to upstreams: new ones, and idle keep-alive ones, last used first.
///
/// Threads: one loop's own.
class UpstreamPool {
 public:
  /// Of all endpoints together.
  static constexpr std::size_t kIdleMax = 4096;
  static constexpr std::chrono::seconds kIdleTime{50};

  /// A new connection, secured if the endpoint says so. Errors: as net::dial() and
  /// net::tls_connect(). Lifetime: the endpoint outlives the task.
  [[nodiscard]] Task<Result<std::unique_ptr<net::Stream>>> connect(const Endpoint& endpoint,
                                                                   Deadline deadline);

  /// A connection that the upstream has not closed and on which it has said nothing since its last
  /// reply; null when there is none.
  [[nodiscard]] std::unique_ptr<net::Stream> take(const Endpoint& endpoint);

  void give(const Endpoint& endpoint, std::unique_ptr<net::Stream> stream, SteadyTime now);

  /// Closes what was idle for kIdleTime or has been closed by its upstream.
  void sweep(SteadyTime now);

  /// Closes the connections of endpoints that `snapshot` does not have. Streams that serve a
  /// request are not here, so none is cut.
  void keep_only(const Snapshot& snapshot);

  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  struct Idle {
    std::unique_ptr<net::Stream> stream;
    SteadyTime since;
  };

  // Keyed by address of an Endpoint. keep_only() runs before a snapshot is let go, so the key of a
  // freed one is never looked up.
  std::unordered_map<const Endpoint*, std::vector<Idle>> idle_;
  std::size_t size_ = 0;

  /// What a server said may only be told to who is checked in the same way.
  struct TlsSessions {
    std::shared_ptr<net::TlsContext> context;  // so that the key is nobody else's
    std::shared_ptr<net::TlsResumption> latest;
  };

  using TlsPeerKey = std::pair<std::string, const net::TlsContext*>;  // Endpoint::text

  std::map<TlsPeerKey, TlsSessions> tls_sessions_;
};

}  // namespace insula::gateway
