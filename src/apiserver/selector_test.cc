#include "apiserver/selector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace insula::apiserver {
namespace {

using ::testing::StartsWith;
using Labels = std::map<std::string, std::string>;

bool matches(std::string_view selector, const Labels& labels) {
  const auto parsed = LabelSelector::parse(selector);
  EXPECT_TRUE(parsed) << selector;
  return parsed && parsed->matches(labels);
}

TEST(LabelSelector, MatchesByEqualityAndBySet) {
  const Labels labels{{"app", "web"}, {"tier", "a"}, {"n", "7"}};
  for (const char* yes :
       {"", "app=web", "app==web,tier=a", "app!=db", "other!=x", "tier in (a, b)", "tier notin (c)",
        "other notin (c)", "app", "!other", "n>6", "n<8", " app = web , tier in (a)"})
    EXPECT_TRUE(matches(yes, labels)) << yes;
  for (const char* no : {"app=db", "app!=web", "tier in (b,c)", "tier notin (a)", "other", "!app",
                         "n>7", "app>1", "other in (x)"})
    EXPECT_FALSE(matches(no, labels)) << no;
}

TEST(LabelSelector, RefusesWhatItCannotRead) {
  const std::string too_long = "app=" + std::string(64, 'x');
  for (const std::string& bad :
       {std::string("=x"), std::string("app=web=db"), std::string("app in web"),
        std::string("app in (a"), std::string("app like b"), std::string("n>x"), std::string(","),
        std::string("app,"), std::string("a b"), std::string("a/b/c"), std::string("-app=x"),
        std::string("app=-x"), std::string("app in (a, b_)"), std::string("/app"), too_long}) {
    const auto parsed = LabelSelector::parse(bad);
    ASSERT_FALSE(parsed) << bad;
    EXPECT_EQ(parsed.error().code(), ErrorCode::kBadRequest);
  }
}

TEST(LabelSelector, SaysWhatItFoundAndWhatItExpected) {
  const std::pair<const char*, const char*> cases[] = {
      {"a===b", "unable to parse requirement: found '=', expected: identifier"},
      {"a=!b", "unable to parse requirement: found '!', expected: identifier"},
      {"a in b", "unable to parse requirement: found 'b' expected: '('"},
      {"a in (b c)", "unable to parse requirement: found 'c', expected: ',' or ')'"},
      {"a in (=)", "unable to parse requirement: found '=', expected: ',', ')' or identifier"},
      {"a in (b,=)", "unable to parse requirement: found '=', expected: ',', or identifier"},
      {"a foo b",
       "unable to parse requirement: found 'foo', expected: in, notin, =, ==, !=, gt, lt"},
      {"a=b==c", "found '==', expected: ',' or 'end of string'"},
      {"!a=b", "found '=', expected: ',' or 'end of string'"},
      {"!=b", "found '!=', expected: !, identifier, or 'end of string'"},
      {"a,,b", "found ',', expected: identifier after ','"},
      {"a,", "found '', expected: identifier after ','"},
      {"a>x",
       "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, "
       "the value must be an integer"},
  };
  for (const auto& [text, why] : cases) {
    const auto parsed = LabelSelector::parse(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().message(), why) << text;
  }
  const auto odd = LabelSelector::parse("a=b@c");
  ASSERT_FALSE(odd);
  EXPECT_THAT(odd.error().message(), StartsWith("unable to parse requirement: values[0][a]: "
                                                "Invalid value: \"b@c\": a valid label "));
}

TEST(FieldSelector, MatchesEqualityAndEscapes) {
  const auto selector = FieldSelector::parse("metadata.name=a\\,b,status.phase!=Running");
  ASSERT_TRUE(selector);
  auto value_of = [](std::string_view field) -> std::optional<std::string> {
    return field == "metadata.name" ? "a,b" : "Pending";
  };
  EXPECT_TRUE(selector->matches(value_of));
  EXPECT_EQ(selector->required("metadata.name"), "a,b");
  EXPECT_EQ(selector->required("status.phase"), std::nullopt);
}

TEST(FieldSelector, RefusesWhatItCannotRead) {
  for (const char* bad : {"metadata.name", "a=b=c", "a=\\x"})
    EXPECT_FALSE(FieldSelector::parse(bad)) << bad;
}

}  // namespace
}  // namespace insula::apiserver
