#include "gateway/limits_redis.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/temp_dir.h"

namespace insula::gateway {
namespace {

using ::testing::HasSubstr;

TEST(LimitsRedis, IsReadFromWhatTheCommandLineSays) {
  const insula::testing::TempDir dir;
  std::ofstream(dir / "password") << "secret";
  const LimitsRedis limits{.url = "redis://limits@db.example/2", .password_file = dir / "password"};
  const auto options = limits.client_options();
  ASSERT_TRUE(options) << options.error().message();
  EXPECT_EQ(options->endpoint.text(), "redis://limits@db.example:6379/2");
  EXPECT_EQ(options->tls, nullptr);
  const auto secure = LimitsRedis{.url = "rediss://db.example"}.client_options();
  ASSERT_TRUE(secure);
  EXPECT_NE(secure->tls, nullptr);
}

TEST(LimitsRedis, NamesTheOptionThatIsWrong) {
  const insula::testing::TempDir dir;
  std::ofstream(dir / "no.pem") << "text";
  const auto message = [](const LimitsRedis& limits) {
    const auto options = limits.client_options();
    return options ? std::string("nothing") : options.error().message();
  };
  EXPECT_THAT(message({.url = "db.example"}), HasSubstr("--limits-redis: there is no such scheme"));
  EXPECT_THAT(message({.url = "redis://limits@a"}),
              HasSubstr("--limits-redis-password-file names"));
  EXPECT_THAT(message({.url = "redis://a", .password_file = dir / "none"}),
              HasSubstr("--limits-redis-password-file: read "));
  EXPECT_THAT(message({.url = "redis://a", .ca_file = dir / "no.pem"}),
              HasSubstr("--limits-redis-ca is for rediss:// only"));
  EXPECT_THAT(message({.url = "rediss://a", .ca_file = dir / "none"}),
              HasSubstr("--limits-redis-ca: "));
  EXPECT_THAT(message({.url = "rediss://a", .ca_file = dir / "no.pem"}),
              HasSubstr("--limits-redis-ca: "));
}

}  // namespace
}  // namespace insula::gateway
