#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "telemetry/log.h"
#include "telemetry/metrics.h"
#include "telemetry/rotated_file.h"

namespace insula {

/// Writes lines to a file on a thread of its own, in the order they came.
///
/// Whoever has a line does not wait for the disk, and it is written within some 20 ms. Lines that
/// cannot be written, and those for which there is no room while the disk is slower than they come,
/// are dropped and counted; the log is told once of a failure that lasts.
///
/// Lifetime: counters and log sink outlive it. Threads: write() from any.
class LineWriter {
 public:
  struct Options {
    /// Of lines that wait.
    std::size_t waiting_bytes_max = std::size_t{16} << 20U;
    /// What is written there, for the log.
    std::string what;
  };

  LineWriter(RotatedFile file, Options options, Counter& written, Counter& dropped, Log log);
  /// Writes what waits.
  ~LineWriter();
  LineWriter(const LineWriter&) = delete;
  LineWriter& operator=(const LineWriter&) = delete;

  /// `line`: without a newline at its end or in it.
  void write(std::string_view line);

 private:
  void work();
  void put(std::string_view lines);

  RotatedFile file_;  // the thread's
  bool failing_ = false;
  Options options_;
  Counter& written_;
  Counter& dropped_;
  Log log_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::string waiting_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace insula
