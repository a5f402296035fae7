#include "http/parser.h"

#include <ostream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace insula::http {

void PrintTo(Refusal refusal, std::ostream* out) {
  *out << describe(refusal);
}

namespace {

struct Outcome {
  ParseStatus status;
  Refusal refusal;
};

Outcome request_in_one_piece(std::string_view text) {
  RequestHead head;
  const auto status = parse_request(text, 0, {}, head);
  return {status, head.refusal};
}

Outcome request_byte_by_byte(std::string_view text) {
  RequestHead head;
  for (std::size_t size = 1; size <= text.size(); ++size) {
    const auto status = parse_request(text.substr(0, size), size - 1, {}, head);
    if (status != ParseStatus::kNeedMore) return {status, head.refusal};
  }
  return {ParseStatus::kNeedMore, Refusal::kNone};
}

struct Ambiguity {
  const char* why;
  std::string text;
  Refusal refusal;
};

std::string get_with(std::string_view fields) {
  return "GET / HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n";
}

constexpr std::string_view kChat =
    "POST /v1/chat/completions?x=1 HTTP/1.1\r\n"
    "Host: gw.example.com:8080\r\n"
    "User-Agent: OpenAI/Python 1.40.0\r\n"
    "content-TYPE:application/json\r\n"
    "X-Empty:\r\n"
    "X-Spaces: \t a b \t \r\n"
    "X-Long-Header-Name_With.Odd~Characters: \xc3\xa4\r\n"
    "Expect: 100-Continue\r\n"
    "Content-Length: 1024\r\n"
    "\r\n";

TEST(RequestParser, ReadsTheRequestLineAndAllFields) {
  RequestHead head;
  const std::string text = std::string(kChat) + "body";
  ASSERT_EQ(parse_request(text, 0, {}, head), ParseStatus::kComplete);
  EXPECT_EQ(head.method, "POST");
  EXPECT_EQ(head.target, "/v1/chat/completions?x=1");
  EXPECT_EQ(head.host, "gw.example.com:8080");
  EXPECT_EQ(head.size, kChat.size());
  EXPECT_EQ(head.content_length, 1024u);
  EXPECT_TRUE(head.keep_alive);
  EXPECT_TRUE(head.expect_continue);
  EXPECT_FALSE(head.chunked);
  EXPECT_EQ(head.fields().size(), 8u);
  EXPECT_EQ(head.find("Content-Type"), "application/json");
  EXPECT_EQ(head.find(FieldId::kContentType), "application/json");
  EXPECT_EQ(head.find("x-empty"), "");
  EXPECT_EQ(head.find("x-spaces"), "a b");
  EXPECT_EQ(head.find("x-long-header-name_with.odd~characters"), "\xc3\xa4");
  EXPECT_EQ(head.find("absent"), std::nullopt);
}

TEST(RequestParser, NeedsMoreUntilTheLastByteWhereverTheHeadIsCut) {
  RequestHead head;
  for (std::size_t size = 0; size < kChat.size(); ++size) {
    EXPECT_EQ(parse_request(kChat.substr(0, size), 0, {}, head), ParseStatus::kNeedMore) << size;
  }
  for (std::size_t cut = 0; cut < kChat.size(); ++cut) {
    ASSERT_EQ(parse_request(kChat.substr(0, cut), 0, {}, head), ParseStatus::kNeedMore);
    ASSERT_EQ(parse_request(kChat, cut, {}, head), ParseStatus::kComplete) << cut;
    EXPECT_EQ(head.fields().size(), 8u);
  }
  EXPECT_EQ(request_byte_by_byte(kChat).status, ParseStatus::kComplete);
}

TEST(RequestParser, KeepsConnectionsAliveAsTheVersionSays) {
  const auto keeps = [](const char* text) {
    RequestHead head;
    EXPECT_EQ(parse_request(text, 0, {}, head), ParseStatus::kComplete);
    return head.keep_alive;
  };
  EXPECT_TRUE(keeps("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
  EXPECT_FALSE(keeps("GET / HTTP/1.1\r\nHost: a\r\nConnection: foo, Close\r\n\r\n"));
  EXPECT_FALSE(
      keeps("GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n"));
  EXPECT_FALSE(keeps("GET / HTTP/1.0\r\n\r\n"));
  EXPECT_TRUE(keeps("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"));
}

TEST(RequestParser, AcceptsOneEmptyLineBeforeTheRequest) {
  EXPECT_EQ(request_in_one_piece("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n").status,
            ParseStatus::kComplete);
}

TEST(RequestParser, AcceptsTheAsteriskInOptions) {
  EXPECT_EQ(request_in_one_piece("OPTIONS * HTTP/1.1\r\nHost: [::1]:80\r\n\r\n").status,
            ParseStatus::kComplete);
}

TEST(RequestParser, SeesAnUpgradeOnlyWhenTheConnectionHeaderNamesIt) {
  RequestHead head;
  const auto named = get_with("Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n");
  ASSERT_EQ(parse_request(named, 0, {}, head), ParseStatus::kComplete);
  EXPECT_TRUE(head.upgrade);
  const auto unnamed = get_with("Upgrade: websocket\r\n");
  ASSERT_EQ(parse_request(unnamed, 0, {}, head), ParseStatus::kComplete);
  EXPECT_FALSE(head.upgrade);
}

TEST(RequestParser, LimitsHeaderCount) {
  std::string fields;
  for (int i = 0; i < 99; ++i)
    fields += "A: b\r\n";
  EXPECT_EQ(request_in_one_piece(get_with(fields)).status, ParseStatus::kComplete);
  EXPECT_EQ(request_in_one_piece(get_with(fields + "A: b\r\n")).refusal, Refusal::kTooManyFields);
}

TEST(RequestParser, LimitsTheHeadToTheSameByteWholeOrInPieces) {
  HeadLimits limits;
  const std::string text = get_with("A: b\r\n");
  for (const bool fits : {true, false}) {
    limits.head_bytes = fits ? text.size() : text.size() - 1;
    RequestHead head;
    const auto whole = parse_request(text, 0, limits, head);
    EXPECT_EQ(whole, fits ? ParseStatus::kComplete : ParseStatus::kRefused);
    auto status = ParseStatus::kNeedMore;
    for (std::size_t size = 1; size <= text.size() && status == ParseStatus::kNeedMore; ++size) {
      status = parse_request(std::string_view(text).substr(0, size), size - 1, limits, head);
    }
    EXPECT_EQ(status, whole);
    if (!fits) {
      EXPECT_EQ(head.refusal, Refusal::kHeadTooLarge);
    }
  }
}

TEST(RequestParser, LimitsTheTarget) {
  const auto text = "GET /" + std::string(20'000, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n";
  EXPECT_EQ(request_in_one_piece(text).refusal, Refusal::kTargetTooLong);
  EXPECT_EQ(status_of(Refusal::kTargetTooLong), 414);
}

TEST(RequestParser, KnowsWhichHeadersEndAtThisHop) {
  RequestHead head;
  const auto text = get_with(
      "Connection: close, X-Mine\r\nx-mine: 1\r\nX-Other: 2\r\nTE: trailers\r\nKeep-Alive: 5\r\n");
  ASSERT_EQ(parse_request(text, 0, {}, head), ParseStatus::kComplete);
  std::vector<std::string_view> forwarded;
  for (const Field& field : head.fields()) {
    if (!is_hop_by_hop(head, field)) forwarded.push_back(field.name);
  }
  EXPECT_THAT(forwarded, testing::ElementsAre("Host", "X-Other"));
}

TEST(ResponseParser, ReadsTheStatusLineAndFraming) {
  ResponseHead head;
  constexpr std::string_view kText =
      "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: Chunked\r\nConnection: close\r\n\r\n";
  ASSERT_EQ(parse_response(kText, 0, {}, head), ParseStatus::kComplete);
  EXPECT_EQ(head.status, 404);
  EXPECT_EQ(head.reason, "Not Found");
  EXPECT_TRUE(head.chunked);
  EXPECT_FALSE(head.keep_alive);
  for (std::size_t size = 0; size < kText.size(); ++size) {
    EXPECT_EQ(parse_response(kText.substr(0, size), 0, {}, head), ParseStatus::kNeedMore) << size;
  }
}

TEST(ResponseParser, AcceptsAnEmptyReasonWithAndWithoutItsSpace) {
  ResponseHead head;
  EXPECT_EQ(parse_response("HTTP/1.1 200 \r\n\r\n", 0, {}, head), ParseStatus::kComplete);
  EXPECT_EQ(parse_response("HTTP/1.1 200\r\n\r\n", 0, {}, head), ParseStatus::kComplete);
  EXPECT_EQ(head.reason, "");
}

TEST(ResponseParser, RefusesWhatTwoReadersCouldReadDifferently) {
  const std::vector<Ambiguity> table = {
      {"no status", "HTTP/1.1 OK\r\n\r\n", Refusal::kStatusLine},
      {"status of two digits", "HTTP/1.1 20 OK\r\n\r\n", Refusal::kStatusLine},
      {"status of four digits", "HTTP/1.1 2000 OK\r\n\r\n", Refusal::kStatusLine},
      {"status below 100", "HTTP/1.1 099 OK\r\n\r\n", Refusal::kStatusLine},
      {"two spaces", "HTTP/1.1  200 OK\r\n\r\n", Refusal::kStatusLine},
      {"version", "HTTP/2 200 OK\r\n\r\n", Refusal::kVersion},
      {"other protocol", "SSH-2.0-OpenSSH\r\n", Refusal::kVersion},
      {"control character in the reason", "HTTP/1.1 200 O\x02K\r\n\r\n",
       Refusal::kControlCharacter},
      {"line feed alone", "HTTP/1.1 200 OK\n\n", Refusal::kBareLf},
      {"length and chunked",
       "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
       Refusal::kLengthAndTransferEncoding},
      {"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
       Refusal::kContentLengthRepeated},
      {"chunked in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
       Refusal::kTransferEncodingInHttp10},
      {"body of a 204", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
       Refusal::kBodyForbidden},
      {"chunked 100", "HTTP/1.1 100 Continue\r\nTransfer-Encoding: chunked\r\n\r\n",
       Refusal::kBodyForbidden},
  };
  for (const Ambiguity& row : table) {
    SCOPED_TRACE(row.why);
    ResponseHead head;
    EXPECT_EQ(parse_response(row.text, 0, {}, head), ParseStatus::kRefused);
    EXPECT_EQ(head.refusal, row.refusal);
  }
}

TEST(Refusal, EachHasWordsAndBlamesTheSender) {
  for (int i = 0; i <= static_cast<int>(Refusal::kTrailer); ++i) {
    EXPECT_NE(describe(static_cast<Refusal>(i)), "unknown") << i;
  }
  EXPECT_EQ(request_error(Refusal::kBareLf).origin(), ErrorOrigin::kClient);
  EXPECT_EQ(response_error(Refusal::kBareLf).code(), ErrorCode::kUpstream);
}

}  // namespace
}  // namespace insula::http
