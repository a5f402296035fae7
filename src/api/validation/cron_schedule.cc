#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "api/validation/batch.h"

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
    if (range_and_step.size() == 2) {
      const auto step = plain_number(range_and_step.back());
      if (!step) return;
      if (*step == 0) return complain("step of range should be a positive number: {}", text);
      // `5/10` means from 5 on.
      if (!star && ends.size() == 1) end = field_.high;
    }
    check_bounds(begin, end, text);
  }

  void check_bounds(unsigned begin, unsigned end, std::string_view text) {
    if (begin < field_.low) {
      complain("beginning of range ({}) below minimum ({}): {}", begin, field_.low, text);
    } else if (end > field_.high) {
      complain("end of range ({}) above maximum ({}): {}", end, field_.high, text);
    } else if (begin > end) {
      complain("beginning of range ({}) beyond end of range ({}): {}", begin, end, text);
    }
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
  Complaints complaints_;
};

/// `1h30m`, `90s`: numbers with units and nothing else.
bool is_duration(std::string_view text) {
  if (text.empty()) return false;
  while (!text.empty()) {
    const std::size_t digits = text.find_first_not_of("0123456789.");
    if (digits == 0 || digits == std::string_view::npos || text.substr(0, digits) == ".")
      return false;
    text.remove_prefix(digits);
    constexpr std::array<std::string_view, 6> kUnits = {"ns", "us", "ms", "s", "m", "h"};
    const auto unit =
        std::ranges::find_if(kUnits, [&](std::string_view each) { return text.starts_with(each); });
    if (unit == kUnits.end()) return false;
    text.remove_prefix(unit->size());
  }
  return true;
}

Complaints check_descriptor(std::string_view text) {
  constexpr std::array<std::string_view, 7> kKnown = {"@yearly", "@annually", "@monthly", "@weekly",
                                                      "@daily",  "@midnight", "@hourly"};
  constexpr std::string_view kEvery = "@every ";
  if (std::ranges::find(kKnown, text) != kKnown.end()) return {};
  if (!text.starts_with(kEvery)) return {fmt::format("unrecognized descriptor: {}", text)};
  if (is_duration(text.substr(kEvery.size()))) return {};
  return {fmt::format("failed to parse duration {}", text)};
}

}  // namespace

std::vector<std::string> check_cron_schedule(std::string_view text) {
  if (text.starts_with('@')) return check_descriptor(text);
  std::vector<std::string_view> fields = split(text, " \t\r\n");
  std::erase(fields, std::string_view());
  if (fields.size() != kFields.size()) {
    return {fmt::format("expected exactly {} fields, found {}: [{}]", kFields.size(), fields.size(),
                        fmt::join(fields, " "))};
  }
  for (std::size_t i = 0; i < fields.size(); ++i) {
    FieldReader reader(kFields[i]);
    reader.read(fields[i]);
    if (Complaints complaints = reader.take(); !complaints.empty()) return {complaints.front()};
  }
  return {};
}

}  // namespace insula::api
