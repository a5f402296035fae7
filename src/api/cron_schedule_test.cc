#include "api/cron_schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/time.h"

namespace insula::api {
namespace {

using testing::IsEmpty;
using Seconds = CronSchedule::Seconds;

Seconds at(const std::string& text) {
  return Seconds(std::chrono::seconds(Time::parse(text)->seconds));
}

std::string text(std::optional<Seconds> time) {
  return time ? Time{time->time_since_epoch().count()}.text() : "never";
}

CronSchedule schedule(std::string_view text) {
  const ReadCronSchedule read = read_cron_schedule(text);
  EXPECT_THAT(read.complaints, IsEmpty()) << text;
  return read.schedule;
}

TEST(CronTimes, FollowOneAnother) {
  struct Case {
    const char* schedule;
    const char* after;
    const char* next;
  };

  const Case table[] = {
      {"* * * * *", "2026-11-27T06:30:00Z", "2026-11-27T06:31:00Z"},
      {"* * * * *", "2026-11-27T06:30:59Z", "2026-11-27T06:31:00Z"},
      {"*/15 * * * *", "2026-11-27T06:46:00Z", "2026-11-27T07:00:00Z"},
      {"50/5 * * * *", "2026-11-27T06:50:00Z", "2026-11-27T06:55:00Z"},
      {"30 2 * * *", "2026-11-27T02:30:00Z", "2026-11-28T02:30:00Z"},
      {"@monthly", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"},
      {"0 0 29 2 *", "2026-03-01T00:00:00Z", "2028-02-29T00:00:00Z"},
      {"0 12 * jan-mar mon-fri", "2026-11-27T00:00:00Z", "2027-01-01T12:00:00Z"},
      // Either day is enough where both are named: the 13th, or a Friday.
      {"0 0 13 * fri", "2026-11-27T00:00:00Z", "2026-12-04T00:00:00Z"},
      {"0 0 13 * fri", "2026-12-11T00:00:00Z", "2026-12-13T00:00:00Z"},
      // `*/2` names days, `*` does not.
      {"0 0 * * sun", "2026-11-27T00:00:00Z", "2026-11-29T00:00:00Z"},
      {"0 0 */30 * sun", "2026-11-28T00:00:00Z", "2026-11-29T00:00:00Z"},
      {"0 0 30 2 *", "2026-11-27T00:00:00Z", "never"},
      {"@every 90s", "2026-11-27T06:30:10Z", "2026-11-27T06:31:40Z"},
      {"@every 1.5h1m", "2026-11-27T06:30:00Z", "2026-11-27T08:01:00Z"},
      {"@every 5ms", "2026-11-27T06:30:00Z", "2026-11-27T06:30:01Z"},
  };
  for (const Case& each : table)
    EXPECT_EQ(text(schedule(each.schedule).next(at(each.after))), each.next) << each.schedule;
}

TEST(CronTimes, AreFoundBackwards) {
  const auto latest = [](std::string_view when, const char* after, const char* until) {
    return text(schedule(when).latest(at(after), at(until)));
  };
  EXPECT_EQ(latest("*/15 * * * *", "2026-11-27T06:00:00Z", "2026-11-27T06:44:59Z"),
            "2026-11-27T06:30:00Z");
  EXPECT_EQ(latest("0 6 * * *", "2026-11-20T00:00:00Z", "2026-11-27T05:59:00Z"),
            "2026-11-26T06:00:00Z");
  EXPECT_EQ(latest("0 6 * * *", "2026-11-26T06:00:00Z", "2026-11-27T05:59:00Z"), "never");
  EXPECT_EQ(latest("0 6 * * *", "2026-11-27T06:00:00Z", "2026-11-27T06:00:00Z"), "never");
  EXPECT_EQ(latest("@every 1m", "2026-11-27T06:00:10Z", "2026-11-27T06:03:00Z"),
            "2026-11-27T06:02:10Z");
  EXPECT_EQ(latest("@yearly", "2020-06-01T00:00:00Z", "2026-11-27T00:00:00Z"),
            "2026-01-01T00:00:00Z");
}

// What next() says is what latest() finds, whatever the schedule.
TEST(CronTimes, AreTheSameBothWays) {
  for (const char* when : {"*/7 */5 * * *", "3 3 1,15 * tue", "0 0 31 * *", "@every 77m"}) {
    const CronSchedule each = schedule(when);
    Seconds time = at("2026-11-27T06:30:00Z");
    for (int i = 0; i < 50; ++i) {
      const auto next = each.next(time);
      ASSERT_TRUE(next) << when;
      EXPECT_EQ(each.latest(time, *next), next) << when << text(time);
      EXPECT_EQ(each.latest(time, *next - std::chrono::seconds(1)), std::nullopt) << when;
      time = *next;
    }
  }
}

}  // namespace
}  // namespace insula::api
