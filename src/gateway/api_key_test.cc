#include "gateway/api_key.h"

#include <gtest/gtest.h>

namespace insula::gateway {
namespace {

constexpr std::string_view kSecret = "0123456789abcdefghijABCDEFGHIJKL";
// printf %s 0123456789abcdefghijABCDEFGHIJKL | sha256sum
constexpr std::string_view kHash =
    "375cc5203c88825f873395dd371a06bf2ddb6c8785aa004b041c1c9502b10a7b";

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
  ASSERT_TRUE(keys.add("abcdefghi1", "demo-a", kHash));
  const auto record = keys.verify({"abcdefghi1", kSecret});
  ASSERT_TRUE(record);
  EXPECT_EQ((*record)->tenant, "demo-a");
  EXPECT_FALSE(keys.verify({"abcdefghi1", "0123456789abcdefghijABCDEFGHIJKM"}));
  EXPECT_FALSE(keys.verify({"abcdefghi2", kSecret}));
}

TEST(ApiKey, AHashThatIsNoneIsRefused) {
  ApiKeys keys;
  EXPECT_FALSE(keys.add("a", "t", "12"));
  EXPECT_FALSE(keys.add("a", "t", std::string(64, 'g')));
  EXPECT_EQ(keys.size(), 0U);
}

}  // namespace
}  // namespace insula::gateway
