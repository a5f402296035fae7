#include "cel/time.h"

#include <array>
#include <chrono>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "base/number.h"

namespace insula::cel {
namespace {

constexpr std::int64_t kNanosPerSecond = 1'000'000'000;
constexpr std::int64_t kSecondsMin = -62'135'596'800;  // 0001-01-01T00:00:00Z
constexpr std::int64_t kSecondsMax = 253'402'300'799;  // 9999-12-31T23:59:59Z

/// Takes digits off the front of a text.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  /// A number of exactly `digits` digits.
  std::optional<int> number(std::size_t digits) {
    if (rest_.size() < digits) return std::nullopt;
    const std::string_view taken = rest_.substr(0, digits);
    if (taken.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
    rest_.remove_prefix(digits);
    return parse_whole<int>(taken);
  }

  bool skip(char c) {
    if (rest_.empty() || rest_[0] != c) return false;
    rest_.remove_prefix(1);
    return true;
  }

  /// All digits that come next.
  std::string_view digits() {
    const std::string_view taken = rest_.substr(0, rest_.find_first_not_of("0123456789"));
    rest_.remove_prefix(taken.size());
    return taken;
  }

  [[nodiscard]] std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

/// The nanoseconds that the digits after a decimal point mean; digits beyond the ninth are cut off.
std::int64_t fraction_nanos(std::string_view digits) {
  std::int64_t nanos = 0;
  std::int64_t unit = kNanosPerSecond / 10;
  for (const char digit : digits.substr(0, 9)) {
    nanos += (digit - '0') * unit;
    unit /= 10;
  }
  return nanos;
}

std::string fraction_text(std::int64_t nanos) {
  if (nanos == 0) return {};
  std::string text = fmt::format(".{:09}", nanos);
  text.erase(text.find_last_not_of('0') + 1);
  return text;
}

std::optional<std::int64_t> offset(std::string_view text) {
  if (text.empty()) return std::nullopt;
  if (text[0] != '+' && text[0] != '-') return std::nullopt;
  Reader reader(text.substr(1));
  const auto hours = reader.number(2);
  if (!hours || !reader.skip(':')) return std::nullopt;
  const auto minutes = reader.number(2);
  if (!minutes || !reader.rest().empty() || *hours > 23 || *minutes > 59) return std::nullopt;
  const std::int64_t seconds = *hours * 3600L + *minutes * 60L;
  return text[0] == '-' ? -seconds : seconds;
}

/// The length of the unit at the front of `rest`, which is taken off.
std::optional<std::int64_t> take_unit(std::string_view& rest) {
  constexpr std::array<std::pair<std::string_view, std::int64_t>, 8> kUnits{{
      {"ns", 1},
      {"us", 1'000},
      {"\u00b5s", 1'000},
      {"\u03bcs", 1'000},
      {"ms", 1'000'000},
      {"s", kNanosPerSecond},
      {"m", 60 * kNanosPerSecond},
      {"h", 3'600 * kNanosPerSecond},
  }};
  for (const auto& [name, length] : kUnits) {
    // `m` is not the beginning of `ms`.
    if (!rest.starts_with(name) || (name == "m" && rest.starts_with("ms"))) continue;
    rest.remove_prefix(name.size());
    return length;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Duration> Duration::parse(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (text == "0") return Duration{};
  if (text.empty()) return std::nullopt;
  std::int64_t total = 0;  // kept negative: the least number has no counterpart
  while (!text.empty()) {
    Reader reader(text);
    const std::string_view whole = reader.digits();
    const std::string_view fraction = reader.skip('.') ? reader.digits() : std::string_view();
    if (whole.empty() && fraction.empty()) return std::nullopt;
    text = reader.rest();
    const auto unit = take_unit(text);
    const auto count = whole.empty() ? 0 : parse_whole<std::int64_t>(whole);
    if (!unit || !count) return std::nullopt;
    std::int64_t part = 0;
    if (__builtin_mul_overflow(*count, *unit, &part)) return std::nullopt;
    // The fraction of an hour has more digits than nanoseconds of a second.
    const auto of_unit = static_cast<std::int64_t>(static_cast<__int128>(fraction_nanos(fraction)) *
                                                   *unit / kNanosPerSecond);
    if (__builtin_sub_overflow(total, part, &total) ||
        __builtin_sub_overflow(total, of_unit, &total)) {
      return std::nullopt;
    }
  }
  if (negative) return Duration{total};
  if (total == std::numeric_limits<std::int64_t>::min()) return std::nullopt;
  return Duration{-total};
}

std::string Duration::text() const {
  const std::int64_t seconds = nanos / kNanosPerSecond;
  const std::int64_t rest = nanos % kNanosPerSecond;
  return fmt::format("{}{}{}s", nanos < 0 && seconds == 0 ? "-" : "", seconds,
                     fraction_text(rest < 0 ? -rest : rest));
}

std::optional<Timestamp> Timestamp::parse(std::string_view text) {
  Reader reader(text);
  const auto year = reader.number(4);
  if (!year || !reader.skip('-')) return std::nullopt;
  const auto month = reader.number(2);
  if (!month || !reader.skip('-')) return std::nullopt;
  const auto day = reader.number(2);
  if (!day || !reader.skip('T')) return std::nullopt;
  const auto hour = reader.number(2);
  if (!hour || !reader.skip(':')) return std::nullopt;
  const auto minute = reader.number(2);
  if (!minute || !reader.skip(':')) return std::nullopt;
  const auto second = reader.number(2);
  if (!second || *hour > 23 || *minute > 59 || *second > 59) return std::nullopt;
  std::string_view fraction;
  if (reader.skip('.')) {
    fraction = reader.digits();
    if (fraction.empty()) return std::nullopt;
  }
  const bool utc = reader.rest() == "Z";
  const auto zone = utc ? std::optional<std::int64_t>(0) : offset(reader.rest());
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!zone || !date.ok()) return std::nullopt;
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  const Timestamp time{.seconds = days * 86'400 + *hour * 3'600L + *minute * 60L + *second - *zone,
                       .nanos = static_cast<std::int32_t>(fraction_nanos(fraction))};
  if (!time.is_valid()) return std::nullopt;
  return time;
}

std::string Timestamp::text() const {
  const std::chrono::sys_seconds point{std::chrono::seconds(seconds)};
  const auto days = std::chrono::floor<std::chrono::days>(point);
  const std::chrono::year_month_day date(days);
  const std::chrono::hh_mm_ss clock(point - days);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     fraction_text(nanos));
}

std::optional<Timestamp> Timestamp::plus(Duration length) const {
  std::int64_t whole = length.nanos / kNanosPerSecond;
  std::int64_t rest = nanos + length.nanos % kNanosPerSecond;
  if (rest < 0) {
    rest += kNanosPerSecond;
    --whole;
  } else if (rest >= kNanosPerSecond) {
    rest -= kNanosPerSecond;
    ++whole;
  }
  // Both are far from the ends of an int64.
  const Timestamp sum{.seconds = seconds + whole, .nanos = static_cast<std::int32_t>(rest)};
  if (!sum.is_valid()) return std::nullopt;
  return sum;
}

std::optional<Duration> Timestamp::minus(const Timestamp& other) const {
  Duration length;
  if (__builtin_mul_overflow(seconds - other.seconds, kNanosPerSecond, &length.nanos) ||
      __builtin_add_overflow(length.nanos, nanos - other.nanos, &length.nanos)) {
    return std::nullopt;
  }
  return length;
}

bool Timestamp::is_valid() const {
  return seconds >= kSecondsMin && seconds <= kSecondsMax;
}

std::optional<std::int64_t> zone_offset(std::string_view zone) {
  if (zone.empty() || zone == "UTC") return 0;
  // Without a sign it is ahead of UTC.
  if (zone[0] >= '0' && zone[0] <= '9') return offset(std::string("+").append(zone));
  return offset(zone);
}

}  // namespace insula::cel
