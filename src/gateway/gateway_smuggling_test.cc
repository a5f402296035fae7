// What reaches the upstream, whatever a client sends: the requests that were understood and no
// others, each in one framing, for one host and without the fields of the client's hop. And what
// reaches the client, whatever the upstream answers.

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gateway/testing/scripted_gateway.h"
#include "http/framing.h"
#include "http/parser.h"
#include "http/refusal.h"
#include "http/testing/http1_cases.h"

namespace insula::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class GatewaySmugglingTest : public GatewayHttpTest {
 public:
  /// The status lines of what the client got, but for those of interim answers.
  static std::vector<int> statuses(std::string_view text) {
    std::vector<int> found;
    constexpr std::string_view kVersion = "HTTP/1.1 ";
    for (std::size_t at = 0; (at = text.find(kVersion, at)) != text.npos; ++at) {
      const int status = std::stoi(std::string(text.substr(at + kVersion.size(), 3)));
      if (status >= 200) found.push_back(status);
    }
    return found;
  }

  static std::string credential() {
    return fmt::format("Authorization: Bearer {}\r\n", key_of("tttttttttt"));
  }
};

/// Nothing in what the upstream got that could be read in two ways.
void expect_unambiguous(std::string_view seen) {
  while (!seen.empty()) {
    http::RequestHead head;
    ASSERT_EQ(http::parse_request(seen, 0, {}, head), http::ParseStatus::kComplete) << seen;
    EXPECT_EQ(head.host, "s.t.svc:1");
    EXPECT_EQ(head.minor_version, 1);
    EXPECT_FALSE(head.chunked);
    for (const http::Field& field : head.fields()) {
      EXPECT_FALSE(http::is_hop_by_hop(head, field)) << field.name;
      EXPECT_NE(field.id, http::FieldId::kExpect);
      EXPECT_NE(field.name, "X-Mine");
      EXPECT_NE(field.id, http::FieldId::kAuthorization);
    }
    seen.remove_prefix(head.size);
    auto body = http::BodyFramer::of(head);
    seen.remove_prefix(body.pass(seen));
    ASSERT_TRUE(body.done());
  }
}

TEST_F(GatewaySmugglingTest, WhatReachesTheUpstreamIsWhatWasUnderstood) {
  start(std::string(kOk));
  for (const http::Http1Case& c : http::http1_cases(credential())) {
    // A connection that goes on is ended by one more request.
    const std::string bytes =
        c.bytes +
        (c.refusal == http::Refusal::kNone ? head("GET /t/v1/last", "Connection: close\r\n") : "");
    const std::vector<std::string> understood = http::read_http1({bytes}).requests;
    ASSERT_TRUE(std::ranges::equal(c.requests, std::span(understood).first(c.requests.size())));
    for (const std::size_t cut : {std::size_t{0}, bytes.size() / 2, bytes.size() - 1}) {
      SCOPED_TRACE(fmt::format("{}, cut at {}", c.name, cut));
      seen_.clear();
      const std::vector<int> answers = statuses(talk({bytes.substr(0, cut), bytes.substr(cut)}));
      std::vector<int> expected(understood.size(), 200);
      if (c.refusal != http::Refusal::kNone) expected.push_back(http::status_of(c.refusal));
      ASSERT_EQ(answers, expected);
      expect_unambiguous(seen_);
      std::vector<std::string> forwarded = understood;
      for (std::string& request : forwarded)
        request.erase(request.find("/t/"), 2);  // The tenant's prefix.
      ASSERT_EQ(http::read_http1({seen_}).requests, forwarded);
    }
  }
}

/// An answer of an upstream, and what the client gets for it.
struct AnswerCase {
  const char* name;
  std::string answer;
  int status;
  std::string body = {};
  /// Whether the upstream's connection carries the next request.
  bool kept = false;
};

std::string ok(std::string_view fields, std::string_view body = {}) {
  return fmt::format("HTTP/1.1 200 OK\r\n{}\r\n{}", fields, body);
}

const std::vector<AnswerCase>& answers_to_get() {
  using namespace std::string_literals;
  static const std::vector<AnswerCase> cases = {
      {"a plain one", ok("Content-Length: 2\r\n", "{}"), 200, "{}", true},
      {"chunks", ok("Transfer-Encoding: chunked\r\n", "2\r\n{}\r\n0\r\n\r\n"), 200, "{}", true},
      {"one that closes", ok("Content-Length: 2\r\nConnection: close\r\n", "{}"), 200, "{}"},
      {"one of HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", 200, "{}"},
      {"an interim one first", "HTTP/1.1 100 Continue\r\n\r\n" + ok("Content-Length: 2\r\n", "{}"),
       200, "{}", true},
      {"two interim ones first",
       "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" +
           ok("Content-Length: 2\r\n", "{}"),
       200, "{}", true},
      {"an interim one with a length",
       "HTTP/1.1 100 Continue\r\nContent-Length: 2\r\n\r\n{}" + ok("Content-Length: 2\r\n", "{}"),
       502},
      {"an interim one with chunks",
       "HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" +
           ok("Content-Length: 2\r\n", "{}"),
       502},
      {"another protocol", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n", 502},
      {"no content", "HTTP/1.1 204 No Content\r\n\r\n", 204, "", true},
      {"no content, and some", "HTTP/1.1 204 No Content\r\n\r\n{}", 204},
      {"no content, and a length", "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n{}", 502},
      {"no content, and chunks",
       "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 502},
      {"not modified", "HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n", 304, "", true},
      {"not modified, and a body", "HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n{}", 304},
      {"not modified, and chunks",
       "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 304},
      {"more than the length", ok("Content-Length: 2\r\n", "{}poison"), 200, "{}"},
      {"more than the last chunk",
       ok("Transfer-Encoding: chunked\r\n", "2\r\n{}\r\n0\r\n\r\npoison"), 200, "{}"},
      {"a second one", ok("Content-Length: 2\r\n", "{}") + ok("Content-Length: 6\r\n", "poison"),
       200, "{}"},
      {"a length and chunks",
       ok("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", "2\r\n{}\r\n0\r\n\r\n"), 502},
      {"two lengths", ok("Content-Length: 2\r\nContent-Length: 3\r\n", "{}"), 502},
      {"two equal lengths", ok("Content-Length: 2\r\nContent-Length: 2\r\n", "{}"), 502},
      {"a list of lengths", ok("Content-Length: 2, 2\r\n", "{}"), 502},
      {"a signed length", ok("Content-Length: +2\r\n", "{}"), 502},
      {"a length that wraps", ok("Content-Length: 18446744073709551618\r\n", "{}"), 502},
      {"two codings", ok("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), 502},
      {"an unknown coding", ok("Transfer-Encoding: identity\r\n", "{}"), 502},
      {"chunks of HTTP/1.0",
       "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 502},
      {"a lookalike of the length", ok("Content_Length: 2\r\nContent-Length: 1\r\n", "{}"), 502},
      {"no size", ok("Transfer-Encoding: chunked\r\n", "\r\n{}\r\n"), 502},
      {"a size of 0x2", ok("Transfer-Encoding: chunked\r\n", "0x2\r\n{}\r\n0\r\n\r\n"), 502},
      {"a size that wraps",
       ok("Transfer-Encoding: chunked\r\n", "10000000000000002\r\n{}\r\n0\r\n\r\n"), 502},
      {"a size ended by a bare line feed",
       ok("Transfer-Encoding: chunked\r\n", "2\n{}\r\n0\r\n\r\n"), 502},
      {"a chunk longer than its size", ok("Transfer-Encoding: chunked\r\n", "1\r\n{}\r\n0\r\n\r\n"),
       502},
      {"a bare line feed", "HTTP/1.1 200 OK\nContent-Length: 2\n\n{}", 502},
      {"a folded field", ok("X: a\r\n b\r\nContent-Length: 2\r\n", "{}"), 502},
      {"a space before the colon", ok("Content-Length : 2\r\n", "{}"), 502},
      {"a bare carriage return in a field",
       ok("X: a\rSet-Cookie: b\r\nContent-Length: 2\r\n", "{}"), 502},
      {"a NUL in a field", ok("X: \0\r\nContent-Length: 2\r\n"s, "{}"), 502},
      {"a field without end", ok("X: " + std::string(70'000, 'x') + "\r\n"), 502},
      {"more fields than any",
       [] {
         std::string fields;
         for (std::size_t i = 0; i <= http::kFieldsMax; ++i)
           fields += "X: y\r\n";
         return ok(fields);
       }(),
       502},
      {"another version", "HTTP/2 200 OK\r\nContent-Length: 2\r\n\r\n{}", 502},
      {"no status", "HTTP/1.1 OK\r\nContent-Length: 2\r\n\r\n{}", 502},
      {"a status of four digits", "HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\n{}", 502},
      {"a status below all", "HTTP/1.1 099 OK\r\nContent-Length: 2\r\n\r\n{}", 502},
  };
  return cases;
}

/// The one reply that the client of a closed connection got: its head, its body, and whether that
/// came as a whole.
struct Heard {
  int status = 0;
  std::string body;
  bool whole = false;

  explicit Heard(std::string_view text, std::string_view method = "GET") {
    http::ResponseHead head;
    if (http::parse_response(text, 0, {}, head) != http::ParseStatus::kComplete) return;
    status = head.status;
    auto framer = http::BodyFramer::of(head, method);
    std::string rest(text.substr(head.size));
    const auto decoded = framer.decode(rest);
    body = rest.substr(0, decoded.payload);
    whole = framer.done() && decoded.used == rest.size();
  }
};

TEST_F(GatewaySmugglingTest, AnAnswerIsUnderstoodInOneWayOrNotAtAll) {
  after_ = After::kStay;
  start("none");
  for (const AnswerCase& c : answers_to_get()) {
    SCOPED_TRACE(c.name);
    reply_ = c.answer;
    const std::string request = head("GET /t/v1/x", "Connection: close\r\n");
    const int before = connections_;
    for (int i = 0; i < 2; ++i) {
      const Heard heard(talk({request}));
      EXPECT_EQ(heard.status, c.status);
      EXPECT_TRUE(heard.whole);
      if (c.status != 502) EXPECT_EQ(heard.body, c.body);
    }
    EXPECT_EQ(connections_ - before, c.kept ? 1 : 2);
    // What is left of this row must not serve the next one.
    reply_ = ok("Content-Length: 0\r\nConnection: close\r\n");
    EXPECT_EQ(Heard(talk({request})).status, 200);
  }
}

TEST_F(GatewaySmugglingTest, AnAnswerToHeadHasNoBodyWhateverItSays) {
  after_ = After::kStay;
  start(ok("Content-Length: 2\r\n", "{}"));
  const std::string request = head("HEAD /t/v1/x", "Connection: close\r\n");
  const std::string text = talk({request});
  EXPECT_EQ(Heard(text, "HEAD").status, 200);
  EXPECT_TRUE(Heard(text, "HEAD").whole) << text;
  talk({request});
  EXPECT_EQ(connections_, 2);
  reply_ = ok("Content-Length: 2\r\n");
  talk({request});
  talk({request});
  EXPECT_EQ(connections_, 3);
}

TEST_F(GatewaySmugglingTest, AnAnswerThatGoesWrongLaterEndsUnfinished) {
  const std::string chunks = ok("Transfer-Encoding: chunked\r\n", "5\r\nfirst\r\n");
  const std::vector<std::pair<std::string, std::string>> cases = {
      {chunks, "0x1\r\nx\r\n0\r\n\r\n"},
      {chunks, "1\r\nxx\r\n0\r\n\r\n"},
      {chunks, "1\nx\n0\n\n"},
      {chunks, "\r\n0\r\n\r\n"},
      {chunks, "0\r\nbad trailer\r\n\r\n"},
      {chunks, "0\r\nA: b\n\n"}};
  after_ = After::kStay;
  cue_ = "first";
  start("none");
  for (const auto& [begin, rest] : cases) {
    SCOPED_TRACE(rest);
    reply_ = begin;
    rest_ = rest;
    const int before = connections_;
    for (int i = 0; i < 2; ++i) {
      const Heard heard(talk({head("GET /t/v1/x", "")}));
      EXPECT_EQ(heard.status, 200);
      EXPECT_THAT(heard.body, ::testing::StartsWith("first"));
      EXPECT_FALSE(heard.whole);
    }
    EXPECT_EQ(connections_ - before, 2);
  }
}

TEST_F(GatewaySmugglingTest, AnAnswerThatEndsEarlyIsNotTakenForWhole) {
  after_ = After::kClose;
  start("none");
  for (const std::string& answer :
       {ok("Content-Length: 9\r\n", "first"), ok("Transfer-Encoding: chunked\r\n", "5\r\nfirst"),
        ok("Transfer-Encoding: chunked\r\n", "5\r\nfirst\r\n"),
        ok("Transfer-Encoding: chunked\r\n", "5\r\nfirst\r\n0\r\n")}) {
    SCOPED_TRACE(answer);
    reply_ = answer;
    const Heard heard(talk({head("GET /t/v1/x", "")}));
    EXPECT_EQ(heard.status, 200);
    EXPECT_FALSE(heard.whole);
  }
  for (const std::string_view answer :
       {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 2"}) {
    SCOPED_TRACE(answer);
    reply_ = answer;
    EXPECT_EQ(Heard(talk({head("GET /t/v1/x", "Connection: close\r\n")})).status, 502);
  }
}

TEST_F(GatewaySmugglingTest, WhatAnIdleUpstreamSaysAnswersNobody) {
  after_ = After::kStay;
  start(ok("Content-Length: 2\r\n", "{}"));
  // The client has its whole answer when the upstream goes on, and asks again after that.
  rest_ = ok("Content-Length: 6\r\n", "poison");
  cue_ = "{}";
  run([](GatewaySmugglingTest& test) -> Task<> {
    const Deadline deadline = test.loop_.now() + std::chrono::seconds(5);
    auto stream = (co_await net::dial(test.listener_->address(), deadline)).value();
    static_cast<void>(co_await stream->write(head("GET /t/v1/x", "")));
    while (test.received_.find("{}") == std::string::npos &&
           co_await test.receive(*stream, test.received_)) {
    }
    while (test.rests_sent_ == 0)
      co_await yield();
    static_cast<void>(co_await stream->write(head("GET /t/v1/x", "Connection: close\r\n")));
    while (co_await test.receive(*stream, test.received_)) {
    }
  }(*this));
  EXPECT_EQ(statuses(received_), (std::vector<int>{200, 200}));
  EXPECT_THAT(received_, Not(HasSubstr("poison")));
}

TEST_F(GatewaySmugglingTest, InterimAnswersAreNotWaitedForForEver) {
  using std::chrono_literals::operator""ms;
  settings_.timeouts.first_byte = 1ms;
  after_ = After::kStay;
  std::string interim;
  for (int i = 0; i < 5000; ++i)
    interim += "HTTP/1.1 102 Processing\r\n\r\n";
  start(interim);
  EXPECT_EQ(Heard(talk({head("GET /t/v1/x", "Connection: close\r\n")})).status, 504);
}

}  // namespace
}  // namespace insula::gateway
