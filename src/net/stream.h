#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "async/loop.h"
#include "async/retry.h"
#include "async/task.h"
#include "base/error.h"
#include "net/address.h"

namespace insula {
class RingSocket;
}  // namespace insula

namespace insula::net {

/// A peer's verified client certificate; empty common name when it sent none.
struct TlsPeer {
  std::string common_name;                 // CN of the subject
  std::vector<std::string> organizations;  // its O attributes, in order
  std::string fingerprint = {};            // SHA-256 of the whole certificate, in hexadecimal

  bool operator==(const TlsPeer&) const = default;
};

/// The TLS half of a stream; defined in tls.cc, so that OpenSSL stays there.
class TlsSession;

/// A connected byte stream: TCP or Unix socket, with or without TLS.
///
/// At most one read, one write and any number of hang-up waits at a time. Destruction closes the
/// connection and must not happen while somebody awaits it; cancel the task instead.
///
/// Threads: the loop it was made on.
class Stream {
 public:
  /// Takes over a connected, non-blocking socket.
  Stream(Loop& loop, int fd, Address peer);
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream();

  /// `co_await` gives Result<size_t>: bytes read, at least one; 0 at the end of the stream.
  /// Errors: kUpstream when the connection is reset or TLS fails.
  [[nodiscard]] auto read(std::span<char> buffer) {
    return retry_on(watch_.readers, [this, buffer] { return try_read(buffer); });
  }

  /// `co_await` gives what `attempt` returns once that optional is filled; tried whenever there may
  /// be bytes. For readers that take a buffer only when they read, so that waiting ones hold none.
  template <class F>
  [[nodiscard]] auto read_with(F attempt) {
    return retry_on(watch_.readers, std::move(attempt));
  }

  /// `co_await` gives Result<>: all was taken; an error of it may come with the next call. The
  /// bytes must stay alive until then. The second part follows the first, without joining them.
  [[nodiscard]] auto write(std::string_view first, std::string_view second = {}) {
    return retry_on(watch_.writers,
                    [this, first, second]() mutable { return write_rest(first, second); });
  }

  /// `co_await` returns when the peer has closed its side or the connection broke, even while
  /// unread bytes are left.
  [[nodiscard]] auto hangup() {
    return retry_on(watch_.hangup_waiters, [this] {
      return watch_.hung_up ? std::optional<std::monostate>(std::in_place) : std::nullopt;
    });
  }

  /// One look at what read() of a plain stream would give, without taking it; nullopt when it would
  /// block. For read_with().
  std::optional<Result<std::size_t>> try_peek(std::span<char> buffer);

  /// TLS only; for tls.cc. `co_await` gives Result<size_t> once hands are shaken.
  [[nodiscard]] auto handshake() {
    return retry_on(watch_.readers, [this] { return try_handshake(); });
  }

  /// The peer has closed its side, or the connection broke.
  [[nodiscard]] bool hung_up() const { return watch_.hung_up; }

  /// True when the socket holds bytes or an end that nobody has read: an idle pooled connection
  /// that says so is not fit for use.
  [[nodiscard]] bool has_unread();

  /// Has the kernel confirm every other piece that comes instead of each. For a stream of small
  /// ones, where confirming costs more than receiving; the kernel may fall back.
  void expect_small_pieces();

  /// Sends the end of our side; reading goes on.
  void shutdown_write();

  /// Ends both sides at once, after what was written: whoever waits sees the end.
  void shutdown();

  /// Makes the destructor end the connection with a reset and, under TLS, without the message that
  /// says that all was sent: the peer sees that something is missing.
  void abort();

  [[nodiscard]] int fd() const { return watch_.fd(); }

  [[nodiscard]] Loop& loop() const { return watch_.loop(); }

  [[nodiscard]] const Address& peer() const { return peer_; }

  /// Null without TLS.
  [[nodiscard]] const TlsPeer* tls() const;
  /// What ALPN agreed on; empty without.
  [[nodiscard]] std::string_view alpn() const;

  /// For tls.cc: from here on bytes pass through `session`.
  void adopt_tls(std::unique_ptr<TlsSession> session);

  /// For tls.cc: the socket itself. -1 and errno when that fails or would block.
  ssize_t receive(std::span<char> buffer);
  ssize_t send(std::string_view first, std::string_view second = {});

  /// One try; nullopt when it would block.
  std::optional<Result<std::size_t>> try_read(std::span<char> buffer);
  std::optional<Result<std::size_t>> try_write(std::string_view first, std::string_view second);

 private:
  /// Writes what it can and takes it off the front; filled once nothing is left, or on failure.
  std::optional<Result<>> write_rest(std::string_view& first, std::string_view& second);
  std::optional<Result<std::size_t>> try_handshake();

  FdWatch watch_;
  RingSocket* ring_ = nullptr;  // who moves the bytes, if the loop has a ring
  Address peer_;
  std::unique_ptr<TlsSession> tls_;
  bool aborted_ = false;
};

/// Connects. Errors: kUpstream (refused, unreachable), kTimeout; kUnavailable when this machine or
/// process has no socket, port or memory left, which says nothing of the peer.
Task<Result<std::unique_ptr<Stream>>> dial(Address address, Deadline deadline);

/// Both ends of a connected pair of Unix sockets; the network of unit tests.
Result<std::array<std::unique_ptr<Stream>, 2>> stream_pair(Loop& loop);

}  // namespace insula::net
