#include <chrono>
#include <string>

#include <fmt/format.h>

#include "cel/library/arguments.h"
#include "cel/library/library.h"

namespace insula::cel::library {
namespace {

/// A point in time on the calendar and the clock of a zone.
struct Civil {
  std::chrono::sys_days day;
  std::chrono::year_month_day date{day};
  std::chrono::hh_mm_ss<std::chrono::seconds> clock;
  std::int64_t millis = 0;

  static Civil of(Timestamp time, std::int64_t offset) {
    const std::chrono::sys_seconds point{std::chrono::seconds(time.seconds + offset)};
    const auto day = std::chrono::floor<std::chrono::days>(point);
    return {
        .day = day, .clock = std::chrono::hh_mm_ss(point - day), .millis = time.nanos / 1'000'000};
  }
};

using Part = std::int64_t (*)(const Civil&);

std::int64_t day_of_year(const Civil& civil) {
  return (civil.day - std::chrono::sys_days(civil.date.year() / 1 / 1)).count();
}

void add_part(FunctionTable& table, const std::string& name, Part part) {
  table.add_member(
      name, {{Type::timestamp()}, Type::integer(), [part](Arguments a, Budget&) -> Result<Value> {
               return Value::integer(part(Civil::of(time_of(a[0]), 0)));
             }});
  table.add_member(name,
                   {{Type::timestamp(), Type::string()},
                    Type::integer(),
                    [part](Arguments a, Budget&) -> Result<Value> {
                      const auto offset = zone_offset(a[1].text());
                      if (!offset) {
                        return invalid(fmt::format(
                            "unknown time zone {}: UTC or an offset such as +08:00", a[1].text()));
                      }
                      return Value::integer(part(Civil::of(time_of(a[0]), *offset)));
                    }});
}

void add_unit(FunctionTable& table, const std::string& name, std::int64_t nanos) {
  table.add_member(
      name, {{Type::duration()}, Type::integer(), [=](Arguments a, Budget&) -> Result<Value> {
               return Value::integer(duration_of(a[0]).nanos / nanos);
             }});
}

}  // namespace

void add_times(FunctionTable& table) {
  add_part(table, "getFullYear",
           [](const Civil& civil) -> std::int64_t { return static_cast<int>(civil.date.year()); });
  add_part(table, "getMonth", [](const Civil& civil) -> std::int64_t {
    return static_cast<unsigned>(civil.date.month()) - 1;
  });
  add_part(table, "getDate", [](const Civil& civil) -> std::int64_t {
    return static_cast<unsigned>(civil.date.day());
  });
  add_part(table, "getDayOfMonth", [](const Civil& civil) -> std::int64_t {
    return static_cast<unsigned>(civil.date.day()) - 1;
  });
  add_part(table, "getDayOfWeek", [](const Civil& civil) -> std::int64_t {
    return std::chrono::weekday(civil.day).c_encoding();
  });
  add_part(table, "getDayOfYear", day_of_year);
  add_part(table, "getHours",
           [](const Civil& civil) -> std::int64_t { return civil.clock.hours().count(); });
  add_part(table, "getMinutes",
           [](const Civil& civil) -> std::int64_t { return civil.clock.minutes().count(); });
  add_part(table, "getSeconds",
           [](const Civil& civil) -> std::int64_t { return civil.clock.seconds().count(); });
  add_part(table, "getMilliseconds", [](const Civil& civil) { return civil.millis; });

  constexpr std::int64_t kSecond = 1'000'000'000;
  add_unit(table, "getHours", 3'600 * kSecond);
  add_unit(table, "getMinutes", 60 * kSecond);
  add_unit(table, "getSeconds", kSecond);
  add_unit(table, "getMilliseconds", kSecond / 1'000);
}

}  // namespace insula::cel::library
