// How the gateway treats what HTTP leaves open: framing, pipelining, slow and leaving clients.

#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "async/deadline.h"
#include "async/loop.h"
#include "gateway/testing/scripted_gateway.h"
#include "net/listener.h"

namespace insula::gateway {
namespace {

using std::chrono_literals::operator""s;
using std::chrono_literals::operator""ms;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(GatewayHttpTest, AChunkedUploadReachesTheUpstreamWithItsLength) {
  start(std::string(kOk));
  const std::string reply = talk(
      {head("POST /t/v1/chat/completions", "Transfer-Encoding: chunked\r\nConnection: close\r\n"),
       "5\r\n{\"mod\r\n", "6;x=y\r\nel\":\"m\r\n", "2\r\n\"}\r\n0\r\n\r\n"});
  EXPECT_THAT(reply, HasSubstr("HTTP/1.1 200 OK"));
  EXPECT_THAT(seen_, HasSubstr("Content-Length: 13\r\n\r\n{\"model\":\"m\"}"));
  EXPECT_THAT(seen_, Not(HasSubstr("chunked")));
}

TEST_F(GatewayHttpTest, AnswersPipelinedRequestsInOrderOverOneUpstreamConnection) {
  start(std::string(kOk));
  const std::string body = R"({"model":"m"})";
  const std::string first =
      head("POST /t/v1/completions", "Content-Length: 13\r\nX-Request-Id: one\r\n") + body;
  const std::string second = head("GET /t/v1/models", "X-Request-Id: two\r\nConnection: close\r\n");
  const std::string reply = talk({first + second});
  EXPECT_LT(reply.find("x-request-id: one"), reply.find("x-request-id: two"));
  EXPECT_NE(reply.find("x-request-id: two"), reply.npos);
  EXPECT_EQ(connections_, 1);
}

TEST_F(GatewayHttpTest, AMalformedRequestIsAnsweredWithNothingOfTheOneBefore) {
  start(std::string(kOk));
  const std::string reply =
      talk({head("GET /t/v1/models", "X-Request-Id: first\r\n") + "GET / HTTP/1.1\r\n\r\n"});
  const std::size_t second = reply.find("HTTP/1.1 400");
  ASSERT_NE(second, reply.npos) << reply;
  EXPECT_THAT(reply.substr(second), HasSubstr("x-request-id: "));
  EXPECT_THAT(reply.substr(second), Not(HasSubstr("first")));
  EXPECT_THAT(reply.substr(second), Not(HasSubstr("RateLimit")));
}

TEST_F(GatewayHttpTest, LetsAClientThatAsksFirstGoOn) {
  start(std::string(kOk));
  const std::string reply =
      talk({head("POST /t/v1/completions",
                 "Content-Length: 13\r\nExpect: 100-continue\r\nConnection: close\r\n"),
            R"({"model":"m"})"},
           "100 Continue\r\n\r\n");
  EXPECT_TRUE(reply.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(seen_, Not(HasSubstr("Expect")));
}

TEST_F(GatewayHttpTest, CountsWhatAReplyTellsWhateverTheOperation) {
  const std::string told = R"({"usage":{"input_tokens":7,"output_tokens":5}})";
  start("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
        std::to_string(told.size()) + "\r\n\r\n" + told);
  talk({head("POST /t/v1/messages", "Content-Length: 2\r\nConnection: close\r\n") + "{}"});
  EXPECT_EQ(usage(), (UsageCounts{.requests = 1, .prompt_tokens = 7, .completion_tokens = 5}));
}

TEST_F(GatewayHttpTest, AStreamThatTheTokenLimitHasNoRoomForIsEndedProperly) {
  // 27 bytes of prompt count as 6 tokens, and the reply may have the 4 that are left, bit by bit.
  tokens_per_minute_ = 10;
  const std::string event = "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n";
  std::string events;
  for (int i = 0; i < 5; ++i)
    events += event;
  events += "data: {\"cho";  // the next has begun
  start_streaming(events);
  const std::string body = R"({"model":"m","stream":true})";
  const std::string reply = post("/t/v1/completions", body);
  EXPECT_THAT(reply, HasSubstr(event + event + event + event + event));
  EXPECT_THAT(reply, Not(HasSubstr("data: {\"cho\r\n")));
  EXPECT_THAT(
      reply,
      HasSubstr("data: {\"error\":{\"message\":\"the stream was ended: the tenant's rate limit "
                "of 10 tokens per minute"));
  EXPECT_TRUE(reply.ends_with("data: [DONE]\n\n\r\n0\r\n\r\n")) << reply;
  EXPECT_EQ(
      usage(),
      (UsageCounts{.requests = 1, .prompt_tokens = 6, .completion_tokens = 5, .estimated = 1}));
  EXPECT_THAT(registry_.expose(), HasSubstr("insula_gateway_streams_ended_total{tenant=\"t\"} 1"));
  // The debt is carried: not even a request without a prompt is admitted now.
  EXPECT_THAT(talk({head("GET /t/v1/files", "Connection: close\r\n")}), HasSubstr("HTTP/1.1 429"));
}

TEST_F(GatewayHttpTest, AStreamThatItsKeysTokenLimitHasNoRoomForIsEndedToo) {
  tokens_per_minute_ = 1000;
  key_limits_.tokens_per_minute = 10;
  std::string events;
  for (int i = 0; i < 5; ++i)
    events += "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n";
  start_streaming(events);
  EXPECT_THAT(post("/t/v1/completions", R"({"model":"m","stream":true})"),
              HasSubstr("the stream was ended: this API key's rate limit of 10 tokens per minute"));
}

TEST_F(GatewayHttpTest, AStreamThatTellsItsUsageOnlyAtTheEndIsHeldToTheLimitAllTheSame) {
  tokens_per_minute_ = 40;
  std::string events =
      "event: message_start\ndata: "
      "{\"message\":{\"usage\":{\"input_tokens\":5,\"output_tokens\":1}}}\n\n";
  for (int i = 0; i < 60; ++i)
    events += "event: content_block_delta\ndata: {\"delta\":{\"text\":\"x\"}}\n\n";
  start_streaming(events);
  const std::string body = R"({"model":"m","stream":true})";
  const std::string reply = post("/t/v1/messages", body);
  EXPECT_THAT(reply, HasSubstr("event: error\ndata: {\"type\":\"error\""));
  EXPECT_THAT(reply, Not(HasSubstr("[DONE]")));
  EXPECT_EQ(
      usage(),
      (UsageCounts{.requests = 1, .prompt_tokens = 5, .completion_tokens = 60, .estimated = 1}));
}

TEST_F(GatewayHttpTest, AReplyWhoseBodyIsBrokenCostsNoTokens) {
  start(
      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
      "4\r\n{\"x\"\r\nno size\r\n");
  EXPECT_THAT(post("/t/v1/completions", R"({"model":"m","x":"some words"})"),
              HasSubstr("HTTP/1.1 502"));
  EXPECT_EQ(usage(), (UsageCounts{.requests = 1, .failed = 1}));
}

TEST_F(GatewayHttpTest, AHeadRequestCostsNoTokens) {
  start("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n");
  const std::string body = R"({"model":"m","x":"some words"})";
  talk({head("HEAD /t/v1/completions",
             fmt::format("Content-Length: {}\r\nConnection: close\r\n", body.size())) +
        body});
  EXPECT_EQ(usage(), (UsageCounts{.requests = 1}));
}

TEST_F(GatewayHttpTest, AStreamThatKeepsToItsMaxTokensIsNeverEndedEarly) {
  // 44 bytes of prompt count as 11 tokens; the reply's own events are two more than its tokens.
  tokens_per_minute_ = 15;
  const std::string role = "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}\n\n";
  const std::string token = "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n";
  std::string events = role;
  for (int i = 0; i < 4; ++i)
    events += token;
  events += "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"length\"}]}\n\n";
  // Nothing has told the usage yet, and more may come.
  start_streaming(events);
  after_ = After::kClose;
  const std::string body = R"({"model":"m","stream":true,"max_tokens":  4})";
  const std::string received = post("/t/v1/chat/completions", body);
  EXPECT_THAT(received, HasSubstr("\"finish_reason\":\"length\""));
  EXPECT_THAT(received, Not(HasSubstr("\"error\"")));
}

TEST_F(GatewayHttpTest, AnUnknownOperationThatTellsNothingCountsNoTokens) {
  start(std::string(kOk));
  talk({head("POST /t/v1/files", "Content-Length: 2\r\nConnection: close\r\n") + "{}"});
  EXPECT_EQ(usage(), (UsageCounts{.requests = 1}));
}

TEST_F(GatewayHttpTest, AsksForNoCompressionAndPassesACompressedStreamOnUnread) {
  const std::string zipped = "\x1f\x8b no event ends here";
  start(
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: gzip\r\n"
      "Transfer-Encoding: chunked\r\n\r\n15\r\n" +
      zipped.substr(0, 21) + "\r\n");
  // The stream stays open; what came of it must be here nevertheless.
  const std::string body = R"({"model":"m","stream":true})";
  std::string received;
  run([](GatewayHttpTest& test, std::string request, std::string& text)
          -> Task<> {
    auto stream = (co_await net::dial(test.listener_->address(), test.loop_.now() + 5s)).value();
    static_cast<void>(co_await stream->write(request));
    while (text.find("no event") == text.npos && co_await test.receive(*stream, text)) {
    }
  }(*this,
          head("POST /t/v1/completions", "Accept-Encoding: gzip, br\r\nContent-Length: " +
                                             std::to_string(body.size()) + "\r\n") +
              body,
          received));
  EXPECT_THAT(received, HasSubstr("no event"));
  EXPECT_THAT(received, HasSubstr("Content-Encoding: gzip"));
  EXPECT_THAT(seen_, HasSubstr("Accept-Encoding: identity\r\n"));
  EXPECT_THAT(seen_, Not(HasSubstr("gzip")));
  while (usage().requests == 0) {
  }
  EXPECT_EQ(usage().estimated, 1);
}

TEST_F(GatewayHttpTest, ABodyIsNotAwaitedWhenTheWindowIsFull) {
  requests_per_hour_ = 1;
  start(std::string(kOk));
  talk({head("GET /t/v1/models", "Connection: close\r\n")});
  for (const std::string_view more :
       {"Content-Length: 1000000\r\n", "Content-Length: 13\r\nExpect: 100-continue\r\n"}) {
    const std::string reply = talk({head("POST /t/v1/completions", more)});
    EXPECT_TRUE(reply.starts_with("HTTP/1.1 429")) << reply;
    EXPECT_THAT(reply, HasSubstr("Retry-After: 3600"));
  }
  EXPECT_EQ(usage().requests, 1);
}

TEST_F(GatewayHttpTest, BodiesBeyondALoopsBudgetAreRefusedAndTheBudgetComesBack) {
  settings_.buffered_bytes_max = 1000;
  start(std::string(kOk));
  // In chunks, a body is pending even when it comes with its head.
  const std::string large = head("POST /t/v1/files", "Transfer-Encoding: chunked\r\n") + "5dc\r\n" +
                            std::string(1500, 'x') + "\r\n0\r\n\r\n";
  const std::string small =
      head("POST /t/v1/files", "Transfer-Encoding: chunked\r\nConnection: close\r\n");
  const std::string chunk = "190\r\n" + std::string(400, 'x') + "\r\n0\r\n\r\n";
  for (int i = 0; i < 3; ++i) {
    const std::string reply = talk({large});
    EXPECT_TRUE(reply.starts_with("HTTP/1.1 503")) << reply;
    EXPECT_THAT(reply, HasSubstr("Retry-After: 1\r\n"));
    EXPECT_THAT(reply, HasSubstr("temporarily_unavailable"));
    EXPECT_TRUE(talk({small + chunk}).starts_with("HTTP/1.1 200"));
  }
}

TEST_F(GatewayHttpTest, ABodyOfUnknownLengthIsChunkedOrEndsTheConnection) {
  start("HTTP/1.1 200 OK\r\n\r\nwhatever comes");
  EXPECT_THAT(talk({head("GET /t/v1/x", "Connection: close\r\n")}),
              HasSubstr("Transfer-Encoding: chunked\r\n"));
  std::string old = head("GET /t/v1/x", "");
  old.replace(old.find("HTTP/1.1"), 8, "HTTP/1.0");
  const std::string reply = talk({old});
  EXPECT_TRUE(reply.ends_with("\r\n\r\nwhatever comes"));
  EXPECT_THAT(reply, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(reply, Not(HasSubstr("chunked")));
}

TEST_F(GatewayHttpTest, AnUpstreamThatSaysMoreThanItsReplyIsNotUsedAgain) {
  start(std::string(kOk) + "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison");
  const std::string request = head("GET /t/v1/models", "");
  const std::string last = head("GET /t/v1/models", "Connection: close\r\n");
  const std::string reply = talk({request, request, last});
  EXPECT_THAT(reply, Not(HasSubstr("poison")));
  EXPECT_EQ(connections_, 3);
}

TEST_F(GatewayHttpTest, ARequestThatWasWrittenWholeIsSentAgainOnce) {
  start(std::string(kOk));
  const auto sent = [&] {
    std::size_t count = 0;
    for (std::size_t at = 0; (at = seen_.find("GET /v1/", at)) != seen_.npos; ++at)
      ++count;
    return count;
  };
  const std::string request = head("GET /t/v1/models", "Connection: close\r\n");
  EXPECT_THAT(talk({request}), HasSubstr("HTTP/1.1 200"));
  ASSERT_EQ(sent(), 1U);
  // Over the pooled connection first, then over one of its own.
  reply_.clear();
  EXPECT_THAT(talk({request}), HasSubstr("HTTP/1.1 502"));
  EXPECT_EQ(sent(), 3U);
  EXPECT_THAT(talk({request}), HasSubstr("HTTP/1.1 502"));
  EXPECT_EQ(sent(), 5U);
  EXPECT_EQ(usage(), (UsageCounts{.requests = 3, .failed = 2}));
}

TEST_F(GatewayHttpTest, EveryServerErrorHasALineThatSaysWhereItCameFrom) {
  const std::filesystem::path file = directory_ / "log";
  const auto sink = file_log_sink(file, 1U << 20U, {}, system_clock()).value();
  log_ = Log(*sink, "gateway");
  start("HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n");
  talk({head("GET /t/v1/models", "X-Request-Id: one\r\nConnection: close\r\n")});
  reply_.clear();
  talk({head("GET /t/v1/models", "X-Request-Id: two\r\nConnection: close\r\n")});
  gateway_.reset();
  std::ifstream stream(file);
  const std::string lines(std::istreambuf_iterator<char>(stream), {});
  const std::string endpoint = upstream_->address().text();
  EXPECT_THAT(lines, ContainsRegex("request_id=one .*status=500 endpoint=\"?" + endpoint +
                                   "\"? attempts=1"));
  EXPECT_THAT(lines, ContainsRegex("request_id=two .*status=502 endpoint=\"?" + endpoint +
                                   "\"? attempts=2"));
}

TEST_F(GatewayHttpTest, AReplyBeforeTheBodyWasTakenIsRelayed) {
  settings_.timeouts.first_byte = 5s;
  const std::string body(16U << 20U, 'x');
  for (const After after : {After::kStop, After::kClose}) {
    after_ = after;
    connections_ = 0;
    if (gateway_ == nullptr)
      start("HTTP/1.1 413 Content Too Large\r\nContent-Length: 9\r\n\r\nfar above");
    const std::string reply =
        talk({head("POST /t/v1/files",
                   "Connection: close\r\nContent-Length: " + std::to_string(body.size()) + "\r\n") +
              body});
    EXPECT_THAT(reply, HasSubstr("HTTP/1.1 413")) << reply.substr(0, 100);
    EXPECT_TRUE(reply.ends_with("far above"));
    EXPECT_EQ(connections_, 1);
  }
}

TEST_F(GatewayHttpTest, AnUpstreamThatDoesNotSpeakHttpIsABadGateway) {
  start("SSH-2.0-OpenSSH\r\n\r\n Content-Length");
  EXPECT_THAT(talk({head("GET /t/v1/models", "Connection: close\r\n")}),
              HasSubstr("HTTP/1.1 502 Bad Gateway"));
}

TEST_F(GatewayHttpTest, RefusesWhatTwoServersCouldReadDifferently) {
  start(std::string(kOk));
  const std::vector<std::pair<std::string, int>> refused = {
      {"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", 400},
      {"Content-Length: 1\r\nContent-Length: 2\r\n", 400},
      {"Content-Length: +1\r\n", 400},
      {"Content_Length: 1\r\n", 400},
      {"X-A : b\r\n", 400},
      {"Expect: tea\r\n", 417},
      {"X-A: " + std::string(70'000, 'a') + "\r\n", 431},
      {"Transfer-Encoding: gzip, chunked\r\n", 501}};
  for (const auto& [more, status] : refused) {
    const std::string reply = talk({head("POST /t/v1/completions", more)});
    EXPECT_TRUE(reply.starts_with("HTTP/1.1 " + std::to_string(status)))
        << more.substr(0, 50) << reply;
    EXPECT_THAT(reply, HasSubstr("Connection: close"));
  }
  EXPECT_TRUE(
      talk({head("GET /t/v1/" + std::string(20'000, 'a'), "")}).starts_with("HTTP/1.1 414"));
  EXPECT_TRUE(talk({"GET /t/v1/models HTTP/2.0\r\n\r\n"}).starts_with("HTTP/1.1 505"));
  const std::string trace = talk({head("TRACE /t/v1/models", "Connection: close\r\n")});
  EXPECT_TRUE(trace.starts_with("HTTP/1.1 405"));
  EXPECT_THAT(trace, HasSubstr("Allow: GET, HEAD, POST,"));
  EXPECT_TRUE(seen_.empty());
}

TEST_F(GatewayHttpTest, AnUpstreamThatStaysSilentTimesOut) {
  settings_.timeouts.first_byte = 100ms;
  start("");
  const auto reply = talk({head("GET /t/v1/models", "Connection: close\r\n")});
  // The upstream of this test closes without a word, which is a loss and no timeout; a second one
  // that never accepts is what times out.
  EXPECT_THAT(reply, HasSubstr("HTTP/1.1 502"));
  serving_.cancel();
  EXPECT_THAT(talk({head("GET /t/v1/models", "Connection: close\r\n")}),
              HasSubstr("HTTP/1.1 504 Gateway Timeout"));
}

TEST_F(GatewayHttpTest, RefusesBodiesThatTwoServersCouldReadDifferently) {
  using std::string_literals::operator""s;
  start(std::string(kOk));
  for (const std::string& body :
       {R"({"model":"a","model":"b"})"s, R"({"model":"a","Model":"b"})"s,
        R"({"model":"a","mod\u0065l":"b"})"s, R"({"stream":false,"model":"a","stream":true})"s,
        R"({"model":"a","max_tokens":1,"max_tokens":1e9})"s, "\xef\xbb\xbf{\"model\":\"a\"}"s,
        "{\"model\":\"a\xff\"}"s, "{\"model\":\"a\0\"}"s, R"({"model":"a\u0000"})"s,
        R"({"model":"\ud800"})"s, R"({"model":"a"} {"model":"b"})"s,
        R"({"model":"a","messages":)" + std::string(100'000, '[') + std::string(100'000, ']') + "}",
        R"({"model":")" + std::string(1 << 20, 'm') + R"("})"}) {
    const std::string reply = post("/t/v1/chat/completions", body);
    EXPECT_TRUE(reply.starts_with("HTTP/1.1 400")) << body.substr(0, 50);
    EXPECT_THAT(reply, HasSubstr(R"({"error":{"message":"the request body )"));
    EXPECT_THAT(reply, HasSubstr(R"("type":"invalid_request_error","param":null,"code":)"));
    EXPECT_LT(reply.size(), 2000);
  }
  EXPECT_TRUE(seen_.empty());
  EXPECT_EQ(usage().requests, 0);
}

TEST_F(GatewayHttpTest, LargeBodiesPassBothWaysToASlowReader) {
  const std::string large(3 << 20, 'x');
  start("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(large.size()) + "\r\n\r\n" + large);
  const std::string reply = talk({head("GET /t/v1/x", "Connection: close\r\n")});
  EXPECT_TRUE(reply.ends_with("\r\n\r\n" + large));
}

}  // namespace
}  // namespace insula::gateway
