#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "gateway/limiter.h"
#include "gateway/mapped_file.h"

namespace insula::gateway {

/// The largest limit of tokens a minute.
inline constexpr std::int64_t kTokenLimitMax = 1'000'000'000;

/// Tokens of the last minute, reserved before a request and settled after it: those settled in any
/// window of kTokenWindow and those reserved at its end are never more than the limit together,
/// unless a request used more than it had reserved. That is debt: it counts, and nothing is
/// admitted until enough of the window has passed.
///
/// What is settled goes into a bucket of kBucketTime, and a bucket leaves the window with its last
/// instant: up to one six-hundredth of the window is admitted too late, and nothing too early. The
/// buckets are in a memory-mapped file. So is the sum of what is reserved: when the process was
/// killed, what its requests had reserved counts as used at the next open(), since nobody can tell
/// how far they came.
///
/// Threads: any, without locks; open() and flush() from one at a time. One process at a time.
/// Durability: as RateWindow.
class TokenWindow final : public TokenLimiter {
 public:
  static constexpr std::chrono::milliseconds kBucketTime{100};

  /// Opens the file or creates it. One that is not ours is kept as `file`.damaged, and its place is
  /// taken by one that admits nothing for one window. Errors: fail_errno.
  /// Lifetime: the clock outlives the window. `boot`: see current_boot_id().
  static Result<std::unique_ptr<TokenWindow>> open(const std::filesystem::path& file,
                                                   const Clock& clock,
                                                   std::string_view boot);

  TokenWindow(const TokenWindow&) = delete;
  TokenWindow& operator=(const TokenWindow&) = delete;

  RateDecision reserve(std::int64_t tokens, std::int64_t limit) override;
  void settle(std::int64_t reserved, std::int64_t used) override;

  /// What is settled in the window and reserved.
  [[nodiscard]] std::int64_t counted();

  /// Lets go of what has left the window, and writes the file to the disk when something changed.
  /// Blocking; call it about once a second from a thread that may block, or at least every week.
  void flush();

  /// Its file was damaged: the file is kept beside a new one, which admits nobody for one window,
  /// since what was used in the last one is not known.
  [[nodiscard]] bool began_full() const { return began_full_; }

 private:
  /// Buckets in the ring; more than the window has, so that one is long over when it is used again.
  static constexpr std::size_t kBuckets = 1024;

  struct Layout;

  TokenWindow(MappedFile file, const Clock& clock);

  [[nodiscard]] Layout& layout() const;
  [[nodiscard]] std::int64_t bucket_now() const;
  void recover(std::string_view boot);
  void add(std::int64_t bucket, std::int64_t tokens);
  void note_change(std::int64_t now);
  void forget_before(std::int64_t bucket);
  [[nodiscard]] std::chrono::nanoseconds until_free(std::int64_t needed, std::int64_t now) const;

  MappedFile file_;
  bool began_full_ = false;
  const Clock& clock_;
  /// Settled in the window and reserved.
  std::atomic<std::int64_t> held_{0};
  /// The bucket that was the present one when the ring was last looked through.
  std::atomic<std::int64_t> looked_at_{-1};
  std::atomic<bool> changed_{false};
};

}  // namespace insula::gateway
