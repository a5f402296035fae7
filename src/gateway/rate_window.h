#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "gateway/limiter.h"

namespace insula::gateway {

/// The largest limit that is kept as an exact log: 128 MiB of file. A larger one is
/// enforced as this one.
inline constexpr std::int64_t kRateLimitMax = (std::int64_t{1} << 24) - 1;

/// An exact sliding log: at most N admissions in any window of kRateWindow, however many threads
/// ask, and whenever the process dies.
///
/// The log is a ring of slots in a memory-mapped file, each the time of one admission; times are
/// strictly increasing around the ring. Admission number h may happen at time t when admission
/// h - N was at or before t - window, and it happens by one compare-and-swap of slot h. That swap
/// is the only step that counts: the head index beside it is a hint that any thread moves on, so a
/// kill -9 between the two loses nothing. The ring has more slots than N, so a changed limit only
/// changes which slot is looked at; a limit beyond the ring replaces the file by a larger one.
///
/// Time is a DurableAxis: restarts, reboots and steps of the wall clock never admit too many.
///
/// Threads: admit() and look() from any, without locks; grow() from one at a time.
/// Durability: a killed process loses nothing; a crashed machine what the kernel had not yet
/// written, at most what came since the last flush().
class RateWindow final : public RequestLimiter {
 public:
  /// Opens the ring in `file`, or creates it with room for `limit`. One that exists may be smaller:
  /// call grow(). `boot` names this run of the machine, see current_boot_id().
  ///
  /// A file that is not a ring is kept as `file`.damaged, and one takes its place that admits
  /// nobody for one window, since how many were admitted in the last one cannot be known.
  ///
  /// Errors: fail_errno of the system call.
  /// Lifetime: the clock outlives the window.
  static Result<std::unique_ptr<RateWindow>> open(std::filesystem::path file,
                                                  std::int64_t limit,
                                                  const Clock& clock,
                                                  std::string_view boot);
  ~RateWindow() override;
  RateWindow(const RateWindow&) = delete;
  RateWindow& operator=(const RateWindow&) = delete;

  /// Admits one request if fewer than `limit` were admitted in the last window, or fewer than the
  /// ring has room for when grow() has failed.
  RateDecision admit(std::int64_t limit) override;

  /// The same numbers without admitting anything; `admitted` says whether one would be.
  [[nodiscard]] RateDecision look(std::int64_t limit) const override;

  /// How many were admitted in the last window. An admission that is under way may not be among
  /// them.
  [[nodiscard]] std::int64_t counted() const;

  /// Makes room for `limit`. Admissions by other threads wait while the log is copied, about a
  /// microsecond a thousand entries. Errors: fail_errno; the old ring then serves on.
  Result<> grow(std::int64_t limit);

  /// Writes the ring to the disk, and how the monotonic and the wall clock relate now. Blocking;
  /// call it about once a second from a thread that may block. Does nothing when nothing changed.
  void flush();

  /// Its file was damaged: the file is kept beside a new one, which admits nobody for one window,
  /// since what was used in the last one is not known.
  [[nodiscard]] bool began_full() const { return began_full_; }

 private:
  class Ring;

  RateWindow(std::filesystem::path file, const Clock& clock);

  static Result<std::unique_ptr<Ring>> replace_damaged(const std::filesystem::path& file,
                                                       std::int64_t limit,
                                                       const Clock& clock,
                                                       std::string_view boot);

  std::filesystem::path file_;
  const Clock& clock_;
  bool began_full_ = false;
  std::atomic<Ring*> ring_{nullptr};
  // Owns the present ring, which owns those it replaced: another thread may still be looking at
  // one. Each is at least twice as large as the one before.
  std::unique_ptr<Ring> newest_;
  std::uint64_t flushed_head_ = 0;
};

}  // namespace insula::gateway
