#include "async/signals.h"

#include <optional>

#include <pthread.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "async/retry.h"
#include "base/check.h"

namespace insula {
namespace {

sigset_t stop_signals() {
  sigset_t set{};
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

int block_and_open(sigset_t& before) {
  const sigset_t set = stop_signals();
  INSULA_CHECK(::pthread_sigmask(SIG_BLOCK, &set, &before) == 0);
  const int fd = ::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  INSULA_CHECK(fd >= 0, "signalfd");
  return fd;
}

}  // namespace

StopSignals::StopSignals(Loop& loop) : fd_(block_and_open(before_)), watch_(loop, fd_.get()) {}

StopSignals::~StopSignals() {
  ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

Task<int> StopSignals::wait() {
  co_return co_await retry_on(watch_.readers, [this]() -> std::optional<int> {
    signalfd_siginfo info{};
    if (::read(fd_.get(), &info, sizeof info) != sizeof info) return std::nullopt;
    return static_cast<int>(info.ssi_signo);
  });
}

}  // namespace insula
