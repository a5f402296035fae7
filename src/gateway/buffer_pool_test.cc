#include "gateway/buffer_pool.h"

#include <utility>

#include <gtest/gtest.h>

namespace insula::gateway {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20U;

std::string with_room(std::size_t bytes) {
  std::string text;
  text.reserve(bytes);
  return text;
}

TEST(BufferPool, GivesMemoryOutAgain) {
  BufferPool pool;
  std::string first = pool.take(kMiB);
  first = "what a request said";
  first.reserve(kMiB);
  const char* const memory = first.data();
  pool.give(std::move(first));
  const std::string second = pool.take(kMiB / 2);
  EXPECT_EQ(second.data(), memory);
  EXPECT_EQ(second, "");
  EXPECT_EQ(pool.bytes(), 0);
}

TEST(BufferPool, MakesANewOneWhenNoneIsLargeEnough) {
  BufferPool pool;
  pool.give(with_room(8192));
  EXPECT_GE(pool.take(kMiB).capacity(), kMiB);
  EXPECT_GE(pool.bytes(), 8192);
}

TEST(BufferPool, KeepsNoMoreThanItsBound) {
  BufferPool pool;
  for (int i = 0; i < 10; ++i)
    pool.give(with_room(kMiB));
  EXPECT_LE(pool.bytes(), BufferPool::kBytesMax);
  EXPECT_GE(pool.bytes(), BufferPool::kBytesMax - 2 * kMiB);
  pool.give(with_room(2 * BufferPool::kBytesMax));
  EXPECT_LE(pool.bytes(), BufferPool::kBytesMax);
}

TEST(BufferPool, LeavesSmallOnesToMalloc) {
  BufferPool pool;
  pool.give(with_room(100));
  EXPECT_EQ(pool.bytes(), 0);
}

}  // namespace
}  // namespace insula::gateway
