#include "base/number.h"

#include <cstdint>

#include <gtest/gtest.h>

namespace insula {
namespace {

TEST(ParseWhole, TakesAllOfTheTextOrNothing) {
  EXPECT_EQ(parse_whole<int>("42"), 42);
  EXPECT_EQ(parse_whole<int>("-42"), -42);
  EXPECT_EQ(parse_whole<int>("007"), 7);
  EXPECT_EQ(parse_whole<double>("1.5"), 1.5);
  for (const char* text : {"", " ", "+1", "1 ", " 1", "1x", "x", "0x1", "-", "1.5"})
    EXPECT_EQ(parse_whole<int>(text), std::nullopt) << '"' << text << '"';
}

TEST(ParseWhole, KnowsTheBoundsOfItsType) {
  EXPECT_EQ(parse_whole<std::uint16_t>("65535"), 65535);
  EXPECT_EQ(parse_whole<std::uint16_t>("65536"), std::nullopt);
  EXPECT_EQ(parse_whole<std::uint16_t>("-1"), std::nullopt);
  EXPECT_EQ(parse_whole<std::int64_t>("9223372036854775808"), std::nullopt);
}

}  // namespace
}  // namespace insula
