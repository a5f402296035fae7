// RFC 9113 and RFC 7541, section by section: what a client gets wrong ends its stream or its
// connection, with the error that the RFC names, and nothing of it reaches the handler.

#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "http/http2_session.h"
#include "http/testing/http2_test_server.h"

namespace insula::http {
namespace {

using Fields = Http2TestClient::Fields;

Fields get(Fields more = {}) {
  Fields fields = {
      {":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "gateway"}};
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

/// A head as a whole; without END_STREAM, so that a body may follow.
std::string headers(StreamId id, const Fields& fields = get(), int flags = 0) {
  return http2_frame(kHeaders, kEndHeaders | flags, id, http2_block(fields));
}

std::string request(StreamId id, const Fields& fields = get()) {
  return headers(id, fields, kEndStream);
}

std::string reset(StreamId id) {
  return http2_frame(kRstStream, 0, id, http2_number(kCancel));
}

struct Broken {
  const char* section;
  const char* name;
  std::string frames;
  std::uint32_t code;
};

TEST(Http2Protocol, WhatBreaksTheConnectionEndsIt) {
  const std::string block = http2_block(get());
  const std::string table_too_large = http2_integer(4097, 5, 0x20);
  const std::vector<Broken> cases = {
      {"4.2", "a DATA frame over the bound",
       headers(1) + http2_frame(kData, 0, 1, std::string(16'385, 'x')), kFrameSizeError},
      {"4.2", "a HEADERS frame over the bound",
       http2_frame(kHeaders, kEndHeaders, 1, std::string(16'385, 'x')), kFrameSizeError},
      {"4.3", "a block that is no HPACK",
       http2_frame(kHeaders, kEndHeaders, 1, "\xff\xff\xff\xff\xff"), kCompressionError},
      {"4.3", "a PRIORITY within a head",
       http2_frame(kHeaders, 0, 1, block) + http2_frame(kPriority, 0, 1, std::string(5, '\0')),
       kProtocolError},
      {"4.3", "another stream's HEADERS within a head",
       http2_frame(kHeaders, 0, 1, block) + request(3), kProtocolError},
      {"4.3", "a frame of no known type within a head",
       http2_frame(kHeaders, 0, 1, block) + http2_frame(0x16, 0, 0, "12345678"), kProtocolError},
      {"5.1", "DATA on an idle stream", http2_frame(kData, 0, 1, "x"), kProtocolError},
      {"5.1", "RST_STREAM on an idle stream", reset(1), kProtocolError},
      {"5.1", "WINDOW_UPDATE on an idle stream",
       http2_frame(kWindowUpdate, 0, 1, http2_number(100)), kProtocolError},
      {"5.1", "CONTINUATION on an idle stream", http2_frame(kContinuation, kEndHeaders, 1, block),
       kProtocolError},
      {"5.1", "DATA after the end of the body", request(1) + http2_frame(kData, kEndStream, 1, "x"),
       kStreamClosed},
      {"5.1", "HEADERS after the end of the body", request(1) + request(1), kStreamClosed},
      {"5.1", "CONTINUATION after the end of the body",
       request(1) + http2_frame(kContinuation, kEndHeaders, 1, block), kProtocolError},
      {"5.1.1", "an even stream", request(2), kProtocolError},
      {"6.1", "DATA on stream 0", http2_frame(kData, 0, 0, "x"), kProtocolError},
      {"6.1", "DATA with more padding than payload",
       headers(1) + http2_frame(kData, kPadded, 1,
                                "\x05"
                                "abcd"),
       kProtocolError},
      {"6.1", "DATA that is padded, and empty", headers(1) + http2_frame(kData, kPadded, 1, ""),
       kProtocolError},
      {"6.2", "HEADERS on stream 0", http2_frame(kHeaders, kEndHeaders, 0, block), kProtocolError},
      {"6.2", "HEADERS with more padding than payload",
       http2_frame(kHeaders, kEndHeaders | kPadded, 1, "\x7f" + block.substr(0, 20)),
       kProtocolError},
      {"6.2", "HEADERS without room for their priority",
       http2_frame(kHeaders, kEndHeaders | kHasPriority, 1, "abc"), kFrameSizeError},
      {"6.3", "PRIORITY on stream 0", http2_frame(kPriority, 0, 0, std::string(5, '\0')),
       kProtocolError},
      {"6.3", "PRIORITY of four bytes", http2_frame(kPriority, 0, 1, std::string(4, '\0')),
       kFrameSizeError},
      {"6.4", "RST_STREAM on stream 0", reset(0), kProtocolError},
      {"6.4", "RST_STREAM of three bytes", headers(1) + http2_frame(kRstStream, 0, 1, "123"),
       kFrameSizeError},
      {"6.5", "an acknowledgement with settings",
       http2_frame(kSettings, kAck, 0, http2_setting(3, 1)), kFrameSizeError},
      {"6.5", "SETTINGS on a stream", http2_frame(kSettings, 0, 1, http2_setting(3, 1)),
       kProtocolError},
      {"6.5", "SETTINGS of three bytes", http2_frame(kSettings, 0, 0, "123"), kFrameSizeError},
      {"6.5.2", "pushes that are neither wanted nor not",
       http2_frame(kSettings, 0, 0, http2_setting(2, 2)), kProtocolError},
      {"6.5.2", "a first window over its bound",
       http2_frame(kSettings, 0, 0, http2_setting(4, 0x8000'0000)), kFlowControlError},
      {"6.5.2", "frames below the least bound",
       http2_frame(kSettings, 0, 0, http2_setting(5, 16'383)), kProtocolError},
      {"6.5.2", "frames over the largest bound",
       http2_frame(kSettings, 0, 0, http2_setting(5, 1U << 24U)), kProtocolError},
      {"6.6", "a promise of a client",
       http2_frame(kPushPromise, kEndHeaders, 1, http2_number(2) + block), kProtocolError},
      {"6.7", "PING on a stream", http2_frame(kPing, 0, 1, "12345678"), kProtocolError},
      {"6.7", "PING of six bytes", http2_frame(kPing, 0, 0, "123456"), kFrameSizeError},
      {"6.8", "GOAWAY on a stream", http2_frame(kGoaway, 0, 1, std::string(8, '\0')),
       kProtocolError},
      {"6.8", "GOAWAY of seven bytes", http2_frame(kGoaway, 0, 0, std::string(7, '\0')),
       kFrameSizeError},
      {"6.9", "a stream's window opened by nothing",
       headers(1) + http2_frame(kWindowUpdate, 0, 1, http2_number(0)), kProtocolError},
      {"6.9", "the connection's window opened by nothing",
       http2_frame(kWindowUpdate, 0, 0, http2_number(0)), kProtocolError},
      {"6.9", "WINDOW_UPDATE of three bytes", http2_frame(kWindowUpdate, 0, 0, "123"),
       kFrameSizeError},
      {"6.9.1", "the connection's window over its bound",
       http2_frame(kWindowUpdate, 0, 0, http2_number(0x7fff'ffff)), kFlowControlError},
      {"6.10", "CONTINUATION on stream 0",
       http2_frame(kHeaders, 0, 1, block) + http2_frame(kContinuation, kEndHeaders, 0, block),
       kProtocolError},
      {"6.10", "CONTINUATION of another stream",
       http2_frame(kHeaders, 0, 1, block) + http2_frame(kContinuation, kEndHeaders, 3, block),
       kProtocolError},
      {"6.10", "CONTINUATION after the end of a head",
       headers(1) + http2_frame(kContinuation, kEndHeaders, 1, block), kProtocolError},
      {"6.10", "DATA within a head",
       http2_frame(kHeaders, 0, 1, block) + http2_frame(kData, 0, 1, "x"), kProtocolError},
      {"HPACK 2.3.3", "an index beyond both tables",
       http2_frame(kHeaders, kEndHeaders, 1, http2_integer(70, 7, 0x80)), kCompressionError},
      {"HPACK 4.2", "the table's size after a field",
       http2_frame(kHeaders, kEndHeaders, 1, block + http2_integer(1, 5, 0x20)), kCompressionError},
      {"HPACK 5.1", "an integer without end",
       http2_frame(kHeaders, kEndHeaders, 1, "\xff\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"),
       kCompressionError},
      {"HPACK 5.2", "a string beyond its block",
       http2_frame(kHeaders, kEndHeaders, 1, std::string("\0\x7fx", 3)), kCompressionError},
      {"HPACK 5.2", "Huffman's end within a string",
       http2_frame(kHeaders, kEndHeaders, 1, block + std::string("\0\x01x\x84\xff\xff\xff\xff", 8)),
       kCompressionError},
      {"HPACK 5.2", "Huffman padding of a byte",
       http2_frame(kHeaders, kEndHeaders, 1, block + std::string("\0\x01x\x82\xe7\xff", 6)),
       kCompressionError},
      {"HPACK 6.1", "index 0", http2_frame(kHeaders, kEndHeaders, 1, "\x80"), kCompressionError},
      {"HPACK 6.3", "a table over its bound",
       http2_frame(kHeaders, kEndHeaders, 1, table_too_large + block), kCompressionError},
  };
  for (const Broken& c : cases) {
    SCOPED_TRACE(std::string(c.section) + ": " + c.name);
    RawHttp2 raw;
    static_cast<void>(raw.feed(c.frames));
    const std::string output = raw.drain();
    EXPECT_EQ(Http2Frames(output).goaway(), c.code);
    EXPECT_TRUE(raw.session.is_over());
    EXPECT_LE(raw.server.streams.size(), 1);
  }
}

TEST(Http2Protocol, WhatBreaksAStreamEndsThatAlone) {
  const std::vector<Broken> cases = {
      {"6.9.1", "a window over its bound",
       headers(1) + http2_frame(kWindowUpdate, 0, 1, http2_number(0x7fff'ffff)), kFlowControlError},
      {"8.1", "trailers that do not end the stream", headers(1) + headers(1, {{"x", "1"}}),
       kProtocolError},
      {"8.1", "a pseudo-field in the trailers", headers(1) + request(1, {{":path", "/"}}),
       kProtocolError},
      {"8.1.1", "less of a body than was said",
       headers(1, get({{"content-length", "3"}})) + http2_frame(kData, kEndStream, 1, "ab"),
       kProtocolError},
      {"8.1.1", "more of a body than was said",
       headers(1, get({{"content-length", "3"}})) + http2_frame(kData, 0, 1, "ab") +
           http2_frame(kData, kEndStream, 1, "cd"),
       kProtocolError},
      {"8.1.1", "no body where one was said", request(1, get({{"content-length", "3"}})),
       kProtocolError},
      {"8.1.1", "a length that is no number", request(1, get({{"content-length", "0x"}})),
       kProtocolError},
      {"8.1.1", "two lengths", request(1, get({{"content-length", "0"}, {"content-length", "0"}})),
       kProtocolError},
      {"8.2.1", "an upper-case name", request(1, get({{"X-Upper", "1"}})), kProtocolError},
      {"8.2.2", "connection", request(1, get({{"connection", "keep-alive"}})), kProtocolError},
      {"8.2.2", "keep-alive", request(1, get({{"keep-alive", "1"}})), kProtocolError},
      {"8.2.2", "proxy-connection", request(1, get({{"proxy-connection", "close"}})),
       kProtocolError},
      {"8.2.2", "transfer-encoding", request(1, get({{"transfer-encoding", "chunked"}})),
       kProtocolError},
      {"8.2.2", "upgrade", request(1, get({{"upgrade", "h2c"}})), kProtocolError},
      {"8.2.2", "te beyond trailers", request(1, get({{"te", "trailers, deflate"}})),
       kProtocolError},
      {"8.3", "an unknown pseudo-field", request(1, get({{":test", "1"}})), kProtocolError},
      {"8.3", "a reply's pseudo-field", request(1, get({{":status", "200"}})), kProtocolError},
      {"8.3", "a pseudo-field after a field",
       request(1, {{":method", "GET"}, {":scheme", "http"}, {"x", "1"}, {":path", "/"}}),
       kProtocolError},
      {"8.3.1", "no method", request(1, {{":scheme", "http"}, {":path", "/"}, {":authority", "a"}}),
       kProtocolError},
      {"8.3.1", "no scheme", request(1, {{":method", "GET"}, {":path", "/"}, {":authority", "a"}}),
       kProtocolError},
      {"8.3.1", "no path",
       request(1, {{":method", "GET"}, {":scheme", "http"}, {":authority", "a"}}), kProtocolError},
      {"8.3.1", "an empty path",
       request(1, {{":method", "GET"}, {":scheme", "http"}, {":path", ""}, {":authority", "a"}}),
       kProtocolError},
      {"8.3.1", "no authority and no host",
       request(1, {{":method", "GET"}, {":scheme", "http"}, {":path", "/"}}), kProtocolError},
      {"8.3.1", "a path in the authority",
       request(1, {{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a/b"}}),
       kProtocolError},
      {"8.3.1", "two hosts",
       request(
           1,
           {{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {"host", "a"}, {"host", "a"}}),
       kProtocolError},
      {"8.3.1", "two methods", request(1, get({{":method", "GET"}})), kProtocolError},
      {"8.3.1", "two paths", request(1, get({{":path", "/"}})), kProtocolError},
      {"8.3.1", "two schemes", request(1, get({{":scheme", "http"}})), kProtocolError},
      {"8.3.1", "two authorities", request(1, get({{":authority", "b"}})), kProtocolError},
      {"8.3.1", "an absolute target",
       request(
           1,
           {{":method", "GET"}, {":scheme", "http"}, {":path", "http://a/"}, {":authority", "a"}}),
       kProtocolError},
      {"8.3.1", "an asterisk for a GET",
       request(1, {{":method", "GET"}, {":scheme", "http"}, {":path", "*"}, {":authority", "a"}}),
       kProtocolError},
      {"8.3.1", "a space in the path",
       request(1,
               {{":method", "GET"}, {":scheme", "http"}, {":path", "/a b"}, {":authority", "a"}}),
       kProtocolError},
      {"8.5", "a CONNECT with a path",
       request(1, {{":method", "CONNECT"}, {":path", "/"}, {":authority", "a:1"}}), kProtocolError},
  };
  for (const Broken& c : cases) {
    SCOPED_TRACE(std::string(c.section) + ": " + c.name);
    RawHttp2 raw;
    ASSERT_TRUE(raw.feed(c.frames));
    const std::string output = raw.drain();
    EXPECT_EQ(Http2Frames(output).reset(1), c.code);
    EXPECT_EQ(Http2Frames(output).goaway(), 0);
    for (const auto& stream : raw.server.streams)
      EXPECT_TRUE(stream->closed);
    ASSERT_TRUE(raw.feed(request(3)));
    ASSERT_FALSE(raw.server.streams.empty());
    EXPECT_EQ(raw.server.streams.back()->id, 3);
    EXPECT_TRUE(raw.server.streams.back()->ended);
    EXPECT_FALSE(raw.server.streams.back()->closed);
  }
}

TEST(Http2Protocol, WhatIsOddAndAllowedDoesNoHarm) {
  const std::vector<std::pair<const char*, std::string>> cases = {
      {"4.1: a frame of no known type", http2_frame(0x16, 0xff, 0, "whatever") + request(1)},
      {"4.1: flags that mean nothing", http2_frame(kPing, 0x16, 0, "12345678") + request(1)},
      {"4.2: a frame of the largest size", headers(1) +
                                               http2_frame(kData, 0, 1, std::string(16'384, 'x')) +
                                               http2_frame(kData, kEndStream, 1, "")},
      {"5.1: PRIORITY on an idle stream",
       http2_frame(kPriority, 0, 3, std::string(5, '\0')) + request(1)},
      {"5.3: a stream that depends on itself",
       http2_frame(kPriority, 0, 1, http2_number(1) + '\0') + request(1)},
      {"5.1: a window for a stream that was reset",
       headers(1) + reset(1) + http2_frame(kWindowUpdate, 0, 1, http2_number(1)) + request(3)},
      {"6.2: padding and priority",
       http2_frame(kHeaders, kEndHeaders | kEndStream | kPadded | kHasPriority, 1,
                   '\3' + http2_number(0) + '\x10' + http2_block(get()) + "pad")},
      {"6.4: an unknown reason",
       headers(1) + http2_frame(kRstStream, 0, 1, http2_number(0xff)) + request(3)},
      {"6.5: an unknown setting",
       http2_frame(kSettings, 0, 0, http2_setting(0xff, 1)) + request(1)},
      {"6.5: the same setting twice",
       http2_frame(kSettings, 0, 0, http2_setting(4, 100) + http2_setting(4, 1)) + request(1)},
      {"6.5: an acknowledgement too many", http2_frame(kSettings, kAck, 0, "") + request(1)},
      {"6.7: an answer to no ping", http2_frame(kPing, kAck, 0, "12345678") + request(1)},
      {"6.10: a head in three frames",
       http2_frame(kHeaders, kEndStream, 1, http2_block(get()).substr(0, 10)) +
           http2_frame(kContinuation, 0, 1, "") +
           http2_frame(kContinuation, kEndHeaders, 1, http2_block(get()).substr(10))},
      {"8.2.2: te for trailers", request(1, get({{"te", "trailers"}}))},
      {"HPACK 6.3: the table's size before a field",
       http2_frame(kHeaders, kEndHeaders | kEndStream, 1,
                   http2_integer(0, 5, 0x20) + http2_block(get()))},
  };
  for (const auto& [name, frames] : cases) {
    SCOPED_TRACE(name);
    RawHttp2 raw;
    ASSERT_TRUE(raw.feed(frames));
    const std::string output = raw.drain();
    EXPECT_EQ(Http2Frames(output).goaway(), 0);
    ASSERT_FALSE(raw.server.streams.empty());
    EXPECT_TRUE(raw.server.streams.back()->ended);
    EXPECT_FALSE(raw.server.streams.back()->closed);
  }
}

TEST(Http2Protocol, APrefaceThatIsNoneEndsTheConnection) {
  Http2TestServer server;
  Http2Session session(server);
  EXPECT_FALSE(session.receive("PRI * HTTP/2.0\r\n\r\nSM\r\n\rX"));
}

TEST(Http2Protocol, AnswersPingsAndSettings) {
  RawHttp2 raw;
  static_cast<void>(raw.drain());
  ASSERT_TRUE(raw.feed(http2_frame(kPing, 0, 0, "12345678")));
  EXPECT_EQ(raw.drain(), http2_frame(kPing, kAck, 0, "12345678"));
  ASSERT_TRUE(raw.feed(http2_frame(kSettings, 0, 0, http2_setting(4, 1))));
  EXPECT_EQ(raw.drain(), http2_frame(kSettings, kAck, 0, ""));
}

TEST(Http2Protocol, AReplyKeepsToAWindowThatBecomesSmallerThanWhatWasSent) {
  RawHttp2 raw;
  ASSERT_TRUE(raw.feed(http2_frame(kSettings, 0, 0, http2_setting(4, 10)) + request(1)));
  Http2TestServer::Stream& stream = *raw.server.streams.at(0);
  stream.reply = std::string(100, 'x');
  stream.last = true;
  const std::array<Http2Field, 1> fields{{{":status", "200"}}};
  raw.session.respond(1, fields, true);
  static_cast<void>(raw.drain());
  EXPECT_EQ(stream.reply.size(), 90);
  // The window is 4 - 10 now.
  ASSERT_TRUE(raw.feed(http2_frame(kSettings, 0, 0, http2_setting(4, 4)) +
                       http2_frame(kWindowUpdate, 0, 1, http2_number(6))));
  static_cast<void>(raw.drain());
  EXPECT_EQ(stream.reply.size(), 90);
  ASSERT_TRUE(raw.feed(http2_frame(kWindowUpdate, 0, 1, http2_number(7))));
  static_cast<void>(raw.drain());
  EXPECT_EQ(stream.reply.size(), 83);
}

// Section 5.1.1 wants the connection ended, but such a stream cannot be told from one that was
// reset while its head was on the way.
TEST(Http2Protocol, AStreamBeforeTheLastOneIsIgnored) {
  RawHttp2 raw;
  ASSERT_TRUE(raw.feed(request(5) + request(3) + request(7)));
  ASSERT_EQ(raw.server.streams.size(), 2);
  EXPECT_EQ(raw.server.streams[0]->id, 5);
  EXPECT_EQ(raw.server.streams[1]->id, 7);
}

TEST(Http2Protocol, AFirstWindowThatTakesAStreamOverItsBoundEndsTheStream) {
  RawHttp2 raw;
  ASSERT_TRUE(raw.feed(headers(1) + http2_frame(kWindowUpdate, 0, 1, http2_number(0x7fff'0000))));
  static_cast<void>(raw.feed(http2_frame(kSettings, 0, 0, http2_setting(4, 0x7fff'ffff))));
  EXPECT_EQ(Http2Frames(raw.drain()).reset(1), kFlowControlError);
}

TEST(Http2Protocol, TrailersEndABodyAndAreForgotten) {
  RawHttp2 raw;
  ASSERT_TRUE(raw.feed(headers(1) + http2_frame(kData, 0, 1, "abc") + request(1, {{"x", "y"}})));
  Http2TestServer::Stream& stream = *raw.server.streams.at(0);
  EXPECT_TRUE(stream.ended);
  EXPECT_EQ(stream.body, "abc");
  RequestHead parsed;
  ASSERT_EQ(stream.head.fill(parsed), Refusal::kNone);
  EXPECT_EQ(parsed.find("x"), std::nullopt);
}

/// A head that the protocol allows, and why it goes no further; kNone: it does.
struct HeadCase {
  const char* name;
  Fields fields;
  Refusal refusal;
};

TEST(Http2Protocol, AHeadGoesOnAsHttp1OnlyIfThatSaysTheSame) {
  const auto to = [](std::string path, std::string authority = "a") {
    return Fields{{":method", "GET"},
                  {":scheme", "http"},
                  {":path", std::move(path)},
                  {":authority", std::move(authority)}};
  };
  const std::vector<HeadCase> cases = {
      {"another host", get({{"host", "other"}}), Refusal::kHostRepeated},
      {"the same host", get({{"host", "gateway"}}), Refusal::kNone},
      {"a host alone",
       {{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {"host", "a"}},
       Refusal::kNone},
      {"a user", to("/", "me@host"), Refusal::kHostInvalid},
      {"a port that is none", to("/", "a:b"), Refusal::kHostInvalid},
      {"a lookalike of the length", get({{"content_length", "3"}}), Refusal::kLookalikeName},
      {"a lookalike of the coding", get({{"transfer_encoding", "chunked"}}),
       Refusal::kLookalikeName},
      {"a length with a leading zero", get({{"content-length", "00"}}), Refusal::kContentLength},
      {"a fragment", to("/a#b"), Refusal::kTarget},
      {"bytes beyond ASCII in the target", to("/\xc3\xa9"), Refusal::kTarget},
      {"an asterisk",
       {{":method", "OPTIONS"}, {":scheme", "http"}, {":path", "*"}, {":authority", "a"}},
       Refusal::kNone},
      {"a CONNECT", {{":method", "CONNECT"}, {":authority", "a:1"}}, Refusal::kTarget},
      {"another expectation", get({{"expect", "the-best"}}), Refusal::kExpectation},
      {"a line end in a value", get({{"x", "1\r\nhost: other"}}), Refusal::kFieldName},
      {"a line feed in a value", get({{"x", "1\nhost: other"}}), Refusal::kFieldName},
      {"a NUL in a value", get({{"x", std::string("a\0b", 3)}}), Refusal::kFieldName},
      {"a space before a value", get({{"x", " a"}}), Refusal::kFieldName},
      {"a tab after a value", get({{"x", "a\t"}}), Refusal::kFieldName},
      {"a space in a name", get({{"x y", "1"}}), Refusal::kFieldName},
      {"a colon in a name", get({{"x:y", "1"}}), Refusal::kFieldName},
      {"a name beyond ASCII", get({{"x\x85", "1"}}), Refusal::kFieldName},
      {"a line end in a name", get({{"x\r\ny", "1"}}), Refusal::kFieldName},
      {"no name", get({{"", "1"}}), Refusal::kFieldName},
  };
  for (const HeadCase& c : cases) {
    SCOPED_TRACE(c.name);
    RawHttp2 raw;
    ASSERT_TRUE(raw.feed(request(1, c.fields)));
    ASSERT_EQ(raw.server.streams.size(), 1);
    RequestHead head;
    EXPECT_EQ(raw.server.streams[0]->head.fill(head), c.refusal);
  }
}

}  // namespace
}  // namespace insula::http
