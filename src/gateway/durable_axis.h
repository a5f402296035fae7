#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace insula::gateway {

/// The running kernel's /proc/sys/kernel/random/boot_id; empty when it cannot be read, which makes
/// every start look like one after a reboot.
[[nodiscard]] std::string current_boot_id();

/// Time in nanoseconds that goes on over restarts and never back, kept in a mapped file.
///
/// It is the machine's monotonic clock plus an offset: a step of the wall clock changes nothing
/// while the machine is up. After a reboot the time that passed is taken from the wall clock, and
/// never less than none: whoever counts over a window of it admits too few for a while when the
/// clock was set back, and never too many.
///
/// All zero is a valid state, of an axis that was never used. Threads: now() from any while the
/// others are called by one.
class DurableAxis {
 public:
  [[nodiscard]] std::int64_t now(const Clock& clock) const;

  /// Goes on where it stopped; `newest`: the latest time on it that anything is known of. `boot`
  /// names this run of the machine, see current_boot_id().
  void resume(const Clock& clock, std::string_view boot, std::int64_t newest);

  void copy(const DurableAxis& from);

  /// Notes how the wall clock relates to the axis now. Returns whether that had changed.
  bool note_wall(const Clock& clock);

 private:
  void set(std::int64_t offset, std::uint64_t boot_hash);
  [[nodiscard]] std::uint64_t expected_check() const;

  // The layout in the file: little-endian 64-bit words.
  std::int64_t offset_;
  std::uint64_t boot_hash_;
  std::uint64_t check_;  // over the two before
  std::int64_t wall_minus_axis_;
};

static_assert(sizeof(DurableAxis) == 32);

}  // namespace insula::gateway
