#include "apiserver/go_time.h"

#include <string>

#include <gtest/gtest.h>

namespace insula::apiserver {
namespace {

TEST(GoTime, TakesTimesOfRfc3339) {
  for (const char* text : {"2020-02-29T15:00:00Z", "2020-01-01T00:00:00.123456789Z",
                           "2020-01-01T00:00:00,5+08:00", "0000-12-31T23:59:59-00:30"})
    EXPECT_TRUE(check_go_time(text)) << text;
}

TEST(GoTime, SaysWhereATextIsNoneAsGoDoes) {
  const std::string layout = R"( as "2006-01-02T15:04:05Z07:00": cannot parse )";
  const std::pair<std::string, std::string> cases[] = {
      {"abc", layout + R"("abc" as "2006")"},
      {"2020-01-01", layout + R"("" as "T")"},
      {"2020/01", layout + R"("/01" as "-")"},
      {"2020-1-01T00:00:00Z", layout + R"("1-01T00:00:00Z" as "01")"},
      {"2020-02-11T15:00:00+0800", layout + R"("+0800" as "Z07:00")"},
      {"2020-02-11T15:00:00", layout + R"("" as "Z07:00")"},
      {"2020-13-01T00:00:00Z", ": month out of range"},
      {"2020-02-31T00:00:00Z", ": day out of range"},
      {"2020-02-11T25:00:00Z", ": hour out of range"},
      {"2020-02-11T15:00:00Zx", R"(: extra text: "x")"},
  };
  for (const auto& [text, why] : cases) {
    const auto checked = check_go_time(text);
    ASSERT_FALSE(checked) << text;
    EXPECT_EQ(checked.error().message(), "parsing time \"" + text + "\"" + why);
    EXPECT_EQ(checked.error().code(), ErrorCode::kBadRequest);
  }
}

}  // namespace
}  // namespace insula::apiserver
