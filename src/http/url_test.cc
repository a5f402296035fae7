#include "http/url.h"

#include <gtest/gtest.h>

namespace insula::http {
namespace {

TEST(PercentEncoding, DecodesWhatItEncodes) {
  std::string all;
  for (int c = 0; c < 256; ++c)
    all.push_back(static_cast<char>(c));
  EXPECT_EQ(percent_decode(percent_encode(all)), all);
  EXPECT_EQ(percent_encode("a b/c"), "a%20b%2Fc");
}

TEST(PercentEncoding, RefusesBrokenEscapes) {
  for (const char* text : {"%", "%1", "a%1", "%g1", "%1g", "%-1"}) {
    EXPECT_EQ(percent_decode(text), std::nullopt) << text;
  }
  EXPECT_EQ(percent_decode("%41%4a+"), "AJ+");
  EXPECT_EQ(form_decode("%41%4a+"), "AJ ");
}

TEST(Query, IsReadParameterByParameter) {
  std::string_view query = "a=1&&b&=c&bad=%&d=x=y";
  EXPECT_EQ(next_parameter(query), (QueryParameter{"a", "1"}));
  EXPECT_EQ(next_parameter(query), (QueryParameter{"b", ""}));
  EXPECT_EQ(next_parameter(query), (QueryParameter{"", "c"}));
  EXPECT_EQ(next_parameter(query), (QueryParameter{"d", "x=y"}));
  EXPECT_EQ(next_parameter(query), std::nullopt);
}

TEST(Path, IsAmbiguousWhenAServerCouldReadAnotherOne) {
  for (const char* path : {"/", "/a/b", "/a//b/", "/a/..b/...", "/%41/%c3%a4"}) {
    EXPECT_TRUE(is_unambiguous_path(path)) << path;
  }
  for (const char* path : {"", "a", "/..", "/a/../b", "/./a", "/a/%2e%2E/b", "/a/.%2e", "/a%2fb",
                           "/a%5cb", "/a\\b", "/a%00", "/a%", "/a%4", "/a%4g"}) {
    EXPECT_FALSE(is_unambiguous_path(path)) << path;
  }
  EXPECT_FALSE(is_unambiguous_path(std::string_view("/a\0b", 4)));
}

TEST(Url, IsTakenApart) {
  EXPECT_EQ(Url::parse("HTTPS://example.com/a?b#c").value(),
            (Url{"https", "example.com", 443, "/a?b"}));
  EXPECT_EQ(Url::parse("http://127.0.0.1:8080").value(), (Url{"http", "127.0.0.1", 8080, "/"}));
  EXPECT_EQ(Url::parse("ws://[::1]:9?x").value(), (Url{"ws", "::1", 9, "/?x"}));
  EXPECT_EQ(Url::parse("https://[::1]:6443/").value().authority(), "[::1]:6443");
  EXPECT_EQ(Url::parse("http://a:80").value().authority(), "a");
}

TEST(Url, IsRefusedWithAReason) {
  for (const char* text : {"example.com", "ftp://a/", "http://", "http://u@a/", "http://a:0/",
                           "http://a:65536/", "http://a:/", "http://a:8x/", "http://[::1/",
                           "http://[[1]/", "http://a]b/", "http://[::1]8/", "http://a b/"}) {
    const auto url = Url::parse(text);
    ASSERT_FALSE(url) << text;
    EXPECT_EQ(url.error().code(), ErrorCode::kInvalid);
  }
}

}  // namespace
}  // namespace insula::http
