#include "redis/reply_parser.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace insula::redis {
namespace {

using Kind = Reply::Kind;

Reply text(std::string value) {
  return {.kind = Kind::kText, .text = std::move(value)};
}

Reply integer(std::int64_t value) {
  return {.kind = Kind::kInteger, .integer = value};
}

Reply array(std::vector<Reply> items) {
  return {.kind = Kind::kArray, .items = std::move(items)};
}

struct Case {
  std::string_view bytes;
  Reply reply;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"+OK\r\n", text("OK")},
      {"-ERR no\r\n", {.kind = Kind::kError, .text = "ERR no"}},
      {":-42\r\n", integer(-42)},
      {":+7\r\n", integer(7)},
      {"$5\r\nhello\r\n", text("hello")},
      {"$2\r\n\r\n\r\n", text("\r\n")},
      {"$0\r\n\r\n", text("")},
      {"$-1\r\n", {}},
      {"*-1\r\n", {}},
      {"*0\r\n", array({})},
      {"*2\r\n:1\r\n*1\r\n$1\r\na\r\n", array({integer(1), array({text("a")})})},
      {"_\r\n", {}},
      {"#t\r\n", integer(1)},
      {"#f\r\n", integer(0)},
      {",1.5\r\n", text("1.5")},
      {"(12345678901234567890\r\n", text("12345678901234567890")},
      {"!6\r\nERR no\r\n", {.kind = Kind::kError, .text = "ERR no"}},
      {"=6\r\ntxt:hi\r\n", text("hi")},
      {"%1\r\n+a\r\n:1\r\n", array({text("a"), integer(1)})},
      {"~1\r\n:1\r\n", array({integer(1)})},
      {"|1\r\n+ttl\r\n:9\r\n:1\r\n", integer(1)},
      {">2\r\n+message\r\n+hi\r\n:1\r\n", integer(1)},
  };
  return all;
}

TEST(ReplyParser, ReadsEveryTypeOfBothVersions) {
  for (const auto& [bytes, reply] : cases()) {
    const auto parsed = parse_reply(bytes);
    ASSERT_TRUE(parsed) << bytes << parsed.error().message();
    ASSERT_TRUE(*parsed) << bytes;
    EXPECT_EQ((*parsed)->first, reply) << bytes;
    EXPECT_EQ((*parsed)->second, bytes.size()) << bytes;
  }
}

TEST(ReplyParser, WaitsForTheRestWhereverItIsCut) {
  for (const auto& [bytes, reply] : cases()) {
    for (std::size_t end = 0; end < bytes.size(); ++end) {
      const auto parsed = parse_reply(bytes.substr(0, end));
      ASSERT_TRUE(parsed) << bytes << " up to " << end;
      EXPECT_FALSE(*parsed) << bytes << " up to " << end;
    }
  }
}

TEST(ReplyParser, LeavesWhatFollows) {
  const auto parsed = parse_reply("+OK\r\n+next\r\n");
  ASSERT_TRUE(parsed && *parsed);
  EXPECT_EQ((*parsed)->second, 5U);
}

TEST(ReplyParser, RefusesWhatIsNoReply) {
  for (const std::string_view bytes :
       {"HTTP/1.1 200 OK\r\n", ":1x\r\n", ":\r\n", "$x\r\n", "$-2\r\n", "*-2\r\n", "#x\r\n",
        "$1\r\nabc", "=2\r\nhi\r\n", "*1\r\n?\r\n"}) {
    const auto parsed = parse_reply(bytes);
    ASSERT_FALSE(parsed) << bytes;
    EXPECT_EQ(parsed.error().code(), ErrorCode::kUpstream);
  }
}

TEST(ReplyParser, StopsAtItsLimits) {
  const ReplyLimits small{.bytes = 16, .items = 3, .depth = 2};
  EXPECT_FALSE(parse_reply("$17\r\n", small));
  EXPECT_FALSE(parse_reply("*4\r\n", small));
  EXPECT_FALSE(parse_reply("*2\r\n*2\r\n", small));
  EXPECT_FALSE(parse_reply("*1\r\n*1\r\n*1\r\n", small));
  EXPECT_FALSE(parse_reply("%2\r\n", small));
  EXPECT_FALSE(parse_reply("+012345678901234567890", small));
  EXPECT_TRUE(parse_reply("*1\r\n*1\r\n:1\r\n", small));
  // A number of items that a map would double beyond all bounds.
  EXPECT_FALSE(parse_reply("%9223372036854775808\r\n", small));
}

}  // namespace
}  // namespace insula::redis
