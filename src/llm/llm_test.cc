#include <cctype>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "llm/openai_error.h"
#include "llm/request.h"
#include "llm/sse.h"
#include "llm/usage.h"

namespace insula::llm {
namespace {

using ::testing::HasSubstr;

class Request : public ::testing::Test {
 protected:
  Result<RequestPeek> read(std::string_view body,
                           Operation operation = Operation::kChatCompletions) {
    body_.assign(body);
    body_.append(RequestReader::kPadding, '\0');
    return reader_.read(operation, std::string_view(body_).substr(0, body.size()));
  }

  /// The body with the edit made that a stream without usage gets.
  std::string edited(std::string_view body) {
    const auto peek = read(body);
    std::string out(body);
    if (peek && peek->ask_for_usage) {
      out.replace(peek->ask_for_usage->offset, peek->ask_for_usage->erase,
                  peek->ask_for_usage->insert);
    }
    return out;
  }

  std::string body_;
  RequestReader reader_;
};

TEST_F(Request, ReadsWhatRoutingNeedsAndSkipsTheRest) {
  const auto peek = read(
      R"({"messages":[{"role":"user","content":"model: \"x\" {[\\"}],"model":"llama-3","max_tokens":50,)"
      R"("max_completion_tokens":40,"temperature":1e3,"nested":{"model":"no","stream":true}})");
  ASSERT_TRUE(peek) << peek.error().message();
  EXPECT_EQ(peek->model, "llama-3");
  EXPECT_FALSE(peek->stream);
  EXPECT_EQ(peek->max_tokens, 50);
  EXPECT_FALSE(peek->ask_for_usage);
}

TEST_F(Request, SaysWhereThePromptBeginsAndWhoseSessionItIsWhenAsked) {
  const auto peek_of = [this](std::string_view body) {
    body_.assign(body);
    body_.append(RequestReader::kPadding, '\0');
    return reader_
        .read(Operation::kChatCompletions, std::string_view(body_).substr(0, body.size()),
              PeekFor::kAffinity)
        .value();
  };
  const std::string_view chat =
      R"({"model":"m","user":"ann","messages": [{"role":"user","content":"x"}],"input":"y",)"
      R"("session_id":"s \"1\"" , "prompt_cache_key":"k"})";
  const RequestPeek peek = peek_of(chat);
  EXPECT_EQ(peek.prompt_at, chat.find("[{"));
  EXPECT_EQ(peek.session, R"(s \"1\")");
  EXPECT_EQ(peek_of(R"({"prompt_cache_key":"k","user":"ann"})").session, "k");
  EXPECT_EQ(peek_of(R"({"session_id":7,"prompt_cache_key":"","user":"ann"})").session, "ann");
  const RequestPeek bare = peek_of(R"({"model":"m"})");
  EXPECT_EQ(bare.session, "");
  EXPECT_FALSE(bare.prompt_at);
  EXPECT_EQ(peek_of(R"({"prompt":"p"})").prompt_at, 10);
  EXPECT_FALSE(read(chat)->prompt_at);
}

TEST_F(Request, SeesThroughEscapedNames) {
  EXPECT_EQ(read(R"({"mod\u0065l":"a\u0062c"})")->model, "abc");
  EXPECT_FALSE(read(R"({"model":"a","mod\u0065l":"b"})"));
}

TEST_F(Request, SaysWhereTheModelIsWritten) {
  const auto written = [&](std::string_view body) {
    const auto peek = read(body);
    return std::string(body.substr(peek->model_at.offset, peek->model_at.bytes));
  };
  EXPECT_EQ(written(R"({"model":"m"})"), "m");
  EXPECT_EQ(written(R"({ "n" : 1 , "model" : "a b"  , "x":"m" })"), "a b");
  EXPECT_EQ(written(R"({"model":"a\u0062c\"d"})"), R"(a\u0062c\"d)");
  EXPECT_EQ(written(R"({"model":""})"), "");
}

TEST_F(Request, RefusesWhatTwoReadersCouldReadDifferently) {
  for (const std::string_view body :
       {R"({"model":"a","model":"b"})", R"({"model":5})", R"({"model":null})",
        R"({"stream":"yes"})", R"({"max_tokens":-1})", R"({"max_tokens":1.5})",
        R"({"max_tokens":"1"})", R"([])", R"("model")", "", " ", "{", R"({"model":"a")",
        R"({"model":"a"} x)", R"({"model" "a"})", "{\"model\":\"\xff\"}",
        R"({"stream":true,"stream_options":{"include_usage":true,"include_usage":false}})"}) {
    const auto peek = read(body);
    ASSERT_FALSE(peek) << body;
    EXPECT_EQ(peek.error().code(), ErrorCode::kBadRequest);
    EXPECT_THAT(peek.error().message(), HasSubstr("the request body"));
  }
}

TEST_F(Request, RefusesAMemberTwiceHoweverItIsSpelled) {
  for (const std::string_view name :
       {"model", "stream", "stream_options", "max_tokens", "max_completion_tokens",
        "max_output_tokens", "n", "best_of", "prompt"}) {
    const std::string body = fmt::format(R"({{"{0}":null,"x":1,"{0}":null}})", name);
    EXPECT_FALSE(read(body)) << body;
    std::string shouted(name);
    for (char& c : shouted)
      c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    EXPECT_FALSE(read(fmt::format(R"({{"{}":null}})", shouted))) << shouted;
  }
  // Servers that ignore case take the last one, and these letters for s and k.
  for (const std::string_view body :
       {R"({"model":"a","Model":"b"})", R"({"model":"a","mOdEL":"b"})",
        R"({"model":"a","\u004dodel":"b"})", "{\"\xc5\xbftream\":true}",
        "{\"max_to\xe2\x84\xaa"
        "ens\":1}",
        R"({"\u017ftream":true})",
        R"({"stream":true,"stream_options":{"include_usage":true,"Include_Usage":false}})"}) {
    const auto peek = read(body);
    ASSERT_FALSE(peek) << body;
    EXPECT_THAT(peek.error().message(), HasSubstr("in other letters"));
  }
  EXPECT_TRUE(read(R"({"model":"a","models":1,"mode":2,"Temperature":3,"x":{"Model":"b"}})"));
  EXPECT_TRUE(read("{\"model\":\"a\",\"" + std::string(100'000, 'M') + "\":1}"));
}

TEST_F(Request, BoundsNesting) {
  const auto nested = [](std::size_t depth, std::string_view open, std::string_view close) {
    std::string text;
    for (std::size_t i = 0; i < depth; ++i)
      text += open;
    text += '1';
    for (std::size_t i = 0; i < depth; ++i)
      text += close;
    return text;
  };
  for (const std::string_view member : {"x", "prompt", "messages"}) {
    for (const auto& [open, close] : {std::pair{"[", "]"}, std::pair{"{\"a\":", "}"},
                                      std::pair{"[1,", ",2]"}, std::pair{"[\"\",", "]"}}) {
      const auto body = [&](std::size_t depth) {
        return fmt::format(R"({{"{}":{}}})", member, nested(depth, open, close));
      };
      SCOPED_TRACE(body(2));
      EXPECT_TRUE(read(body(RequestReader::kDepthMax - 1)));
      for (const std::size_t depth : {RequestReader::kDepthMax, std::size_t{100'000}}) {
        const auto peek = read(body(depth));
        ASSERT_FALSE(peek) << depth;
        EXPECT_EQ(peek.error().code(), ErrorCode::kBadRequest);
        EXPECT_THAT(peek.error().message(), HasSubstr("deep"));
      }
    }
  }
  EXPECT_FALSE(read(R"({"x":)" + std::string(100'000, '[')));
  EXPECT_FALSE(read(std::string(100'000, '[')));
  EXPECT_FALSE(read(nested(100'000, "{\"model\":", "}")));
  EXPECT_FALSE(read(R"({"stream_options":{"x":)" + nested(100'000, "[", "]") + "}}"));
}

TEST_F(Request, RefusesTextThatIsNone) {
  using namespace std::string_literals;
  for (const std::string& body :
       {"{\"model\":\"\xc3\"}"s, "{\"x\":\"\xc0\xaf\"}"s, "{\"x\":\"\xed\xa0\x80\"}"s,
        "{\"x\":\"\xf4\x90\x80\x80\"}"s, "{\"x\":\"a\0b\"}"s, "{\"model\":\"a\"}\0"s, "\0"s,
        "{\"x\":\"\n\"}"s, "\xef\xbb\xbf{\"model\":\"a\"}"s, "\xff\xfe{\0}\0"s,
        R"({"model":"\ud800"})"s, R"({"model":"\udc00\ud800"})"s, R"({"\ud800":1})"s,
        R"({"model":"a\u0000b"})"s, R"({"model":"a\nb"})"s, R"({"model":"\x"})"s}) {
    const auto peek = read(body);
    ASSERT_FALSE(peek) << body;
    EXPECT_EQ(peek.error().code(), ErrorCode::kBadRequest);
  }
  EXPECT_EQ(read(R"({"model":"\ud83d\ude00"})")->model, "\xf0\x9f\x98\x80");
}

TEST_F(Request, BoundsNumbersAndNames) {
  for (const std::string_view number :
       {"9223372036854775808", "1e400", "1e3", "-0.5", "99999999999999999999999999999999", "01",
        "+1", "0x10", "NaN", "Infinity", "1_000"}) {
    EXPECT_FALSE(read(fmt::format(R"({{"max_tokens":{}}})", number))) << number;
    EXPECT_FALSE(read(fmt::format(R"({{"n":{}}})", number))) << number;
  }
  const std::string most(RequestReader::kModelBytesMax, 'm');
  EXPECT_EQ(read(fmt::format(R"({{"model":"{}"}})", most))->model, most);
  EXPECT_FALSE(read(fmt::format(R"({{"model":"{}m"}})", most)));
  EXPECT_FALSE(read(fmt::format(R"({{"model":"{}"}})", std::string(8U << 20U, 'm'))));
  EXPECT_TRUE(read(fmt::format(R"({{"x":"{}"}})", std::string(8U << 20U, 'x'))));
}

TEST_F(Request, AsksForTheUsageOfAStreamWhoseClientDidNot) {
  EXPECT_EQ(edited(R"( {"model":"a","stream":true})"),
            R"( {"stream_options":{"include_usage":true},"model":"a","stream":true})");
  EXPECT_EQ(edited(R"({"stream":true,"stream_options":null})"),
            R"({"stream":true,"stream_options":{"include_usage":true}})");
  EXPECT_EQ(edited(R"({"stream":true,"stream_options": {}})"),
            R"({"stream":true,"stream_options": {"include_usage":true}})");
  EXPECT_EQ(edited(R"({"stream_options":{ "include_usage" : false },"stream":true})"),
            R"({"stream_options":{ "include_usage" : true },"stream":true})");
  EXPECT_EQ(edited(R"({"stream_options":{"x":[1]},"stream":true})"),
            R"({"stream_options":{"include_usage":true,"x":[1]},"stream":true})");
}

TEST_F(Request, LeavesABodyAloneThatNeedsNothing) {
  for (const std::string_view body :
       {R"({"model":"a"})", R"({"model":"a","stream":false})", R"({"stream":null})",
        R"({"stream":true,"stream_options":{"include_usage":true}})",
        R"({"stream":true,"stream_options":7})"}) {
    EXPECT_EQ(edited(body), body);
  }
  EXPECT_FALSE(read(R"({"model":"a","stream":true})", Operation::kResponses)->ask_for_usage);
}

TEST(Operation, IsToldByThePath) {
  EXPECT_EQ(operation_of("/v1/chat/completions"), Operation::kChatCompletions);
  EXPECT_EQ(operation_of("/v1/models/x"), Operation::kModels);
  EXPECT_EQ(operation_of("/v1/messages"), Operation::kMessages);
  EXPECT_EQ(operation_of("/v1/messages/count_tokens"), Operation::kUnmetered);
  EXPECT_EQ(operation_of("/v1/messages/batches"), Operation::kOther);
  EXPECT_TRUE(has_json_body(Operation::kUnmetered));
  EXPECT_FALSE(is_metered(Operation::kUnmetered));
  EXPECT_TRUE(is_metered(Operation::kEmbeddings));
  EXPECT_EQ(token_demand(Operation::kUnmetered, {.max_tokens = 5}, 4000).prompt, 0);
  EXPECT_EQ(operation_of("/v1/chat/completions/"), Operation::kChatCompletions);
  EXPECT_EQ(operation_of("/v1/chat/completions//"), Operation::kOther);
  EXPECT_TRUE(has_json_body(Operation::kEmbeddings));
  EXPECT_FALSE(has_json_body(Operation::kModels));
}

TEST(Operation, OtherSpellingsOfItsPathAreKnown) {
  for (const std::string_view path :
       {"/v1/Chat/Completions", "/v1/chat/completions;x=1", "/v1/chat;a/completions",
        "/v1/chat/completions%20", "/v1/chat/completions%3f", "/v1/CHAT/completions/"}) {
    EXPECT_EQ(known_path_like(path), "/v1/chat/completions") << path;
  }
  for (const std::string_view path : {"/v1/chat/completions", "/v1/models/A", "/v1/models/a%20b",
                                      "/v1/files/F;x", "/v1/audio/Transcriptions", "/v1/"}) {
    EXPECT_EQ(known_path_like(path), "") << path;
  }
}

TEST(Operation, StoredAnswersAreToldByThePath) {
  for (const std::string_view path : {"/v1/responses/resp_1", "/v1/responses/resp_1/cancel",
                                      "/v1/chat/completions/c/messages", "/v1/messages/batches"}) {
    EXPECT_TRUE(is_of_stored_answer(path)) << path;
  }
  for (const std::string_view path :
       {"/v1/responses", "/v1/responses/", "/v1/messages/count_tokens", "/v1/models/x",
        "/v1/audio/transcriptions", "/v1/responsesx/y"}) {
    EXPECT_FALSE(is_of_stored_answer(path)) << path;
  }
}

TEST_F(Request, RefusesResponsesInTheBackground) {
  EXPECT_THAT(read(R"({"model":"a","background":true})", Operation::kResponses).error().message(),
              ::testing::HasSubstr("leave out background"));
  EXPECT_FALSE(read(R"({"background":1})", Operation::kResponses));
  EXPECT_TRUE(read(R"({"background":false})", Operation::kResponses));
  EXPECT_TRUE(read(R"({"background":null})", Operation::kResponses));
  EXPECT_TRUE(read(R"({"background":true})", Operation::kChatCompletions));
}

constexpr std::string_view kCompletion =
    R"({"id":"c","object":"chat.completion","choices":[{"message":{"content":"\"usage\":{\"prompt_tokens\":9}",)"
    R"("tool":{"usage":{"prompt_tokens":8}}}}],"usage":{"prompt_tokens":12,"completion_tokens":9,"total_tokens":21,)"
    R"("details":{"cached":{"prompt_tokens":1}}},"x":1})";

TEST(UsageScanner, FindsTheUsageHoweverTheTextIsCut) {
  const Usage expected{12, 9, false};
  for (std::size_t cut = 0; cut <= kCompletion.size(); ++cut) {
    UsageScanner scanner;
    scanner.feed(kCompletion.substr(0, cut));
    scanner.feed(kCompletion.substr(cut));
    ASSERT_EQ(scanner.usage(), expected) << "cut at " << cut;
    ASSERT_FALSE(scanner.choices_empty());
  }
  UsageScanner bytewise;
  for (const char c : kCompletion)
    bytewise.feed({&c, 1});
  EXPECT_EQ(bytewise.usage(), expected);
  UsageScanner longer_key;
  for (const char c : std::string_view(R"({"responses":{"usage":{"prompt_tokens":1}}})"))
    longer_key.feed({&c, 1});
  EXPECT_EQ(longer_key.usage(), std::nullopt);
}

TEST(UsageScanner, ReadsBothSpellingsAndIgnoresNull) {
  const auto usage_of = [](std::string_view text) {
    UsageScanner scanner;
    scanner.feed(text);
    return scanner.usage();
  };
  EXPECT_EQ(usage_of(R"({"usage":{"prompt_tokens":3,"total_tokens":3}})"), (Usage{3, 0, false}));
  EXPECT_EQ(usage_of(R"({"response":{"usage":{"input_tokens":3,"output_tokens":4}}})"),
            (Usage{3, 4, false}));
  EXPECT_EQ(usage_of(R"({"usage":{"prompt_tokens":1,"completion_tokens":2},"usage":null})"),
            (Usage{1, 2, false}));
  EXPECT_EQ(usage_of(R"({"usage":{"prompt_tokens":1,"completion_tokens":2},)"
                     R"("response":{"usage":{"input_tokens":0,"output_tokens":0}}})"),
            (Usage{1, 2, false}));
  EXPECT_EQ(usage_of(R"({"message":{"usage":{"input_tokens":0}},"usage":{"prompt_tokens":1}})"),
            (Usage{1, 0, false}));
  for (const std::string_view none :
       {R"({"metadata":{"usage":{"input_tokens":0,"output_tokens":0}}})", R"({"usage":null})",
        R"({"usage":{}})", R"({"usage":{"prompt_tokens":-1}})", R"({"a":"usage","b":{"x":1}})",
        R"([{"usage":{"prompt_tokens":1}}])", R"({"choices":[{"usage":{"prompt_tokens":1}}]})",
        R"({"usage":{"prompt_tokens":1)", R"({"us\u0061ge":{"prompt_tokens":1}})", ""}) {
    EXPECT_EQ(usage_of(none), std::nullopt) << none;
  }
}

TEST(UsageScanner, NumbersThatNoRequestCanCostAreNotBelieved) {
  EXPECT_EQ(parse_usage(R"({"prompt_tokens":100000000,"completion_tokens":0})"),
            (Usage{kTokensMax, 0, false}));
  EXPECT_EQ(parse_usage(R"({"prompt_tokens":7,"completion_tokens":null})"), (Usage{7, 0, false}));
  for (const std::string_view wrong :
       {"100000001", "9223372036854775807", "18446744073709551615", "1e30", "-1", "1.5", "\"9\""}) {
    const std::string text(wrong);
    EXPECT_EQ(parse_usage(R"({"prompt_tokens":3,"completion_tokens":)" + text + "}"), std::nullopt)
        << wrong;
    EXPECT_EQ(parse_usage(R"({"input_tokens":)" + text + R"(,"output_tokens":3})"), std::nullopt)
        << wrong;
  }
}

TEST(UsageScanner, ReadsTheKindsOfTokensOfEveryDialect) {
  const std::vector<std::pair<std::string_view, Usage>> dialects = {
      // OpenAI's completions, and its responses.
      {R"({"prompt_tokens":100,"completion_tokens":40,"prompt_tokens_details":{"cached_tokens":60},)"
       R"("completion_tokens_details":{"reasoning_tokens":30}})",
       {100, 40, false, 60, 30}},
      {R"({"input_tokens":100,"input_tokens_details":{"cached_tokens":60},"output_tokens":40,)"
       R"("output_tokens_details":{"reasoning_tokens":30}})",
       {100, 40, false, 60, 30}},
      // Anthropic's leaves out of input_tokens what its cache had and got.
      {R"({"input_tokens":10,"cache_creation_input_tokens":25,"cache_read_input_tokens":60,)"
       R"("output_tokens":4})",
       {95, 4, false, 60, 0}},
      {R"({"input_tokens":10,"cache_creation_input_tokens":null,"cache_read_input_tokens":0,)"
       R"("output_tokens":4})",
       {10, 4, false, 0, 0}},
      // Proxies that tell both mean OpenAI's prompt.
      {R"({"prompt_tokens":95,"completion_tokens":4,"cache_read_input_tokens":60,)"
       R"("cache_creation_input_tokens":25})",
       {95, 4, false, 60, 0}},
      // A part is never more than the whole.
      {R"({"prompt_tokens":5,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":6},)"
       R"("completion_tokens_details":{"reasoning_tokens":3}})",
       {5, 2, false, 5, 2}},
      {R"({"prompt_tokens":5,"prompt_tokens_details":null,"completion_tokens_details":{}})",
       {5, 0, false, 0, 0}}};
  for (const auto& [text, usage] : dialects)
    EXPECT_EQ(parse_usage(text), usage) << text;
  for (const std::string_view wrong :
       {R"({"input_tokens":1,"cache_read_input_tokens":-1})",
        R"({"input_tokens":1,"cache_creation_input_tokens":1.5})",
        R"({"prompt_tokens":1,"prompt_tokens_details":{"cached_tokens":-1}})",
        R"({"input_tokens":60000000,"cache_read_input_tokens":60000000})"}) {
    EXPECT_EQ(parse_usage(wrong), std::nullopt) << wrong;
  }
}

TEST(UsageScanner, SeesTheChunkThatHasNoChoices) {
  for (const std::string_view text :
       {R"({"choices":[],"usage":{"prompt_tokens":1}})", R"({"choices" : [ ] })"}) {
    UsageScanner scanner;
    scanner.feed(text);
    EXPECT_TRUE(scanner.choices_empty()) << text;
  }
  UsageScanner other;
  other.feed(R"({"choices":[{}],"y":{"choices":[]}})");
  EXPECT_FALSE(other.choices_empty());
}

TEST(UsageScanner, AnEndlessUsageIsGivenUp) {
  UsageScanner scanner;
  scanner.feed(R"({"usage":{"prompt_tokens":1,"pad":")");
  for (int i = 0; i < 1000; ++i)
    scanner.feed("aaaaaaaaaaaaaaaaaaaa");
  scanner.feed("\"}}");
  EXPECT_EQ(scanner.usage(), std::nullopt);
}

const std::string kFirst =
    "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}],\"usage\":null}\n\n";
const std::string kSecond =
    ": ping\r\ndata:{\"choices\":[{\"delta\":{\"content\":\" you\"}}]}\r\n\r\n";
const std::string kUsageEvent =
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":2}}\n\n";
const std::string kDone = "data: [DONE]\n\n";

/// Relays the pieces and returns what came out, in the order it came.
std::string relay(SseRelay& relay, const std::vector<std::string>& pieces) {
  std::string out;
  for (const std::string& piece : pieces)
    out += relay.feed(piece);
  out += relay.finish();
  return out;
}

TEST(Sse, HidesTheUsageChunkAndNothingElseHoweverTheStreamIsCut) {
  const std::string stream = kFirst + kSecond + kUsageEvent + kDone;
  const std::string whole = kFirst + kSecond + kDone;
  for (std::size_t a = 0; a <= stream.size(); ++a) {
    for (std::size_t b = a; b <= stream.size(); b += 7) {
      SseRelay hiding(UsageChunk::kHide);
      ASSERT_EQ(relay(hiding, {stream.substr(0, a), stream.substr(a, b - a), stream.substr(b)}),
                whole)
          << "cut at " << a << " and " << b;
      ASSERT_EQ(hiding.usage(), (Usage{5, 2, false}));
      ASSERT_EQ(hiding.content_events(), 2);
      ASSERT_TRUE(hiding.ending());
    }
  }
}

TEST(Sse, ForwardsEveryByteAtOnceWhenTheClientWantsUsage) {
  const std::string stream = kFirst + kSecond + kUsageEvent + kDone;
  SseRelay forwarding(UsageChunk::kForward);
  for (const char c : stream)
    ASSERT_EQ(forwarding.feed({&c, 1}), std::string_view(&c, 1));
  EXPECT_EQ(forwarding.finish(), "");
  EXPECT_EQ(forwarding.usage(), (Usage{5, 2, false}));
}

TEST(Sse, PassesOnWholeEventsWhereAStreamMayBeEndedBetweenThem) {
  SseRelay whole(UsageChunk::kForward, Pieces::kEvents);
  EXPECT_EQ(whole.feed(kFirst + kSecond.substr(0, 9)), kFirst);
  EXPECT_FALSE(whole.ending());
  EXPECT_EQ(whole.feed(kSecond.substr(9) + kUsageEvent), kSecond + kUsageEvent);
  EXPECT_TRUE(whole.ending());
}

TEST(TokenDemand, IsThePromptsSizeAndWhatMayComeOfIt) {
  RequestReader reader;
  const auto demand_of = [&](Operation operation, std::string body) {
    body.reserve(body.size() + RequestReader::kPadding);
    const auto peek = reader.read(operation, body);
    EXPECT_TRUE(peek) << peek.error().message();
    return token_demand(operation, *peek, body.size());
  };
  const TokenDemand untold = demand_of(Operation::kChatCompletions, R"({"model":"m"})");
  EXPECT_EQ(untold.prompt, 3);
  EXPECT_EQ(untold.output, std::nullopt);
  EXPECT_EQ(demand_of(Operation::kCompletions, R"({"max_tokens":9,"n":2,"best_of":3})").output, 27);
  EXPECT_EQ(demand_of(Operation::kChatCompletions, R"({"max_tokens":9,"max_completion_tokens":4})")
                .output,
            9);
  EXPECT_EQ(
      demand_of(Operation::kCompletions, R"({"prompt":["a","b","c"],"max_tokens":5,"n":2})").output,
      30);
  EXPECT_EQ(demand_of(Operation::kCompletions, R"({"prompt":[1,2,3],"max_tokens":5})").output, 5);
  EXPECT_EQ(demand_of(Operation::kCompletions, R"({"prompt":[[1],[2]],"max_tokens":5})").output,
            10);
  EXPECT_EQ(demand_of(Operation::kCompletions, R"({"prompt":[1,[2]],"x":{"y":[1]},"max_tokens":5})")
                .output,
            5);
  EXPECT_EQ(demand_of(Operation::kResponses, R"({"max_output_tokens":5,"n":null})").output, 5);
  EXPECT_EQ(demand_of(Operation::kEmbeddings, R"({"max_tokens":9})").output, 0);
  EXPECT_EQ(token_demand(Operation::kModels, {}, 1000).prompt, 0);
  const TokenDemand absurd = demand_of(
      Operation::kCompletions, R"({"max_tokens":9223372036854775807,"n":9223372036854775807})");
  EXPECT_GT(absurd.output, kTokensMax);
  for (const std::string_view bad : {R"({"n":-1})", R"({"n":"2"})", R"({"best_of":1.5})"}) {
    std::string body(bad);
    body.reserve(body.size() + RequestReader::kPadding);
    EXPECT_FALSE(reader.read(Operation::kCompletions, body)) << bad;
  }
}

TEST(Sse, UsageThatIsToldInPartsIsPutTogether) {
  SseRelay forwarding(UsageChunk::kForward);
  relay(forwarding,
        {"event: message_start\ndata: {\"message\":{\"usage\":{\"input_tokens\":25,"
         "\"output_tokens\":1}}}\n\n",
         "event: message_delta\ndata: {\"delta\":{},\"usage\":{\"output_tokens\":15}}\n\n"});
  EXPECT_EQ(forwarding.usage(), (Usage{25, 15, false}));
  EXPECT_EQ(forwarding.content_events(), 0);
  relay(forwarding, {"event: content_block_delta\ndata: {\"delta\":{\"text\":\"x\"}}\n\n",
                     "event: ping\ndata: {}\n\n"});
  EXPECT_EQ(forwarding.content_events(), 1);
}

TEST(Sse, WhatIsUnfinishedAtTheEndStillReachesTheClient) {
  SseRelay hiding(UsageChunk::kHide);
  EXPECT_EQ(relay(hiding, {kFirst, "data: {\"cho"}), kFirst + "data: {\"cho");
  EXPECT_FALSE(hiding.ending());
}

TEST(Sse, TheLastEventIsReadWithoutTheEmptyLineBehindIt) {
  const std::string last =
      "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":2}}\n";
  SseRelay hiding(UsageChunk::kHide);
  EXPECT_EQ(relay(hiding, {kFirst, last}), kFirst);
  EXPECT_EQ(hiding.usage(), (Usage{5, 2, false}));
  SseRelay forwarding(UsageChunk::kForward);
  EXPECT_EQ(relay(forwarding, {kFirst, last}), kFirst + last);
  EXPECT_EQ(forwarding.usage(), (Usage{5, 2, false}));
}

TEST(Sse, AnEndlessEventIsPassedOnUnread) {
  SseRelay hiding(UsageChunk::kHide);
  std::string sent;
  std::string received;
  for (int i = 0; i < 40; ++i) {
    const std::string piece(std::size_t{64} * 1024, 'x');
    sent += piece;
    received += hiding.feed(piece);
  }
  received += hiding.finish();
  EXPECT_EQ(received, sent);
}

TEST(OpenAiError, EndsAStreamInTheDialectOfItsOperation) {
  const OpenAiError error{.message = "no \"more\"", .type = "tokens", .code = "c", .param = {}};
  EXPECT_EQ(last_events(Operation::kChatCompletions, error),
            "data: {\"error\":{\"message\":\"no \\\"more\\\"\",\"type\":\"tokens\",\"param\":null,"
            "\"code\":\"c\"}}\n\ndata: [DONE]\n\n");
  EXPECT_EQ(last_events(Operation::kMessages, error),
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\","
            "\"message\":\"no \\\"more\\\"\"}}\n\n");
  EXPECT_EQ(last_events(Operation::kResponses, error),
            "event: error\ndata: {\"type\":\"error\",\"code\":\"c\",\"message\":\"no "
            "\\\"more\\\"\",\"param\":null}\n\n");
}

TEST(OpenAiError, IsJsonWhateverTheMessageHolds) {
  EXPECT_EQ(to_json({.message = "a \"b\"\n\xff", .type = "server_error"}),
            "{\"error\":{\"message\":\"a "
            "\\\"b\\\"\\n\xef\xbf\xbd\",\"type\":\"server_error\",\"param\":null,"
            "\"code\":null}}");
  EXPECT_EQ(to_json({.message = "é", .type = "t", .code = "c", .param = "model"}),
            R"({"error":{"message":"é","type":"t","param":"model","code":"c"}})");
}

}  // namespace
}  // namespace insula::llm
