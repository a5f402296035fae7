#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace insula::api {

/// When a CronJob makes Jobs, in UTC: five fields as in crontab(5), with names of months and days,
/// steps and ranges, or `@daily` and the like, or `@every 1h30m`.
///
/// Where both the day of the month and the day of the week are restricted, one of the two is
/// enough.
struct CronSchedule {
  /// What each of the five fields allows, a bit a value: minutes, hours, days of the month, months,
  /// days of the week (0 is Sunday).
  std::array<std::uint64_t, 5> allowed{};
  bool any_day = false;
  bool any_weekday = false;
  /// For @every: the time from one to the next; then the fields are without meaning.
  std::chrono::seconds every{0};

  using Seconds = std::chrono::sys_seconds;

  /// The first time after `after`. Nothing when there is none within eight years (30 February).
  [[nodiscard]] std::optional<Seconds> next(Seconds after) const;
  /// The last time in (after, until]; nothing when there is none.
  [[nodiscard]] std::optional<Seconds> latest(Seconds after, Seconds until) const;

 private:
  [[nodiscard]] bool allows(std::chrono::sys_days day) const;
};

struct ReadCronSchedule {
  CronSchedule schedule;
  std::vector<std::string> complaints;  // in Kubernetes' words; empty when the text is right
};

/// Whether a CronJob's timeZone is one that schedules are read in.
[[nodiscard]] bool is_universal_time(std::string_view zone);

[[nodiscard]] ReadCronSchedule read_cron_schedule(std::string_view text);

}  // namespace insula::api
