// What a client can make a session do and keep for it.

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <malloc.h>

#include "http/http2_session.h"
#include "http/testing/http2_test_server.h"

namespace insula::http {
namespace {

std::string get_block() {
  return http2_block(
      {{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a"}});
}

std::string request(StreamId id) {
  return http2_frame(kHeaders, kEndHeaders | kEndStream, id, get_block());
}

std::string open_stream(StreamId id) {
  return http2_frame(kHeaders, kEndHeaders, id, get_block());
}

/// What is sent again and again, for stream 1, 3, 5 and so on.
struct Flood {
  const char* name;
  std::string before;
  std::string (*frames)(StreamId id);
};

const std::vector<Flood>& floods() {
  static const std::vector<Flood> all = {
      {"pings", "", [](StreamId /*id*/) { return http2_frame(kPing, 0, 0, "12345678"); }},
      {"answers to no ping", "",
       [](StreamId /*id*/) { return http2_frame(kPing, kAck, 0, "12345678"); }},
      {"settings", "", [](StreamId /*id*/) { return http2_frame(kSettings, 0, 0, {}); }},
      {"priorities", "",
       [](StreamId /*id*/) { return http2_frame(kPriority, 0, 3, std::string(5, '\0')); }},
      {"frames of no known type", "", [](StreamId /*id*/) { return http2_frame(0x42, 0, 0, {}); }},
      {"empty pieces", open_stream(1),
       [](StreamId /*id*/) { return http2_frame(kData, 0, 1, {}); }},
      {"padding", open_stream(1),
       [](StreamId /*id*/) { return http2_frame(kData, kPadded, 1, std::string(1, '\0')); }},
      {"cancelled requests", "",
       [](StreamId id) {
         return request(id) + http2_frame(kRstStream, 0, id, http2_number(kCancel));
       }},
      {"updates of the connection's window", "",
       [](StreamId /*id*/) { return http2_frame(kWindowUpdate, 0, 0, http2_number(1)); }},
      {"updates of a stream's window", open_stream(1),
       [](StreamId /*id*/) { return http2_frame(kWindowUpdate, 0, 1, http2_number(1)); }},
      {"requests whose window overflows", "",
       [](StreamId id) {
         return request(id) + http2_frame(kWindowUpdate, 0, id, http2_number(0x7fff'ffff));
       }},
      {"requests with another length", "",
       [](StreamId id) {
         return http2_frame(kHeaders, kEndHeaders, id,
                            get_block() + http2_literal("content-length", "1")) +
                http2_frame(kData, kEndStream, id, {});
       }},
      {"heads that break the protocol", "",
       [](StreamId id) {
         return http2_frame(kHeaders, kEndHeaders | kEndStream, id,
                            get_block() + http2_literal("connection", "close"));
       }},
      {"trailers that break the protocol", "",
       [](StreamId id) {
         return open_stream(id) +
                http2_frame(kHeaders, kEndHeaders | kEndStream, id, http2_literal(":path", "/"));
       }},
  };
  return all;
}

TEST(Http2Flood, EndsTheConnection) {
  for (const Flood& flood : floods()) {
    SCOPED_TRACE(flood.name);
    RawHttp2 raw;
    ASSERT_TRUE(raw.feed(flood.before));
    Result<> taken;
    std::int64_t sent = 0;
    std::string output;
    for (StreamId id = 1; taken && sent < 2 * Http2Session::kIdleFramesMax; ++sent, id += 2) {
      taken = raw.feed(flood.frames(id));
      output = raw.drain();
    }
    ASSERT_FALSE(taken);
    EXPECT_EQ(taken.error().code(), ErrorCode::kTooManyRequests);
    EXPECT_LE(sent, Http2Session::kIdleFramesMax + 1);
    EXPECT_GE(sent, Http2Session::kIdleFramesMax / 2 - 2);
    EXPECT_EQ(Http2Frames(output).goaway(), kCalm);
  }
}

TEST(Http2Flood, WhatAClientThatDoesNotReadCausesIsBounded) {
  constexpr std::size_t kBytesMax = 100'000;
  std::vector<Flood> all = floods();
  all.push_back({"requests that are refused", "", &request});
  for (const Flood& flood : all) {
    SCOPED_TRACE(flood.name);
    RawHttp2 raw;
    raw.server.refuses = flood.frames == &request;
    ASSERT_TRUE(raw.feed(flood.before));
    Result<> taken;
    for (StreamId id = 1; taken && id < 200'000; id += 2)
      taken = raw.feed(flood.frames(id));
    EXPECT_FALSE(taken);
    EXPECT_LT(raw.drain().size(), kBytesMax);
  }
}

TEST(Http2Flood, AClientThatIsQuietForAWhileMaySendIdleFramesAgain) {
  const std::string ping = http2_frame(kPing, 0, 0, "12345678");
  RawHttp2 raw;
  for (std::int64_t i = 1; i < Http2Session::kIdleFramesMax; ++i) {
    ASSERT_TRUE(raw.feed(ping)) << i;
    static_cast<void>(raw.drain());
  }
  raw.session.allow_idle_frames(8);
  for (int i = 0; i < 8; ++i) {
    ASSERT_TRUE(raw.feed(ping)) << i;
    static_cast<void>(raw.drain());
  }
  EXPECT_FALSE(raw.feed(ping));
}

TEST(Http2Flood, RequestsThatAreAnsweredAreNone) {
  RawHttp2 raw;
  const std::array<Http2Field, 1> fields{{{":status", "200"}}};
  for (StreamId id = 1; id < 20'000; id += 2) {
    ASSERT_TRUE(raw.feed(request(id) + http2_frame(kWindowUpdate, 0, 0, http2_number(1))));
    raw.session.respond(id, fields, false);
    static_cast<void>(raw.drain());
    ASSERT_TRUE(raw.server.streams.back()->closed);
    raw.server.streams.clear();
  }
}

TEST(Http2Flood, StreamsThatTheServerEndsAreNotHeldAgainstTheClient) {
  RawHttp2 raw;
  for (StreamId id = 1; id < 20'000; id += 2) {
    ASSERT_TRUE(raw.feed(request(id)));
    raw.session.reset(id, id % 4 == 1 ? Http2Error::kInternal : Http2Error::kCancel);
    static_cast<void>(raw.drain());
    ASSERT_TRUE(raw.server.streams.back()->closed);
    raw.server.streams.clear();
  }
}

TEST(Http2Flood, NoMoreStreamsAtOnceThanAreAllowed) {
  RawHttp2 raw;
  Result<> taken;
  for (StreamId id = 1; taken && id < 2000; id += 2)
    taken = raw.feed(request(id));
  EXPECT_EQ(raw.server.streams.size(), Http2Limits{}.streams);
  RawHttp2 aware;
  static_cast<void>(aware.drain());
  ASSERT_TRUE(aware.feed(http2_frame(kSettings, kAck, 0, {})));
  taken = {};
  for (StreamId id = 1; taken && id < 2000; id += 2)
    taken = aware.feed(request(id));
  EXPECT_EQ(aware.server.streams.size(), Http2Limits{}.streams);
}

TEST(Http2Flood, EndsConnectionsWhoseHeadsDoNotEnd) {
  RawHttp2 raw;
  ASSERT_TRUE(raw.feed(http2_frame(kHeaders, 0, 1, http2_literal("x", "1"))));
  Result<> taken;
  int sent = 0;
  while (taken && sent < 1000) {
    taken = raw.feed(http2_frame(kContinuation, 0, 1, {}));
    ++sent;
  }
  ASSERT_FALSE(taken);
  EXPECT_EQ(sent, Http2Session::kContinuationsMax + 1);
  const std::string output = raw.drain();
  EXPECT_EQ(Http2Frames(output).goaway(), kCalm);
}

TEST(Http2Flood, EndsConnectionsWhoseHeadsComeInCrumbs) {
  RawHttp2 raw;
  std::string crumbs = http2_frame(kHeaders, 0, 1, http2_literal("x", "1"));
  for (int i = 0; i < 50; ++i)
    crumbs += http2_frame(kContinuation, 0, 1, http2_literal("y", "1"));
  ASSERT_FALSE(raw.feed(crumbs));
  const std::string output = raw.drain();
  EXPECT_EQ(Http2Frames(output).goaway(), kCalm);
}

/// A field of 4000 bytes is put into the table once and then named with one byte each time.
TEST(Http2Flood, AHeadThatExpandsIsRefusedAndKeepsLittle) {
  RawHttp2 raw;
  constexpr StreamId kFirst = 1;
  const std::string indexed = std::string(1, '\x40') + http2_integer(1, 7) + "x" +
                              http2_integer(4000, 7) + std::string(4000, 'v');
  const std::string again(16'384, '\xbe');
  const std::size_t before = ::mallinfo2().uordblks;
  ASSERT_TRUE(raw.feed(http2_frame(kHeaders, kEndStream, kFirst, get_block() + indexed)));
  for (int i = 1; i < Http2Session::kContinuationsMax; ++i)
    ASSERT_TRUE(raw.feed(http2_frame(kContinuation, 0, kFirst, again)));
  ASSERT_TRUE(raw.feed(http2_frame(kContinuation, kEndHeaders, kFirst, again)));
  ASSERT_EQ(raw.server.streams.size(), 1);
  RequestHead head;
  EXPECT_EQ(raw.server.streams[0]->head.fill(head), Refusal::kHeadTooLarge);
  // What it would be is half a gigabyte.
  EXPECT_LT(::mallinfo2().uordblks, before + 4 * HeadLimits{}.head_bytes);
}

}  // namespace
}  // namespace insula::http
