#include "http/date.h"

#include <chrono>

#include <gtest/gtest.h>

namespace insula::http {
namespace {

TEST(Date, IsAsRfc9110WritesIt) {
  const WallTime time{std::chrono::seconds(784111777) + std::chrono::milliseconds(999)};
  EXPECT_EQ(date_text(time), "Sun, 06 Nov 1994 08:49:37 GMT");
}

}  // namespace
}  // namespace insula::http
