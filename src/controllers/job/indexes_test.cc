#include "controllers/job/indexes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace insula::controllers {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Indexes, AreWrittenAsShortAsTheyCanBe) {
  EXPECT_EQ(format_indexes({}), "");
  EXPECT_EQ(format_indexes({0}), "0");
  EXPECT_EQ(format_indexes({0, 1}), "0,1");
  EXPECT_EQ(format_indexes({1, 3, 4, 5, 7}), "1,3-5,7");
}

TEST(Indexes, AreReadBack) {
  EXPECT_THAT(parse_indexes("", 5), IsEmpty());
  EXPECT_THAT(parse_indexes("1,3-5,7", 8), ElementsAre(1, 3, 4, 5, 7));
  for (const Indexes& indexes : {Indexes{0, 1}, Indexes{2}, Indexes{0, 1, 2, 9}})
    EXPECT_EQ(parse_indexes(format_indexes(indexes), 10), indexes);
}

TEST(Indexes, BeyondTheEndOfTheJobAreForgotten) {
  EXPECT_THAT(parse_indexes("1,3-5,7", 4), ElementsAre(1, 3));
  EXPECT_THAT(parse_indexes("0-2147483647", 2), ElementsAre(0, 1));
}

TEST(Indexes, ThatCannotBeReadAreLeftOut) {
  EXPECT_THAT(parse_indexes("a,2,-3,4-x", 9), ElementsAre(2));
}

}  // namespace
}  // namespace insula::controllers
