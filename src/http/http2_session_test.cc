#include "http/http2_session.h"

#include <array>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "http/testing/http2_test_server.h"

namespace insula::http {
namespace {

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

  void respond(Http2TestServer::Stream& stream, std::string body, bool last = true) {
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

  Http2TestServer server_;
  Http2Session session_{server_, limits()};
  Http2TestClient client_;
};

TEST_F(Http2SessionTest, MakesAHeadOfARequestAndCarriesTheReplyBack) {
  const StreamId id =
      client_.submit(http2_post("/t/v1/models?x=1", {{"accept", "a/b"}, {"x-request-id", "r1"}}));
  ASSERT_TRUE(exchange());
  ASSERT_EQ(server_.streams.size(), 1);
  Http2TestServer::Stream& stream = *server_.streams[0];
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
  Http2TestServer::Stream& stream = *server_.streams.at(0);
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
  ids.reserve(8);
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
  Http2TestServer::Stream& stream = *server_.streams.at(0);
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
