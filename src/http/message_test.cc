#include "http/message.h"

#include <gtest/gtest.h>

namespace insula::http {
namespace {

TEST(Headers, FindWithoutCaseAndKeepOrderAndSpelling) {
  Headers headers{{"Content-Type", "text/plain"}, {"Set-Cookie", "a"}, {"set-cookie", "b"}};
  EXPECT_EQ(headers.find("content-type"), "text/plain");
  EXPECT_EQ(headers.find("SET-COOKIE"), "a");
  EXPECT_EQ(headers.get("absent"), "");
  headers.set("Set-Cookie", "c");
  EXPECT_EQ(headers.size(), 2u);
  EXPECT_EQ(headers.remove("CONTENT-TYPE"), 1u);
  EXPECT_EQ(headers, (Headers{{"Set-Cookie", "c"}}));
}

TEST(Headers, FindTokensInAllLinesOfAName) {
  const Headers headers{{"Connection", "keep-alive,, foo"}, {"connection", " Upgrade "}};
  EXPECT_TRUE(headers.has_token("Connection", "upgrade"));
  EXPECT_TRUE(headers.has_token("Connection", "FOO"));
  EXPECT_FALSE(headers.has_token("Connection", "keep"));
}

TEST(Headers, LetNoValueBeginAnotherHeader) {
  Headers headers{{"A", "b\r\nC: d\x7f\t"}};
  EXPECT_EQ(headers.get("A"), "b  C: d \t");
  EXPECT_DEATH(headers.add("A b", "c"), "check failed");
  EXPECT_FALSE(is_field_value("a\nb"));
  EXPECT_TRUE(is_field_value("a\tb \xc3\xa4"));
}

TEST(Request, SplitsItsTarget) {
  Request request;
  request.target = "/api/v1/pods?watch&labelSelector=a%3Db+c&x=%zz&x=2";
  EXPECT_EQ(request.path(), "/api/v1/pods");
  EXPECT_EQ(request.query("watch"), "");
  EXPECT_EQ(request.query("labelSelector"), "a=b c");
  EXPECT_EQ(request.query("x"), "2");
  EXPECT_EQ(request.query("y"), std::nullopt);
}

}  // namespace
}  // namespace insula::http
