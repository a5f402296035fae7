#include "simulator/prefix_cache.h"

#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace insula::simulator {
namespace {

/// So many blocks of words.
std::string words(std::int64_t blocks, const std::string& word = "w") {
  std::string text;
  for (std::int64_t i = 0; i < blocks * PrefixCache::kBlockTokens; ++i)
    text += fmt::format("{}{} ", word, i);
  return text;
}

TEST(PrefixCache, HasTheWholeBlocksThatTwoPromptsBeginWith) {
  PrefixCache cache(100);
  EXPECT_EQ(cache.take(words(4)), 0);
  EXPECT_EQ(cache.take(words(6)), 4 * PrefixCache::kBlockTokens);
  EXPECT_EQ(cache.take("  " + words(6, "other")), 0);
  EXPECT_EQ(cache.take(words(3) + "and something else"), 2 * PrefixCache::kBlockTokens);
  EXPECT_EQ(cache.take("too short for a block"), 0);
  EXPECT_EQ(cache.take(""), 0);
}

TEST(PrefixCache, OfAPromptThatItHasWholeTheLastBlockIsMadeAnew) {
  PrefixCache cache(100);
  cache.take(words(4));
  EXPECT_EQ(cache.take(words(4)), 3 * PrefixCache::kBlockTokens);
}

TEST(PrefixCache, LosesWhatWasUsedLongestAgo) {
  PrefixCache cache(8);
  cache.take(words(4, "a"));
  cache.take(words(4, "b"));
  cache.take(words(4, "a"));
  cache.take(words(4, "c"));
  EXPECT_EQ(cache.take(words(4, "a")), 3 * PrefixCache::kBlockTokens);
  EXPECT_EQ(cache.take(words(4, "b")), 0);
  EXPECT_EQ(cache.usage(), 1);
}

TEST(PrefixCache, OfNoSizeKeepsNothing) {
  PrefixCache cache(0);
  EXPECT_EQ(cache.take(words(4)), 0);
  EXPECT_EQ(cache.take(words(4)), 0);
  EXPECT_EQ(cache.usage(), 0);
}

}  // namespace
}  // namespace insula::simulator
