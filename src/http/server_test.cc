#include "http/server.h"

#include <array>
#include <string>
#include <variant>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "async/deadline.h"
#include "http/test_service.h"
#include "testing/fake_clock.h"

namespace insula::http {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

/// Runs `text` against a fresh server and gives back everything it answered.
std::string answer_to(std::string text, ServerOptions options = {}) {
  Loop loop;
  TestServer test(loop, std::move(options));
  std::string received;
  const auto body = [](net::Address address, std::string request, std::string& out) -> Task<> {
    out = co_await talk(address, std::move(request));
  };
  run_until_complete(loop, body(test.address, std::move(text), received));
  return received;
}

std::size_t count(std::string_view text, std::string_view what) {
  std::size_t found = 0;
  for (auto at = text.find(what); at != std::string_view::npos; at = text.find(what, at + 1))
    ++found;
  return found;
}

TEST(Server, AnswersWithLengthDateAndConnection) {
  const auto text = answer_to("GET /close HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(text, StartsWith("HTTP/1.1 200 OK\r\nDate: "));
  EXPECT_THAT(text, HasSubstr(" GMT\r\n"));
  EXPECT_THAT(text, HasSubstr("\r\nContent-Length: 5\r\nConnection: close\r\n"));
  EXPECT_THAT(text, EndsWith("\r\n\r\nhello"));
}

TEST(Server, AnswersPipelinedRequestsInOrder) {
  const auto text = answer_to(
      "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
      "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\none"
      "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
      "chunked\r\n\r\n2\r\ntw\r\n1\r\no\r\n0\r\n\r\n"
      "GET /close HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(count(text, "HTTP/1.1 200 OK"), 4u);
  EXPECT_LT(text.find("hello"), text.find("one"));
  EXPECT_LT(text.find("one"), text.find("two"));
}

TEST(Server, KeepsAnHttp10ConnectionOnlyWhenAsked) {
  const auto closed = answer_to("GET / HTTP/1.0\r\n\r\n");
  EXPECT_THAT(closed, HasSubstr("Connection: close"));
  const auto kept =
      answer_to("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n");
  EXPECT_EQ(count(kept, "HTTP/1.1 200"), 2u);
  EXPECT_THAT(kept, HasSubstr("Connection: keep-alive"));
}

TEST(Server, StreamsInChunksOrToAnAnnouncedLength) {
  const auto chunks = answer_to("GET /stream HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(chunks, HasSubstr("X-Kind: stream\r\nTransfer-Encoding: chunked\r\n"));
  EXPECT_THAT(chunks, EndsWith("\r\n\r\n5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n"));
  const auto length = answer_to("GET /length HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(length, HasSubstr("Content-Length: 10\r\n"));
  EXPECT_THAT(length, EndsWith("\r\n\r\nhelloworld"));
  const auto old = answer_to("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_THAT(old, Not(HasSubstr("chunked")));
  EXPECT_THAT(old, EndsWith("helloworld"));
}

TEST(Server, LeavesTheBodyOutWhereNoneMayBe) {
  const auto text = answer_to(
      "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"
      "HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n"
      "GET /empty HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(count(text, "HTTP/1.1 "), 3u);
  EXPECT_THAT(text, HasSubstr("Content-Length: 5"));
  EXPECT_THAT(text, Not(HasSubstr("hello")));
  EXPECT_THAT(text, HasSubstr("204 No Content"));
  EXPECT_EQ(count(text, "Content-Length"), 1u);
}

TEST(Server, BreaksTheConnectionOfAnUnfinishedAnswer) {
  const auto text = answer_to("GET /half HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(text, EndsWith("5\r\nhello\r\n"));
}

TEST(Server, Answers500ForASilentHandler) {
  const auto text = answer_to("GET /silent HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(text, StartsWith("HTTP/1.1 500 "));
  EXPECT_THAT(text, HasSubstr("Connection: close"));
}

TEST(Server, RefusesAndClosesWhateverFollows) {
  const auto text = answer_to(
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
      "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(text, StartsWith("HTTP/1.1 400 Bad Request\r\n"));
  EXPECT_THAT(text, EndsWith("both content-length and transfer-encoding\n"));
  EXPECT_EQ(count(text, "HTTP/1.1 "), 1u);
}

TEST(Server, RefusesAHeadThatIsTooLarge) {
  const auto text =
      answer_to("GET / HTTP/1.1\r\nHost: a\r\nA: " + std::string(70'000, 'x') + "\r\n\r\n");
  EXPECT_THAT(text, StartsWith("HTTP/1.1 431 "));
}

TEST(Server, TellsTheHandlerOfBrokenChunks) {
  const auto text = answer_to(
      "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n");
  EXPECT_THAT(text, StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(text, HasSubstr("chunk size"));
  EXPECT_THAT(text, HasSubstr("Connection: close"));
}

TEST(Server, AsksForABodyOnlyWhenTheHandlerReadsIt) {
  const auto asked =
      answer_to("POST /echo HTTP/1.0\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\nhi");
  EXPECT_THAT(asked, StartsWith("HTTP/1.1 200"));  // HTTP/1.0 does not know interim answers
  const auto unread =
      answer_to("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_THAT(unread, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(unread, HasSubstr("Connection: close"));
}

Task<> wait_for_continue(TestServer& test) {
  auto stream = co_await net::dial(test.address, soon());
  EXPECT_TRUE(co_await (*stream)->write(
      "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"));
  std::array<char, 1000> buffer;
  auto size = co_await (*stream)->read(buffer);
  EXPECT_EQ(std::string_view(buffer.data(), *size), "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_TRUE(co_await (*stream)->write("hi"));
  size = co_await (*stream)->read(buffer);
  EXPECT_THAT(std::string(buffer.data(), *size), EndsWith("\r\n\r\nhi"));
}

TEST(Server, SendsContinueBeforeItReadsTheBody) {
  Loop loop;
  TestServer test(loop);
  run_until_complete(loop, wait_for_continue(test));
}

TEST(Server, SkipsASmallBodyThatNobodyRead) {
  const auto text = answer_to(
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n{\"a\"}"
      "GET /close HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(count(text, "HTTP/1.1 200"), 2u);
}

Task<> send_on(TestServer& test) {
  auto stream = co_await net::dial(test.address, soon());
  EXPECT_TRUE(
      co_await (*stream)->write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 800000\r\n\r\n"));
  while (test.server.counters().requests == 0)
    co_await yield();
  const std::string piece(1000, 'x');
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(co_await (*stream)->write(piece));
    co_await yield();
  }
  std::array<char, 1000> buffer;
  const auto size = co_await (*stream)->read(buffer);
  EXPECT_THAT(std::string(buffer.data(), *size), EndsWith("hello"));
}

TEST(Server, LetsAClientSendOnAfterItsAnswer) {
  Loop loop;
  TestServer test(loop);
  run_until_complete(loop, send_on(test));
}

TEST(Server, ClosesRatherThanSkipALargeBody) {
  const auto text = answer_to("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\n\r\nabcde");
  EXPECT_THAT(text, HasSubstr("Connection: close"));
}

TEST(Server, LimitsBodiesForTheHandlerAndForAll) {
  const auto handlers =
      answer_to("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000001\r\n\r\n");
  EXPECT_THAT(handlers, StartsWith("HTTP/1.1 413 "));
  ServerOptions options;
  options.limits.body_bytes = 4;
  EXPECT_THAT(answer_to("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcde", options),
              StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(answer_to("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
                        "chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n",
                        options),
              StartsWith("HTTP/1.1 413 "));
}

Task<> drip(TestServer& test,
            testing::FakeClock& clock,
            std::string text,
            std::chrono::seconds pause,
            std::string& out) {
  auto stream = co_await net::dial(test.address, soon());
  EXPECT_TRUE(co_await (*stream)->write(text));
  while (test.server.counters().connections_open == 0)
    co_await yield();
  for (int turn = 0; turn < 20; ++turn)
    co_await yield();
  clock.advance(pause);
  std::array<char, 1000> buffer;
  const auto size = co_await (*stream)->read(buffer);
  if (size) out.assign(buffer.data(), *size);
}

std::string after_a_pause(std::string text, std::chrono::seconds pause) {
  testing::FakeClock clock;
  Loop loop(clock);
  TestServer test(loop);
  std::string out;
  run_until_complete(loop, drip(test, clock, std::move(text), pause, out));
  return out;
}

using namespace std::chrono_literals;

TEST(Server, GivesAHeadTenSeconds) {
  EXPECT_THAT(after_a_pause("GET / HTTP/1.1\r\nHo", 11s), StartsWith("HTTP/1.1 408 "));
}

TEST(Server, ClosesAnIdleConnectionWithoutAWord) {
  EXPECT_EQ(after_a_pause("", 76s), "");
}

TEST(Server, EndsAnUploadThatIsTooSlow) {
  const auto text =
      after_a_pause("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc", 31s);
  EXPECT_THAT(text, StartsWith("HTTP/1.1 504 "));
}

Task<> leave_early(TestServer& test) {
  auto stream = co_await net::dial(test.address, soon());
  EXPECT_TRUE(co_await (*stream)->write("GET /wait HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\n"));
  co_await test.service.waiting.wait();
  stream->reset();
  co_await test.service.client_left.wait();
}

TEST(Server, TellsTheHandlerWhenTheClientHasGoneEvenWithUnreadBytes) {
  Loop loop;
  TestServer test(loop);
  run_until_complete(loop, leave_early(test));
}

Task<> drain_while_busy(TestServer& test, std::string& idle, std::string& busy) {
  const SteadyTime start = Loop::current().now();
  TaskGroup group;
  const auto keep = [](net::Address address, std::string text, std::string& out) -> Task<> {
    out = co_await talk(address, std::move(text));
  };
  group.spawn(keep(test.address, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", idle));
  group.spawn(keep(test.address, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n", busy));
  co_await test.service.waiting.wait();
  while (test.server.counters().requests < 2)
    co_await yield();
  TaskGroup draining;
  draining.spawn(test.server.drain(soon()));
  for (int turn = 0; turn < 10; ++turn)
    co_await yield();
  EXPECT_FALSE(co_await net::dial(test.address, soon()));
  test.service.release.set();
  co_await group.drained();
  co_await draining.drained();
  EXPECT_LT(Loop::current().now() - start, 10s);
}

TEST(Server, DrainsFinishingWhatIsInFlight) {
  Loop loop;
  TestServer test(loop);
  std::string idle;
  std::string busy;
  run_until_complete(loop, drain_while_busy(test, idle, busy));
  EXPECT_THAT(idle, EndsWith("hello"));
  EXPECT_THAT(busy, HasSubstr("Connection: close"));
  EXPECT_THAT(busy, EndsWith("held"));
  EXPECT_EQ(test.server.counters().connections_open, 0u);
}

Task<> drain_until_deadline(TestServer& test, testing::FakeClock& clock) {
  TaskGroup group;
  const auto keep = [](net::Address address) -> Task<> {
    (void)co_await talk(address, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
  };
  group.spawn(keep(test.address));
  co_await test.service.waiting.wait();
  TaskGroup draining;
  draining.spawn(test.server.drain(Loop::current().now() + 5s));
  for (int turn = 0; turn < 10; ++turn)
    co_await yield();
  clock.advance(6s);
  co_await draining.drained();
  co_await group.drained();
}

TEST(Server, CancelsWhatIsNotDoneAtTheEndOfADrain) {
  testing::FakeClock clock;
  Loop loop(clock);
  TestServer test(loop);
  run_until_complete(loop, drain_until_deadline(test, clock));
  EXPECT_EQ(test.server.counters().requests_in_flight, 0u);
}

Task<> fill_up(TestServer& test) {
  auto first = co_await net::dial(test.address, soon());
  while (test.server.counters().connections_open < 1)
    co_await yield();
  const std::string text = co_await talk(test.address, "GET /close HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(text, EndsWith("hello"));
  std::array<char, 10> buffer;
  EXPECT_EQ((co_await (*first)->read(buffer)).value(), 0u);
}

TEST(Server, ClosesTheLongestIdleConnectionToMakeRoom) {
  Loop loop;
  ServerOptions options;
  options.limits.connections = 1;
  TestServer test(loop, options);
  run_until_complete(loop, fill_up(test));
  EXPECT_GE(test.server.counters().connections_evicted, 1u);
}

Task<> feed(net::Stream& stream, std::string text) {
  for (const char c : text) {
    EXPECT_TRUE(co_await stream.write(std::string_view(&c, 1)));
    co_await yield();
  }
}

Task<> one_byte_at_a_time(Server& server, std::string text, std::string& out) {
  auto pair = net::stream_pair(Loop::current());
  auto& [client, accepted] = *pair;
  server.serve(std::move(accepted));
  TaskGroup group;
  group.spawn(feed(*client, std::move(text)));
  std::array<char, 4096> buffer;
  for (;;) {
    const auto size = co_await client->read(buffer);
    if (!size || *size == 0) co_return;
    out.append(buffer.data(), *size);
  }
}

TEST(Server, UnderstandsRequestsThatArriveByteByByte) {
  Loop loop;
  TestService service;
  Server server(service, {});
  std::string out;
  run_until_complete(
      loop,
      one_byte_at_a_time(server,
                         "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                         "5;x=y\r\nhello\r\n6\r\n world\r\n0\r\nA: b\r\n\r\n"
                         "GET /close HTTP/1.1\r\nHost: a\r\n\r\n",
                         out));
  EXPECT_THAT(out, HasSubstr("hello world"));
  EXPECT_EQ(count(out, "HTTP/1.1 200"), 2u);
}

}  // namespace
}  // namespace insula::http
