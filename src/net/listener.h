#pragma once

#include <memory>
#include <optional>

#include "async/loop.h"
#include "async/task.h"
#include "base/error.h"
#include "net/address.h"
#include "net/stream.h"

namespace insula::net {

struct ListenOptions {
  int backlog = 4096;
  /// Several listeners, each on a loop of its own, share the port; the kernel spreads connections.
  bool reuse_port = false;
};

/// Binds and listens; the socket is non-blocking and belongs to the caller. A stale Unix socket
/// file is replaced when nobody answers on it. Of TCP connections whose client is gone without a
/// word the kernel learns after some minutes (keep_alive()). Errors: kConflict when the address is
/// in use, kForbidden.
Result<int> listen_socket(const Address& address, ListenOptions options = {});

/// The address that a socket is bound to; an empty one when it is bound to none.
[[nodiscard]] Address local_address(int fd);

/// A listening socket on a loop.
class Listener {
 public:
  /// Takes over a listening socket, for example one handed down by a supervisor.
  Listener(Loop& loop, int fd);
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener();

  static Result<std::unique_ptr<Listener>> bind(Loop& loop,
                                                const Address& address,
                                                ListenOptions options = {});

  /// The next connection. Errors: kUnavailable when descriptors or memory have run out; wait before
  /// the next try. Connections that died in the queue are passed over.
  Task<Result<std::unique_ptr<Stream>>> accept();

  /// With the port that the kernel chose, if it was asked to.
  [[nodiscard]] const Address& address() const { return address_; }

  [[nodiscard]] int fd() const { return watch_.fd(); }

 private:
  std::optional<Result<std::unique_ptr<Stream>>> try_accept();

  FdWatch watch_;
  Address address_;
};

}  // namespace insula::net
