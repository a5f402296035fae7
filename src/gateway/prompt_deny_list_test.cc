#include "gateway/prompt_deny_list.h"

#include <cstdint>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "async/deadline.h"
#include "async/loop.h"
#include "gateway/testing/restless_text.h"

namespace insula::gateway {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Task<> at_once() {
  co_return;
}

template <class T>
Task<> keep(Task<T> task, std::optional<T>& result) {
  result = co_await std::move(task);
}

/// Begins and leaves it at its first wait.
Task<bool> give_up(Task<std::optional<FilterRefusal>> search) {
  const auto first = co_await race(std::move(search), at_once());
  co_return first.index() == 1;
}

class PromptDenyListTest : public ::testing::Test {
 public:
  void deny(const PromptDenyListConfig& config,
            std::chrono::nanoseconds search_time_max = PromptDenyList::kSearchTimeMax) {
    auto made = PromptDenyList::make(config, search_time_max);
    ASSERT_TRUE(made) << made.error().message();
    filter_ = *std::move(made);
  }

  std::optional<FilterRefusal> look_at(
      std::string body, llm::Operation operation = llm::Operation::kChatCompletions) {
    const std::size_t bytes = body.size();
    body.append(llm::PromptReader::kPadding, '\0');
    return run(begin(std::string_view(body).substr(0, bytes), operation));
  }

  Task<std::optional<FilterRefusal>> begin(
      std::string_view body, llm::Operation operation = llm::Operation::kChatCompletions) {
    return filter_->on_request({.operation = operation,
                                .tenant = "alpha",
                                .body = body,
                                .client_gone = client_gone_,
                                .prompts = reader_,
                                .memory = memory_,
                                .pool = pool_});
  }

  bool is_denied(std::string_view text) {
    const auto refusal =
        look_at(fmt::format(R"({{"messages":[{{"role":"user","content":"{}"}}]}})", text));
    return refusal && refusal->error == ApiError::kPromptDenied;
  }

  template <class T>
  T run(Task<T> task) {
    std::optional<T> result;
    run_until_complete(loop_, keep(std::move(task), result));
    return *std::move(result);
  }

  Loop loop_{system_clock()};
  BodyMemory memory_{std::size_t{64} << 20U};
  bool client_gone_ = false;

 private:
  std::unique_ptr<const Filter> filter_;
  llm::PromptReader reader_;
  BlockingPool pool_{1};
};

TEST_F(PromptDenyListTest, FindsPhrasesInAnyCaseAndSpacing) {
  deny({.phrases = {"Project  Condor", "a+b", "機密 文件"}});
  for (const char* text : {"about project condor.", "PROJECT\\n\\tCONDOR", "1 A+B 2", "x機密 文件",
                           "project\\u0020condor", "projectx project condorx"})
    EXPECT_TRUE(is_denied(text)) << text;
  for (const char* text : {"projectcondor", "project", "aab", "機密文件", "user", ""})
    EXPECT_FALSE(is_denied(text)) << text;
}

TEST_F(PromptDenyListTest, FindsPatterns) {
  deny({.phrases = {"never"}, .patterns = {R"(\b\d{3}-\d{2}-\d{4}\b)", "(?i)^sudo "}});
  EXPECT_TRUE(is_denied("my number is 123-45-6789."));
  EXPECT_TRUE(is_denied("SUDO rm"));
  EXPECT_TRUE(is_denied("never"));
  EXPECT_FALSE(is_denied("1123-45-67890"));
  EXPECT_FALSE(is_denied("no sudo rm"));
}

TEST_F(PromptDenyListTest, LooksWherePromptsAre) {
  deny({.phrases = {"secret"}});
  const std::string prompt = R"({"input":"secret","messages":[]})";
  EXPECT_TRUE(look_at(prompt, llm::Operation::kResponses));
  EXPECT_TRUE(look_at(R"({"prompt":"secret"})", llm::Operation::kCompletions));
  EXPECT_TRUE(look_at(R"({"system":"secret"})", llm::Operation::kMessages));
  // What is asked about a text is no prompt: a moderation must see what it is to judge.
  EXPECT_FALSE(look_at(prompt, llm::Operation::kUnmetered));
  EXPECT_FALSE(look_at(prompt, llm::Operation::kEmbeddings));
  EXPECT_FALSE(look_at(R"({"messages":[{"role":"secret"}],"user":"secret"})"));
  EXPECT_FALSE(look_at(""));
}

TEST_F(PromptDenyListTest, TellsTheClientWhatItsAuthorsWant) {
  deny({.phrases = {"secret"}, .message = "see https://policy.test"});
  const auto refusal = look_at(R"({"prompt":"my secret"})");
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->code, ErrorCode::kBadRequest);
  EXPECT_EQ(refusal->message, "see https://policy.test");
  deny({.phrases = {"secret"}});
  EXPECT_THAT(look_at(R"({"prompt":"my secret"})")->message, Not(HasSubstr("secret")));
}

TEST_F(PromptDenyListTest, RefusesMoreTextThanItLooksAt) {
  deny({.phrases = {"secret"}});
  const std::size_t most = PromptDenyList::kTextBytesMax;
  EXPECT_FALSE(look_at(fmt::format(R"({{"prompt":["{}"]}})", std::string(most, 'a'))));
  const auto refusal = look_at(fmt::format(R"({{"prompt":["a","{}"]}})", std::string(most, 'a')));
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->error, ApiError::kPromptTooLarge);
  EXPECT_EQ(refusal->code, ErrorCode::kTooLarge);
  // Images are no text.
  EXPECT_FALSE(
      look_at(fmt::format(R"({{"messages":[{{"content":[{{"image_url":{{"url":"{}"}}}}]}}]}})",
                          std::string(most + 1, 'a'))));
}

TEST_F(PromptDenyListTest, RefusesABodyThatItCannotRead) {
  deny({.phrases = {"secret"}});
  const auto refusal = look_at(R"({"prompt":"\ud800"})");
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->error, ApiError::kInvalidRequest);
}

TEST_F(PromptDenyListTest, CannotBeMadeOfWhatIsNoPattern) {
  EXPECT_EQ(PromptDenyList::make({.phrases = {}, .patterns = {"("}}).error().code(),
            ErrorCode::kInvalid);
  EXPECT_EQ(PromptDenyList::make({.phrases = {" \f"}}).error().code(), ErrorCode::kInvalid);
  const auto endless = PromptDenyList::make({.phrases = {}, .patterns = {"ab", "a.*b"}});
  EXPECT_EQ(endless.error().code(), ErrorCode::kInvalid);
  EXPECT_THAT(endless.error().message(), HasSubstr("the pattern \"a.*b\": has *"));
  const auto large = PromptDenyList::make({.phrases = {}, .patterns = {"a{513}"}});
  EXPECT_THAT(large.error().message(), HasSubstr("instructions, and may have 512"));
  const auto many =
      PromptDenyList::make({.phrases = {}, .patterns = std::vector<std::string>(5, "a{500}")});
  EXPECT_THAT(many.error().message(), HasSubstr("together, and may have 2048"));
}

/// As much as the API server lets through; whole alphabets of letters that have several cases.
TEST_F(PromptDenyListTest, AsManyPhrasesAndPatternsAsATenantMayHaveFit) {
  PromptDenyListConfig config;
  for (int i = 0; i < 32; ++i)
    config.phrases.push_back(fmt::format("{} {:0>250}", i, i));
  std::string greek;
  for (int i = 0; i < 64; ++i)
    greek += "σς";
  for (int i = 0; i < 32; ++i)
    config.phrases.push_back(greek);
  for (int i = 0; i < 4; ++i)
    config.patterns.push_back(fmt::format("x{}[a-z].{{20}}{}", i, std::string(300, 'y')));
  deny(config);
  EXPECT_TRUE(is_denied(fmt::format("31   {:0>250}", 31)));
  EXPECT_TRUE(is_denied("x3q" + std::string(320, 'y')));
  EXPECT_FALSE(is_denied("x3" + std::string(320, 'y')));
  std::string upper;
  for (int i = 0; i < 128; ++i)
    upper += "Σ";
  EXPECT_TRUE(is_denied(upper));
}

TEST_F(PromptDenyListTest, RefusesAPromptThatTakesTooLong) {
  deny({.phrases = {"secret"}}, std::chrono::nanoseconds(0));
  // Nothing that fits into one slice takes too long.
  EXPECT_FALSE(look_at(fmt::format(R"({{"prompt":"{}"}})", std::string(10'000, 'a'))));
  deny({.phrases = {}, .patterns = {"a[ab]{60}c", "b[ab]{50}d"}}, std::chrono::nanoseconds(0));
  const auto refusal = look_at(fmt::format(R"({{"prompt":"{}"}})", restless_text(3'000'000)));
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->error, ApiError::kPromptTooLarge);
  EXPECT_EQ(refusal->code, ErrorCode::kTooLarge);
}

TEST_F(PromptDenyListTest, StopsWhenTheClientHasLeft) {
  deny({.phrases = {}, .patterns = {"a[ab]{60}c", "b[ab]{50}d"}});
  client_gone_ = true;
  const auto refusal = look_at(fmt::format(R"({{"prompt":"{}"}})", restless_text(3'000'000)));
  ASSERT_TRUE(refusal);
  EXPECT_THAT(refusal->message, HasSubstr("has left"));
}

TEST_F(PromptDenyListTest, ASearchThatIsGivenUpKeepsNothing) {
  deny({.phrases = {"secret"}});
  std::string body = fmt::format(R"({{"prompt":"{}"}})", std::string(100'000, 'a'));
  const std::size_t bytes = body.size();
  body.append(llm::PromptReader::kPadding, '\0');
  EXPECT_TRUE(run(give_up(begin(std::string_view(body).substr(0, bytes)))));
  EXPECT_EQ(memory_.free(), std::size_t{64} << 20U);
}

TEST_F(PromptDenyListTest, RefusesWhatThereIsNoMemoryFor) {
  deny({.phrases = {"secret"}});
  const std::string body = fmt::format(R"({{"prompt":"{}"}})", std::string(100'000, 'a'));
  EXPECT_FALSE(look_at(body));
  BodyMemory::Share held(memory_);
  while (held.take(std::size_t{16} << 10U)) {
  }
  const auto refusal = look_at(body);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->error, ApiError::kTemporarilyUnavailable);
  EXPECT_EQ(refusal->code, ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace insula::gateway
