#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "gateway/durable_axis.h"
#include "gateway/mapped_file.h"
#include "gateway/rate_window.h"

namespace insula::gateway {

/// The file of a RateWindow, mapped: a page of header, then the slots.
///
/// Layout, little-endian 64-bit words: magic, format version, number of slots, the axis. Slot: time
/// of an admission on the axis in nanoseconds; 0 never used; kSealed closed by grow().
class RateWindow::Ring {
 public:
  static constexpr std::int64_t kSealed = INT64_MAX;
  /// Times beyond this are not ours: the year 2227.
  static constexpr std::int64_t kTimeMax = std::int64_t{8'100'000'000} * 1'000'000'000;

  /// Maps `file`, which must exist and be a ring. Errors: fail_errno; kConflict when it is none.
  static Result<std::unique_ptr<Ring>> open(const std::filesystem::path& file);
  /// Makes `file` anew, all slots allocated on disk, so that a full disk cannot kill a write later.
  static Result<std::unique_ptr<Ring>> create(const std::filesystem::path& file,
                                              std::int64_t limit);
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  [[nodiscard]] std::uint64_t capacity() const { return slots_.size(); }

  [[nodiscard]] std::atomic<std::int64_t>& slot(std::uint64_t sequence) const {
    return slots_[sequence & (slots_.size() - 1)];
  }

  /// Number of the next admission; may lag behind the slots, never ahead of them.
  std::atomic<std::uint64_t> head{0};

  [[nodiscard]] DurableAxis& axis() const;

  /// Makes the axis go on where it stopped. Requires: recover() was called.
  void resume_axis(const Clock& clock, std::string_view boot);

  /// Puts the slots in order after a restart and finds the head.
  void recover();
  /// Fills an empty ring with admissions, oldest first.
  void fill(std::span<const std::int64_t> times);

  void sync() const { file_.sync(); }

  std::unique_ptr<Ring> replaced;

 private:
  struct Header;

  explicit Ring(MappedFile file);
  [[nodiscard]] Header& header() const;

  MappedFile file_;
  std::span<std::atomic<std::int64_t>> slots_;
};

}  // namespace insula::gateway
