#include "redis/endpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace insula::redis {
namespace {

using ::testing::HasSubstr;

TEST(RedisEndpoint, ReadsWhatAUrlSays) {
  EXPECT_EQ(*Endpoint::parse("redis://db.example"), (Endpoint{.host = "db.example"}));
  EXPECT_EQ(*Endpoint::parse("redis://db.example:7000/3"),
            (Endpoint{.host = "db.example", .port = 7000, .database = 3}));
  EXPECT_EQ(*Endpoint::parse("rediss://limits@db.example/"),
            (Endpoint{.host = "db.example", .tls = true, .user = "limits"}));
  EXPECT_EQ(*Endpoint::parse("redis://[::1]:7000"), (Endpoint{.host = "::1", .port = 7000}));
  EXPECT_EQ(*Endpoint::parse("unix:///run/redis.sock"), (Endpoint{.path = "/run/redis.sock"}));
}

TEST(RedisEndpoint, IsReadAgainFromItsText) {
  for (const char* url :
       {"redis://a:6379/0", "rediss://u@a:1/2", "redis://[::1]:7000/0", "unix:///run/redis.sock"})
    EXPECT_EQ(Endpoint::parse(url)->text(), url);
}

TEST(RedisEndpoint, SaysWhatIsWrong) {
  const auto message = [](std::string_view url) {
    const auto endpoint = Endpoint::parse(url);
    return endpoint ? std::string("nothing") : endpoint.error().message();
  };
  EXPECT_THAT(message("db.example:6379"), HasSubstr("no such scheme"));
  EXPECT_THAT(message("http://db.example"), HasSubstr("redis://HOST:PORT/DATABASE"));
  EXPECT_THAT(message("redis://"), HasSubstr("no host"));
  EXPECT_THAT(message("redis://a:0"), HasSubstr("\"0\" is no port"));
  EXPECT_THAT(message("redis://a:65536"), HasSubstr("no port"));
  EXPECT_THAT(message("redis://[::1"), HasSubstr("ends with ]"));
  EXPECT_THAT(message("redis://a/x"), HasSubstr("\"x\" is no number of a database"));
  EXPECT_THAT(message("redis://a?x=1"), HasSubstr("no parameters"));
  EXPECT_THAT(message("redis://:secret@a"), HasSubstr("read from a file"));
  EXPECT_THAT(message("unix://run/redis.sock"), HasSubstr("begins with /"));
  EXPECT_EQ(message("redis://:secret@a").find("secret"), std::string::npos);
}

}  // namespace
}  // namespace insula::redis
