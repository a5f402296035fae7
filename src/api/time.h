#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"

namespace insula::api {

/// A point in time, to the second: `2026-11-23T20:36:33Z`. 0 means not set (as 1970-01-01T00:00:00Z
/// does in Kubernetes' protobuf form).
struct Time {
  std::int64_t seconds = 0;  // since 1970-01-01T00:00:00Z

  [[nodiscard]] static Time from(WallTime wall);
  /// RFC 3339, any offset; fractions are cut off.
  [[nodiscard]] static Result<Time> parse(std::string_view text);

  [[nodiscard]] bool is_zero() const { return seconds == 0; }

  [[nodiscard]] WallTime wall() const;
  [[nodiscard]] std::string text() const;

  auto operator<=>(const Time&) const = default;
};

/// A point in time, to the microsecond: `2026-11-23T20:36:33.000001Z`. 0 means not set.
struct MicroTime {
  std::int64_t micros = 0;  // since 1970-01-01T00:00:00Z

  [[nodiscard]] static MicroTime from(WallTime wall);
  [[nodiscard]] static Result<MicroTime> parse(std::string_view text);

  [[nodiscard]] bool is_zero() const { return micros == 0; }

  [[nodiscard]] WallTime wall() const;
  [[nodiscard]] std::string text() const;

  auto operator<=>(const MicroTime&) const = default;
};

}  // namespace insula::api
