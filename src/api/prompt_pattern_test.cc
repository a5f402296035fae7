#include "api/prompt_pattern.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

}  // namespace
}  // namespace insula::api
