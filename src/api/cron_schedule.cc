#include "api/cron_schedule.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <span>
#include <utility>

#include <fmt/format.h>

namespace insula::api {

namespace {

using Complaints = std::vector<std::string>;

/// One of the five fields. Names stand for numbers from `low` on.
struct Field {
  unsigned low;
  unsigned high;
  std::span<const std::string_view> names = {};
};

constexpr std::array<std::string_view, 12> kMonths = {"jan", "feb", "mar", "apr", "may", "jun",
                                                      "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::array<std::string_view, 7> kDays = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

enum FieldIndex : std::uint8_t { kMinute, kHour, kDay, kMonth, kWeekday };

constexpr std::array<Field, 5> kFields = {{
    {0, 59},           // minute
    {0, 23},           // hour
    {1, 31},           // day of the month
    {1, 12, kMonths},  // month
    {0, 6, kDays},     // day of the week
}};

std::vector<std::string_view> split(std::string_view text, std::string_view separators) {
  std::vector<std::string_view> parts;
  std::size_t begin = 0;
  while (true) {
    const std::size_t end = text.find_first_of(separators, begin);
    parts.push_back(text.substr(begin, end - begin));
    if (end == std::string_view::npos) return parts;
    begin = end + 1;
  }
}

/// Reads one field of a schedule; keeps what is wrong with it.
class FieldReader {
 public:
  explicit FieldReader(const Field& field) : field_(field) {}

  /// `*`, `1-5/2`, `mon,wed`.
  void read(std::string_view text) {
    for (const std::string_view part : split(text, ",")) {
      // As Go's FieldsFunc does, empty parts are passed over.
      if (!part.empty()) read_range(part);
    }
  }

  [[nodiscard]] Complaints take() { return std::move(complaints_); }

  /// The values that were named, a bit each.
  [[nodiscard]] std::uint64_t bits() const { return bits_; }

  /// Whether every value was named by `*` or `?` alone.
  [[nodiscard]] bool any() const { return any_; }

 private:
  void read_range(std::string_view text) {
    const auto range_and_step = split(text, "/");
    const auto ends = split(range_and_step.front(), "-");
    unsigned begin = field_.low, end = field_.high;
    const bool star = ends.front() == "*" || ends.front() == "?";
    if (!star) {
      const auto first = number(ends.front());
      if (!first) return;
      begin = end = *first;
      if (ends.size() > 2) return complain("too many hyphens: {}", text);
      if (ends.size() == 2) {
        const auto last = number(ends.back());
        if (!last) return;
        end = *last;
      }
    }
    if (range_and_step.size() > 2) return complain("too many slashes: {}", text);
    unsigned every = 1;
    if (range_and_step.size() == 2) {
      const auto step = plain_number(range_and_step.back());
      if (!step) return;
      every = *step;
      if (every == 0) return complain("step of range should be a positive number: {}", text);
      // `5/10` means from 5 on.
      if (!star && ends.size() == 1) end = field_.high;
    }
    if (!check_bounds(begin, end, text)) return;
    if (star && every == 1) any_ = true;
    for (unsigned value = begin; value <= end; value += every)
      bits_ |= std::uint64_t{1} << value;
  }

  bool check_bounds(unsigned begin, unsigned end, std::string_view text) {
    if (begin < field_.low) {
      complain("beginning of range ({}) below minimum ({}): {}", begin, field_.low, text);
    } else if (end > field_.high) {
      complain("end of range ({}) above maximum ({}): {}", end, field_.high, text);
    } else if (begin > end) {
      complain("beginning of range ({}) beyond end of range ({}): {}", begin, end, text);
    }
    return complaints_.empty();
  }

  std::optional<unsigned> number(std::string_view text) {
    std::string lower(text);
    std::ranges::transform(lower, lower.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const auto found = std::ranges::find(field_.names, lower);
    if (found != field_.names.end())
      return field_.low + static_cast<unsigned>(found - field_.names.begin());
    return plain_number(text);
  }

  std::optional<unsigned> plain_number(std::string_view text) {
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) {
      complain("failed to parse int from {}", text);
      return std::nullopt;
    }
    if (value < 0) {
      complain("negative number ({}) not allowed: {}", value, text);
      return std::nullopt;
    }
    return static_cast<unsigned>(value);
  }

  template <class... Args>
  void complain(fmt::format_string<Args...> text, Args&&... args) {
    complaints_.push_back(fmt::format(text, std::forward<Args>(args)...));
  }

  const Field& field_;
  std::uint64_t bits_ = 0;
  bool any_ = false;
  Complaints complaints_;
};

constexpr double kEveryMax = 1e9;  // seconds; some 30 years

/// `1h30m`, `90s`: numbers with units and nothing else. At least a second.
std::optional<std::chrono::seconds> read_duration(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, double>, 6> kUnits = {
      {{"ns", 1e-9}, {"us", 1e-6}, {"ms", 1e-3}, {"s", 1}, {"m", 60}, {"h", 3600}}};
  if (text.empty()) return std::nullopt;
  double sum = 0;
  while (!text.empty()) {
    double number = 0;
    const std::size_t digits = text.find_first_not_of("0123456789.");
    if (digits == std::string_view::npos) return std::nullopt;
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + digits, number, std::chars_format::fixed);
    if (error != std::errc() || end != text.data() + digits) return std::nullopt;
    text.remove_prefix(digits);
    const auto unit = std::ranges::find_if(
        kUnits, [&](const auto& each) { return text.starts_with(each.first); });
    if (unit == kUnits.end()) return std::nullopt;
    text.remove_prefix(unit->first.size());
    sum += number * unit->second;
  }
  return std::chrono::seconds(static_cast<std::int64_t>(std::clamp(sum, 1.0, kEveryMax)));
}

constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kDescriptors = {
    {{"@yearly", "0 0 1 1 *"},
     {"@annually", "0 0 1 1 *"},
     {"@monthly", "0 0 1 * *"},
     {"@weekly", "0 0 * * 0"},
     {"@daily", "0 0 * * *"},
     {"@midnight", "0 0 * * *"},
     {"@hourly", "0 * * * *"}}};

ReadCronSchedule read_every(std::string_view text) {
  constexpr std::string_view kEvery = "@every ";
  if (!text.starts_with(kEvery)) return {{}, {fmt::format("unrecognized descriptor: {}", text)}};
  const auto every = read_duration(text.substr(kEvery.size()));
  if (!every) return {{}, {fmt::format("failed to parse duration {}", text)}};
  ReadCronSchedule out;
  out.schedule.every = *every;
  return out;
}

bool has_bit(std::uint64_t bits, unsigned value) {
  return ((bits >> value) & 1U) != 0;
}

constexpr int kDaysMax = 8 * 366;  // 29 February may be eight years away
constexpr int kMinutesOfDay = 24 * 60;

}  // namespace

bool is_universal_time(std::string_view zone) {
  constexpr std::array<std::string_view, 5> kNames = {"UTC", "Etc/UTC", "Etc/GMT", "GMT", "Zulu"};
  return std::ranges::find(kNames, zone) != kNames.end();
}

ReadCronSchedule read_cron_schedule(std::string_view text) {
  const auto descriptor =
      std::ranges::find_if(kDescriptors, [text](const auto& each) { return each.first == text; });
  if (descriptor != kDescriptors.end()) return read_cron_schedule(descriptor->second);
  if (text.starts_with('@')) return read_every(text);
  std::vector<std::string_view> fields = split(text, " \t\r\n");
  std::erase(fields, std::string_view());
  if (fields.size() != kFields.size()) {
    return {{},
            {fmt::format("expected exactly {} fields, found {}: [{}]", kFields.size(),
                         fields.size(), fmt::join(fields, " "))}};
  }
  ReadCronSchedule out;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    FieldReader reader(kFields[i]);
    reader.read(fields[i]);
    if (Complaints complaints = reader.take(); !complaints.empty())
      return {{}, {complaints.front()}};
    out.schedule.allowed[i] = reader.bits();
    if (i == kDay) out.schedule.any_day = reader.any();
    if (i == kWeekday) out.schedule.any_weekday = reader.any();
  }
  return out;
}

bool CronSchedule::allows(std::chrono::sys_days day) const {
  const std::chrono::year_month_day date(day);
  if (!has_bit(allowed[kMonth], static_cast<unsigned>(date.month()))) return false;
  const bool by_date = has_bit(allowed[kDay], static_cast<unsigned>(date.day()));
  const bool by_weekday = has_bit(allowed[kWeekday], std::chrono::weekday(day).c_encoding());
  return any_day || any_weekday ? by_date && by_weekday : by_date || by_weekday;
}

std::optional<CronSchedule::Seconds> CronSchedule::next(Seconds after) const {
  if (every.count() > 0) return after + every;
  auto day = std::chrono::floor<std::chrono::days>(after);
  auto minute = std::chrono::floor<std::chrono::minutes>(after - day).count() + 1;
  for (int days = 0; days < kDaysMax; ++days, day += std::chrono::days(1), minute = 0) {
    if (!allows(day)) continue;
    for (; minute < kMinutesOfDay; ++minute) {
      if (has_bit(allowed[kHour], static_cast<unsigned>(minute / 60)) &&
          has_bit(allowed[kMinute], static_cast<unsigned>(minute % 60)))
        return Seconds(day) + std::chrono::minutes(minute);
    }
  }
  return std::nullopt;
}

std::optional<CronSchedule::Seconds> CronSchedule::latest(Seconds after, Seconds until) const {
  if (until <= after) return std::nullopt;
  if (every.count() > 0) {
    const auto times = (until - after) / every;
    return times > 0 ? std::optional(after + times * every) : std::nullopt;
  }
  auto day = std::chrono::floor<std::chrono::days>(until);
  auto minute = std::chrono::floor<std::chrono::minutes>(until - day).count();
  for (int days = 0; days < kDaysMax;
       ++days, day -= std::chrono::days(1), minute = kMinutesOfDay - 1) {
    if (Seconds(day) + std::chrono::days(1) <= after) return std::nullopt;
    if (!allows(day)) continue;
    for (; minute >= 0; --minute) {
      if (!has_bit(allowed[kHour], static_cast<unsigned>(minute / 60)) ||
          !has_bit(allowed[kMinute], static_cast<unsigned>(minute % 60)))
        continue;
      const Seconds time = Seconds(day) + std::chrono::minutes(minute);
      return time > after ? std::optional(time) : std::nullopt;
    }
  }
  return std::nullopt;
}

}  // namespace insula::api
