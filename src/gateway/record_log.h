#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "gateway/record_file.h"
#include "gateway/record_ring.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

namespace insula::gateway {

/// How much of the log of single requests is kept, to a segment.
struct RecordRetention {
  /// Some 1.3 million requests.
  std::uint64_t bytes_max = std::uint64_t{512} << 20U;
  std::chrono::seconds age_max = std::chrono::days(90);
};

/// The log of single requests: segments in a folder of their own, each with a number higher than
/// that of the one before, with records in the order of their time.
///
/// What rings hold is moved here once: a segment says of each record where it came from, so that
/// what was written before a kill is not written again.
///
/// Threads: one at a time. Every call may block on the disk.
class RecordLog {
 public:
  /// About 10,500 records.
  static constexpr std::size_t kSegmentBytes = std::size_t{4} << 20U;
  /// One that is older is closed, so that it can be removed when its time has come.
  static constexpr std::chrono::seconds kSegmentAgeMax = std::chrono::days(1);

  /// Opens the folder, or makes it. What is behind the last whole record of the newest segment, as
  /// after a crash of the machine, is cut off; a segment that cannot be read is kept aside as
  /// `.damaged`, told in the log and counted in `damaged`. Errors: fail_errno.
  static Result<std::unique_ptr<RecordLog>> open(const std::filesystem::path& folder,
                                                 const RecordRetention& retention,
                                                 const Clock& clock,
                                                 Counter& damaged,
                                                 Log log);

  /// Gives up what of a ring was already written. Call it once for every ring of an earlier run.
  void resume(RecordRing& ring) const;

  /// Moves what is in the rings now to the log. Errors: fail_errno; what was not written stays in
  /// its ring.
  Result<> write_from(std::span<RecordRing* const> rings);

  /// Removes segments that are too many or too old.
  void remove_old();

  /// Writes to the disk what was not yet. Errors: fail_errno.
  Result<> sync();

  /// The files, oldest first.
  [[nodiscard]] std::vector<std::filesystem::path> segments() const;

  /// Takes a segment out that cannot be read.
  void keep_aside(const std::filesystem::path& file, const Error& why);

 private:
  struct Segment {
    std::filesystem::path file;
    std::uint64_t number = 0;
    std::uint64_t bytes = 0;
    std::int64_t newest_us = 0;  // of its last record; 0 when there is none
  };

  RecordLog(std::filesystem::path folder,
            const RecordRetention& retention,
            const Clock& clock,
            Counter& damaged,
            Log log);
  Result<> find_segments();
  Result<> open_newest();
  Result<> rotate();
  [[nodiscard]] bool wants_rotation() const;

  /// A ring with what of it is to be moved.
  struct Source {
    RecordRing* ring = nullptr;
    std::uint64_t next = 0;
    std::uint64_t end = 0;
  };

  Result<> note_last_batch(const RecordFile& file);
  Result<std::size_t> write_batch(std::span<Source> sources);
  void take_earliest(std::span<Source> sources, std::size_t count_max);

  std::filesystem::path folder_;
  RecordRetention retention_;
  const Clock& clock_;
  Counter& damaged_;
  Log log_;
  std::deque<Segment> segments_;
  std::uint64_t last_number_ = 0;
  std::optional<RecordFile> newest_;  // the last of segments_; none while there is no segment
  std::int64_t newest_since_us_ = 0;
  /// Of the last write of an earlier run: by ring the number of its last record.
  std::map<std::uint64_t, std::uint64_t> last_batch_;
  std::vector<StoredRecord> batch_;
  std::vector<RecordRing*> batch_rings_;  // where each record of the batch is from
  bool unsynced_ = false;
};

}  // namespace insula::gateway
