#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "net/stream.h"

namespace insula::gateway {

/// A client's connection as its worker sees it, whatever it speaks.
class Connection {
 public:
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  virtual ~Connection() = default;

  /// Ends whatever the connection waits for, if its deadline has passed.
  virtual void check_deadline(SteadyTime now) = 0;

  /// No request after the present ones; an idle connection gets a moment for one that is under way.
  virtual void begin_drain(SteadyTime now) = 0;

 protected:
  Connection() = default;
};

/// What upstreams are told of the client at the other end.
[[nodiscard]] std::string address_of(const net::Stream& client);

/// The name by which ALPN knows HTTP/2 over TLS.
inline constexpr std::string_view kHttp2Protocol = "h2";

/// How long a client may go on sending a body that was refused, and how much of it, before it is
/// stopped.
inline constexpr std::chrono::seconds kLingerTime{2};
inline constexpr std::size_t kLingerBytesMax = 1U << 20U;

/// On drain, how long an idle connection may still bring a request that was already on its way.
inline constexpr std::chrono::milliseconds kDrainIdleTime{300};

}  // namespace insula::gateway
