#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"

namespace insula::node {

/// A container's output on disk, in the format of the Kubernetes CRI: one record a line,
/// `2026-01-02T03:04:05.123456789Z stdout F text`, where P instead of F says that the text goes on
/// in the next record.
///
/// Spec: kubernetes design-proposals, "CRI: Redirect container stdout/stderr to the log files".

/// Text of one record at most; longer lines become several records.
inline constexpr std::size_t kLogRecordBytesMax = std::size_t{16} * 1024;

enum class LogStream : std::uint8_t { kStdout, kStderr };

/// One record, without its newline. The texts point into what was parsed.
struct LogRecord {
  std::string_view time;  // RFC 3339 with nanoseconds
  std::string_view text;
  LogStream stream = LogStream::kStdout;
  bool partial = false;
};

/// False when the line is not a record (a torn write after a crash); such lines are skipped.
[[nodiscard]] bool parse_log_record(std::string_view line, LogRecord& record);

/// `2026-01-02T03:04:05.123456789Z`.
struct LogTimestamp {
  std::array<char, 30> text;

  [[nodiscard]] std::string_view view() const { return {text.data(), text.size()}; }
};

[[nodiscard]] LogTimestamp log_timestamp(std::timespec time);

/// Appends records to `path` and rotates it: at `bytes_max` the file becomes `path.1`, the older
/// ones move up, and the one beyond `files_max` goes. Lean and free of exceptions, for the shim.
///
/// A record that cannot be written (a full disk) is dropped: a container must not stop because
/// nobody can keep what it prints.
class LogWriter {
 public:
  LogWriter(std::string path, std::int64_t bytes_max, int files_max);

  [[nodiscard]] bool open();
  void append(LogStream stream, std::string_view text, bool partial, std::timespec time);

 private:
  void rotate();

  std::string path_;
  std::int64_t bytes_max_;
  int files_max_;
  std::int64_t bytes_ = 0;
  Fd fd_;
};

/// Cuts a stream of bytes into records. One per stream of a container.
class LineSplitter {
 public:
  LineSplitter(LogWriter& writer, LogStream stream) : writer_(writer), stream_(stream) {}

  void feed(std::string_view bytes, std::timespec time);
  /// At the end of the stream: what came after the last newline is part of a line.
  void finish(std::timespec time);

 private:
  LogWriter& writer_;
  LogStream stream_;
  std::size_t held_ = 0;
  std::array<char, kLogRecordBytesMax>
      buffer_;  // NOLINT(cppcoreguidelines-pro-type-member-init): 16 KiB of no interest
};

}  // namespace insula::node
