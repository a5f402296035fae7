#pragma once

#include <cstdint>
#include <limits>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "cli/options.h"

namespace insula::cli {

/// Seconds since 1970; `to` is the first that is not meant.
struct TimeRange {
  std::int64_t from = 0;
  std::int64_t to = std::numeric_limits<std::int64_t>::max();

  bool operator==(const TimeRange&) const = default;
};

/// Hours since 1970, both included.
struct HourRange {
  std::int64_t from = 0;
  std::int64_t to = std::numeric_limits<std::int64_t>::max();

  bool operator==(const HourRange&) const = default;
};

/// The flags that say of which time something is to be shown: --from, --to, --since.
struct TimeRangeOptions {
  std::string from;
  std::string to;
  std::string since;

  void declare(Options& options);

  /// Errors: kInvalid, with the flag and what would be right.
  [[nodiscard]] Result<TimeRange> range(WallTime now) const;

  /// For what is kept by the hour: --from and --to must be full hours, --since goes back to the
  /// beginning of one. Errors: as range().
  [[nodiscard]] Result<HourRange> hours(WallTime now) const;
};

}  // namespace insula::cli
