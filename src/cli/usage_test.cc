#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/command.h"
#include "cli/commands.h"
#include "cli/time_range.h"
#include "cli/usage_output.h"
#include "json/parse.h"
#include "testing/fake_clock.h"

namespace insula::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// 2026-01-02T00:00:00Z, where the fake clock begins.
constexpr std::int64_t kNow = 1'767'312'000;
constexpr std::int64_t kHour = 3600;

TEST(TimeRange, ReadsDatesTimesAndDurations) {
  const testing::FakeClock clock;
  const WallTime now = clock.wall();
  EXPECT_EQ(TimeRangeOptions{}.range(now).value(), TimeRange{});
  EXPECT_EQ((TimeRangeOptions{.since = "24h"}.range(now)->from), kNow - 24 * kHour);
  EXPECT_EQ((TimeRangeOptions{.from = "2026-01-01", .to = "2026-01-02"}.range(now).value()),
            (TimeRange{kNow - 24 * kHour, kNow}));
  EXPECT_EQ((TimeRangeOptions{.from = "2026-01-01T12:30:00+01:00"}.range(now)->from),
            kNow - 24 * kHour + 11 * kHour + 1800);
  EXPECT_EQ((TimeRangeOptions{.from = "2026-01-01", .to = "2026-01-02"}.hours(now).value()),
            (HourRange{kNow / kHour - 24, kNow / kHour - 1}));
  EXPECT_EQ((TimeRangeOptions{.since = "90m"}.hours(now).value().from), kNow / kHour - 2);
}

TEST(TimeRange, WhatIsWrongIsNamedWithWhatWouldDo) {
  const testing::FakeClock clock;
  const auto message = [&](const TimeRangeOptions& options) {
    const auto hours = options.hours(clock.wall());
    return hours ? std::string() : hours.error().message();
  };
  EXPECT_THAT(message({.from = "yesterday"}),
              HasSubstr("--from: \"yesterday\" is no time such as 2026-11-26"));
  EXPECT_THAT(message({.to = "2026-13-01"}), HasSubstr("--to: \"2026-13-01\" is no time"));
  EXPECT_THAT(message({.since = "1w"}), HasSubstr("--since: \"1w\" is no duration such as"));
  EXPECT_THAT(message({.from = "2026-01-01", .since = "1h"}), HasSubstr("--since and --from"));
  EXPECT_THAT(message({.from = "2026-01-02", .to = "2026-01-01"}),
              HasSubstr("--to: \"2026-01-01\" is not after the beginning, 2026-01-02T00:00:00Z"));
  EXPECT_THAT(message({.from = "2026-01-01T10:30:00Z"}),
              HasSubstr("2026-01-01T10:00:00Z would do"));
  EXPECT_THAT(message({.to = "2026-01-01T10:00:01Z"}),
              HasSubstr("--to: usage is summed by the hour"));
}

json::Value answer(std::string_view text) {
  return json::parse(text).value();
}

TEST(UsageTable, ShowsOneTenantByModelAndKey) {
  const json::Value one = answer(R"({"tenants":[{"tenant":"a","uid":"u","requests":3,
    "failedRequests":1,"promptTokens":30,"cachedTokens":10,"completionTokens":9,"reasoningTokens":2,
    "costs":[{"currency":"EUR","amount":"1.5"},{"currency":"USD","amount":"0.25"}],
    "models":[{"name":"","requests":3,"costs":[]}],"keys":[{"name":"k","requests":3}]}],
    "total":{"requests":3},"formerTenants":0})");
  EXPECT_EQ(
      usage_table(one, "a"),
      "            REQUESTS   FAILED   PROMPT TOKENS   CACHED   COMPLETION TOKENS   REASONING   "
      "COST\n"
      "tenant a    3          1        30              10       9                   2           "
      "1.5 "
      "EUR + 0.25 USD\n"
      "  model -   3          0        0               0        0                   0           -\n"
      "  key k     3          0        0               0        0                   0           "
      "-\n");
  EXPECT_THAT(usage_table(answer(R"({"tenants":[]})"), "a"), HasSubstr("tenant a   0"));
}

TEST(UsageTable, ShowsTenantsAndPeriodsWithALineOfTotals) {
  const json::Value all = answer(R"({"tenants":[{"tenant":"a","uid":"u1","requests":1},
    {"tenant":"a","uid":"","requests":2}],"total":{"requests":3}})");
  EXPECT_THAT(usage_table(all, ""), HasSubstr("\na        u1    1"));
  EXPECT_THAT(usage_table(all, ""), HasSubstr("\na        -     2"));
  EXPECT_THAT(usage_table(all, ""), HasSubstr("\ntotal          3"));
  const json::Value days = answer(R"({"by":"day","rows":[{"tenant":"a","uid":"u",
    "day":"2026-11-26","requests":4}],"total":{"requests":4}})");
  EXPECT_THAT(usage_table(days, "a"), HasSubstr("DAY          REQUESTS"));
  EXPECT_THAT(usage_table(days, "a"), HasSubstr("\n2026-11-26   4"));
  EXPECT_THAT(usage_table(days, ""), HasSubstr("\na        u     2026-11-26   4"));
}

TEST(JsonLines, AreTheSameHoweverTheTextIsCut) {
  const std::string text = "{\"a\":1}\n{\"b\":2}\n\n";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    std::vector<std::string> seen;
    JsonLines lines([&](std::string_view line, bool first) -> Result<> {
      EXPECT_EQ(first, seen.empty());
      seen.emplace_back(line);
      return {};
    });
    ASSERT_TRUE(lines.feed(std::string_view(text).substr(0, cut)));
    ASSERT_TRUE(lines.feed(std::string_view(text).substr(cut)));
    EXPECT_THAT(seen, ElementsAre("{\"a\":1}", "{\"b\":2}", ""));
    EXPECT_EQ(lines.seen(), 3U);
  }
  JsonLines failing(
      [](std::string_view, bool) -> Result<> { return fail(ErrorCode::kInvalid, "enough"); });
  EXPECT_FALSE(failing.feed("x\n"));
}

TEST(UsageCommands, WrongFlagsAreOneLineAndExitCodeTwo) {
  const std::vector<std::vector<std::string>> wrong = {
      {"a", "--by", "week"},
      {"a", "--by", ""},
      {"a", "-o", "xml"},
      {"a", "--from", "soon"},
      {"a", "--uid", ""},
      {"records"},
      {"records", "a", "--limit", "0"},
      {"records", "a", "--limit", "many"},
      {"records", "a", "--limit", "1001"},
      {"records", "a", "-o", "yaml"},
      {"records", "a", "--since", "1h", "--from", "2026-01-01"}};
  for (const auto& words : wrong) {
    ::testing::internal::CaptureStderr();
    EXPECT_EQ(usage(words), kUsage) << ::testing::PrintToString(words);
    const std::string said = ::testing::internal::GetCapturedStderr();
    EXPECT_EQ(std::ranges::count(said, '\n'), 1) << said;
    EXPECT_THAT(said, HasSubstr("insula usage"));
  }
}

}  // namespace
}  // namespace insula::cli
