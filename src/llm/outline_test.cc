#include "llm/outline.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "llm/request.h"

namespace insula::llm {
namespace {

std::string of(std::string_view body, std::size_t long_from = 8) {
  Outline outline(long_from);
  return outline.make(body) ? std::string(outline.text()) : "no JSON";
}

/// Each byte of the outline is the one that is there in the body.
void expect_places(std::string_view body) {
  Outline outline(8);
  ASSERT_TRUE(outline.make(body));
  const std::string_view text = outline.text();
  for (std::size_t i = 0; i < text.size(); ++i)
    EXPECT_EQ(body[outline.place(i)], text[i]) << i << " of " << text;
}

TEST(Outline, LeavesOutTheContentsOfLongStrings) {
  EXPECT_EQ(of(R"({"a":"12345678","b":"1234567"})"), R"({"a":"","b":"1234567"})");
  EXPECT_EQ(of(R"(["12345678", "123456789" ,1])"), R"(["", "" ,1])");
  EXPECT_EQ(of(""), "");
  EXPECT_EQ(of("12345678901"), "12345678901");
}

TEST(Outline, KeepsNames) {
  EXPECT_EQ(of("{\"123456789\" \n:\"123456789\"}"), "{\"123456789\" \n:\"\"}");
}

TEST(Outline, SeesThroughEscapes) {
  EXPECT_EQ(of(R"(["1234567\"","12345\\","\\\"\\\\\"\\"])"), R"(["","12345\\",""])");
  EXPECT_EQ(of(R"(["1234567\\","b"])"), R"(["","b"])");
}

TEST(Outline, KeepsWhatDoesNotEnd) {
  EXPECT_EQ(of(R"({"a":"12345678)"), R"({"a":"12345678)");
  EXPECT_EQ(of(R"({"a":"12345678","b":"12345678\"})"), R"({"a":"","b":"12345678\"})");
}

TEST(Outline, TakesNothingForAStringThatIsNone) {
  EXPECT_EQ(of("{\"a\":\"1234567\n\"}"), "no JSON");
  EXPECT_EQ(of("{\"a\":\"1234567\xff\"}"), "no JSON");
  EXPECT_EQ(of("{\"a\":\"1234567\xe5\"}"), "no JSON");
  EXPECT_EQ(of("{\"a\":\"1234\xe5\xa4\xa9\"}", 7), "{\"a\":\"\"}");
}

TEST(Outline, ATextOfShortStringsStaysAsItIs) {
  std::string body = "[\"first of them\"";
  for (int i = 0; i < 1000; ++i)
    body += ",\"\"";
  body += ",\"12345678\"]";
  std::string expected = body;
  expected.erase(2, 13);
  EXPECT_EQ(of(body), expected);
  expect_places(body);
}

TEST(Outline, GivesUpWhereMuchStays) {
  const std::string shorter(1000, 'x');
  std::string body = "[\"first of them\"";
  for (int i = 0; i < 40; ++i)
    body += ",\"" + shorter + '"';
  body += ",\"" + std::string(2000, 'y') + "\"]";
  EXPECT_EQ(of(body, 1001), body) << "the long one comes too late";
  expect_places(body);
  EXPECT_EQ(of("[\"" + std::string(2000, 'y') + "\"," + body.substr(1), 1001),
            "[\"\"," + body.substr(1));
}

TEST(Outline, KnowsWhereItsBytesAreInTheBody) {
  expect_places(R"({"a":"12345678","b":"1","c":["123456789","","1234567890"],"d":1})");
  expect_places(R"({"a":"12345678)");
  expect_places("");
}

TEST(Outline, KeepsNothingOfTheBodyBefore) {
  Outline outline(8);
  ASSERT_TRUE(outline.make(R"(["12345678"])"));
  ASSERT_TRUE(outline.make(R"(["a"])"));
  EXPECT_EQ(outline.text(), R"(["a"])");
  EXPECT_EQ(outline.place(4), 4U);
}

/// Bodies of which most is a prompt.
class LongRequest : public ::testing::Test {
 protected:
  Result<RequestPeek> read(std::string_view body) {
    body_.assign(body);
    body_.append(RequestReader::kPadding, '\0');
    return reader_.read(Operation::kChatCompletions, std::string_view(body_).substr(0, body.size()),
                        PeekFor::kAffinity);
  }

  const std::string text_ = std::string(5000, 'x');
  const std::string messages_ = R"("messages":[{"role":"user","content":")" + text_ + R"("}])";
  std::string body_;
  RequestReader reader_;
};

TEST_F(LongRequest, IsReadAsAShortOne) {
  const std::string body = "{" + messages_ + R"(,"user":"u\"1","model":"m\u00e9","max_tokens":7})";
  const auto peek = read(body);
  ASSERT_TRUE(peek) << peek.error().message();
  EXPECT_EQ(peek->model, "m\u00e9");
  EXPECT_EQ(body.substr(peek->model_at.offset, peek->model_at.bytes), R"(m\u00e9)");
  EXPECT_EQ(peek->max_tokens, 7);
  EXPECT_EQ(peek->prompt_at, body.find(R"([{"role")"));
  EXPECT_EQ(peek->session, R"(u\"1)");
}

TEST_F(LongRequest, ItsUsageIsAskedForInItsPlace) {
  for (const char* options : {R"({"x":"y"})", "{}", "null", R"({"include_usage":false})"}) {
    std::string body = "{" + messages_ + R"(,"stream":true,"model":"m","stream_options":)" +
                       options + R"(,"metadata":{"note":")" + text_ + "\"}}";
    const auto peek = read(body);
    ASSERT_TRUE(peek && peek->ask_for_usage) << options;
    body.replace(peek->ask_for_usage->offset, peek->ask_for_usage->erase,
                 peek->ask_for_usage->insert);
    EXPECT_NE(body.find(R"("include_usage":true)"), body.npos) << options;
    const auto again = read(body);
    ASSERT_TRUE(again) << options;
    EXPECT_FALSE(again->ask_for_usage) << options;
  }
}

TEST_F(LongRequest, ASessionMayBeLong) {
  const std::string body = R"({"user":")" + text_ + R"(","model":"m"})";
  EXPECT_EQ(read(body)->session, text_);
}

TEST_F(LongRequest, AModelMayNot) {
  for (const std::string& model : {std::string(4095, 'x'), std::string(4096, 'x'), text_}) {
    const auto peek = read(R"({"model":")" + model + "\"}");
    ASSERT_FALSE(peek);
    EXPECT_EQ(peek.error().message(), "the request body has a model of more than 512 bytes");
  }
}

TEST_F(LongRequest, IsRefusedWhenATextIsNone) {
  for (const char* broken : {"\n", "\xff"}) {
    const auto peek = read(R"({"model":"m","prompt":")" + text_ + broken + "\"}");
    ASSERT_FALSE(peek);
    EXPECT_EQ(peek.error().message(), "the request body is not valid JSON");
  }
  EXPECT_FALSE(read(R"({"model":"m","prompt":")" + text_));
  EXPECT_FALSE(read(R"({"model":"m","prompt":")" + text_ + R"("} {"model":"n"})"));
}

TEST_F(LongRequest, BracketsInItsTextAreNoNesting) {
  EXPECT_TRUE(read(R"({"model":"m","prompt":")" + std::string(5000, '[') + "\"}"));
  EXPECT_FALSE(read(R"({"model":"m","user":")" + text_ + R"(","x":)" + std::string(200, '[') +
                    std::string(200, ']') + "}"));
}

}  // namespace
}  // namespace insula::llm
