#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "gateway/record_file.h"
#include "gateway/usage_record.h"

namespace insula::gateway {

/// Which records are asked for.
struct RecordQuery {
  std::string tenant;              // empty: all
  std::optional<std::string> uid;  // nothing: of every tenant of that name
  std::int64_t from_us = 0;        // microseconds since 1970, first
  std::int64_t to_us = INT64_MAX;  // and the first that is not meant
  std::size_t limit = SIZE_MAX;
  bool oldest_first = false;

  [[nodiscard]] bool wants(const UsageRecord& record) const;
};

/// Reads the record log, a piece at a time: what it holds is bounded whatever is asked for.
/// Segments that are removed meanwhile are left out.
///
/// Threads: one at a time, the log's.
class RecordScan {
 public:
  /// Records that next() looks at, so that whoever writes the log need not wait for long.
  static constexpr std::size_t kLookedAtMax = 4096;

  /// `segments`: oldest first.
  RecordScan(std::vector<std::filesystem::path> segments, RecordQuery query);

  struct Piece {
    std::vector<UsageRecord> records;
    bool last = false;
    /// Places at which no whole record was found.
    std::size_t damaged = 0;
  };

  /// The next records; maybe none although there are more. Errors: fail_errno.
  [[nodiscard]] Result<Piece> next();

 private:
  [[nodiscard]] Result<bool> open_next();
  [[nodiscard]] Result<std::size_t> read_some(Piece& piece);

  std::vector<std::filesystem::path> segments_;  // still to be read, the next at the end
  RecordQuery query_;
  std::size_t left_;
  std::optional<RecordFile> file_;
  std::size_t begin_ = 0;  // what of the file has not been read
  std::size_t end_ = 0;
  std::vector<StoredRecord> read_;
};

}  // namespace insula::gateway
