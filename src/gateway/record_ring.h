#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "base/error.h"
#include "gateway/mapped_file.h"
#include "gateway/usage_record.h"

namespace insula::gateway {

/// Records of one event loop on their way to the record log, in a memory-mapped file: writing one
/// is a copy into memory that is always the same, and a kill loses none.
///
/// Records are numbered from 0 for as long as the file exists.
///
/// Threads: append() from one loop; everything else from one other thread.
class RecordRing {
 public:
  static constexpr std::size_t kRecords = 2048;
  /// As many unread ones are worth waking the reader for.
  static constexpr std::size_t kRecordsWorthReading = kRecords / 4;

  /// Opens or creates the file, and converts one of the first format. Errors: fail_errno; kConflict
  /// when it is no such ring.
  static Result<std::unique_ptr<RecordRing>> open(const std::filesystem::path& file);
  ~RecordRing();
  RecordRing(const RecordRing&) = delete;
  RecordRing& operator=(const RecordRing&) = delete;

  /// Differs for every file that was ever made.
  [[nodiscard]] std::uint64_t id() const;

  /// The number that the next record gets.
  [[nodiscard]] std::uint64_t next() const;

  /// False when there is no room, since nobody has read for long.
  [[nodiscard]] bool append(const UsageRecord& record);

  [[nodiscard]] std::size_t unread() const;

  /// The number of the first unread record.
  [[nodiscard]] std::uint64_t first_unread() const;
  /// Requires: unread.
  [[nodiscard]] const UsageRecord& at(std::uint64_t number) const;

  /// Gives up everything before the record `number`, unless it was given up before.
  void forget_before(std::uint64_t number);

 private:
  struct Header;

  explicit RecordRing(MappedFile mapped);
  static Result<MappedFile> convert(const MappedFile& old, const std::filesystem::path& file);
  [[nodiscard]] Header& header() const;
  [[nodiscard]] std::span<UsageRecord> records() const;

  MappedFile mapped_;
};

}  // namespace insula::gateway
