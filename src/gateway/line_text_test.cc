#include "gateway/line_text.h"

#include <gtest/gtest.h>

#include "json/parse.h"

namespace insula::gateway {
namespace {

std::string quoted(std::string_view text, std::size_t bytes_max = 1000) {
  std::string out;
  append_ascii_string(out, text, bytes_max);
  return out;
}

TEST(LineText, HasPrintableAsciiAlone) {
  EXPECT_EQ(quoted("a b"), R"("a b")");
  EXPECT_EQ(quoted("a\"\\b"), R"("a\"\\b")");
  // What would begin another line, or steer a terminal.
  EXPECT_EQ(quoted("a\r\n{\"status\":200}"), R"("a\u000d\u000a{\"status\":200}")");
  EXPECT_EQ(quoted("\x1b[2J\x7f"), R"("\u001b[2J\u007f")");
  EXPECT_EQ(quoted("\xc2\x9b"), R"("\u009b")");
  EXPECT_EQ(quoted("\xe2\x80\xa8\xe2\x80\xae"), R"("\u2028\u202e")");
  EXPECT_EQ(quoted("\xf0\x9f\x8f\x9d"), R"("\ud83c\udfdd")");
  EXPECT_EQ(quoted(std::string_view("\0", 1)), R"("\u0000")");
}

TEST(LineText, ReplacesWhatIsNotUtf8) {
  EXPECT_EQ(quoted("\xff"), R"("\ufffd")");
  EXPECT_EQ(quoted("\xc0\xaf"), R"("\ufffd\ufffd")");
  EXPECT_EQ(quoted("\xed\xa0\x80"), R"("\ufffd\ufffd\ufffd")");
  EXPECT_EQ(quoted("\xe4\xb8"), R"("\ufffd\ufffd")");
  EXPECT_EQ(quoted("\xf4\x90\x80\x80"), R"("\ufffd\ufffd\ufffd\ufffd")");
}

TEST(LineText, IsWhatJsonReadsBack) {
  for (const std::string_view text :
       {"plain", "\xe5\xb3\xb6\xe5\xb6\xbc", "\xf0\x9f\x8f\x9d\n\t"}) {
    const auto read = json::parse(quoted(text));
    ASSERT_TRUE(read) << text;
    EXPECT_EQ(read->text(), text);
  }
}

TEST(LineText, KeepsToItsBound) {
  EXPECT_EQ(quoted("abcdef", 3), R"("abc")");
  EXPECT_EQ(quoted("ab\xc3\xa9", 3), R"("ab\ufffd")");
}

TEST(LineText, WritesMilliseconds) {
  std::string out;
  append_millis(out, 12'045);
  out += ' ';
  append_millis(out, 7);
  EXPECT_EQ(out, "12.045 0.007");
}

}  // namespace
}  // namespace insula::gateway
