#include "async/signals.h"

#include <optional>

#include <pthread.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "async/retry.h"
#include "base/check.h"

namespace insula {
namespace {

int block_and_open(std::initializer_list<int> numbers, sigset_t& before) {
  sigset_t set{};
  sigemptyset(&set);
  for (const int number : numbers)
    sigaddset(&set, number);
  INSULA_CHECK(::pthread_sigmask(SIG_BLOCK, &set, &before) == 0);
  const int fd = ::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  INSULA_CHECK(fd >= 0, "signalfd");
  return fd;
}

}  // namespace

Signals::Signals(Loop& loop, std::initializer_list<int> numbers)
    : fd_(block_and_open(numbers, before_)), watch_(loop, fd_.get()) {}

Signals::~Signals() {
  ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

Task<int> Signals::wait() {
  co_return co_await retry_on(watch_.readers, [this]() -> std::optional<int> {
    signalfd_siginfo info{};
    if (::read(fd_.get(), &info, sizeof info) != sizeof info) return std::nullopt;
    return static_cast<int>(info.ssi_signo);
  });
}

}  // namespace insula
