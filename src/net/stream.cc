#include "net/stream.h"

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "async/deadline.h"
#include "async/ring.h"
#include "async/ring_socket.h"
#include "async/socket_calls.h"
#include "base/fd.h"
#include "net/tls_session.h"

namespace insula::net {
namespace {

Result<std::size_t> broken(std::string_view what, const Address& peer, int error_number) {
  const Error cause = fail_errno(what, error_number).error();
  return fail(ErrorCode::kUpstream, fmt::format("{}: {}", peer.text(), cause.message()));
}

}  // namespace

Stream::Stream(Loop& loop, int fd, Address peer)
    : watch_(loop, fd, loop.ring() == nullptr ? FdEvents::kAll : FdEvents::kOutputAndEnd),
      ring_(loop.ring() == nullptr ? nullptr : loop.ring()->open(watch_, fd)),
      peer_(peer) {
  if (peer_.family() == AF_INET || peer_.family() == AF_INET6) {
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  // Data may have arrived before the watch: the first attempts find out.
  watch_.readable = watch_.writable = true;
}

Stream::~Stream() {
  if (tls_ != nullptr && !aborted_) tls_->shutdown();
  if (ring_ != nullptr) {
    ring_->release(aborted_);
  } else {
    ::close(watch_.fd());
  }
}

ssize_t Stream::receive(std::span<char> buffer) {
  if (ring_ != nullptr) return ring_->receive(buffer);
  if (!watch_.readable) {
    errno = EAGAIN;
    return -1;
  }
  const ssize_t n = receive_now(watch_.fd(), buffer);
  // A short read has emptied the socket; what comes later raises a new edge. Saves one recv a
  // message.
  const bool drained = n > 0 && static_cast<std::size_t>(n) < buffer.size() && !watch_.hung_up;
  if (drained || (n < 0 && errno == EAGAIN)) watch_.readable = false;
  return n;
}

ssize_t Stream::send(std::string_view first, std::string_view second) {
  if (ring_ != nullptr) return ring_->send(first, second);
  if (!watch_.writable) {
    errno = EAGAIN;
    return -1;
  }
  const ssize_t n = send_now(watch_.fd(), first, second);
  if (n < 0 && errno == EAGAIN) watch_.writable = false;
  return n;
}

std::optional<Result<std::size_t>> Stream::try_read(std::span<char> buffer) {
  if (tls_ != nullptr) return tls_->read(buffer);
  const ssize_t n = receive(buffer);
  if (n >= 0) return static_cast<std::size_t>(n);
  if (errno == EAGAIN) return std::nullopt;
  return broken("read", peer_, errno);
}

std::optional<Result<std::size_t>> Stream::try_write(std::string_view first,
                                                     std::string_view second) {
  if (tls_ != nullptr) return tls_->write(first, second);
  const ssize_t n = send(first, second);
  if (n < 0 && errno == EAGAIN) return std::nullopt;
  if (n < 0) return broken("write", peer_, errno);
  return static_cast<std::size_t>(n);
}

std::optional<Result<std::size_t>> Stream::try_peek(std::span<char> buffer) {
  const ssize_t n = ring_ != nullptr ? ring_->peek(buffer) : peek_now(watch_.fd(), buffer);
  if (n >= 0) return static_cast<std::size_t>(n);
  if (errno == EAGAIN) return std::nullopt;
  return broken("read", peer_, errno);
}

bool Stream::has_unread() {
  if (watch_.hung_up || (tls_ != nullptr && tls_->has_pending())) return true;
  std::array<char, 1> byte{};
  return try_peek(byte).has_value();
}

void Stream::expect_small_pieces() {
  // Elsewhere than in TCP there is nothing to confirm, and this fails.
  const int off = 0;
  ::setsockopt(watch_.fd(), IPPROTO_TCP, TCP_QUICKACK, &off, sizeof off);
}

void Stream::shutdown_write() {
  if (tls_ != nullptr) tls_->shutdown();
  if (ring_ != nullptr) return ring_->shutdown_write();
  ::shutdown(watch_.fd(), SHUT_WR);
}

void Stream::shutdown() {
  if (ring_ != nullptr) return ring_->shutdown();
  ::shutdown(watch_.fd(), SHUT_RDWR);
}

void Stream::abort() {
  aborted_ = true;
  const ::linger reset{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(watch_.fd(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
}

const TlsPeer* Stream::tls() const {
  return tls_ == nullptr ? nullptr : &tls_->peer();
}

std::string_view Stream::alpn() const {
  return tls_ == nullptr ? std::string_view() : tls_->alpn();
}

void Stream::adopt_tls(std::unique_ptr<TlsSession> session) {
  tls_ = std::move(session);
  watch_.crossed = true;
}

std::optional<Result<>> Stream::write_rest(std::string_view& first, std::string_view& second) {
  while (!first.empty() || !second.empty()) {
    auto written = try_write(first, second);
    if (!written) return std::nullopt;
    if (!*written) return std::unexpected(std::move(*written).error());
    const std::size_t of_first = std::min(**written, first.size());
    first.remove_prefix(of_first);
    second.remove_prefix(**written - of_first);
  }
  return Result<>();
}

std::optional<Result<std::size_t>> Stream::try_handshake() {
  return tls_->handshake();
}

namespace {

Task<Result<>> finish_connect(int fd) {
  FdWatch watch(Loop::current(), fd);
  co_await retry_on(watch.writers, [&watch] {
    return watch.writable ? std::optional<std::monostate>(std::in_place) : std::nullopt;
  });
  int error_number = 0;
  socklen_t size = sizeof error_number;
  ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error_number, &size);
  if (error_number != 0) co_return fail_errno("connect", error_number);
  co_return Result<>();
}

bool is_shortage(int error_number) {
  return error_number == EMFILE || error_number == ENFILE || error_number == ENOBUFS ||
         error_number == ENOMEM || error_number == EADDRNOTAVAIL;
}

std::unexpected<Error> shortage(std::string_view what) {
  const Error cause = fail_errno(what).error();
  return fail(ErrorCode::kUnavailable, cause.message());
}

std::unexpected<Error> unreachable(const Address& address, const Error& cause) {
  const ErrorCode code =
      cause.code() == ErrorCode::kTimeout ? ErrorCode::kTimeout : ErrorCode::kUpstream;
  return std::unexpected(
      Error(code, ErrorOrigin::kUpstream, fmt::format("{}: {}", address.text(), cause.message()))
          .with_retry(Retry::kSafe));
}

}  // namespace

Task<Result<std::unique_ptr<Stream>>> dial(Address address, Deadline deadline) {
  Fd fd(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) co_return is_shortage(errno) ? shortage("socket") : fail_errno("socket");
  if (::connect(fd.get(), address.data(), address.size()) != 0) {
    if (is_shortage(errno)) co_return shortage("connect");
    if (errno != EINPROGRESS) co_return unreachable(address, fail_errno("connect").error());
    auto connected = co_await with_deadline(deadline, finish_connect(fd.get()));
    if (!connected) co_return unreachable(address, connected.error());
  }
  co_return std::make_unique<Stream>(Loop::current(), fd.release(), address);
}

Result<std::array<std::unique_ptr<Stream>, 2>> stream_pair(Loop& loop) {
  std::array<int, 2> fds{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()) != 0) {
    return fail_errno("socketpair");
  }
  INSULA_TRY(const Address address, Address::unix_path("pair"));
  return std::array<std::unique_ptr<Stream>, 2>{std::make_unique<Stream>(loop, fds[0], address),
                                                std::make_unique<Stream>(loop, fds[1], address)};
}

}  // namespace insula::net
