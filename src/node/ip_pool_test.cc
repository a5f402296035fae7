#include "node/ip_pool.h"

#include <set>

#include <gtest/gtest.h>

namespace insula::node {
namespace {

Ipv4Range small_range() {
  return parse_ipv4_range("10.9.8.16/28").value();
}

TEST(Ipv4, ReadsAndWritesDottedQuads) {
  EXPECT_EQ(parse_ipv4("10.1.2.255")->text(), "10.1.2.255");
  for (const char* bad : {"", "1.2.3", "1.2.3.256", "1.2.3.4.5", "1.2.3.4x", "a.b.c.d"}) {
    EXPECT_FALSE(parse_ipv4(bad)) << bad;
  }
}

TEST(Ipv4Range, RefusesHostBitsAndSizesThatMakeNoSense) {
  EXPECT_TRUE(parse_ipv4_range("10.244.0.0/16"));
  for (const char* bad : {"10.244.0.1/16", "10.0.0.0/7", "10.0.0.0/29", "10.0.0.0", "10.0.0.0/x"}) {
    EXPECT_FALSE(parse_ipv4_range(bad)) << bad;
  }
}

TEST(IpPool, GivesEveryUsableAddressOnceAndThenSaysThatNoneIsFree) {
  SeededRandom random(1);
  IpPool pool(small_range(), random);
  std::set<Ipv4> seen;
  for (int i = 0; i < 14; ++i) {
    const Result<Ipv4> address = pool.acquire("pod-" + std::to_string(i));
    ASSERT_TRUE(address);
    EXPECT_TRUE(small_range().contains(*address));
    EXPECT_NE(*address, small_range().first);
    EXPECT_TRUE(seen.insert(*address).second) << address->text();
  }
  const Result<Ipv4> none = pool.acquire("one-more");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code(), ErrorCode::kUnavailable);
}

TEST(IpPool, KeepsWhatEarlierPodsHadOutOfReach) {
  SeededRandom random(2);
  IpPool pool(small_range(), random);
  const Ipv4 taken = *parse_ipv4("10.9.8.20");
  EXPECT_TRUE(pool.reserve("old", taken));
  EXPECT_FALSE(pool.reserve("other", taken));
  EXPECT_FALSE(pool.reserve("other", *parse_ipv4("10.1.1.1")));
  EXPECT_EQ(pool.acquire("old").value(), taken);
  for (int i = 0; i < 13; ++i)
    EXPECT_NE(pool.acquire("pod-" + std::to_string(i)).value(), taken);
}

TEST(IpPool, DoesNotGiveAnAddressAgainWhileOthersAreFree) {
  SeededRandom random(3);
  IpPool pool(small_range(), random);
  const Ipv4 first = pool.acquire("a").value();
  pool.release("a");
  EXPECT_NE(pool.acquire("a").value(), first);
}

}  // namespace
}  // namespace insula::node
