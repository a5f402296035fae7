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

std::string post_with(std::string_view fields) {
  return "POST / HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n";
}

const std::vector<Ambiguity>& start_line_ambiguities() {
  static const std::vector<Ambiguity> kTable = {
      {"method with a space before it", " GET / HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::kMethod},
      {"method with a comma", "GE,T / HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::kMethod},
      {"method without end", std::string(40, 'A') + " / HTTP/1.1\r\nHost: a\r\n\r\n",
       Refusal::kMethod},
      {"tab instead of space", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::kMethod},
      {"two empty lines first", "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::kMethod},
      {"bare line feed first", "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::kMethod},
      {"two spaces before the target", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::kRequestLine},
      {"two spaces after the target", "GET /  HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::kVersion},
      {"HTTP/0.9", "GET /\r\nHost: a\r\n\r\n", Refusal::kRequestLine},
      {"control character in the target", "GET /a\x01 HTTP/1.1\r\nHost: a\r\n\r\n",
       Refusal::kTarget},
      {"tab in the target", "GET /a\tb HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::kTarget},
      {"byte beyond ASCII in the target", "GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n",
       Refusal::kTarget},
      {"fragment in the target", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::kTarget},
      {"absolute form", "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::kTargetForm},
      {"authority form", "CONNECT b:443 HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::kTargetForm},
      {"asterisk in a GET", "GET * HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::kTargetForm},
      {"path without slash", "GET a HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::kTargetForm},
      {"query without path", "GET ?a HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::kTargetForm},
      {"preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Refusal::kTargetForm},
      {"version 2.0", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", Refusal::kVersion},
      {"version 1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", Refusal::kVersion},
      {"version 1.10", "GET / HTTP/1.10\r\nHost: a\r\n\r\n", Refusal::kVersion},
      {"version 11.1", "GET / HTTP/11.1\r\nHost: a\r\n\r\n", Refusal::kVersion},
      {"version that wraps 8 bits", "GET / HTTP/257.1\r\nHost: a\r\n\r\n", Refusal::kVersion},
      {"lower-case version", "GET / http/1.1\r\nHost: a\r\n\r\n", Refusal::kVersion},
      {"space after the version", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", Refusal::kVersion},
      {"no version", "GET / \r\nHost: a\r\n\r\n", Refusal::kVersion},
      {"short version", "GET / X\r\n\r\n", Refusal::kVersion},
      {"line feed alone after the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n",
       Refusal::kBareLf},
      {"carriage return alone after the request line", "GET / HTTP/1.1\rHost: a\r\n\r\n",
       Refusal::kBareCr},
      {"CR CR LF after the request line", "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", Refusal::kBareCr},
  };
  return kTable;
}

const std::vector<Ambiguity>& field_ambiguities() {
  using namespace std::string_literals;
  static const std::vector<Ambiguity> kTable = {
      {"space before the colon", get_with("A : b\r\n"), Refusal::kSpaceBeforeColon},
      {"tab before the colon", get_with("A\t: b\r\n"), Refusal::kSpaceBeforeColon},
      {"name with a space", get_with("A B: c\r\n"), Refusal::kSpaceBeforeColon},
      {"empty name", get_with(": b\r\n"), Refusal::kFieldName},
      {"line without colon", get_with("Abc\r\n"), Refusal::kFieldName},
      {"name in brackets", get_with("[A]: b\r\n"), Refusal::kFieldName},
      {"name beyond ASCII", get_with("\xc3\x84: b\r\n"), Refusal::kFieldName},
      {"NUL in the name", get_with("A\0B: c\r\n"s), Refusal::kFieldName},
      {"odd character in a long name", get_with("Abcdefghijklmnopqrst/uvw: c\r\n"),
       Refusal::kFieldName},
      {"folded line", get_with("A: b\r\n c\r\n"), Refusal::kLineFolding},
      {"folded line with a tab", get_with("A: b\r\n\tc\r\n"), Refusal::kLineFolding},
      {"white space before the first header", "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
       Refusal::kLineFolding},
      {"NUL in the value", get_with("A: b\0c\r\n"s), Refusal::kControlCharacter},
      {"DEL in the value", get_with("A: b\x7f\r\n"), Refusal::kControlCharacter},
      {"vertical tab in the value", get_with("A: b\x0b\r\n"), Refusal::kControlCharacter},
      {"escape after many characters", get_with("A: " + std::string(50, 'x') + "\x1b\r\n"),
       Refusal::kControlCharacter},
      {"line feed alone in the value", get_with("A: b\nC: d\r\n"), Refusal::kBareLf},
      {"line feed alone as empty line", "GET / HTTP/1.1\r\nHost: a\r\n\n", Refusal::kBareLf},
      {"carriage return alone in the value", get_with("A: b\rC: d\r\n"), Refusal::kBareCr},
      {"carriage return before CR LF", get_with("A: b\r\r\n"), Refusal::kBareCr},
      {"carriage return alone as empty line", "GET / HTTP/1.1\r\nHost: a\r\n\rX\r\n",
       Refusal::kBareCr},
      {"no host", "GET / HTTP/1.1\r\n\r\n", Refusal::kHostMissing},
      {"two hosts", get_with("Host: b\r\n"), Refusal::kHostRepeated},
      {"two equal hosts", get_with("host: a\r\n"), Refusal::kHostRepeated},
      {"empty host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", Refusal::kHostInvalid},
      {"host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", Refusal::kHostInvalid},
      {"host with a user", "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", Refusal::kHostInvalid},
      {"host with half a bracket", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", Refusal::kHostInvalid},
      {"host with two ports", "GET / HTTP/1.1\r\nHost: a:1:2\r\n\r\n", Refusal::kHostInvalid},
      {"host with a port of letters", "GET / HTTP/1.1\r\nHost: a:x\r\n\r\n", Refusal::kHostInvalid},
      {"percent-encoded host", "GET / HTTP/1.1\r\nHost: a%41\r\n\r\n", Refusal::kHostInvalid},
      {"list of hosts", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", Refusal::kHostInvalid},
      {"unknown expectation", get_with("Expect: 200-ok\r\n"), Refusal::kExpectation},
      {"connection that names the host", get_with("Connection: close, Host\r\n"),
       Refusal::kConnectionNamesFraming},
      {"connection that names the length",
       post_with("Connection: content-length\r\nContent-Length: 3\r\n"),
       Refusal::kConnectionNamesFraming},
      {"connection without end", get_with("Connection: a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a\r\n"),
       Refusal::kTooManyFields},
  };
  return kTable;
}

const std::vector<Ambiguity>& framing_ambiguities() {
  static const std::vector<Ambiguity> kTable = {
      {"length and chunked", post_with("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"),
       Refusal::kLengthAndTransferEncoding},
      {"chunked and length", post_with("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n"),
       Refusal::kLengthAndTransferEncoding},
      {"two lengths", post_with("Content-Length: 3\r\nContent-Length: 4\r\n"),
       Refusal::kContentLengthRepeated},
      {"two equal lengths", post_with("Content-Length: 3\r\ncontent-length: 3\r\n"),
       Refusal::kContentLengthRepeated},
      {"list of lengths", post_with("Content-Length: 3, 3\r\n"), Refusal::kContentLengthRepeated},
      {"empty length", post_with("Content-Length:\r\n"), Refusal::kContentLength},
      {"signed length", post_with("Content-Length: +3\r\n"), Refusal::kContentLength},
      {"negative length", post_with("Content-Length: -1\r\n"), Refusal::kContentLength},
      {"hexadecimal length", post_with("Content-Length: 0x3\r\n"), Refusal::kContentLength},
      {"octal length", post_with("Content-Length: 010\r\n"), Refusal::kContentLength},
      {"length with underscore", post_with("Content-Length: 1_0\r\n"), Refusal::kContentLength},
      {"length with a space inside", post_with("Content-Length: 1 0\r\n"), Refusal::kContentLength},
      {"quoted length", post_with("Content-Length: \"3\"\r\n"), Refusal::kContentLength},
      {"length that wraps 64 bits", post_with("Content-Length: 18446744073709551617\r\n"),
       Refusal::kContentLength},
      {"two codings", post_with("Transfer-Encoding: gzip, chunked\r\n"), Refusal::kTransferCoding},
      {"chunked twice", post_with("Transfer-Encoding: chunked, chunked\r\n"),
       Refusal::kTransferCoding},
      {"comma before chunked", post_with("Transfer-Encoding: ,chunked\r\n"),
       Refusal::kTransferCoding},
      {"identity", post_with("Transfer-Encoding: identity\r\n"), Refusal::kTransferCoding},
      {"imitation of chunked", post_with("Transfer-Encoding: xchunked\r\n"),
       Refusal::kTransferCoding},
      {"quoted chunked", post_with("Transfer-Encoding: \"chunked\"\r\n"), Refusal::kTransferCoding},
      {"chunked with a parameter", post_with("Transfer-Encoding: chunked;a=b\r\n"),
       Refusal::kTransferCoding},
      {"empty transfer-encoding", post_with("Transfer-Encoding:\r\n"), Refusal::kTransferCoding},
      {"two transfer-encodings",
       post_with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
       Refusal::kTransferEncodingRepeated},
      {"chunked and then identity",
       post_with("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"),
       Refusal::kTransferEncodingRepeated},
      {"chunked in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
       Refusal::kTransferEncodingInHttp10},
      {"vertical tab before chunked",
       post_with("Transfer-Encoding: \x0b"
                 "chunked\r\n"),
       Refusal::kControlCharacter},
      {"length with underscore in the name", post_with("Content_Length: 3\r\n"),
       Refusal::kLookalikeName},
      {"coding with underscore in the name", post_with("Transfer_Encoding: chunked\r\n"),
       Refusal::kLookalikeName},
  };
  return kTable;
}

void expect_refused(const std::vector<Ambiguity>& table) {
  for (const Ambiguity& row : table) {
    SCOPED_TRACE(row.why);
    const Outcome whole = request_in_one_piece(row.text);
    EXPECT_EQ(whole.status, ParseStatus::kRefused);
    EXPECT_EQ(whole.refusal, row.refusal);
    const Outcome pieces = request_byte_by_byte(row.text);
    EXPECT_EQ(pieces.status, ParseStatus::kRefused);
    EXPECT_EQ(pieces.refusal, row.refusal);
  }
}

TEST(RequestParser, RefusesAmbiguousStartLines) {
  expect_refused(start_line_ambiguities());
}

TEST(RequestParser, RefusesAmbiguousHeaderLines) {
  expect_refused(field_ambiguities());
}

TEST(RequestParser, RefusesAmbiguousFraming) {
  expect_refused(framing_ambiguities());
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
