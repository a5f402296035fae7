#include "cli/time_range.h"

#include <fmt/format.h>

#include "api/time.h"
#include "cli/tokens.h"

namespace insula::cli {
namespace {

constexpr std::int64_t kSecondsPerHour = 3600;
constexpr std::size_t kDateLength = 10;  // of 2026-11-26

Result<std::int64_t> parse_point(const char* flag, const std::string& text) {
  const auto time = api::Time::parse(text.size() == kDateLength ? text + "T00:00:00Z" : text);
  if (time && time->seconds >= 0) return time->seconds;
  return fail(
      ErrorCode::kInvalid,
      fmt::format("{}: \"{}\" is no time such as 2026-11-26 or 2026-11-26T10:00:00Z", flag, text));
}

Result<> check_full_hour(const char* flag, const std::string& text, std::int64_t seconds) {
  if (text.empty() || seconds % kSecondsPerHour == 0) return {};
  const api::Time full{seconds - seconds % kSecondsPerHour};
  return fail(ErrorCode::kInvalid,
              fmt::format("{}: usage is summed by the hour, and \"{}\" is within one; {} would do",
                          flag, text, full.text()));
}

}  // namespace

void TimeRangeOptions::declare(Options& options) {
  options
      .text_if_any("--from", from,
                   "from when on, such as 2026-11-26 or 2026-11-26T10:00:00Z (UTC); the beginning "
                   "by default")
      .text_if_any("--to", to, "until when, that moment not included; now by default")
      .text_if_any("--since", since, "from so long ago on, such as 30m, 24h or 30d");
}

Result<TimeRange> TimeRangeOptions::range(WallTime now) const {
  TimeRange range;
  if (!since.empty() && !from.empty())
    return fail(ErrorCode::kInvalid, "--since and --from: one of them says where to begin");
  if (!from.empty()) {
    INSULA_TRY(range.from, parse_point("--from", from));
  }
  if (!to.empty()) {
    INSULA_TRY(range.to, parse_point("--to", to));
  }
  if (!since.empty()) {
    auto ago = parse_duration(since);
    if (!ago) return std::unexpected(std::move(ago).error().in("--since"));
    range.from = std::max<std::int64_t>(api::Time::from(now).seconds - ago->count(), 0);
  }
  if (range.from < range.to) return range;
  return fail(ErrorCode::kInvalid, fmt::format("--to: \"{}\" is not after the beginning, {}", to,
                                               api::Time{range.from}.text()));
}

Result<HourRange> TimeRangeOptions::hours(WallTime now) const {
  INSULA_TRY(const TimeRange seconds, range(now));
  INSULA_TRY_VOID(check_full_hour("--from", from, seconds.from));
  INSULA_TRY_VOID(check_full_hour("--to", to, seconds.to));
  HourRange hours{.from = seconds.from / kSecondsPerHour};
  if (!to.empty()) hours.to = seconds.to / kSecondsPerHour - 1;
  if (hours.from <= hours.to) return hours;
  return fail(ErrorCode::kInvalid,
              fmt::format("--to: \"{}\" is not an hour after the beginning", to));
}

}  // namespace insula::cli
