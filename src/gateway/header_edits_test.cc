#include "gateway/header_edits.h"

#include <array>
#include <string>

#include <gtest/gtest.h>

namespace insula::gateway {
namespace {

std::string edited(const HeaderEditsConfig& config, std::string head) {
  HeaderEdits(config).apply(head);
  return head;
}

TEST(HeaderEdits, SetsAddsAndRemovesLines) {
  const std::string head =
      "POST /v1/x: y HTTP/1.1\r\nX-A: 1\r\nx-b: 2\r\nX_B: 3\r\nX-C: 4\r\nX-Empty: \r\n";
  EXPECT_EQ(
      edited({.set = {{"X-B", "set"}}, .add = {{"X-C", "5"}}, .remove = {"x-a", "X-Empty"}}, head),
      "POST /v1/x: y HTTP/1.1\r\nX-C: 4\r\nX-B: set\r\nX-C: 5\r\n");
  EXPECT_EQ(edited({.remove = {"X-Other"}}, head), head);
  // `_` reads as `-`, on both sides.
  EXPECT_EQ(edited({.set = {{"x_a", "2"}}}, "X-A: 1\r\nX_A: 1\r\n"), "x_a: 2\r\n");
  EXPECT_EQ(edited({.set = {{"X-A", "1"}}}, ""), "X-A: 1\r\n");
}

TEST(HeaderEdits, OfAReplyFollowOneAnother) {
  const HeaderEdits first({.set = {{"X-A", "1"}}, .add = {{"X-B", "2"}}});
  const HeaderEdits second({.add = {{"X-A", "3"}}, .remove = {"X-B", "Server"}});
  const std::array<const HeaderEdits*, 2> edits = {&first, &second};
  std::string lines = "x-request-id: r\r\n";
  append_lines(lines, edits);
  EXPECT_EQ(lines, "x-request-id: r\r\nX-A: 1\r\nX-A: 3\r\n");
  EXPECT_TRUE(takes_away(edits, "SERVER"));
  EXPECT_TRUE(takes_away(edits, "x-a"));
  EXPECT_FALSE(takes_away(edits, "Date"));
}

}  // namespace
}  // namespace insula::gateway
