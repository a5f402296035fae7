#include "http/client.h"

#include <array>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "async/deadline.h"
#include "http/test_service.h"

namespace insula::http {
namespace {

using ::testing::HasSubstr;

Request request_of(std::string method, std::string target, std::string body = {}) {
  Request request;
  request.method = std::move(method);
  request.target = std::move(target);
  request.body = std::move(body);
  return request;
}

Task<> reuse(TestServer& test, Client& client) {
  for (int i = 0; i < 3; ++i) {
    auto response =
        co_await client.send(test.origin(), request_of("POST", "/echo", "body"), soon());
    EXPECT_EQ(response.value().status, 200);
    EXPECT_EQ(response.value().body, "body");
  }
}

TEST(Client, ReusesItsConnection) {
  Loop loop;
  TestServer test(loop);
  Client client({});
  run_until_complete(loop, reuse(test, client));
  EXPECT_EQ(client.counters().connections_opened, 1u);
  EXPECT_EQ(client.counters().connections_reused, 2u);
  EXPECT_EQ(test.server.counters().connections_accepted, 1u);
}

Task<> read_stream(TestServer& test, Client& client) {
  auto stream = co_await client.open(test.origin(), request_of("GET", "/stream"), soon());
  EXPECT_EQ((*stream)->status(), 200);
  EXPECT_EQ((*stream)->headers().get("x-kind"), "stream");
  EXPECT_EQ((co_await (*stream)->read_all(100, soon())).value(), "helloworld");
  std::array<char, 10> buffer;
  EXPECT_EQ((co_await (*stream)->read(buffer, soon())).value(), 0u);
  auto head = co_await client.send(test.origin(), request_of("HEAD", "/"), soon());
  EXPECT_EQ(head.value().headers.get("Content-Length"), "5");
  EXPECT_EQ(head.value().body, "");
  auto big = co_await client.send(test.origin(), request_of("GET", "/big"), soon());
  EXPECT_EQ(big.value().body.size(), 3'000'000u);
}

TEST(Client, ReadsStreamsHeadsAndLargeAnswersOnOneConnection) {
  Loop loop;
  TestServer test(loop);
  Client client({});
  run_until_complete(loop, read_stream(test, client));
  EXPECT_EQ(client.counters().connections_opened, 1u);
}

Task<> cut_answers(TestServer& test, Client& client) {
  auto half = co_await client.send(test.origin(), request_of("GET", "/half"), soon());
  EXPECT_EQ(half.error().code(), ErrorCode::kUpstream);
  EXPECT_THAT(half.error().message(), HasSubstr("middle of a body"));
  ClientOptions options;
  options.body_bytes = 4;
  Client small(options);
  auto large = co_await small.send(test.origin(), request_of("GET", "/"), soon());
  EXPECT_EQ(large.error().code(), ErrorCode::kTooLarge);
}

TEST(Client, SaysWhenAnAnswerIsCutOrTooLarge) {
  Loop loop;
  TestServer test(loop);
  Client client({});
  run_until_complete(loop, cut_answers(test, client));
}

Task<> hang(TestServer& test, Client& client) {
  auto response =
      co_await client.send(test.origin(), request_of("GET", "/hold"), Loop::current().now());
  EXPECT_EQ(response.error().code(), ErrorCode::kTimeout);
  Origin nobody = test.origin();
  nobody.address = net::Address::parse("127.0.0.1:1").value();
  response = co_await client.send(nobody, request_of("GET", "/"), soon());
  EXPECT_EQ(response.error().code(), ErrorCode::kUpstream);
  EXPECT_EQ(response.error().retry(), Retry::kSafe);
  response = co_await client.send(test.origin(), request_of("GET", "/a b"), soon());
  EXPECT_EQ(response.error().code(), ErrorCode::kInvalid);
}

TEST(Client, SaysWhyARequestFailed) {
  Loop loop;
  TestServer test(loop);
  Client client({});
  run_until_complete(loop, hang(test, client));
}

/// Plays a server by hand: each accepted connection gets the next script.
struct Script {
  std::string reads_until;
  std::string answers;
};

Task<> play(net::Listener& listener,
            std::vector<std::vector<Script>> connections,
            std::string& received) {
  for (const auto& scripts : connections) {
    auto stream = co_await listener.accept();
    for (const Script& script : scripts) {
      std::string text;
      while (!text.contains(script.reads_until)) {
        std::array<char, 1000> buffer;
        const auto size = co_await (*stream)->read(buffer);
        if (!size || *size == 0) break;
        text.append(buffer.data(), *size);
      }
      received += text;
      if (!script.answers.empty()) {
        EXPECT_TRUE(co_await (*stream)->write(script.answers));
      }
    }
  }
}

constexpr const char* kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

struct Scripted {
  explicit Scripted(Loop& loop)
      : listener(net::Listener::bind(loop, net::Address::parse("127.0.0.1:0").value()).value()),
        origin{listener->address(), "scripted", false} {}

  std::unique_ptr<net::Listener> listener;
  Origin origin;
  std::string received;
  TaskGroup group;
};

Task<> two_requests(Scripted& scripted,
                    Client& client,
                    std::string method,
                    Result<Response>& second) {
  auto first = co_await client.send(scripted.origin, request_of("GET", "/1"), soon());
  EXPECT_TRUE(first.has_value());
  // Lets what the server does after its first answer arrive.
  for (int turn = 0; turn < 10; ++turn)
    co_await yield();
  second = co_await client.send(scripted.origin, request_of(method, "/2"), soon());
}

/// The server answers once, reads the second request and closes without a word.
Result<Response> after_a_stale_connection(std::string method, ClientCounters& counters) {
  Loop loop;
  Scripted scripted(loop);
  scripted.group.spawn(play(*scripted.listener,
                            {{{"\r\n\r\n", kOk}, {"\r\n\r\n", ""}}, {{"\r\n\r\n", kOk}}},
                            scripted.received));
  Client client({});
  Result<Response> second;
  run_until_complete(loop, two_requests(scripted, client, std::move(method), second));
  counters = client.counters();
  return second;
}

TEST(Client, RepeatsAnIdempotentRequestOnceAfterAStaleConnection) {
  ClientCounters counters;
  EXPECT_EQ(after_a_stale_connection("GET", counters).value().body, "ok");
  EXPECT_EQ(counters.retries, 1u);
  EXPECT_EQ(counters.connections_opened, 2u);
}

TEST(Client, NeverRepeatsAPostByItself) {
  ClientCounters counters;
  EXPECT_EQ(after_a_stale_connection("POST", counters).error().code(), ErrorCode::kUpstream);
  EXPECT_EQ(counters.retries, 0u);
}

TEST(Client, NeverRepeatsOnceAByteOfTheAnswerHasArrived) {
  Loop loop;
  Scripted scripted(loop);
  scripted.group.spawn(play(*scripted.listener, {{{"\r\n\r\n", kOk}, {"\r\n\r\n", "HTTP/1.1 2"}}},
                            scripted.received));
  Client client({});
  Result<Response> second;
  run_until_complete(loop, two_requests(scripted, client, "GET", second));
  EXPECT_EQ(second.error().code(), ErrorCode::kUpstream);
  EXPECT_EQ(client.counters().retries, 0u);
}

TEST(Client, DoesNotReuseAConnectionWithBytesNobodyAskedFor) {
  Loop loop;
  Scripted scripted(loop);
  scripted.group.spawn(play(*scripted.listener,
                            {{{"\r\n\r\n", std::string(kOk) + kOk}}, {{"\r\n\r\n", kOk}}},
                            scripted.received));
  Client client({});
  Result<Response> second;
  run_until_complete(loop, two_requests(scripted, client, "POST", second));
  EXPECT_EQ(second.value().body, "ok");
  EXPECT_EQ(client.counters().connections_reused, 0u);
}

TEST(Client, NoticesThatAnIdleConnectionHasBeenClosed) {
  Loop loop;
  Scripted scripted(loop);
  scripted.group.spawn(
      play(*scripted.listener, {{{"\r\n\r\n", kOk}}, {{"\r\n\r\n", kOk}}}, scripted.received));
  Client client({});
  Result<Response> second;
  run_until_complete(loop, two_requests(scripted, client, "POST", second));
  EXPECT_EQ(second.value().body, "ok");
  EXPECT_EQ(client.counters().connections_reused, 0u);
}

Task<> refused_upload(Scripted& scripted, Client& client) {
  auto refused = co_await client.send(
      scripted.origin, request_of("POST", "/1", std::string(20'000'000, 'x')), soon());
  EXPECT_EQ(refused.value().status, 413);
  auto next = co_await client.send(scripted.origin, request_of("POST", "/2"), soon());
  EXPECT_EQ(next.value().status, 200);
}

TEST(Client, DoesNotReuseAConnectionWhoseRequestWasNotSentWhole) {
  Loop loop;
  Scripted scripted(loop);
  const std::string refusal = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno";
  scripted.group.spawn(play(*scripted.listener,
                            {{{"\r\n\r\n", refusal}, {"never", ""}}, {{"\r\n\r\n", kOk}}},
                            scripted.received));
  Client client({});
  run_until_complete(loop, refused_upload(scripted, client));
  EXPECT_EQ(client.counters().connections_reused, 0u);
}

Task<> one_request(Scripted& scripted, Client& client, Request request, Result<Response>& out) {
  out = co_await client.send(scripted.origin, std::move(request), soon());
}

Result<Response> answer_to(std::string script, Request request) {
  Loop loop;
  Scripted scripted(loop);
  scripted.group.spawn(
      play(*scripted.listener, {{{"\r\n\r\n", std::move(script)}}}, scripted.received));
  Client client({});
  Result<Response> response;
  run_until_complete(loop, one_request(scripted, client, std::move(request), response));
  return response;
}

TEST(Client, SkipsInterimAnswers) {
  const auto response = answer_to(
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + std::string(kOk),
      request_of("GET", "/"));
  EXPECT_EQ(response.value().status, 200);
  EXPECT_EQ(response.value().headers.size(), 1u);
}

TEST(Client, TakesABodyUntilTheConnectionCloses) {
  EXPECT_EQ(answer_to("HTTP/1.0 200 OK\r\n\r\nall of it", request_of("GET", "/")).value().body,
            "all of it");
}

TEST(Client, TakesAnAnswerThatComesBeforeALargeBodyIsSent) {
  const auto response = answer_to("HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno",
                                  request_of("POST", "/", std::string(20'000'000, 'x')));
  EXPECT_EQ(response.value().status, 413);
}

TEST(Client, BlamesTheServerForAMalformedAnswer) {
  const auto response =
      answer_to("HTTP/1.1 200 OK\nContent-Length: 2\n\nok", request_of("GET", "/"));
  EXPECT_EQ(response.error().code(), ErrorCode::kUpstream);
  EXPECT_THAT(response.error().message(), HasSubstr("line feed without carriage return"));
}

Task<> many(TestServer& test, Client& client, int requests, int& done) {
  TaskGroup group;
  const auto one = [](TestServer& server, Client& sender, int& finished) -> Task<> {
    auto response = co_await sender.send(server.origin(), request_of("GET", "/"), soon());
    if (response) ++finished;
  };
  for (int i = 0; i < requests; ++i)
    group.spawn(one(test, client, done));
  co_await group.drained();
}

TEST(Client, LimitsConnectionsAndMakesRequestsWait) {
  Loop loop;
  TestServer test(loop);
  ClientOptions options;
  options.connections_per_origin = 3;
  options.idle_per_origin = 2;
  Client client(options);
  int done = 0;
  run_until_complete(loop, many(test, client, 50, done));
  EXPECT_EQ(done, 50);
  EXPECT_LE(client.counters().connections_opened, 50u);
  EXPECT_LE(test.server.counters().connections_open, 3u);
}

TEST(Origin, IsReadFromUrlsAndSocketPaths) {
  const Origin tls = Origin::parse("https://127.0.0.1:6443/path").value();
  EXPECT_TRUE(tls.tls);
  EXPECT_EQ(tls.host, "127.0.0.1:6443");
  EXPECT_EQ(tls.address.port(), 6443);
  EXPECT_EQ(Origin::parse("http://[::1]").value().address.text(), "[::1]:80");
  EXPECT_TRUE(Origin::parse("unix:/run/x.sock").value().address.is_unix());
  EXPECT_FALSE(Origin::parse("127.0.0.1:80"));
}

}  // namespace
}  // namespace insula::http
