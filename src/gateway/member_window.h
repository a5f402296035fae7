#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace insula::gateway {

/// What one member has used up of one window, in half a kilobyte: 64 buckets of a sixtieth of the
/// window, of which 61 count, so that an amount leaves up to a sixtieth too late and never too
/// early; and what is reserved.
///
/// Whoever wants to use something reserves it first and then adds up the buckets: of two that ask
/// at once for the last of it both may be refused, and never both admitted. A settlement goes into
/// its bucket before its reservation ends, so no sum ever misses it.
///
/// Plain bytes of a file, all zero when unused. Buckets are numbered by the caller: how often a
/// sixtieth of the window has passed since 1970. Threads: any, without locks.
class MemberWindow {
 public:
  static constexpr std::int64_t kCounted = 60;

  /// Reserves `amount`; then returns all that is reserved and settled in the window that ends with
  /// this bucket, itself included.
  [[nodiscard]] std::int64_t reserve(std::int64_t amount, std::int64_t bucket);

  /// Ends a reservation of which `used` was used.
  void settle(std::int64_t reserved, std::int64_t used, std::int64_t bucket);

  /// What is reserved and settled in the window that ends with this bucket.
  [[nodiscard]] std::int64_t held(std::int64_t bucket) const;

  /// The first bucket whose window has `needed` less of what is settled now; the one a whole window
  /// ahead when there is not so much.
  [[nodiscard]] std::int64_t free_at(std::int64_t needed, std::int64_t bucket) const;

  /// What was reserved when a process was killed counts as used: nobody can tell how far it came.
  void recover(std::int64_t bucket);

  void clear();

 private:
  static constexpr std::size_t kBuckets = 64;

  void add(std::int64_t amount, std::int64_t bucket);
  /// Of the bucket of this number; 0 when its place has another's.
  [[nodiscard]] std::int64_t amount_in(std::int64_t bucket) const;

  std::atomic<std::int64_t> reserved_;
  /// Each the lower half of its number and its amount, in one word, so that one swap changes both.
  std::array<std::atomic<std::uint64_t>, kBuckets> buckets_;
};

}  // namespace insula::gateway
