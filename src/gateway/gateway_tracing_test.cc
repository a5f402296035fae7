#include <memory>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "gateway/testing/scripted_gateway.h"
#include "gateway/testing/test_gateway.h"
#include "http/server.h"
#include "json/parse.h"

namespace insula::gateway {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr std::string_view kTrace = "0af7651916cd43dd8448eb211c80319c";
constexpr std::string_view kSpan = "b7ad6b7169203331";

std::string traceparent(std::string_view flags) {
  return "00-" + std::string(kTrace) + "-" + std::string(kSpan) + "-" + std::string(flags);
}

/// Requires: it is one.
const json::Array& list(const json::Value& value) {
  return *value.as_array();
}

/// A collector that keeps what it is sent.
class Collector final : public http::Handler {
 public:
  explicit Collector(Loop& loop) {
    auto listener = net::Listener::bind(loop, any_port()).value();
    address_ = listener->address();
    server_->serve(std::move(listener));
  }

  Task<> handle(http::Exchange& exchange) override {
    constexpr std::size_t kBytesMax = std::size_t{1} << 20U;
    const auto body = co_await exchange.body(kBytesMax);
    EXPECT_EQ(exchange.request().target, "/v1/traces");
    EXPECT_EQ(exchange.request().headers.get("Content-Type"), "application/json");
    take(body.value());
    static_cast<void>(co_await exchange.respond(answer_));
  }

  [[nodiscard]] std::string url() const { return "http://" + address_.text(); }

  /// What it answers from now on.
  void answer(int status, std::string body) {
    answer_ = http::make_response(status, "application/json", std::move(body));
  }

  [[nodiscard]] const std::vector<json::Value>& spans() const { return spans_; }

  [[nodiscard]] int requests() const { return requests_; }

 private:
  void take(const std::string& text) {
    ++requests_;
    const auto body = json::parse(text);
    ASSERT_TRUE(body) << text;
    for (const json::Value& of_resource : list((*body)["resourceSpans"])) {
      for (const json::Value& of_scope : list(of_resource["scopeSpans"])) {
        for (const json::Value& span : list(of_scope["spans"]))
          spans_.push_back(span);
      }
    }
  }

  http::Response answer_ = http::make_response(200, "application/json", "{}");
  std::vector<json::Value> spans_;
  int requests_ = 0;
  net::Address address_;
  std::unique_ptr<http::Server> server_ =
      std::make_unique<http::Server>(*this, http::ServerOptions{});
};

/// The value of an attribute as text; empty when there is none.
std::string attribute(const json::Value& span, std::string_view key) {
  for (const json::Value& one : list(span["attributes"])) {
    if (one["key"].text() != key) continue;
    const json::Value& value = one["value"];
    return std::string(value["stringValue"].text(value["intValue"].text()));
  }
  return {};
}

class GatewayTracingTest : public GatewayTest {
 public:
  GatewayTracingTest() { settings_.tracing.endpoint = collector_.url(); }

  int chat_with(http::Headers more, std::string_view body = kChat) {
    http::Headers headers = bearer(key_of("alphaalpha"));
    for (const auto& [name, value] : more)
      headers.add(name, value);
    return send("POST", "/alpha/v1/chat/completions", headers, body).status;
  }

  /// Ends the gateway, and with it what waits to be exported.
  void finish() { ASSERT_TRUE(wait(gateway_->drain(loop_.now() + std::chrono::seconds(10)))); }

  std::uint64_t dropped(std::string reason) {
    return registry_
        .counter("insula_gateway_spans_dropped_total", "", {{"reason", std::move(reason)}})
        .value();
  }

  Collector collector_{loop_};
};

TEST_F(GatewayTracingTest, ExportsASpanOfARequestThatASampledTraceHas) {
  Model model(loop_);
  start({model.address});
  ASSERT_EQ(chat_with({{"traceparent", traceparent("01")}, {"tracestate", "a=1"}}), 200);
  finish();
  ASSERT_THAT(collector_.spans(), SizeIs(1));
  const json::Value& span = collector_.spans().front();
  EXPECT_EQ(span["traceId"].text(), kTrace);
  EXPECT_EQ(span["parentSpanId"].text(), kSpan);
  EXPECT_THAT(std::string(span["spanId"].text()), SizeIs(16));
  EXPECT_NE(span["spanId"].text(), kSpan);
  EXPECT_EQ(span["traceState"].text(), "a=1");
  EXPECT_EQ(span["name"].text(), "chat m");
  EXPECT_EQ(span["kind"].as_int64(), 2);
  EXPECT_EQ(attribute(span, "gen_ai.operation.name"), "chat");
  EXPECT_EQ(attribute(span, "gen_ai.request.model"), "m");
  EXPECT_EQ(attribute(span, "gen_ai.usage.input_tokens"), "3");
  EXPECT_NE(attribute(span, "gen_ai.usage.output_tokens"), "");
  EXPECT_EQ(attribute(span, "http.response.status_code"), "200");
  EXPECT_EQ(attribute(span, "insula.tenant"), "alpha");
  EXPECT_EQ(attribute(span, "error.type"), "");
  EXPECT_EQ(attribute(span, "url.scheme"), "http");
  EXPECT_EQ(attribute(span, "server.address"), "gateway");
  EXPECT_EQ(attribute(span, "server.port"), "");
  EXPECT_THAT(list(span["events"]), SizeIs(1)) << "the first byte; tokens come in streams";
  EXPECT_LE(span["startTimeUnixNano"].text(), span["endTimeUnixNano"].text());
}

TEST_F(GatewayTracingTest, TellsThePortAndTheFirstTokenOfAStream) {
  Model model(loop_);
  start({model.address});
  ASSERT_EQ(chat_with({{"Host", "a.example.com:8443"}}, kStream), 200);
  finish();
  ASSERT_THAT(collector_.spans(), SizeIs(1));
  const json::Value& span = collector_.spans().front();
  EXPECT_EQ(attribute(span, "server.address"), "a.example.com");
  EXPECT_EQ(attribute(span, "server.port"), "8443");
  EXPECT_THAT(list(span["events"]), SizeIs(2));
}

TEST_F(GatewayTracingTest, LeavesOutWhatItsParentDidNotSample) {
  Model model(loop_);
  start({model.address});
  ASSERT_EQ(chat_with({{"traceparent", traceparent("00")}}), 200);
  finish();
  EXPECT_THAT(collector_.spans(), IsEmpty());
}

TEST_F(GatewayTracingTest, BeginsATraceWhereThereIsNoValidOne) {
  Model model(loop_);
  start({model.address});
  ASSERT_EQ(chat_with({{"traceparent", "00-nonsense"}, {"tracestate", "a=1"}}), 200);
  ASSERT_EQ(chat_with({}), 200);
  finish();
  ASSERT_THAT(collector_.spans(), SizeIs(2));
  std::set<std::string> traces;
  for (const json::Value& span : collector_.spans()) {
    traces.emplace(span["traceId"].text());
    EXPECT_TRUE(span["parentSpanId"].is_null());
    EXPECT_TRUE(span["traceState"].is_null());
  }
  EXPECT_THAT(traces, SizeIs(2));
}

TEST_F(GatewayTracingTest, SamplesTheTracesThatBeginHereByTheRatio) {
  Model model(loop_);
  settings_.tracing.ratio = 0;
  start({model.address});
  ASSERT_EQ(chat_with({}), 200);
  ASSERT_EQ(chat_with({{"traceparent", traceparent("01")}}), 200);
  finish();
  EXPECT_THAT(collector_.spans(), SizeIs(1));
}

TEST_F(GatewayTracingTest, SaysWhyARequestWasRefused) {
  start({});
  ASSERT_EQ(chat_with({}), 503);
  ASSERT_EQ(send("GET", "/alpha/v1/models", {}).status, 401);
  finish();
  ASSERT_THAT(collector_.spans(), SizeIs(2));
  EXPECT_EQ(attribute(collector_.spans()[0], "error.type"), "no_ready_endpoint");
  EXPECT_EQ(collector_.spans()[0]["status"]["code"].as_int64(), 2);
  EXPECT_EQ(attribute(collector_.spans()[1], "error.type"), "invalid_api_key");
  EXPECT_TRUE(collector_.spans()[1]["status"]["code"].is_null());
}

TEST_F(GatewayTracingTest, CountsWhatACollectorDoesNotWant) {
  Model model(loop_);
  start({model.address});
  collector_.answer(200, R"({"partialSuccess":{"rejectedSpans":"1"}})");
  ASSERT_EQ(chat_with({}), 200);
  finish();
  EXPECT_EQ(dropped("refused"), 1U);
  EXPECT_EQ(registry_.counter("insula_gateway_spans_exported_total", "").value(), 0U);
}

TEST_F(GatewayTracingTest, DropsAndCountsWhatACollectorRefuses) {
  Model model(loop_);
  start({model.address});
  collector_.answer(400, "{}");
  ASSERT_EQ(chat_with({}), 200);
  finish();
  EXPECT_EQ(dropped("refused"), 1U);
  EXPECT_EQ(collector_.requests(), 1);
}

TEST_F(GatewayTracingTest, AnswersWhileNoCollectorIsThere) {
  Model model(loop_);
  settings_.tracing.endpoint = "http://127.0.0.1:1";
  start({model.address});
  for (int i = 0; i < 10; ++i)
    ASSERT_EQ(chat_with({}), 200);
}

TEST_F(GatewayTracingTest, RefusesAnEndpointThatIsNone) {
  settings_.directory = directory_;
  for (const char* wrong : {"collector:4318", "ftp://collector", "http://"}) {
    settings_.tracing.endpoint = wrong;
    EXPECT_FALSE(Gateway::create(settings_, system_clock(), registry_, {})) << wrong;
  }
}

/// What an upstream is told.
class GatewayTraceContextTest : public GatewayHttpTest {};

TEST_F(GatewayTraceContextTest, IsPassedOnAsItCameWhereNoSpansAreExported) {
  start(std::string(kOk));
  talk({head("GET /t/v1/models", "traceparent: " + traceparent("01") +
                                     "\r\ntracestate: a=1\r\nConnection: close\r\n")});
  EXPECT_THAT(seen_, HasSubstr("traceparent: " + traceparent("01") + "\r\ntracestate: a=1\r\n"));
}

TEST_F(GatewayTraceContextTest, IsNotThereWhereItIsNotValid) {
  start(std::string(kOk));
  talk({head("GET /t/v1/models",
             "Traceparent: 00-forged\r\ntracestate: a=1\r\nConnection: close\r\n")});
  EXPECT_THAT(seen_, HasSubstr("GET "));
  EXPECT_THAT(seen_, Not(::testing::ContainsRegex("[Tt]race(parent|state)")));
}

TEST_F(GatewayTraceContextTest, HasTheGatewaysSpanWhereSpansAreExported) {
  Collector collector(loop_);
  settings_.tracing.endpoint = collector.url();
  start(std::string(kOk));
  talk({head("GET /t/v1/models",
             "traceparent: " + traceparent("01") + "\r\nConnection: close\r\n")});
  run([](GatewayTraceContextTest& test) -> Task<> {
    EXPECT_TRUE(co_await test.gateway_->drain(test.loop_.now() + std::chrono::seconds(10)));
  }(*this));
  ASSERT_THAT(collector.spans(), SizeIs(1));
  EXPECT_THAT(seen_, HasSubstr("traceparent: 00-" + std::string(kTrace) + "-" +
                               std::string(collector.spans()[0]["spanId"].text()) + "-01\r\n"));
}

}  // namespace
}  // namespace insula::gateway
