#include "net/listener.h"

#include <cerrno>
#include <chrono>
#include <utility>

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/keep_alive.h"

namespace insula::net {
namespace {

/// As long as Kubernetes' API server lets a client say nothing.
constexpr std::chrono::minutes kSilence{3};

bool answers(const Address& address) {
  const int fd = ::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return true;
  const bool connected = ::connect(fd, address.data(), address.size()) == 0;
  ::close(fd);
  return connected;
}

std::unexpected<Error> close_and_fail(int fd, const Address& address, const char* what) {
  const int error_number = errno;
  ::close(fd);
  if (error_number == EADDRINUSE) {
    return fail(ErrorCode::kConflict,
                fmt::format("{} is in use by another process", address.text()));
  }
  return std::unexpected(fail_errno(what, error_number).error().in(address.text()));
}

}  // namespace

Address local_address(int fd) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length) != 0) return {};
  return Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&storage), length);
}

Result<int> listen_socket(const Address& address, ListenOptions options) {
  const int fd = ::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return fail_errno("socket");
  const int on = 1;
  if (!address.is_unix()) ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (!address.is_unix()) keep_alive(fd, kSilence);
  if (options.reuse_port) ::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  int rc = ::bind(fd, address.data(), address.size());
  if (rc != 0 && errno == EADDRINUSE && address.is_unix() && !answers(address)) {
    ::unlink(address.host().c_str());
    rc = ::bind(fd, address.data(), address.size());
  }
  if (rc != 0) return close_and_fail(fd, address, "bind");
  if (::listen(fd, options.backlog) != 0) return close_and_fail(fd, address, "listen");
  return fd;
}

Listener::Listener(Loop& loop, int fd) : watch_(loop, fd), address_(local_address(fd)) {}

Listener::~Listener() {
  ::close(watch_.fd());
}

Result<std::unique_ptr<Listener>> Listener::bind(Loop& loop,
                                                 const Address& address,
                                                 ListenOptions options) {
  INSULA_TRY(const int fd, listen_socket(address, options));
  return std::make_unique<Listener>(loop, fd);
}

std::optional<Result<std::unique_ptr<Stream>>> Listener::try_accept() {
  for (;;) {
    sockaddr_storage storage{};
    socklen_t length = sizeof storage;
    const int fd = ::accept4(watch_.fd(), reinterpret_cast<sockaddr*>(&storage), &length,
                             SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      const auto peer = Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&storage), length);
      return std::make_unique<Stream>(watch_.loop(), fd, peer);
    }
    if (errno == EAGAIN) return std::nullopt;
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      const Error cause = fail_errno("accept").error();
      return fail(ErrorCode::kUnavailable, cause.message());
    }
    // Anything else belongs to a connection that is already gone.
  }
}

Task<Result<std::unique_ptr<Stream>>> Listener::accept() {
  co_return co_await retry_on(watch_.readers, [this] { return try_accept(); });
}

}  // namespace insula::net
