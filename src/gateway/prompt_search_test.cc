#include "gateway/prompt_search.h"

#include <cstdint>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace insula::gateway {
namespace {

using std::chrono_literals::operator""ns;

std::shared_ptr<const PromptPatterns> patterns_of(const PromptDenyListConfig& config) {
  return PromptPatterns::make(config).value();
}

/// A clock that says that each piece takes 10 ns.
std::chrono::nanoseconds ten_more() {
  static std::chrono::nanoseconds time{0};
  return time += 10ns;
}

bool is_found(const std::shared_ptr<const PromptPatterns>& patterns, std::string_view text) {
  PromptTexts texts;
  texts.add(text);
  PromptSearch search(patterns, std::move(texts));
  search.go_on(std::chrono::nanoseconds::max());
  EXPECT_TRUE(search.is_over());
  return search.has_found();
}

/// Puts `text` at every place around the end of a piece.
template <class F>
void around_a_boundary(std::string_view text, F look) {
  const std::size_t boundary = PromptSearch::kPieceBytes;
  for (std::size_t at = boundary - text.size() - 1; at <= boundary + 1; ++at)
    look(std::string(at, '.').append(text).append(5000, '.'), at);
}

TEST(PromptSearch, FindsWhatLiesAcrossPieces) {
  const auto patterns = patterns_of({.phrases = {"project condor", "secret"},
                                     .patterns = {R"(\b\d{3}-\d{2}-\d{4}\b)", "x[ab]{40}y"}});
  const std::string wide = "PROJECT" + std::string(9000, ' ') + "Condor";
  for (const std::string& text : {std::string("123-45-6789"), std::string("Project \t condor"),
                                  std::string("SECRET"), "x" + std::string(40, 'a') + "y"}) {
    around_a_boundary(text, [&](const std::string& whole, std::size_t at) {
      EXPECT_TRUE(is_found(patterns, whole)) << text << " at " << at;
    });
  }
  EXPECT_TRUE(is_found(patterns, wide));
  EXPECT_FALSE(is_found(patterns, "project" + std::string(9000, ' ') + "x condor"));
}

TEST(PromptSearch, APieceIsNotTheBeginningOrEndOfAText) {
  const auto patterns = patterns_of({.phrases = {}, .patterns = {R"(\bcat\b)", "^dog", "cow$"}});
  for (const char* text : {"concat", "cats", "dog", "cow"}) {
    around_a_boundary(text, [&](std::string whole, std::size_t at) {
      // Letters around it, so that only an end of a piece could be the end of a word.
      for (char& c : whole) {
        if (c == '.') c = 'm';
      }
      EXPECT_FALSE(is_found(patterns, whole)) << text << " at " << at;
    });
  }
  EXPECT_TRUE(is_found(patterns, std::string(8191, 'm') + " cat"));
  EXPECT_TRUE(is_found(patterns, std::string(8191, 'm') + "cow"));
}

TEST(PromptSearch, LooksAtEachTextByItself) {
  PromptTexts texts;
  texts.add("project");
  texts.add("condor 12");
  texts.add("3-4");
  PromptSearch search(patterns_of({.phrases = {"project condor"}, .patterns = {"123", "^3-4x"}}),
                      std::move(texts));
  search.go_on(std::chrono::nanoseconds::max());
  EXPECT_TRUE(search.is_over());
  EXPECT_FALSE(search.has_found());
}

TEST(PromptSearch, IsLeftAndGoneOnWith) {
  PromptTexts texts;
  texts.add(std::string(10 * PromptSearch::kPieceBytes, 'a') + "needle");
  PromptSearch search(patterns_of({.phrases = {"needle"}}), std::move(texts), ten_more);
  int turns = 0;
  while (!search.is_over()) {
    search.go_on(15ns);
    ++turns;
  }
  EXPECT_TRUE(search.has_found());
  // Two pieces fit into a turn.
  EXPECT_EQ(turns, 6);
  EXPECT_EQ(search.spent(), 110ns);
}

/// Whatever the pieces are, the answer is that of a search of the whole.
TEST(PromptSearch, FindsAsOneSearchOfTheWholeWould) {
  const auto patterns = patterns_of({.phrases = {"ab a"}, .patterns = {"b[ab]{12}aab", "aaa$"}});
  std::uint64_t state = 1;
  const auto next = [&state] { return (state = state * 6364136223846793005U + 1) >> 33U; };
  int found = 0;
  for (int round = 0; round < 200; ++round) {
    std::string text(PromptSearch::kPieceBytes - 40, 'c');
    for (int i = 0; i < 80; ++i)
      text += "abc ab"[next() % 6];
    const bool whole = patterns->has_pattern(text, 0, text.size()) || [&] {
      std::string even;
      for (const char c : text) {
        if (c != ' ' || !even.ends_with(' ')) even += c;
      }
      return patterns->has_phrase(even);
    }();
    EXPECT_EQ(is_found(patterns, text), whole) << text.substr(text.size() - 80);
    found += whole ? 1 : 0;
  }
  EXPECT_GT(found, 10);
  EXPECT_LT(found, 190);
}

}  // namespace
}  // namespace insula::gateway
