#include "http/http2_session.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "http/testing/http2_test_client.h"

namespace insula::http {
namespace {

constexpr int kData = 0;
constexpr int kHeaders = 1;
constexpr int kPriority = 2;
constexpr int kRstStream = 3;
constexpr int kSettings = 4;
constexpr int kPing = 6;
constexpr int kGoaway = 7;
constexpr int kContinuation = 9;
constexpr int kEndStream = 1;
constexpr int kEndHeaders = 4;
constexpr std::uint32_t kRefused = 7;
constexpr std::uint32_t kCancel = 8;
constexpr std::uint32_t kCalm = 11;

/// A server that notes what it is asked and answers what it is told.
class Server final : public Http2Handler {
 public:
  struct Stream final : Http2StreamHandler {
    StreamId id = 0;
    Http2Head head;
    bool ended = false;
    bool closed = false;
    std::string body;
    std::size_t untaken = 0;
    std::string reply;
    bool last = false;

    void on_body(std::string_view piece) override {
      body.append(piece);
      untaken += piece.size();
    }

    void on_body_end() override { ended = true; }

    Http2Piece read(std::span<char> into) override {
      const std::size_t size = std::min(into.size(), reply.size());
      std::ranges::copy_n(reply.begin(), static_cast<std::ptrdiff_t>(size), into.begin());
      reply.erase(0, size);
      return {.bytes = size, .last = last && reply.empty()};
    }

    void on_close() override { closed = true; }
  };

  Http2StreamHandler* on_request(StreamId id, Http2Head head, bool ended) override {
    if (refuses) return nullptr;
    auto stream = std::make_unique<Stream>();
    stream->id = id;
    stream->head = std::move(head);
    stream->ended = ended;
    streams.push_back(std::move(stream));
    return streams.back().get();
  }

  bool refuses = false;
  std::vector<std::unique_ptr<Stream>> streams;
};

class Http2SessionTest : public ::testing::Test {
 protected:
  /// Carries bytes both ways until neither has any.
  bool exchange() {
    for (;;) {
      const std::string to_server = client_.output();
      if (!to_server.empty() && !session_.receive(to_server)) return false;
      std::string to_client;
      for (auto out = session_.output(); !out.empty(); out = session_.output())
        to_client.append(out);
      if (!to_client.empty()) EXPECT_TRUE(client_.receive(to_client));
      if (to_server.empty() && to_client.empty()) return true;
    }
  }

  /// Raw frames after the client's hello.
  Result<> feed(std::string_view frames) {
    if (std::exchange(hello_, false)) {
      if (const auto greeted = session_.receive(http2_hello()); !greeted) return greeted;
    }
    return session_.receive(frames);
  }

  std::string drain() {
    std::string all;
    for (auto out = session_.output(); !out.empty(); out = session_.output())
      all.append(out);
    return all;
  }

  /// The error code of the GOAWAY among these frames; 0 when there is none.
  static std::uint32_t goaway_of(std::string_view frames) {
    const auto number = [&](std::size_t at, std::size_t bytes) {
      std::uint32_t value = 0;
      for (std::size_t i = at; i < at + bytes; ++i)
        value = value << 8U | static_cast<unsigned char>(frames[i]);
      return value;
    };
    constexpr std::size_t kHead = 9;
    while (frames.size() >= kHead) {
      if (frames[3] == kGoaway) return number(kHead + 4, 4);
      frames.remove_prefix(kHead + number(0, 3));
    }
    return 0;
  }

  void respond(Server::Stream& stream, std::string body, bool last = true) {
    stream.reply = std::move(body);
    stream.last = last;
    const std::array<Http2Field, 2> fields{{{":status", "200"}, {"Content-Type", "text/plain"}}};
    session_.respond(stream.id, fields, true);
  }

  static Http2Limits limits() {
    Http2Limits limits;
    limits.head.head_bytes = kHeadBytes;
    return limits;
  }

  static constexpr std::size_t kHeadBytes = 50'000;

  Server server_;
  Http2Session session_{server_, limits()};
  Http2TestClient client_;
  bool hello_ = true;
};

TEST_F(Http2SessionTest, MakesAHeadOfARequestAndCarriesTheReplyBack) {
  const StreamId id =
      client_.submit(http2_post("/t/v1/models?x=1", {{"accept", "a/b"}, {"x-request-id", "r1"}}));
  ASSERT_TRUE(exchange());
  ASSERT_EQ(server_.streams.size(), 1);
  Server::Stream& stream = *server_.streams[0];
  EXPECT_TRUE(stream.ended);
  RequestHead head;
  ASSERT_EQ(stream.head.fill(head), Refusal::kNone);
  EXPECT_EQ(head.method, "POST");
  EXPECT_EQ(head.target, "/t/v1/models?x=1");
  EXPECT_EQ(head.host, "gateway");
  EXPECT_EQ(head.find("accept"), "a/b");
  EXPECT_EQ(head.find(FieldId::kXRequestId), "r1");
  EXPECT_TRUE(head.keep_alive);
  EXPECT_FALSE(head.chunked);

  respond(stream, "hello");
  ASSERT_TRUE(exchange());
  const auto& reply = client_.reply(id);
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.field("content-type"), "text/plain");
  EXPECT_EQ(reply.body, "hello");
  EXPECT_TRUE(reply.ended);
  EXPECT_EQ(reply.closed, 0);
  EXPECT_TRUE(stream.closed);
}

TEST_F(Http2SessionTest, PutsTheCrumbsOfACookieTogether) {
  client_.submit(http2_post("/", {{"cookie", "a=1"}, {"accept", "x"}, {"cookie", "b=2"}}));
  ASSERT_TRUE(exchange());
  RequestHead head;
  ASSERT_EQ(server_.streams.at(0)->head.fill(head), Refusal::kNone);
  EXPECT_EQ(head.find("cookie"), "a=1; b=2");
}

TEST_F(Http2SessionTest, TheClientSendsNoMoreThanTheWindowUntilItIsTaken) {
  const std::string body(600'000, 'b');
  const StreamId id = client_.submit(http2_post("/"), body);
  ASSERT_TRUE(exchange());
  Server::Stream& stream = *server_.streams.at(0);
  EXPECT_EQ(stream.body.size(), Http2Limits{}.stream_window);
  EXPECT_EQ(client_.unsent(id), body.size() - stream.body.size());
  while (stream.untaken > 0) {
    session_.take(id, std::exchange(stream.untaken, 0));
    ASSERT_TRUE(exchange());
  }
  EXPECT_EQ(stream.body, body);
  EXPECT_TRUE(stream.ended);
}

TEST_F(Http2SessionTest, StreamsThatNobodyTakesFillTheConnectionsWindow) {
  std::vector<StreamId> ids;
  for (int i = 0; i < 8; ++i)
    ids.push_back(client_.submit(http2_post("/"), std::string(250'000, 'b')));
  ASSERT_TRUE(exchange());
  std::size_t received = 0;
  for (const auto& stream : server_.streams)
    received += stream->body.size();
  EXPECT_EQ(received, Http2Limits{}.connection_window);
}

TEST_F(Http2SessionTest, AReplyComesInPiecesAsThereAreAny) {
  const StreamId id = client_.submit(http2_post("/"));
  ASSERT_TRUE(exchange());
  Server::Stream& stream = *server_.streams.at(0);
  respond(stream, "one ", false);
  ASSERT_TRUE(exchange());
  EXPECT_EQ(client_.reply(id).body, "one ");
  EXPECT_FALSE(client_.reply(id).ended);
  stream.reply = "two";
  stream.last = true;
  ASSERT_TRUE(exchange());
  EXPECT_EQ(client_.reply(id).body, "one ");
  session_.resume(id);
  ASSERT_TRUE(exchange());
  EXPECT_EQ(client_.reply(id).body, "one two");
  EXPECT_TRUE(client_.reply(id).ended);
}

TEST_F(Http2SessionTest, SaysContinueBeforeTheReply) {
  const StreamId id = client_.submit(http2_post("/", {{"expect", "100-continue"}}), {}, true);
  ASSERT_TRUE(exchange());
  session_.send_continue(id);
  ASSERT_TRUE(exchange());
  EXPECT_TRUE(client_.reply(id).continued);
  client_.send(id, "body", true);
  ASSERT_TRUE(exchange());
  EXPECT_EQ(server_.streams.at(0)->body, "body");
}

TEST_F(Http2SessionTest, TrailersEndABodyAndAreForgotten) {
  const std::string head = http2_literal(":method", "POST") + http2_literal(":scheme", "http") +
                           http2_literal(":path", "/") + http2_literal(":authority", "a");
  ASSERT_TRUE(feed(http2_frame(kHeaders, kEndHeaders, 1, head) + http2_frame(kData, 0, 1, "abc") +
                   http2_frame(kHeaders, kEndHeaders | kEndStream, 1, http2_literal("x", "y"))));
  Server::Stream& stream = *server_.streams.at(0);
  EXPECT_TRUE(stream.ended);
  EXPECT_EQ(stream.body, "abc");
  RequestHead parsed;
  ASSERT_EQ(stream.head.fill(parsed), Refusal::kNone);
  EXPECT_EQ(parsed.find("x"), std::nullopt);
}

TEST_F(Http2SessionTest, AStreamThatIsRefusedCanBeRepeated) {
  server_.refuses = true;
  const StreamId id = client_.submit(http2_post("/"));
  ASSERT_TRUE(exchange());
  EXPECT_EQ(client_.reply(id).closed, kRefused);
}

TEST_F(Http2SessionTest, TellsItsStreamThatTheClientCancelled) {
  const StreamId id = client_.submit(http2_post("/"));
  ASSERT_TRUE(exchange());
  client_.reset(id);
  ASSERT_TRUE(exchange());
  EXPECT_TRUE(server_.streams.at(0)->closed);
}

TEST_F(Http2SessionTest, ResettingAStreamSaysWhy) {
  const StreamId id = client_.submit(http2_post("/"));
  ASSERT_TRUE(exchange());
  session_.reset(id, Http2Error::kCancel);
  ASSERT_TRUE(exchange());
  EXPECT_EQ(client_.reply(id).closed, kCancel);
  EXPECT_TRUE(server_.streams.at(0)->closed);
}

TEST_F(Http2SessionTest, EndsAfterTheStreamsThatHaveCome) {
  const StreamId id = client_.submit(http2_post("/"));
  ASSERT_TRUE(exchange());
  session_.announce_end();
  ASSERT_TRUE(exchange());
  EXPECT_EQ(client_.goaway(), 0);
  EXPECT_FALSE(session_.is_over());
  session_.end();
  ASSERT_TRUE(exchange());
  EXPECT_FALSE(session_.is_over());
  respond(*server_.streams.at(0), "done");
  ASSERT_TRUE(exchange());
  EXPECT_EQ(client_.reply(id).body, "done");
  EXPECT_TRUE(session_.is_over());
}

/// What becomes of a request with this head, by its own refusal or by the session's.
struct HeadCase {
  const char* name;
  Http2TestClient::Fields fields;
  Refusal refusal;  // kNone: the session itself ends the stream
};

TEST_F(Http2SessionTest, RefusesHeadsThatCouldBeReadInTwoWays) {
  const auto with = [](Http2TestClient::Fields more) { return http2_post("/", std::move(more)); };
  const std::vector<HeadCase> cases = {
      {"another host", with({{"host", "other"}}), Refusal::kHostRepeated},
      {"a lookalike of the length", with({{"content_length", "3"}}), Refusal::kLookalikeName},
      {"a lookalike of the coding", with({{"transfer_encoding", "chunked"}}),
       Refusal::kLookalikeName},
      {"a fragment", http2_post("/a#b"), Refusal::kTarget},
      {"bytes beyond ASCII in the target", http2_post("/\xc3\xa9"), Refusal::kTarget},
      {"a host with a user",
       {{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "me@host"}},
       Refusal::kHostInvalid},
      {"another expectation", with({{"expect", "the-best"}}), Refusal::kExpectation},
      {"a line break in a value", with({{"x", "1\r\nhost: other"}}), Refusal::kFieldName},
      {"a NUL in a value", with({{"x", std::string("a\0b", 3)}}), Refusal::kFieldName},
      {"a space in a name", with({{"x y", "1"}}), Refusal::kFieldName},
  };
  for (const HeadCase& c : cases) {
    std::string block;
    for (const auto& [name, value] : c.fields)
      block += http2_literal(name, value);
    Server server;
    Http2Session session(server);
    ASSERT_TRUE(
        session.receive(http2_hello() + http2_frame(kHeaders, kEndHeaders | kEndStream, 1, block)))
        << c.name;
    ASSERT_EQ(server.streams.size(), 1) << c.name;
    RequestHead head;
    EXPECT_EQ(server.streams[0]->head.fill(head), c.refusal) << c.name;
  }
}

TEST_F(Http2SessionTest, EndsStreamsWhoseHeadBreaksTheProtocol) {
  const auto request = [](const Http2TestClient::Fields& fields) {
    std::string block;
    for (const auto& [name, value] : fields)
      block += http2_literal(name, value);
    return block;
  };
  const std::vector<std::pair<const char*, std::string>> cases = {
      {"no path", request({{":method", "GET"}, {":scheme", "http"}, {":authority", "a"}})},
      {"no method", request({{":path", "/"}, {":scheme", "http"}, {":authority", "a"}})},
      {"an absolute target", request(http2_post("http://x/"))},
      {"a space in the target", request(http2_post("/a b"))},
      {"upper case in a name", request(http2_post("/", {{"X-Upper", "1"}}))},
      {"an asterisk", request(http2_post("*"))},
      {"two paths", request(http2_post("/", {{":path", "/b"}}))},
      {"a pseudo-field after a field",
       request({{":method", "GET"}, {":scheme", "http"}, {"x", "1"}, {":path", "/"}})},
      {"an unknown pseudo-field", request(http2_post("/", {{":more", "1"}}))},
      {"a reply's pseudo-field", request(http2_post("/", {{":status", "200"}}))},
      {"a connection header", request(http2_post("/", {{"connection", "close"}}))},
      {"a transfer coding", request(http2_post("/", {{"transfer-encoding", "chunked"}}))},
      {"an upgrade", request(http2_post("/", {{"upgrade", "h2c"}}))},
      {"te beyond trailers", request(http2_post("/", {{"te", "gzip"}}))},
      {"a length that is no number", request(http2_post("/", {{"content-length", "3x"}}))},
      {"two lengths", request(http2_post("/", {{"content-length", "0"}, {"content-length", "0"}}))},
      {"a length without a body", request(http2_post("/", {{"content-length", "3"}}))},
  };
  for (const auto& [name, block] : cases) {
    Server server;
    Http2Session session(server);
    ASSERT_TRUE(
        session.receive(http2_hello() + http2_frame(kHeaders, kEndHeaders | kEndStream, 1, block)))
        << name;
    for (const auto& stream : server.streams)
      EXPECT_TRUE(stream->closed) << name;
    std::string output;
    for (auto out = session.output(); !out.empty(); out = session.output())
      output.append(out);
    EXPECT_NE(output.find(http2_frame(kRstStream, 0, 1, std::string("\0\0\0\1", 4))),
              std::string::npos)
        << name;
  }
}

TEST_F(Http2SessionTest, BoundsFieldsAndTheirSizeAndStillKnowsTheNextStream) {
  Http2TestClient::Fields many;
  for (int i = 0; i < 200; ++i)
    many.emplace_back("x-" + std::to_string(i), "1");
  client_.submit(http2_post("/", many));
  client_.submit(
      http2_post("/", {{"x", std::string(40'000, 'v')}, {"y", std::string(20'000, 'v')}}));
  client_.submit(http2_post("/ok", {{"x-1", "2"}}));
  ASSERT_TRUE(exchange());
  ASSERT_EQ(server_.streams.size(), 3);
  RequestHead head;
  EXPECT_EQ(server_.streams[0]->head.fill(head), Refusal::kTooManyFields);
  EXPECT_EQ(server_.streams[1]->head.fill(head), Refusal::kHeadTooLarge);
  ASSERT_EQ(server_.streams[2]->head.fill(head), Refusal::kNone);
  EXPECT_EQ(head.find("x-1"), "2");
}

TEST_F(Http2SessionTest, EndsConnectionsThatBreakTheProtocol) {
  const std::string head = http2_literal(":method", "GET") + http2_literal(":scheme", "http") +
                           http2_literal(":path", "/") + http2_literal(":authority", "a");
  const std::vector<std::pair<const char*, std::string>> cases = {
      {"data on an idle stream", http2_frame(kData, 0, 5, "x")},
      {"an even stream", http2_frame(kHeaders, kEndHeaders | kEndStream, 2, head)},
      {"headers on stream 0", http2_frame(kHeaders, kEndHeaders | kEndStream, 0, head)},
      {"settings on a stream", http2_frame(kSettings, 0, 1, {})},
      {"settings of five bytes", http2_frame(kSettings, 0, 0, "12345")},
      {"an acknowledgement with a payload", http2_frame(kSettings, 1, 0, "123456")},
      {"a ping of four bytes", http2_frame(kPing, 0, 0, "1234")},
      {"a reset of an idle stream", http2_frame(kRstStream, 0, 7, std::string(4, '\0'))},
      {"a continuation of nothing", http2_frame(kContinuation, kEndHeaders, 1, head)},
      {"a promise from a client", http2_frame(5, kEndHeaders, 1, std::string(4, '\0') + head)},
      {"a frame that is too large", http2_frame(kData, 0, 1, std::string(20'000, 'x'))},
      {"something between the frames of a head",
       http2_frame(kHeaders, 0, 1, head.substr(0, 10)) + http2_frame(kPing, 0, 0, "12345678")},
      {"a head that is no HPACK", http2_frame(kHeaders, kEndHeaders, 1, "\xff\xff\xff\xff\xff")},
      {"a window over its bound", http2_frame(8, 0, 0, std::string("\x7f\xff\xff\xff", 4))},
      {"a window that is not opened", http2_frame(8, 0, 0, std::string(4, '\0'))},
  };
  for (const auto& [name, frames] : cases) {
    Server server;
    Http2Session session(server);
    static_cast<void>(session.receive(http2_hello() + frames));
    std::string output;
    for (auto out = session.output(); !out.empty(); out = session.output())
      output.append(out);
    EXPECT_NE(goaway_of(output), 0) << name;
    EXPECT_TRUE(session.is_over()) << name;
  }
}

TEST_F(Http2SessionTest, IgnoresFramesItDoesNotKnow) {
  ASSERT_TRUE(feed(http2_frame(0xee, 0, 0, "whatever") +
                   http2_frame(kPriority, 0, 3, std::string(5, '\0'))));
  client_.submit(http2_post("/"));
  EXPECT_EQ(goaway_of(drain()), 0);
  EXPECT_FALSE(session_.is_over());
}

struct Flood {
  const char* name;
  std::string before;
  std::string frame;
};

TEST_F(Http2SessionTest, EndsConnectionsThatSendFramesForNothing) {
  const std::string head = http2_literal(":method", "POST") + http2_literal(":scheme", "http") +
                           http2_literal(":path", "/") + http2_literal(":authority", "a");
  const std::string open = http2_frame(kHeaders, kEndHeaders, 1, head);
  const std::vector<Flood> floods = {
      {"pings", "", http2_frame(kPing, 0, 0, "12345678")},
      {"settings", "", http2_frame(kSettings, 0, 0, {})},
      {"priorities", "", http2_frame(kPriority, 0, 3, std::string(5, '\0'))},
      {"empty pieces", open, http2_frame(kData, 0, 1, {})},
  };
  for (const Flood& flood : floods) {
    Server server;
    Http2Session session(server);
    ASSERT_TRUE(session.receive(http2_hello() + flood.before)) << flood.name;
    Result<> taken;
    std::int64_t sent = 0;
    std::string output;
    while (taken && sent < 2 * Http2Session::kIdleFramesMax) {
      taken = session.receive(flood.frame);
      ++sent;
      for (auto out = session.output(); !out.empty(); out = session.output())
        output.append(out);
    }
    ASSERT_FALSE(taken) << flood.name;
    EXPECT_EQ(taken.error().code(), ErrorCode::kTooManyRequests) << flood.name;
    EXPECT_LE(sent, Http2Session::kIdleFramesMax + 1) << flood.name;
    EXPECT_GE(sent, Http2Session::kIdleFramesMax - 2) << flood.name;
    EXPECT_EQ(goaway_of(output), kCalm) << flood.name;
  }
}

TEST_F(Http2SessionTest, EndsConnectionsThatCancelAsFastAsTheyAsk) {
  StreamId id = 1;
  Result<> taken;
  const std::string head = http2_literal(":method", "GET") + http2_literal(":scheme", "http") +
                           http2_literal(":path", "/") + http2_literal(":authority", "a");
  for (; taken && id < 10'000; id += 2) {
    taken = feed(http2_frame(kHeaders, kEndHeaders | kEndStream, id, head) +
                 http2_frame(kRstStream, 0, id, std::string("\0\0\0\10", 4)));
    static_cast<void>(drain());
  }
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code(), ErrorCode::kTooManyRequests);
  EXPECT_LE(server_.streams.size(), static_cast<std::size_t>(Http2Session::kIdleFramesMax) + 1);
}

TEST_F(Http2SessionTest, AClientThatIsQuietForAWhileMaySendIdleFramesAgain) {
  const std::string ping = http2_frame(kPing, 0, 0, "12345678");
  for (std::int64_t i = 1; i < Http2Session::kIdleFramesMax; ++i) {
    ASSERT_TRUE(feed(ping)) << i;
    static_cast<void>(drain());
  }
  session_.allow_idle_frames(8);
  for (int i = 0; i < 8; ++i) {
    ASSERT_TRUE(feed(ping)) << i;
    static_cast<void>(drain());
  }
  EXPECT_FALSE(feed(ping));
}

TEST_F(Http2SessionTest, EndsConnectionsWhoseHeadsDoNotEnd) {
  ASSERT_TRUE(feed(http2_frame(kHeaders, 0, 1, http2_literal("x", "1"))));
  EXPECT_TRUE(session_.in_head());
  Result<> taken;
  int sent = 0;
  while (taken && sent < 1000) {
    taken = feed(http2_frame(kContinuation, 0, 1, {}));
    ++sent;
  }
  ASSERT_FALSE(taken);
  EXPECT_EQ(sent, Http2Session::kContinuationsMax + 1);
}

TEST_F(Http2SessionTest, AHeadThatCameIsNoHeadUnderWay) {
  EXPECT_FALSE(session_.in_head());
  const std::string begin = http2_literal(":method", "GET") + http2_literal(":scheme", "http") +
                            http2_literal(":path", "/");
  ASSERT_TRUE(feed(http2_frame(kHeaders, kEndStream, 1, begin)));
  EXPECT_TRUE(session_.in_head());
  ASSERT_TRUE(feed(http2_frame(kContinuation, kEndHeaders, 1, http2_literal(":authority", "a"))));
  EXPECT_FALSE(session_.in_head());
  ASSERT_TRUE(feed(http2_frame(kHeaders, kEndHeaders, 3, http2_literal("connection", "x"))));
  EXPECT_FALSE(session_.in_head());
}

TEST(Http2Preface, IsKnownByteByByte) {
  const std::string preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  for (std::size_t size = 0; size < preface.size(); ++size)
    EXPECT_EQ(match_http2_preface(preface.substr(0, size)), Preface::kPart) << size;
  EXPECT_EQ(match_http2_preface(preface), Preface::kWhole);
  EXPECT_EQ(match_http2_preface(preface + "more"), Preface::kWhole);
  EXPECT_EQ(match_http2_preface("PRI * HTTP/1.1\r\n"), Preface::kNo);
  EXPECT_EQ(match_http2_preface("POST / HTTP/1.1\r\n"), Preface::kNo);
}

}  // namespace
}  // namespace insula::http
