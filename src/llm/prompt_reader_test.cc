#include "llm/prompt_reader.h"

#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace insula::llm {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class PromptReaderTest : public ::testing::Test {
 public:
  std::vector<std::string> texts(std::string_view body) {
    std::vector<std::string> found;
    const auto read = this->read(body, [&](std::string_view text) {
      found.emplace_back(text);
      return true;
    });
    EXPECT_TRUE(read) << read.error().message();
    return found;
  }

  Result<> read(std::string_view body, const std::function<bool(std::string_view)>& look) {
    padded_.assign(body);
    padded_.append(PromptReader::kPadding, '\0');
    return reader_.read(std::string_view(padded_).substr(0, body.size()), look);
  }

 private:
  PromptReader reader_;
  std::string padded_;
};

TEST_F(PromptReaderTest, FindsTheTextsOfChats) {
  EXPECT_THAT(
      texts(
          R"({"model":"m","messages":[{"role":"system","content":"one"},{"role":"user","content":)"
          R"([{"type":"text","text":"t\u0077o\n"},{"type":"image_url","image_url":{"url":"data:x"}}]},)"
          R"({"role":"assistant","tool_calls":[{"id":"c","type":"function","function":)"
          R"({"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c","content":"three"}],)"
          R"("tools":[{"type":"function","function":{"description":"not a prompt"}}]})"),
      ElementsAre("one", "two\n", "f", "{}", "three"));
}

TEST_F(PromptReaderTest, FindsTheTextsOfCompletions) {
  EXPECT_THAT(texts(R"({"prompt":"one","suffix":"two","user":"ann"})"), ElementsAre("one", "two"));
  EXPECT_THAT(texts(R"({"prompt":["one","two"]})"), ElementsAre("one", "two"));
  EXPECT_THAT(texts(R"({"prompt":[1,2,3]})"), IsEmpty());
}

TEST_F(PromptReaderTest, FindsTheTextsOfResponses) {
  EXPECT_THAT(texts(R"({"instructions":"one","input":"two"})"), ElementsAre("one", "two"));
  EXPECT_THAT(
      texts(
          R"({"input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"one"},)"
          R"({"type":"input_image","image_url":"data:x"},{"type":"input_file","file_data":"y"}]},)"
          R"({"type":"function_call_output","call_id":"c","output":"two"}]})"),
      ElementsAre("one", "two"));
}

TEST_F(PromptReaderTest, FindsTheTextsOfAnthropicsMessages) {
  EXPECT_THAT(
      texts(R"({"system":[{"type":"text","text":"one"}],"messages":[{"role":"user","content":[)"
            R"({"type":"image","source":{"type":"base64","media_type":"image/png","data":"QUJD"}},)"
            R"({"type":"tool_result","tool_use_id":"t","content":[{"type":"text","text":"two"}]},)"
            R"({"type":"document","title":"three","context":"four"}]}]})"),
      ElementsAre("one", "two", "three", "four"));
}

TEST_F(PromptReaderTest, ReadsInputsOfToolsWholeAndDocumentsOfText) {
  EXPECT_THAT(
      texts(
          R"({"messages":[{"content":[{"type":"tool_use","id":"t","name":"f","input":)"
          R"({"data":"one","status":"two","nested":{"type":"three"}}},{"type":"document","source":)"
          R"({"type":"text","media_type":"text/plain","data":"four five"}},{"type":"image",)"
          R"("source":{"type":"base64","data":"aGVsbG8="}}]}]})"),
      ElementsAre("f", "one", "two", "three", "four five"));
}

TEST_F(PromptReaderTest, IsNotEvadedByOtherLettersOrTwoMembers) {
  EXPECT_THAT(texts("{\"Messages\":[{\"Content\":\"one\"}],\"inſtructionſ\":\"two\"}"),
              ElementsAre("one", "two"));
  EXPECT_THAT(texts(R"({"prompt":"one","prompt":"two","messages":[{"Role":"three"}]})"),
              ElementsAre("one", "two", "three"));
}

TEST_F(PromptReaderTest, StopsWhenNoMoreIsWanted) {
  int looked = 0;
  EXPECT_TRUE(read(R"({"prompt":["a","b","c"],"input":"d"})", [&](std::string_view text) {
    ++looked;
    return text != "b";
  }));
  EXPECT_EQ(looked, 2);
}

TEST_F(PromptReaderTest, RefusesWhatItCannotRead) {
  const auto all = [](std::string_view) { return true; };
  EXPECT_EQ(read("[]", all).error().code(), ErrorCode::kBadRequest);
  EXPECT_EQ(read(R"({"prompt":tru})", all).error().code(), ErrorCode::kBadRequest);
  EXPECT_THAT(read(R"({"prompt":"\ud800"})", all).error().message(), HasSubstr("not Unicode"));
  const auto nested = [](std::size_t levels) {
    return fmt::format(R"({{"prompt":{}"a"{}}})", std::string(levels, '['),
                       std::string(levels, ']'));
  };
  EXPECT_TRUE(read(nested(RequestReader::kDepthMax), all));
  EXPECT_THAT(read(nested(RequestReader::kDepthMax + 1), all).error().message(),
              HasSubstr("more than 128 deep"));
}

}  // namespace
}  // namespace insula::llm
