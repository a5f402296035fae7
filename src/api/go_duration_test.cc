#include "api/go_duration.h"

#include <gtest/gtest.h>

namespace insula::api {
namespace {

using namespace std::chrono_literals;

TEST(GoDuration, IsASumOfNumbersWithUnits) {
  const std::pair<const char*, std::chrono::nanoseconds> cases[] = {
      {"0", 0ns},
      {"90s", 90s},
      {"1h30m", 90min},
      {"1.5h", 90min},
      {".5s", 500ms},
      {"1.s", 1s},
      {"-250ms", -250ms},
      {"+3us", 3us},
      {"7\u00b5s", 7us},
      {"7\u03bcs", 7us},
      {"12ns", 12ns},
      {"1h0.5s", 1h + 500ms},
      {"0.3333333333333333333h", 1200s}};
  for (const auto& [text, length] : cases) {
    const auto parsed = parse_go_duration(text);
    ASSERT_TRUE(parsed) << text << parsed.error().message();
    EXPECT_LE(std::chrono::abs(*parsed - length), 1us) << text;
  }
  EXPECT_EQ(parse_go_duration("9223372036854775807ns")->count(), INT64_MAX);
  EXPECT_EQ(parse_go_duration("-9223372036854775808ns")->count(), INT64_MIN);
}

TEST(GoDuration, SaysWhatItCannotReadInGosWords) {
  const std::pair<const char*, const char*> cases[] = {
      {"", R"(time: invalid duration "")"},
      {"abc", R"(time: invalid duration "abc")"},
      {".s", R"(time: invalid duration ".s")"},
      {"-", R"(time: invalid duration "-")"},
      {"1", R"(time: missing unit in duration "1")"},
      {"1h1x", R"(time: unknown unit "x" in duration "1h1x")"},
      {"30d", R"(time: unknown unit "d" in duration "30d")"},
      {"1\xc3\"", R"(time: unknown unit "\xc3\"" in duration "1\xc3\"")"},
      {"9999999999h", R"(time: invalid duration "9999999999h")"},
      {"9223372036854775808ns", R"(time: invalid duration "9223372036854775808ns")"},
      {"99999999999999999999s", R"(time: invalid duration "99999999999999999999s")"},
      {"2562047h2562047h", R"(time: invalid duration "2562047h2562047h")"}};
  for (const auto& [text, why] : cases) {
    const auto parsed = parse_go_duration(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().message(), why);
  }
}

}  // namespace
}  // namespace insula::api
