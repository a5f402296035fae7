#pragma once

#include <signal.h>

#include "async/loop.h"
#include "async/task.h"
#include "base/fd.h"

namespace insula {

/// SIGTERM and SIGINT as something to wait for instead of something that interrupts.
///
/// Blocks both for the calling thread, and so for threads it starts later; make it before them. The
/// destructor restores what was.
class StopSignals {
 public:
  explicit StopSignals(Loop& loop);
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;
  ~StopSignals();

  /// The number of the next signal.
  Task<int> wait();

 private:
  sigset_t before_{};
  Fd fd_;
  FdWatch watch_;
};

}  // namespace insula
