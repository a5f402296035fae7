#include "net/keep_alive.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace insula::net {
namespace {

constexpr int kIntervalSeconds = 10;
constexpr int kProbes = 3;

}  // namespace

void keep_alive(int fd, std::chrono::seconds silence) {
  const auto set = [&](int level, int name, int value) {
    // Only TCP has it.
    (void)::setsockopt(fd, level, name, &value, sizeof(value));
  };
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, static_cast<int>(silence.count()));
  set(IPPROTO_TCP, TCP_KEEPINTVL, kIntervalSeconds);
  set(IPPROTO_TCP, TCP_KEEPCNT, kProbes);
  const auto patience = silence + std::chrono::seconds(kProbes * kIntervalSeconds);
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(std::chrono::milliseconds(patience).count()));
}

}  // namespace insula::net
