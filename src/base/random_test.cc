#include "base/random.h"

#include <set>

#include <gtest/gtest.h>

namespace insula {
namespace {

TEST(Random, SameSeedSameText) {
  SeededRandom a(7);
  SeededRandom b(7);
  EXPECT_EQ(random_text(a, "abcdef", 32), random_text(b, "abcdef", 32));
}

TEST(Random, BelowReachesEveryValueAndNoOther) {
  SeededRandom random(1);
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 1000; ++i)
    seen.insert(random.below(10));
  EXPECT_EQ(seen.size(), 10U);
  EXPECT_LT(*seen.rbegin(), 10U);
}

TEST(Random, UuidIsVersion4) {
  const std::string uuid = random_uuid(system_random());
  ASSERT_EQ(uuid.size(), 36U);
  EXPECT_EQ(uuid[14], '4');
  EXPECT_NE(std::string("89ab").find(uuid[19]), std::string::npos);
}

}  // namespace
}  // namespace insula
