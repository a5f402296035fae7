#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "node/cri_log.h"

namespace insula::node {

/// What a client wants of a container's log. Spec: Kubernetes API, PodLogOptions.
struct LogQuery {
  std::string container;
  bool follow = false;
  bool previous = false;
  bool timestamps = false;
  std::optional<std::int64_t> tail_lines;
  std::optional<std::int64_t> limit_bytes;
  std::string since;  // RFC 3339 with nanoseconds; empty: from the beginning

  /// From a URL's query. Errors: kInvalid, with the name of the parameter.
  static Result<LogQuery> parse(std::string_view query, WallTime now);
};

/// Reads the records of one run of a container, over the files that rotation made, oldest first.
///
/// At the end read() gives nothing, and goes on when more was written; a rotation in between loses
/// nothing as long as the reader comes back before the file it is in is rotated away.
class LogReader {
 public:
  /// Reads what `query` asks for. A log that does not exist (yet) is empty.
  LogReader(std::string path, LogQuery query);

  /// Appends at most some 64 KiB of output to `out`. False when there is nothing more (now).
  bool read(std::string& out);

  /// The limit on bytes was reached: there will never be more.
  [[nodiscard]] bool exhausted() const { return query_.limit_bytes && *query_.limit_bytes <= 0; }

 private:
  bool open_next();
  void skip_to_tail();
  void emit(std::string_view line, std::string& out);

  std::string path_;
  LogQuery query_;
  Fd fd_;
  std::uint64_t inode_ = 0;
  int number_ = -1;   // of the open file: 0 is the newest; -1 before the first
  std::string held_;  // a record whose end has not been read
  bool at_line_start_ = true;
};

/// The last lines of a log, without times: at most so many lines and bytes.
[[nodiscard]] std::string log_tail(const std::string& path,
                                   std::size_t lines_max,
                                   std::size_t bytes_max);

}  // namespace insula::node
