#pragma once

#include <initializer_list>

#include <signal.h>

#include "async/loop.h"
#include "async/task.h"
#include "base/fd.h"

namespace insula {

/// Signals as something to wait for instead of something that interrupts.
///
/// Blocks them for the calling thread, and so for threads it starts later; make it before them. The
/// destructor restores what was.
class Signals {
 public:
  Signals(Loop& loop, std::initializer_list<int> numbers);
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;
  ~Signals();

  /// The number of the next signal.
  Task<int> wait();

 private:
  sigset_t before_{};
  Fd fd_;
  FdWatch watch_;
};

/// SIGTERM and SIGINT.
class StopSignals : public Signals {
 public:
  explicit StopSignals(Loop& loop) : Signals(loop, {SIGTERM, SIGINT}) {}
};

}  // namespace insula
