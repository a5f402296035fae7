#include "api/time.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

namespace insula::api {
namespace {

using std::chrono::duration_cast;
using std::chrono::microseconds;
using std::chrono::seconds;
using std::chrono::sys_days;

constexpr std::int64_t kMicrosPerSecond = 1'000'000;
constexpr std::int64_t kSecondsPerDay = 86'400;

/// Reads fixed-width numbers and separators from the front of a text.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : rest_(text) {}

  bool digits(std::size_t count, int& out) {
    if (rest_.size() < count) return false;
    int value = 0;
    for (const char c : rest_.substr(0, count)) {
      if (c < '0' || c > '9') return false;
      value = value * 10 + (c - '0');
    }
    rest_.remove_prefix(count);
    out = value;
    return true;
  }

  bool one_of(std::string_view accepted, char* found = nullptr) {
    if (rest_.empty() || !accepted.contains(rest_.front())) return false;
    if (found != nullptr) *found = rest_.front();
    rest_.remove_prefix(1);
    return true;
  }

  /// A fraction without its point, as microseconds; further digits are cut off.
  bool fraction(std::int64_t& micros) {
    std::size_t count = 0;
    std::int64_t scale = kMicrosPerSecond / 10;
    while (count < rest_.size() && rest_[count] >= '0' && rest_[count] <= '9') {
      micros += (rest_[count] - '0') * scale;
      scale /= 10;
      ++count;
    }
    rest_.remove_prefix(count);
    return count > 0;
  }

  [[nodiscard]] bool done() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

bool read_rfc3339(std::string_view text, std::int64_t& micros) {
  Cursor in(text);
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  if (!in.digits(4, year) || !in.one_of("-") || !in.digits(2, month) || !in.one_of("-") ||
      !in.digits(2, day))
    return false;
  if (!in.one_of("Tt") || !in.digits(2, hour) || !in.one_of(":") || !in.digits(2, minute) ||
      !in.one_of(":"))
    return false;
  if (!in.digits(2, second) || hour > 23 || minute > 59 || second > 59) return false;
  std::int64_t fraction = 0;
  if (in.one_of(".") && !in.fraction(fraction)) return false;

  int offset_minutes = 0;
  char sign = 0;
  if (!in.one_of("Zz")) {
    int offset_hour = 0, offset_minute = 0;
    if (!in.one_of("+-", &sign) || !in.digits(2, offset_hour) || !in.one_of(":") ||
        !in.digits(2, offset_minute))
      return false;
    if (offset_hour > 23 || offset_minute > 59) return false;
    offset_minutes = (offset_hour * 60 + offset_minute) * (sign == '-' ? -1 : 1);
  }
  const std::chrono::year_month_day date{std::chrono::year{year},
                                         std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (!in.done() || !date.ok()) return false;
  const std::int64_t days = sys_days{date}.time_since_epoch().count();
  const std::int64_t total =
      days * kSecondsPerDay + hour * 3600 + minute * 60 + second - offset_minutes * 60;
  micros = total * kMicrosPerSecond + fraction;
  return true;
}

std::string date_and_time(std::int64_t epoch_seconds) {
  const auto days = std::chrono::floor<std::chrono::days>(seconds{epoch_seconds});
  const std::chrono::year_month_day date{sys_days{days}};
  const std::int64_t left = epoch_seconds - days.count() * kSecondsPerDay;
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     left / 3600, left / 60 % 60, left % 60);
}

std::int64_t floor_seconds(std::int64_t micros) {
  return std::chrono::floor<seconds>(microseconds{micros}).count();
}

std::int64_t micros_of(WallTime wall) {
  return std::chrono::floor<microseconds>(wall.time_since_epoch()).count();
}

/// The clock counts nanoseconds: years before 1677 and after 2262 are held at its limits.
WallTime wall_of(std::int64_t micros) {
  constexpr auto kLow = duration_cast<microseconds>(WallTime::min().time_since_epoch()).count();
  constexpr auto kHigh = duration_cast<microseconds>(WallTime::max().time_since_epoch()).count();
  return WallTime{duration_cast<WallTime::duration>(microseconds{std::clamp(micros, kLow, kHigh)})};
}

std::unexpected<Error> refuse(std::string_view text) {
  return fail(ErrorCode::kBadRequest,
              fmt::format("parsing time \"{}\": not RFC 3339, such as 2006-01-02T15:04:05Z",
                          text.substr(0, 64)));
}

}  // namespace

Time Time::from(WallTime wall) {
  return {floor_seconds(micros_of(wall))};
}

Result<Time> Time::parse(std::string_view text) {
  std::int64_t micros = 0;
  if (!read_rfc3339(text, micros)) return refuse(text);
  return Time{floor_seconds(micros)};
}

WallTime Time::wall() const {
  return wall_of(seconds * kMicrosPerSecond);
}

std::string Time::text() const {
  return date_and_time(seconds) + "Z";
}

MicroTime MicroTime::from(WallTime wall) {
  return {micros_of(wall)};
}

Result<MicroTime> MicroTime::parse(std::string_view text) {
  std::int64_t micros = 0;
  if (!read_rfc3339(text, micros)) return refuse(text);
  return MicroTime{micros};
}

WallTime MicroTime::wall() const {
  return wall_of(micros);
}

std::string MicroTime::text() const {
  const std::int64_t whole = floor_seconds(micros);
  return fmt::format("{}.{:06}Z", date_and_time(whole), micros - whole * kMicrosPerSecond);
}

}  // namespace insula::api
