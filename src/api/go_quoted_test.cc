#include "api/go_quoted.h"

#include <gtest/gtest.h>

namespace insula::api {
namespace {

using namespace std::string_literals;

TEST(GoQuoted, WritesWhatIsNotSeenAsGoDoes) {
  EXPECT_EQ(go_quoted("a b"), R"("a b")");
  EXPECT_EQ(go_quoted("a\"b\\c\n\t\a"), R"("a\"b\\c\n\t\a")");
  EXPECT_EQ(go_quoted("\x01\x7f\0"s), R"("\x01\x7f\x00")");
  EXPECT_EQ(go_quoted("中😀"), "\"中😀\"");
  EXPECT_EQ(go_quoted("a\u00a0b\u200b\ue000"), R"("a\u00a0b\u200b\ue000")");
  EXPECT_EQ(go_quoted("\U000e0001"), R"("\U000e0001")");
  EXPECT_EQ(go_quoted("\ufffd"), "\"\ufffd\"");
}

TEST(GoQuoted, ShowsBytesThatAreNoUtf8) {
  for (const auto& [text, shown] : {
           std::pair{"\xff", R"("\xff")"},
           {"a\xc3", R"("a\xc3")"},
           {"\xc0\x80", R"("\xc0\x80")"},
           {"\xed\xa0\x80", R"("\xed\xa0\x80")"},
           {"\xf4\x90\x80\x80", R"("\xf4\x90\x80\x80")"},
           {"\x80z", R"("\x80z")"},
       })
    EXPECT_EQ(go_quoted(text), shown);
}

TEST(GoQuoted, KnowsWhatIsSeen) {
  for (const char32_t point : {U' ', U'~', U'é', U'中', U'\u0301', U'\ufffd', U'\U0001f600'})
    EXPECT_TRUE(is_printable(point)) << static_cast<unsigned>(point);
  for (const char32_t point :
       {U'\x1f', U'\x7f', U'\u0085', U'\u00a0', U'\u00ad', U'\u2028', U'\u3000', U'\ufeff'})
    EXPECT_FALSE(is_printable(point)) << static_cast<unsigned>(point);
}

}  // namespace
}  // namespace insula::api
