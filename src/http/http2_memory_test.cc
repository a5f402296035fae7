#include "http/http2_memory.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace insula::http {
namespace {

class Http2Memory : public ::testing::Test {
 protected:
  void* take(std::size_t size) { return memory_.malloc(size, nullptr); }

  void give(void* block) { memory_.free(block, nullptr); }

  nghttp2_mem& memory_ = *http2_memory();
};

TEST_F(Http2Memory, ABlockThatGrowsOrShrinksKeepsWhatItHas) {
  const std::string text(100, 'x');
  char* block = static_cast<char*>(memory_.realloc(nullptr, text.size(), nullptr));
  text.copy(block, text.size());
  // Within the pool, beyond what it keeps, and back.
  for (const std::size_t size : {200U, 100'000U, 50U}) {
    block = static_cast<char*>(memory_.realloc(block, size, nullptr));
    ASSERT_NE(block, nullptr);
    const std::size_t kept = std::min(size, text.size());
    EXPECT_EQ(std::string_view(block, kept), std::string_view(text).substr(0, kept)) << size;
  }
  give(block);
  give(nullptr);
}

TEST_F(Http2Memory, BlocksAreApartAlignedAndZeroedWhereThatIsAsked) {
  char* const used = static_cast<char*>(take(64));
  std::string(64, 'x').copy(used, 64);
  give(used);
  char* const zeroed = static_cast<char*>(memory_.calloc(8, 8, nullptr));
  EXPECT_EQ(std::string_view(zeroed, 64), std::string(64, '\0'));
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(zeroed) % alignof(std::max_align_t), 0U);
  char* const other = static_cast<char*>(take(64));
  EXPECT_TRUE(other + 64 <= zeroed || zeroed + 64 <= other);
  give(other);
  give(zeroed);
}

TEST_F(Http2Memory, WhatIsLargerThanAllIsRefused) {
  EXPECT_EQ(take(SIZE_MAX), nullptr);
  EXPECT_EQ(memory_.calloc(SIZE_MAX, 2, nullptr), nullptr);
}

}  // namespace
}  // namespace insula::http
