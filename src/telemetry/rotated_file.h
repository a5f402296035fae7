#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/fd.h"

namespace insula {

/// A file that grows at its end and has a bound: a full one becomes `path.1`, that `path.2`, and so
/// on; the oldest is lost.
///
/// Threads: one at a time, which may block on the disk.
class RotatedFile {
 public:
  struct Options {
    std::string path;
    /// Of one file. It is longer only when a single text is.
    std::uint64_t bytes_max = 0;
    /// Full ones that are kept beside the one that is written.
    int older = 0;
  };

  /// Opens the file, which goes on if it is there. Errors: fail_errno; kInvalid when it is no
  /// regular file.
  static Result<RotatedFile> open(Options options);

  /// Writes the text to the end of one file: all of it, or nothing when it fails. A file that
  /// cannot be moved away is not made longer.
  Result<> append(std::string_view text);

  /// Goes on in the file that has the path now: another program has moved the old one away.
  Result<> reopen();

 private:
  explicit RotatedFile(Options options) : options_(std::move(options)) {}

  Result<> rotate();

  Options options_;
  Fd file_;
  std::uint64_t bytes_ = 0;
};

}  // namespace insula
