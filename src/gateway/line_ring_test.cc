#include "gateway/line_ring.h"

#include <string>
#include <thread>

#include <gmock/gmock.h>

namespace insula::gateway {
namespace {

using ::testing::ElementsAre;

std::string take(LineRing& ring) {
  ring.reading();
  std::string text;
  for (const std::string_view piece : ring.unread())
    text += piece;
  ring.drop(text.size());
  return text;
}

TEST(LineRing, GivesLinesInTheirOrderAlsoOverItsEnd) {
  LineRing ring(16);
  ASSERT_TRUE(ring.append("0123456789\n"));
  EXPECT_EQ(take(ring), "0123456789\n");
  ASSERT_TRUE(ring.append("abcdefgh\n"));
  EXPECT_THAT(ring.unread(), ElementsAre("abcde", "fgh\n"));
  EXPECT_EQ(take(ring), "abcdefgh\n");
}

TEST(LineRing, TakesNoPartOfALineForWhichThereIsNoRoom) {
  LineRing ring(16);
  ASSERT_TRUE(ring.append("0123456789\n"));
  EXPECT_FALSE(ring.append("abcdef\n"));
  EXPECT_TRUE(ring.append("abcd\n"));
  EXPECT_EQ(take(ring), "0123456789\nabcd\n");
}

TEST(LineRing, CallsItsReaderOnceUntilItComes) {
  LineRing ring(16);
  int calls = 0;
  ring.on_lines([&calls] { ++calls; });
  ASSERT_TRUE(ring.append("a\n"));
  EXPECT_EQ(calls, 0);
  ASSERT_TRUE(ring.append("b\n"));
  ASSERT_TRUE(ring.append("c\n"));
  EXPECT_EQ(calls, 1);
  take(ring);
  ASSERT_TRUE(ring.append("0123456\n"));
  EXPECT_EQ(calls, 2);
}

TEST(LineRing, LosesNothingBetweenTwoThreads) {
  constexpr int kLines = 20'000;
  LineRing ring(256);
  std::string read;
  std::jthread writer([&ring] {
    for (int i = 0; i < kLines;) {
      if (ring.append(std::to_string(i) + "\n")) {
        ++i;
      } else {
        std::this_thread::yield();
      }
    }
  });
  std::string expected;
  for (int i = 0; i < kLines; ++i)
    expected += std::to_string(i) + "\n";
  while (read.size() < expected.size()) {
    read += take(ring);
    std::this_thread::yield();
  }
  EXPECT_EQ(read, expected);
}

}  // namespace
}  // namespace insula::gateway
