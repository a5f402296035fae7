#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "gateway/line_ring.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"
#include "telemetry/rotated_file.h"

namespace insula::gateway {

struct AccessLogOptions {
  /// A file, or `-` for standard output. Empty: no access log.
  std::string path;
  /// Of the file and the older ones beside it together.
  std::uint64_t bytes_max = std::uint64_t{1} << 30U;
};

/// The access log of a gateway: one line for each request.
///
/// Loops put lines into rings; write() moves them on. A full file becomes `path.1`, that `path.2`,
/// and so on; with the one that is written there are kFiles of them. A line that cannot be written,
/// or for which its ring has no room, is dropped and counted: requests do not wait for the log.
///
/// Threads: rings as LineRing says; everything else one thread at a time, which may block on the
/// disk, and up to kPatienceMs on a pipe that nobody reads.
class AccessLog {
 public:
  static constexpr int kFiles = 4;
  /// Of lines that wait to be written, for each loop.
  static constexpr std::size_t kRingBytes = std::size_t{1} << 20U;
  /// A file holds at least what a ring does.
  static constexpr std::uint64_t kBytesMin = kFiles * kRingBytes;
  static constexpr int kPatienceMs = 1000;

  /// Opens the file. Errors: fail_errno; kInvalid when it is no regular file, or `bytes_max` is
  /// less than kBytesMin.
  static Result<std::unique_ptr<AccessLog>> open(const AccessLogOptions& options,
                                                 unsigned loops,
                                                 MetricsRegistry& registry,
                                                 Log log);
  /// Writes what there is.
  ~AccessLog();
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;

  [[nodiscard]] LineRing& ring(unsigned loop) { return *rings_[loop]; }

  /// Lines that were dropped.
  [[nodiscard]] Counter& dropped() { return dropped_; }

  /// Writes what is in the rings.
  void write();

  /// Goes on in the file that has the path now: another program has moved the old one away.
  void reopen();

 private:
  AccessLog(const AccessLogOptions& options, unsigned loops, MetricsRegistry& registry, Log log);
  Result<> open_file();
  void write_piece(std::string_view piece);
  [[nodiscard]] Result<> put(std::string_view text);
  [[nodiscard]] Result<> put_to_stream(std::string_view text);
  void tell(const Result<>& result);

  AccessLogOptions options_;
  Counter& lines_;
  Counter& dropped_;
  Log log_;
  std::vector<std::unique_ptr<LineRing>> rings_;
  std::optional<RotatedFile> file_;  // nothing for standard output
  Fd stream_;                        // a duplicate of standard output
  std::string partial_;       // the beginning of a line whose rest is at the ring's other end
  bool broken_line_ = false;  // the last line went out in part
  bool failing_ = false;
};

}  // namespace insula::gateway
