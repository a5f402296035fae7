#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "gateway/usage_record.h"

namespace insula::gateway {

/// A record as a segment of the log has it: where it came from, so that none is written twice, and
/// a sum over all of it.
struct StoredRecord {
  UsageRecord record;
  std::uint64_t ring = 0;
  std::uint64_t number = 0;
  std::uint64_t checksum = 0;

  void seal() { checksum = sum(); }

  [[nodiscard]] bool is_whole() const { return checksum == sum(); }

 private:
  [[nodiscard]] std::uint64_t sum() const;
};

/// One segment of the record log: a header, and records one behind the other. Those of before there
/// were members have shorter records; they are read as they are, and not added to any more.
///
/// Lifetime: of the open file; it may be removed meanwhile. Threads: one at a time.
class RecordFile {
 public:
  /// A new, empty one. Errors: fail_errno.
  static Result<RecordFile> create(const std::filesystem::path& file);
  /// Errors: kConflict when it is no segment of this format; fail_errno.
  static Result<RecordFile> open(const std::filesystem::path& file);

  /// Cuts off what is behind the last whole record. Returns the bytes that were cut.
  Result<std::size_t> repair();

  [[nodiscard]] std::size_t records() const { return records_; }

  /// The header takes the place of a record.
  [[nodiscard]] std::size_t bytes() const { return (1 + records_) * record_bytes_; }

  /// Whether append() may be called.
  [[nodiscard]] bool is_of_present_format() const { return record_bytes_ == sizeof(StoredRecord); }

  /// Writes behind the last one. Returns how many were written whole, before an error if there was
  /// one: the next call goes on behind them. Errors: fail_errno,
  /// when it was none.
  Result<std::size_t> append(std::span<const StoredRecord> records);

  /// Reads records from `first` on; fewer than asked for at the end. Whether they are whole is for
  /// the caller to see. Errors: fail_errno.
  [[nodiscard]] Result<std::size_t> read(std::size_t first, std::span<StoredRecord> out) const;

  /// The last record; nothing when there is none, or none that is whole.
  [[nodiscard]] Result<std::optional<StoredRecord>> last() const;

  /// Writes it to the disk. Blocking.
  Result<> sync();

 private:
  RecordFile(Fd fd, std::string name, std::size_t records, std::size_t record_bytes)
      : fd_(std::move(fd)),
        name_(std::move(name)),
        records_(records),
        record_bytes_(record_bytes) {}

  [[nodiscard]] Result<std::size_t> read_bytes(std::size_t first,
                                               std::size_t count,
                                               std::span<char> out) const;

  Fd fd_;
  std::string name_;
  std::size_t records_;
  std::size_t record_bytes_;
};

}  // namespace insula::gateway
