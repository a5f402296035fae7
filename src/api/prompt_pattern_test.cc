#include "api/prompt_pattern.h"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cel/pattern.h"

namespace insula::api {
namespace {

using ::testing::HasSubstr;

TEST(PromptPattern, MayNotRepeatWithoutEnd) {
  for (const char* pattern : {"a*", "a+?", "(ab)+c", "a{3,}", "[*]+", "a\\\\+", "[]+]*", "[^]+]*",
                              "\\Qa+\\E*", "\\x{2a}+", "[[:alpha:]]+", "(?i)x{0,}y"}) {
    const auto checked = check_prompt_pattern(pattern);
    ASSERT_FALSE(checked) << pattern;
    EXPECT_THAT(checked.error().message(), HasSubstr("{0,64}")) << pattern;
  }
  for (const char* pattern :
       {"a\\*", "[*+]", "[]+]", "[^]*]", "[\\]*]", "a{3}", "a{3,5}", "a{,3}", "{3,", "\\Qa+b*\\E",
        "\\x{2b}", "\\p{Greek}", "[[:alpha:]*]", "a?b??", "\\bcat\\b", "\\Qa*"})
    EXPECT_TRUE(check_prompt_pattern(pattern)) << pattern;
}

TEST(PromptPattern, HasABoundOfInstructions) {
  EXPECT_GT(check_prompt_pattern("a{500}").value(), 500U);
  const auto checked = check_prompt_pattern("[^x]{100}");
  ASSERT_FALSE(checked);
  EXPECT_THAT(checked.error().message(), HasSubstr("instructions, and may have 512"));
  EXPECT_FALSE(check_prompt_pattern("("));
}

/// The bound of a match is what lets a text be searched in pieces.
TEST(PromptPattern, WhatMayBeSearchedForHasNoLongerMatchThanInstructions) {
  constexpr std::array<std::string_view, 24> kParts = {
      "a",     "b",   ".",    "[ab]",  "[^c]", "(a|b)", "(?:ab)", "*",
      "+",     "?",   "{2}",  "{1,3}", "{1,}", "{,2}",  "|",      "\\*",
      "\\Qa+", "\\E", "[*+]", "[]+]",  "\\b",  "(?i)a", "\\x61",  "[[:alpha:]]"};
  std::uint64_t state = 7;
  const auto next = [&state] { return (state = state * 6364136223846793005U + 1) >> 33U; };
  int allowed = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string pattern;
    for (std::uint64_t parts = 1 + next() % 6; parts > 0; --parts)
      pattern += kParts[next() % kParts.size()];
    const auto instructions = check_prompt_pattern(pattern);
    if (!instructions) continue;
    const auto whole = cel::Pattern::compile("^(?:" + pattern + ")$");
    if (!whole) continue;  // a \\Q that nothing ends
    ++allowed;
    for (const char* unit : {"a", "b", "ab", "a+", "*"}) {
      std::string text;
      while (text.size() <= *instructions)
        text += unit;
      EXPECT_FALSE(whole->found_in(text)) << pattern;
    }
  }
  EXPECT_GT(allowed, 1000);
}

}  // namespace
}  // namespace insula::api
