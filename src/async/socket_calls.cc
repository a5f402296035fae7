#include "async/socket_calls.h"

#include <array>
#include <cerrno>

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace insula {
namespace {

template <class Call>
ssize_t uninterrupted(Call call) {
  for (;;) {
    const ssize_t n = call();
    if (n >= 0 || errno != EINTR) return n;
  }
}

}  // namespace

ssize_t receive_now(int fd, std::span<char> buffer) {
  return uninterrupted([&] {
    return ::syscall(SYS_recvfrom, fd, buffer.data(), buffer.size(), 0, nullptr, nullptr);
  });
}

ssize_t peek_now(int fd, std::span<char> buffer) {
  return uninterrupted([&] {
    return ::syscall(SYS_recvfrom, fd, buffer.data(), buffer.size(), MSG_PEEK, nullptr, nullptr);
  });
}

ssize_t send_now(int fd, std::string_view first, std::string_view second) {
  if (second.empty()) {
    return uninterrupted([&] {
      return ::syscall(SYS_sendto, fd, first.data(), first.size(), MSG_NOSIGNAL, nullptr, 0);
    });
  }
  std::array<iovec, 2> parts{iovec{const_cast<char*>(first.data()), first.size()},
                             iovec{const_cast<char*>(second.data()), second.size()}};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  return uninterrupted([&] { return ::syscall(SYS_sendmsg, fd, &message, MSG_NOSIGNAL); });
}

}  // namespace insula
