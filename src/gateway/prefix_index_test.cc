#include "gateway/prefix_index.h"

#include <cstdint>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace insula::gateway {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

std::string text_of(std::size_t blocks, char letter = 'a') {
  return std::string(blocks * PrefixBlocks::kBlockBytes, letter);
}

std::vector<std::uint64_t> blocks_of(const std::string& prompt, std::uint64_t scope = 1) {
  PrefixBlocks blocks;
  blocks.take(scope, prompt);
  return {blocks.list().begin(), blocks.list().end()};
}

TEST(PrefixBlocks, PromptsShareTheBlocksBeforeTheirFirstDifference) {
  const auto one = blocks_of(text_of(4) + "end");
  const auto other = blocks_of(text_of(2) + text_of(2, 'b'));
  ASSERT_THAT(one, SizeIs(4));
  EXPECT_EQ(one[0], other[0]);
  EXPECT_EQ(one[1], other[1]);
  EXPECT_NE(one[2], other[2]);
  EXPECT_NE(one[3], other[3]);
  // Equal blocks at different places are different.
  EXPECT_NE(one[0], one[1]);
  EXPECT_NE(blocks_of(text_of(1), 1)[0], blocks_of(text_of(1), 2)[0]);
}

TEST(PrefixBlocks, AreAsManyAsThereAreWholeOnesUpToTheirBound) {
  EXPECT_THAT(blocks_of(""), IsEmpty());
  EXPECT_THAT(blocks_of(std::string(PrefixBlocks::kBlockBytes - 1, 'x')), IsEmpty());
  EXPECT_THAT(blocks_of(text_of(PrefixBlocks::kBlocksMax + 5)), SizeIs(PrefixBlocks::kBlocksMax));
}

TEST(PrefixBlocks, OneByteChangesTheHash) {
  std::set<std::uint64_t> hashes;
  std::string text = text_of(1);
  hashes.insert(hash_of(text, 0));
  for (char& c : text) {
    const char before = std::exchange(c, 'b');
    hashes.insert(hash_of(text, 0));
    c = before;
  }
  EXPECT_THAT(hashes, SizeIs(text.size() + 1));
  EXPECT_NE(hash_of("", 0), hash_of(std::string(1, '\0'), 0));
  EXPECT_NE(hash_of("a", 0), hash_of("a", 1));
}

TEST(PrefixIndex, MatchesWhatItWasSentFromTheStart) {
  PrefixIndex index;
  const auto sent = blocks_of(text_of(3));
  EXPECT_EQ(index.match(sent), 0);
  index.note(sent);
  EXPECT_EQ(index.match(sent), 3);
  EXPECT_EQ(index.match(blocks_of(text_of(2) + text_of(2, 'b'))), 2);
  EXPECT_EQ(index.match(blocks_of(text_of(3, 'b'))), 0);
  EXPECT_EQ(index.match({}), 0);
}

TEST(PrefixIndex, ForgetsWhatWasSentLongestAgo) {
  PrefixIndex index;
  const auto kept = blocks_of(text_of(10, 'k'));
  const auto gone = blocks_of(text_of(10, 'g'));
  index.note(gone);
  for (int i = 0; i < 400; ++i) {
    index.note(kept);
    index.note(blocks_of(fmt::format("{:0256}", i) + text_of(100)));
  }
  EXPECT_EQ(index.match(kept), kept.size());
  EXPECT_EQ(index.match(gone), 0);
}

TEST(PrefixIndex, HoldsAsMuchAsItHasRoomForWhateverIsSent) {
  PrefixIndex index;
  std::size_t held = 0;
  std::vector<std::vector<std::uint64_t>> all;
  for (int i = 0; i < 1000; ++i) {
    all.push_back(blocks_of(fmt::format("{:0256}", i) + text_of(40)));
    index.note(all.back());
  }
  for (const auto& blocks : all)
    held += index.match(blocks);
  EXPECT_LE(held, PrefixIndex::kEntries);
  // What is left of a prompt counts up to its first gap only.
  EXPECT_GT(held, PrefixIndex::kEntries / 3);
}

TEST(PrefixIndex, ThreadsMayWriteAtOnce) {
  PrefixIndex index;
  {
    constexpr int kThreads = 4;
    std::vector<std::jthread> threads;
    threads.reserve(kThreads);
    for (int thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&index, thread] {
        for (int i = 0; i < 2000; ++i)
          index.note(blocks_of(fmt::format("{:0256}", i * kThreads + thread)));
      });
    }
  }
  const auto last = blocks_of(text_of(5));
  index.note(last);
  EXPECT_EQ(index.match(last), 5);
}

}  // namespace
}  // namespace insula::gateway
