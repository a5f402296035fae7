#include "gateway/api_key.h"

#include <gtest/gtest.h>

namespace insula::gateway {
namespace {

constexpr std::string_view kSecret = "0123456789abcdefghijABCDEFGHIJKL";
// printf %s 0123456789abcdefghijABCDEFGHIJKL | sha256sum
constexpr std::string_view kHash =
    "375cc5203c88825f873395dd371a06bf2ddb6c8785aa004b041c1c9502b10a7b";

const WallTime kNow = std::chrono::sys_days{std::chrono::year{2026} / 1 / 1};

TEST(ApiKey, OnlyTheExactFormIsAKey) {
  const std::string key = "ins_abcdefghi1_" + std::string(kSecret);
  const auto parsed = parse_api_key(key);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->id, "abcdefghi1");
  EXPECT_EQ(parsed->secret, kSecret);
  for (const std::string& other :
       {key + "x", key.substr(1), "INS" + key.substr(3), std::string(),
        "ins_abcdefghi-_" + std::string(kSecret), "ins_abcdefghi1-" + std::string(kSecret)}) {
    EXPECT_FALSE(parse_api_key(other)) << other;
  }
}

TEST(ApiKey, OnlyTheRightSecretOpensIt) {
  ApiKeys keys;
  ASSERT_TRUE(keys.add("abcdefghi1", kHash, {.tenant = "demo-a", .expires = {}, .models = {}}));
  const auto grant = keys.verify({"abcdefghi1", kSecret}, kNow);
  ASSERT_TRUE(grant);
  EXPECT_EQ((*grant)->tenant, "demo-a");
  EXPECT_TRUE((*grant)->allows("any"));
  EXPECT_FALSE(keys.verify({"abcdefghi1", "0123456789abcdefghijABCDEFGHIJKM"}, kNow));
  EXPECT_FALSE(keys.verify({"abcdefghi2", kSecret}, kNow));
}

TEST(ApiKey, OpensUntilItExpiresAndOnlyItsModels) {
  ApiKeys keys;
  const api::Time expires{api::Time::from(kNow).seconds + 60};
  ASSERT_TRUE(keys.add("abcdefghi1", kHash,
                       {.tenant = "demo-a", .expires = expires, .models = {"small", "large"}}));
  const ApiKeyText key{"abcdefghi1", kSecret};
  const auto grant = keys.verify(key, kNow + std::chrono::seconds(59));
  ASSERT_TRUE(grant);
  EXPECT_TRUE((*grant)->allows("large"));
  EXPECT_FALSE((*grant)->allows("larg"));
  EXPECT_FALSE((*grant)->allows(""));
  const auto late = keys.verify(key, kNow + std::chrono::seconds(60));
  ASSERT_FALSE(late);
  EXPECT_NE(late.error().message().find("expired at " + expires.text()), std::string::npos);
  // Who does not know the secret is not told.
  EXPECT_EQ(keys.verify({"abcdefghi1", "0123456789abcdefghijABCDEFGHIJKM"},
                        kNow + std::chrono::seconds(60))
                .error()
                .message(),
            "the API key is not valid");
}

TEST(ApiKey, IsFoundInATextWhoseSecretsMayBeTakenOut) {
  const std::string key = "ins_abcdefghi1_" + std::string(kSecret);
  for (const std::string& text : {key, "/" + key + "/v1", "ins_" + key, "ins_ins_" + key + "x"}) {
    EXPECT_TRUE(holds_api_key(text)) << text;
    EXPECT_EQ(without_secrets(text).find(kSecret), std::string::npos) << text;
  }
  EXPECT_EQ(without_secrets("/a/" + key + "/" + key), "/a/ins_abcdefghi1_***/ins_abcdefghi1_***");
  for (const std::string& text : {std::string("/ins_a/v1"), key.substr(0, key.size() - 1)}) {
    EXPECT_FALSE(holds_api_key(text)) << text;
    EXPECT_EQ(without_secrets(text), text);
  }
}

TEST(ApiKey, AHashThatIsNoneIsRefused) {
  ApiKeys keys;
  EXPECT_FALSE(keys.add("a", "12", {}));
  EXPECT_FALSE(keys.add("a", std::string(64, 'g'), {}));
  EXPECT_EQ(keys.size(), 0U);
}

}  // namespace
}  // namespace insula::gateway
