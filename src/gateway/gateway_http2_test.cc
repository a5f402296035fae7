// The gateway over HTTP/2: what HTTP/1.1 clients get, and what only this protocol asks for.

#include <chrono>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gateway/testing/http2_driver.h"
#include "gateway/testing/test_gateway.h"
#include "net/tls.h"

namespace insula::gateway {
namespace {

using http::Http2TestClient;
using http::StreamId;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""ms;
using ::testing::HasSubstr;

constexpr std::uint32_t kNoError = 0;
constexpr std::uint32_t kInternalError = 2;
constexpr std::uint32_t kRefusedStream = 7;
constexpr std::uint32_t kCancel = 8;

class GatewayHttp2Test : public GatewayTest {
 public:
  Task<std::unique_ptr<Http2Driver>> connect(Http2TestClient::Options options = {}) {
    auto stream = (co_await net::dial(address_, loop_.now() + 5s)).value();
    co_return std::make_unique<Http2Driver>(std::move(stream), options);
  }

  static Http2TestClient::Fields chat_fields(Http2TestClient::Fields more = {}) {
    more.emplace_back("authorization", "Bearer " + key_of("alphaalpha"));
    more.emplace_back("content-type", "application/json");
    return http::http2_post("/alpha/v1/chat/completions", std::move(more));
  }

  /// One request over a connection of its own; its reply.
  Http2TestClient::Reply ask(const Http2TestClient::Fields& fields, std::string_view body) {
    const auto task = [](GatewayHttp2Test& test, const Http2TestClient::Fields& head,
                         std::string content) -> Task<Http2TestClient::Reply> {
      const auto connected = co_await test.connect();
      Http2Driver& driver = *connected;
      const StreamId id = driver.client.submit(head, std::move(content));
      EXPECT_TRUE(co_await driver.finish(id));
      co_return driver.client.reply(id);
    };
    return wait(task(*this, fields, std::string(body)));
  }

  /// Waits, in turns of the loop, until the model has seen so many clients leave.
  Task<bool> aborted(Model& model, std::uint64_t count) {
    const Deadline end = loop_.now() + 5s;
    while (model.simulator.aborted() < count && loop_.now() < end)
      co_await yield();
    co_return model.simulator.aborted() == count;
  }
};

TEST_F(GatewayHttp2Test, RelaysACompletionWithItsLimits) {
  Model model(loop_);
  start({model.address});
  const auto reply = ask(chat_fields({{"x-request-id", "mine"}}), kChat);
  EXPECT_EQ(reply.status, 200);
  EXPECT_TRUE(reply.ended);
  EXPECT_EQ(reply.closed, kNoError);
  EXPECT_EQ(reply.field("content-type"), "application/json");
  EXPECT_EQ(reply.field("content-length"), std::to_string(reply.body.size()));
  EXPECT_EQ(reply.field("x-request-id"), "mine");
  EXPECT_EQ(reply.field("x-ratelimit-remaining-requests"), "999");
  EXPECT_EQ(reply.field("connection"), "");
  EXPECT_EQ(reply.field("transfer-encoding"), "");
  EXPECT_THAT(reply.body, HasSubstr("chat.completion"));
  EXPECT_EQ(usage().requests, 1);
  EXPECT_GT(usage().completion_tokens, 0);
}

TEST_F(GatewayHttp2Test, StreamsEventsAndHidesTheUsageItAskedFor) {
  Model model(loop_);
  start({model.address});
  const auto reply = ask(chat_fields(), kStream);
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.field("content-type"), "text/event-stream");
  EXPECT_TRUE(reply.body.ends_with("data: [DONE]\n\n")) << reply.body;
  EXPECT_THAT(reply.body, ::testing::Not(HasSubstr("prompt_tokens")));
  EXPECT_EQ(usage().completion_tokens, 5);
  EXPECT_EQ(usage().estimated, 0);
}

TEST_F(GatewayHttp2Test, CarriesAHundredStreamsAtOnceOverOneConnection) {
  Model model(loop_);
  start({model.address});
  const auto scenario = [](GatewayHttp2Test& test) -> Task<bool> {
    const auto connected = co_await test.connect();
    Http2Driver& driver = *connected;
    std::vector<StreamId> ids;
    for (int i = 0; i < 100; ++i)
      ids.push_back(driver.client.submit(test.chat_fields(), std::string(kStream)));
    for (const StreamId id : ids) {
      EXPECT_TRUE(co_await driver.finish(id));
      EXPECT_EQ(driver.client.reply(id).status, 200);
      EXPECT_TRUE(driver.client.reply(id).body.ends_with("data: [DONE]\n\n"));
    }
    co_return true;
  };
  EXPECT_TRUE(wait(scenario(*this)));
  EXPECT_EQ(usage().requests, 100);
}

TEST_F(GatewayHttp2Test, TakesABodyInManyPieces) {
  Model model(loop_);
  start({model.address});
  const auto scenario = [](GatewayHttp2Test& test) -> Task<std::string> {
    const auto connected = co_await test.connect();
    Http2Driver& driver = *connected;
    const StreamId id = driver.client.submit(test.chat_fields(), {}, true);
    for (const char c : kChat) {
      driver.client.send(id, {&c, 1}, false);
      EXPECT_TRUE(co_await driver.flush());
    }
    driver.client.send(id, {}, true);
    EXPECT_TRUE(co_await driver.finish(id));
    co_return driver.client.reply(id).body;
  };
  EXPECT_THAT(wait(scenario(*this)), HasSubstr("chat.completion"));
}

TEST_F(GatewayHttp2Test, TakesBodiesFarLargerThanItsWindows) {
  Model model(loop_);
  start({model.address});
  const std::string prompt(3'000'000, 'p');
  const auto reply = ask(chat_fields(), R"({"model":"m","max_tokens":1,"messages":[{"content":")" +
                                            prompt + R"("}]})");
  EXPECT_EQ(reply.status, 200) << reply.body;
}

TEST_F(GatewayHttp2Test, AsksForABodyThatWaitsToBeAskedFor) {
  Model model(loop_);
  start({model.address});
  const auto scenario = [](GatewayHttp2Test& test) -> Task<bool> {
    const auto connected = co_await test.connect();
    Http2Driver& driver = *connected;
    const StreamId id =
        driver.client.submit(test.chat_fields({{"expect", "100-continue"}}), {}, true);
    EXPECT_TRUE(co_await driver.until([&] { return driver.client.reply(id).continued; }));
    driver.client.send(id, kChat, true);
    EXPECT_TRUE(co_await driver.finish(id));
    co_return driver.client.reply(id).status == 200;
  };
  EXPECT_TRUE(wait(scenario(*this)));
}

TEST_F(GatewayHttp2Test, RefusesInOpenAisWordsAndReadsNoBodyForIt) {
  Model model(loop_);
  config_.tenants[1].limits.requests_per_hour = 0;
  start({model.address});

  struct Case {
    std::string path;
    std::string credential;
    int status;
    const char* code;
  };

  const std::vector<Case> cases = {
      {"/alpha/v1/chat/completions", "", 401, "invalid_api_key"},
      {"/alpha/v1/chat/completions", key_of("betabetabe"), 403, "tenant_mismatch"},
      {"/gamma/v1/chat/completions", key_of("alphaalpha"), 404, "unknown_tenant"},
      {"/beta/v1/chat/completions", key_of("betabetabe"), 429, "rate_limit_exceeded"},
  };
  for (const std::string& body : {std::string(kChat), std::string(900'000, 'x')}) {
    for (const Case& c : cases) {
      Http2TestClient::Fields fields = http::http2_post(c.path);
      if (!c.credential.empty()) fields.emplace_back("authorization", "Bearer " + c.credential);
      const auto reply = ask(fields, body);
      EXPECT_EQ(reply.status, c.status) << c.path;
      EXPECT_THAT(reply.body, HasSubstr(c.code)) << c.path;
      EXPECT_TRUE(reply.ended);
      EXPECT_EQ(reply.closed, kNoError) << c.path;
    }
  }
  EXPECT_EQ(model.simulator.requests(), 0);
}

TEST_F(GatewayHttp2Test, AHeadThatIsRefusedIsAnswered) {
  Model model(loop_);
  start({model.address});
  EXPECT_EQ(ask(chat_fields({{"host", "other"}}), kChat).status, 400);
  EXPECT_EQ(ask(chat_fields({{"content_length", "1"}}), kChat).status, 400);
  Http2TestClient::Fields many = chat_fields();
  for (int i = 0; i < 200; ++i)
    many.emplace_back("x-" + std::to_string(i), "1");
  EXPECT_EQ(ask(many, kChat).status, 431);
}

TEST_F(GatewayHttp2Test, StopsABodyThatIsTooLarge) {
  Model model(loop_);
  settings_.body_bytes_max = 10'000;
  start({model.address});
  EXPECT_EQ(ask(chat_fields({{"content-length", "20000"}}), std::string(20'000, 'x')).status, 413);
  EXPECT_EQ(ask(chat_fields(), std::string(20'000, 'x')).status, 413);
}

TEST_F(GatewayHttp2Test, ARefusedBodyWithoutEndIsStopped) {
  Model model(loop_);
  start({model.address});
  const auto scenario = [](GatewayHttp2Test& test) -> Task<bool> {
    const auto connected = co_await test.connect();
    Http2Driver& driver = *connected;
    const StreamId id = driver.client.submit(http::http2_post("/alpha/v1/chat/completions"),
                                             std::string(5'000'000, 'x'));
    EXPECT_TRUE(co_await driver.finish(id));
    EXPECT_EQ(driver.client.reply(id).status, 401);
    EXPECT_TRUE(driver.client.reply(id).ended);
    EXPECT_EQ(driver.client.reply(id).closed, kNoError);
    co_return driver.client.unsent(id) > 1'000'000;
  };
  EXPECT_TRUE(wait(scenario(*this)));
}

TEST_F(GatewayHttp2Test, AReplyThatBreaksOffNeverLooksComplete) {
  Model model(loop_);
  start({model.address});
  const auto reply = ask(chat_fields({{"x-sim-error", "cut"}}), kChat);
  EXPECT_FALSE(reply.ended);
  EXPECT_EQ(reply.closed, kInternalError);
  EXPECT_EQ(usage().failed, 1);
}

TEST_F(GatewayHttp2Test, StopsTheUpstreamAtOnceWhenAStreamIsCancelledOrTheClientLeaves) {
  Model model(loop_);
  start({model.address});
  const auto scenario = [](GatewayHttp2Test& test, Model& hanging) -> Task<bool> {
    const auto connected = co_await test.connect();
    Http2Driver& driver = *connected;
    const StreamId cancelled =
        driver.client.submit(test.chat_fields({{"x-sim-error", "hang"}}), std::string(kChat));
    const StreamId left =
        driver.client.submit(test.chat_fields({{"x-sim-error", "hang"}}), std::string(kChat));
    static_cast<void>(left);
    EXPECT_TRUE(co_await driver.flush());
    while (hanging.simulator.requests() < 2)
      co_await yield();
    driver.client.reset(cancelled);
    EXPECT_TRUE(co_await driver.flush());
    EXPECT_TRUE(co_await test.aborted(hanging, 1));
    driver.close();
    co_return co_await test.aborted(hanging, 2);
  };
  EXPECT_TRUE(wait(scenario(*this, model)));
  const auto prompt = static_cast<std::int64_t>(kChat.size()) / llm::kBytesPerToken;
  EXPECT_EQ(usage(),
            (UsageCounts{.requests = 2, .failed = 2, .prompt_tokens = 2 * prompt, .estimated = 2}));
}

TEST_F(GatewayHttp2Test, AClientThatDoesNotReadHoldsItsUpstreamBackAndIsCutOff) {
  constexpr std::size_t kPiece = std::size_t{1} << 20U;
  constexpr std::size_t kPieces = 200;
  auto listener = net::Listener::bind(loop_, any_port()).value();
  std::size_t sent = 0;
  const auto flood = [](net::Listener& from, std::size_t& pieces) -> Task<> {
    auto stream = (co_await from.accept()).value();
    std::array<char, 4096> buffer{};
    static_cast<void>(co_await stream->read(buffer));
    static_cast<void>(
        co_await stream->write("HTTP/1.1 200 OK\r\nContent-Length: 209715200\r\n\r\n"));
    const std::string piece(kPiece, 'x');
    while (pieces < kPieces && co_await stream->write(piece))
      ++pieces;
  };
  TaskGroup flooding;
  flooding.spawn(flood(*listener, sent));
  settings_.timeouts.client_write = 100ms;
  start({listener->address()});
  const auto scenario = [](GatewayHttp2Test& test) -> Task<Http2TestClient::Reply> {
    const auto connected = co_await test.connect({.stream_window = 1000, .reads = false});
    Http2Driver& driver = *connected;
    const StreamId id = driver.client.submit(chat_fields(), std::string(kChat));
    EXPECT_TRUE(co_await driver.finish(id));
    co_return driver.client.reply(id);
  };
  const auto reply = wait(scenario(*this));
  EXPECT_EQ(reply.closed, kCancel);
  EXPECT_FALSE(reply.ended);
  EXPECT_EQ(reply.body.size(), 1000);
  // What sockets hold on the way, and little more.
  EXPECT_LT(sent, 40);
}

TEST_F(GatewayHttp2Test, StreamsBeyondItsRoomAreRefusedUntouched) {
  Model model(loop_);
  settings_.connections_max = 3;
  start({model.address});
  const auto scenario = [](GatewayHttp2Test& test) -> Task<bool> {
    const auto connected = co_await test.connect();
    Http2Driver& driver = *connected;
    std::vector<StreamId> ids;
    for (int i = 0; i < 3; ++i)
      ids.push_back(
          driver.client.submit(test.chat_fields({{"x-sim-error", "hang"}}), std::string(kChat)));
    EXPECT_TRUE(co_await driver.finish(ids[2]));
    EXPECT_EQ(driver.client.reply(ids[2]).closed, kRefusedStream);
    EXPECT_EQ(driver.client.reply(ids[0]).closed, std::nullopt);
    co_return true;
  };
  EXPECT_TRUE(wait(scenario(*this)));
}

TEST_F(GatewayHttp2Test, ADrainFinishesWhatItHasBegunAndSaysSo) {
  simulator::SimulatorOptions slow = Model::quick();
  slow.tokens_per_second = 40;
  Model model(loop_, slow);
  start({model.address});
  const auto scenario = [](GatewayHttp2Test& test, Model& answering) -> Task<bool> {
    const auto connected = co_await test.connect();
    Http2Driver& driver = *connected;
    const StreamId id = driver.client.submit(test.chat_fields(), std::string(kStream));
    EXPECT_TRUE(co_await driver.flush());
    while (answering.simulator.requests() == 0)
      co_await yield();
    std::optional<Result<>> drained;
    const auto drain = [](Gateway& gateway, Deadline end, std::optional<Result<>>& done) -> Task<> {
      done = co_await gateway.drain(end);
    };
    TaskGroup draining;
    draining.spawn(drain(*test.gateway_, test.loop_.now() + 300s, drained));
    EXPECT_TRUE(co_await driver.until([&] { return driver.client.goaway().has_value(); }));
    EXPECT_FALSE(driver.client.reply(id).ended);
    EXPECT_TRUE(co_await driver.finish(id));
    EXPECT_TRUE(driver.client.reply(id).body.ends_with("data: [DONE]\n\n"));
    EXPECT_TRUE(co_await driver.ended());
    EXPECT_EQ(driver.client.goaway(), kNoError);
    co_await draining.drained();
    co_return drained && drained->has_value();
  };
  EXPECT_TRUE(wait(scenario(*this, model)));
}

TEST_F(GatewayHttp2Test, AnIdleConnectionIsLetGoWithAGoodbye) {
  Model model(loop_);
  settings_.timeouts.idle = 1ms;
  start({model.address});
  const auto scenario = [](GatewayHttp2Test& test) -> Task<bool> {
    const auto connected = co_await test.connect();
    Http2Driver& driver = *connected;
    EXPECT_TRUE(co_await driver.ended());
    co_return driver.client.goaway() == kNoError;
  };
  EXPECT_TRUE(wait(scenario(*this)));
}

TEST_F(GatewayHttp2Test, AHeadThatDoesNotEndIsNotWaitedForForEver) {
  Model model(loop_);
  settings_.timeouts.head = 1ms;
  start({model.address});
  const auto scenario = [](GatewayHttp2Test& test) -> Task<bool> {
    auto stream = (co_await net::dial(test.address_, test.loop_.now() + 5s)).value();
    constexpr int kHeaders = 1;
    const std::string begin =
        http::http2_hello() + http::http2_frame(kHeaders, 0, 1, http::http2_literal("x", "1"));
    EXPECT_TRUE(co_await stream->write(begin));
    std::array<char, 4096> buffer{};
    for (;;) {
      const auto got = co_await stream->read(buffer);
      if (!got || *got == 0) co_return true;
    }
  };
  EXPECT_TRUE(wait(scenario(*this)));
}

TEST_F(GatewayHttp2Test, ABodyThatDoesNotComeIsNotWaitedForForEver) {
  Model model(loop_);
  settings_.timeouts.body_gap = 1ms;
  start({model.address});
  const auto scenario = [](GatewayHttp2Test& test) -> Task<Http2TestClient::Reply> {
    const auto connected = co_await test.connect();
    Http2Driver& driver = *connected;
    const StreamId id = driver.client.submit(test.chat_fields(), "{", true);
    EXPECT_TRUE(co_await driver.finish(id));
    co_return driver.client.reply(id);
  };
  EXPECT_EQ(wait(scenario(*this)).closed, kCancel);
  EXPECT_EQ(model.simulator.requests(), 0);
}

TEST_F(GatewayHttp2Test, IsSpokenAfterAPrefaceThatComesByteByByte) {
  Model model(loop_);
  start({model.address});
  const auto scenario = [](GatewayHttp2Test& test) -> Task<int> {
    const auto connected = co_await test.connect();
    Http2Driver& driver = *connected;
    const StreamId id = driver.client.submit(test.chat_fields(), std::string(kChat));
    for (const char c : driver.client.output()) {
      EXPECT_TRUE(co_await driver.stream().write({&c, 1}));
      co_await yield();
    }
    EXPECT_TRUE(co_await driver.finish(id));
    co_return driver.client.reply(id).status;
  };
  EXPECT_EQ(wait(scenario(*this)), 200);
}

TEST_F(GatewayHttp2Test, ARunningStreamDoesNotKeepTheGatewayAlive) {
  Model model(loop_);
  start({model.address});
  const auto scenario = [](GatewayHttp2Test& test, Model& hanging) -> Task<bool> {
    const auto connected = co_await test.connect();
    Http2Driver& driver = *connected;
    for (int i = 0; i < 3; ++i)
      driver.client.submit(test.chat_fields({{"x-sim-error", "hang"}}), std::string(kChat));
    EXPECT_TRUE(co_await driver.flush());
    while (hanging.simulator.requests() < 3)
      co_await yield();
    test.gateway_.reset();
    co_return co_await driver.ended();
  };
  EXPECT_TRUE(wait(scenario(*this, model)));
}

}  // namespace
}  // namespace insula::gateway
