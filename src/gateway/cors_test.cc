#include "gateway/cors.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace insula::gateway {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string reply_to(const CorsConfig& config, std::optional<std::string_view> origin) {
  std::string lines;
  CorsPolicy(config).append_reply_lines(lines, origin);
  return lines;
}

std::string preflight_of(const CorsConfig& config, const CorsPolicy::Preflight& preflight) {
  std::string lines;
  CorsPolicy(config).append_preflight_lines(lines, preflight);
  return lines;
}

TEST(CorsPolicy, AllowsTheOriginsThatAreNamed) {
  const CorsPolicy policy(
      {.allow_origins = {"https://app.example.com", "http://localhost:3000",
                         "https://*.example.org", "https://*.example.net:8443"}});
  for (const char* origin :
       {"https://app.example.com", "http://localhost:3000", "https://a.example.org",
        "https://a.b.example.org", "https://a.example.net:8443"})
    EXPECT_TRUE(policy.allows(origin)) << origin;
  for (const char* origin :
       {"http://app.example.com", "https://app.example.com:8443", "https://example.org", "null", "",
        "https://.example.org", "https://example.org.evil.test", "https://evilexample.org",
        "https://evil.test/.example.org", "https://evil.test:1.example.org", "http://a.example.org",
        "https://a.example.net", "https://u@a.example.org", "https://A.example.org"})
    EXPECT_FALSE(policy.allows(origin)) << origin;
}

TEST(CorsPolicy, TellsAPageThatItMayReadTheReply) {
  const CorsConfig config{.allow_origins = {"https://a.test"}};
  const std::string allowed = reply_to(config, "https://a.test");
  EXPECT_THAT(allowed, HasSubstr("Vary: Origin\r\n"));
  EXPECT_THAT(allowed, HasSubstr("Access-Control-Allow-Origin: https://a.test\r\n"));
  EXPECT_THAT(allowed, HasSubstr("Access-Control-Expose-Headers: x-request-id, retry-after, "));
  EXPECT_THAT(allowed, Not(HasSubstr("Credentials")));
  // A cache must not give one page what is another's.
  EXPECT_EQ(reply_to(config, "https://b.test"), "Vary: Origin\r\n");
  EXPECT_EQ(reply_to(config, std::nullopt), "Vary: Origin\r\n");
}

TEST(CorsPolicy, IsTheSameForAllWhereAllMayReadIt) {
  const CorsConfig config{.allow_origins = {"*"}, .expose_headers = {"*"}};
  const std::string lines =
      "Access-Control-Allow-Origin: *\r\nAccess-Control-Expose-Headers: *\r\n";
  EXPECT_EQ(reply_to(config, "https://a.test"), lines);
  EXPECT_EQ(reply_to(config, std::nullopt), lines);
}

TEST(CorsPolicy, AllowsCredentialsToOriginsByName) {
  const std::string lines =
      reply_to({.allow_origins = {"https://a.test"}, .allow_credentials = true}, "https://a.test");
  EXPECT_THAT(lines, HasSubstr("Access-Control-Allow-Origin: https://a.test\r\n"
                               "Access-Control-Allow-Credentials: true\r\n"));
}

TEST(CorsPolicy, TellsAPreflightWhatIsAllowed) {
  const std::string lines = preflight_of({.allow_origins = {"https://a.test"},
                                          .allow_methods = {"PUT", "GET"},
                                          .allow_headers = {"Authorization", "X-A"},
                                          .max_age = std::chrono::seconds(60)},
                                         {"https://a.test", "DELETE", "x-b"});
  EXPECT_EQ(lines,
            "Access-Control-Allow-Origin: https://a.test\r\n"
            "Access-Control-Allow-Methods: GET, HEAD, POST, PUT\r\n"
            "Access-Control-Allow-Headers: Authorization, X-A\r\n"
            "Access-Control-Max-Age: 60\r\n"
            "Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers\r\n");
}

TEST(CorsPolicy, TellsBackWhatIsAskedForWhereAllIsAllowed) {
  // `*` itself would not cover Authorization.
  const CorsConfig config{.allow_origins = {"https://a.test"}, .allow_methods = {"*"}};
  const std::string lines =
      preflight_of(config, {"https://a.test", "PATCH", "authorization,x-stainless-os"});
  EXPECT_THAT(lines, HasSubstr("Access-Control-Allow-Methods: PATCH\r\n"));
  EXPECT_THAT(lines, HasSubstr("Access-Control-Allow-Headers: authorization,x-stainless-os\r\n"));
  for (const char* names : {"", "a b", "a,,b", "a,(", "a;b"})
    EXPECT_THAT(preflight_of(config, {"https://a.test", "PATCH", names}),
                Not(HasSubstr("Allow-Headers")))
        << names;
  EXPECT_THAT(preflight_of(config, {"https://a.test", "a b", ""}),
              HasSubstr("Access-Control-Allow-Methods: GET, HEAD, POST\r\n"));
}

TEST(CorsPolicy, OfAllTenantsAllowsWhatOneOfThemDoes) {
  const CorsConfig one{.allow_origins = {"https://a.test"},
                       .allow_headers = {"X-A"},
                       .max_age = std::chrono::seconds(60)};
  const CorsConfig other{.allow_origins = {"*"}, .allow_methods = {"PUT"}};
  const CorsConfig closed{.allow_origins = {"https://b.test"}, .allow_credentials = true};
  EXPECT_FALSE(join({}));
  const auto all = join({&one, &other, &closed});
  ASSERT_TRUE(all);
  const std::string lines = preflight_of(*all, {"https://c.test", "PUT", "x-b"});
  EXPECT_THAT(lines, HasSubstr("Access-Control-Allow-Origin: *\r\n"));
  // Those of one tenant's pages are not for the pages of all.
  EXPECT_THAT(lines, Not(HasSubstr("Access-Control-Allow-Credentials")));
  EXPECT_THAT(lines, HasSubstr("Access-Control-Allow-Methods: GET, HEAD, POST, DELETE, PUT\r\n"));
  EXPECT_THAT(lines, HasSubstr("Access-Control-Allow-Headers: x-b\r\n"));
  EXPECT_THAT(lines, HasSubstr("Access-Control-Max-Age: 60\r\n"));
}

TEST(CorsPolicy, OfAllTenantsHasCredentialsWhereAllHave) {
  const CorsConfig one{.allow_origins = {"https://a.test"}, .allow_credentials = true};
  const CorsConfig other{.allow_origins = {"https://b.test"}, .allow_credentials = true};
  EXPECT_THAT(preflight_of(*join({&one, &other}), {"https://b.test", "GET", ""}),
              HasSubstr("Access-Control-Allow-Credentials: true\r\n"));
}

TEST(CorsPolicy, EachWildcardIsComparedWithTheWholeOrigin) {
  const CorsPolicy policy(
      {.allow_origins = {"https://*.x.test", "https://*.test"}, .allow_headers = {}});
  EXPECT_TRUE(policy.allows("https://a.x.test"));
  EXPECT_FALSE(policy.allows("https://https://a.x.test.x.test"));
}

}  // namespace
}  // namespace insula::gateway
