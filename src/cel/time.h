#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace insula::cel {

/// A length of time in nanoseconds: some 292 years either way.
struct Duration {
  std::int64_t nanos = 0;

  /// Go's notation: `1h30m`, `-1.5s`, `250ms`. nullopt for anything else and out of range.
  [[nodiscard]] static std::optional<Duration> parse(std::string_view text);
  /// In seconds, with as many digits as needed: `5400s`, `0.25s`.
  [[nodiscard]] std::string text() const;

  auto operator<=>(const Duration&) const = default;
};

/// A point in time of the years 1 to 9999, to the nanosecond.
struct Timestamp {
  std::int64_t seconds = 0;  // since 1970-01-01T00:00:00Z
  std::int32_t nanos = 0;    // 0 to 999,999,999

  /// RFC 3339 with any offset and capital letters; nullopt for anything else.
  [[nodiscard]] static std::optional<Timestamp> parse(std::string_view text);
  /// RFC 3339 in UTC, with as many digits as needed.
  [[nodiscard]] std::string text() const;
  /// nullopt when the result is outside of the years 1 to 9999.
  [[nodiscard]] std::optional<Timestamp> plus(Duration length) const;
  /// nullopt when the difference is beyond a duration.
  [[nodiscard]] std::optional<Duration> minus(const Timestamp& other) const;
  /// Whether it lies in the years 1 to 9999.
  [[nodiscard]] bool is_valid() const;

  auto operator<=>(const Timestamp&) const = default;
};

/// The offset from UTC that a time zone's text names, in seconds: empty or `UTC`, `+05:30`,
/// `-08:00`. nullopt for anything else; names of the tz database are not known here.
[[nodiscard]] std::optional<std::int64_t> zone_offset(std::string_view zone);

}  // namespace insula::cel
