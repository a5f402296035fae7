#include "simulator/simulator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "async/loop.h"
#include "http/client.h"
#include "json/parse.h"
#include "simulator/text.h"

namespace insula::simulator {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kChat =
    R"({"model":"any","messages":[{"role":"user","content":"three short words"}]})";

SimulatorOptions fast() {
  SimulatorOptions options;
  options.time_to_first_token = {};
  options.tokens_per_second = 0;
  return options;
}

class SimulatorTest : public ::testing::Test {
 protected:
  void start(SimulatorOptions options) {
    simulator_.emplace(std::move(options), system_clock());
    auto listener = net::Listener::bind(loop_, net::Address::parse("127.0.0.1:0").value()).value();
    address_ = listener->address();
    simulator_->serve(std::move(listener));
  }

  http::Response send(std::string method,
                      std::string target,
                      std::string_view body = {},
                      http::Headers headers = {}) {
    http::Request request{std::move(method), std::move(target), std::move(headers),
                          std::string(body)};
    Result<http::Response> response = fail(ErrorCode::kInternal, "not sent");
    run_until_complete(loop_, send_task(std::move(request), response));
    return response
               ? *response
               : http::Response{.status = 0, .headers = {}, .body = response.error().message()};
  }

  Task<> send_task(http::Request request, Result<http::Response>& response) {
    http::Client client({});
    response = co_await client.send({address_, "sim", false}, std::move(request),
                                    loop_.now() + std::chrono::seconds(20));
  }

  Loop loop_;
  net::Address address_;
  std::optional<Simulator> simulator_;
};

TEST_F(SimulatorTest, BillsExactlyWhatItWasAskedAndSaid) {
  start(fast());
  const auto response = send("POST", "/v1/chat/completions", kChat);
  ASSERT_EQ(response.status, 200) << response.body;
  const auto body = json::parse(response.body).value();
  const json::Object& usage = *body.as_object()->find("usage")->as_object();
  const std::string& text = *body.as_object()
                                 ->find("choices")
                                 ->as_array()
                                 ->front()
                                 .as_object()
                                 ->find("message")
                                 ->as_object()
                                 ->find("content")
                                 ->as_string();
  EXPECT_EQ(usage.find("prompt_tokens")->as_int64(), 3);
  EXPECT_EQ(usage.find("completion_tokens")->as_int64(), count_tokens(text));
}

TEST_F(SimulatorTest, TheSameSeedSaysTheSame) {
  start(fast());
  const auto first = send("POST", "/v1/completions", R"({"model":"m","prompt":"p"})");
  const auto second = send("POST", "/v1/completions", R"({"model":"m","prompt":"p"})");
  const auto text_of = [](const http::Response& response) {
    return response.body.substr(response.body.find("\"choices\""));
  };
  EXPECT_EQ(text_of(first), text_of(second));
  EXPECT_EQ(invent_reply(1, "p", 5).tokens, invent_reply(1, "p", 5).tokens);
  EXPECT_NE(invent_reply(1, "p", 8).tokens, invent_reply(2, "p", 8).tokens);
}

TEST_F(SimulatorTest, StreamsATokenAnEventAndUsageWhenAsked) {
  start(fast());
  const auto with_usage =
      send("POST", "/v1/chat/completions",
           R"({"model":"m","messages":[{"content":"x"}],"max_tokens":4,"stream":true,)"
           R"("stream_options":{"include_usage":true}})");
  EXPECT_THAT(with_usage.body,
              HasSubstr(R"("choices":[],"usage":{"prompt_tokens":1,"completion_tokens":4,)"));
  EXPECT_THAT(with_usage.body, HasSubstr("\"finish_reason\":\"length\""));
  EXPECT_TRUE(with_usage.body.ends_with("data: [DONE]\n\n"));
  const auto without = send("POST", "/v1/chat/completions",
                            R"({"model":"m","messages":[{"content":"x"}],"stream":true})");
  EXPECT_THAT(without.body, Not(HasSubstr("usage")));
}

TEST_F(SimulatorTest, KnowsItsModels) {
  SimulatorOptions options = fast();
  options.models = {"llama"};
  start(options);
  EXPECT_THAT(send("GET", "/v1/models").body, HasSubstr("\"id\":\"llama\""));
  EXPECT_EQ(send("POST", "/v1/chat/completions", kChat).status, 404);
  EXPECT_EQ(send("POST", "/v1/embeddings", R"({"model":"llama","input":["a b","c"]})").status, 200);
}

TEST_F(SimulatorTest, FailsOnPurpose) {
  start(fast());
  EXPECT_EQ(send("POST", "/v1/chat/completions", kChat, {{"X-Sim-Error", "503"}}).status, 503);
  EXPECT_EQ(send("POST", "/v1/completions", R"({"model":"m","prompt":"say [[error:429]]"})").status,
            429);
  EXPECT_EQ(send("POST", "/v1/chat/completions", kChat, {{"X-Sim-Error", "drop"}}).status, 0);
  EXPECT_EQ(send("POST", "/v1/chat/completions", kChat, {{"X-Sim-Error", "cut"}}).status, 0);
}

TEST_F(SimulatorTest, RefusesBadRequestsInOpenAisWords) {
  start(fast());
  for (const std::string_view body :
       {"", "{", "[]", R"({"model":"m"})", R"({"model":"m","messages":[]})",
        R"({"messages":[{"content":"x"}]})",
        R"({"model":"m","messages":[{"content":"x"}],"max_tokens":0})"}) {
    const auto response = send("POST", "/v1/chat/completions", body);
    EXPECT_EQ(response.status, 400) << body;
    EXPECT_THAT(response.body, HasSubstr(R"("type":"invalid_request_error")"));
  }
  EXPECT_EQ(send("GET", "/nothing").status, 404);
}

TEST_F(SimulatorTest, ShowsVllmsMetrics) {
  start(fast());
  send("POST", "/v1/chat/completions", kChat);
  const std::string metrics = send("GET", "/metrics").body;
  EXPECT_THAT(metrics, HasSubstr("vllm:num_requests_running{model_name=\"llm-sim\"} 0"));
  EXPECT_THAT(metrics, HasSubstr("vllm:prompt_tokens_total{model_name=\"llm-sim\"} 3"));
  EXPECT_THAT(metrics, HasSubstr("vllm:kv_cache_usage_perc"));
}

TEST(SimulatorOptions, AreReadInBothSpellings) {
  const std::vector<std::string_view> arguments = {
      "--port=9", "--time-to-first-token", "15ms", "--model", "a", "--model=b"};
  const auto options = parse_options(arguments).value().value();
  EXPECT_EQ(options.port, 9);
  EXPECT_EQ(options.time_to_first_token, std::chrono::milliseconds(15));
  EXPECT_EQ(options.models, (std::vector<std::string>{"a", "b"}));
  for (const std::string_view wrong :
       {"--port=70000", "--port=x", "--seed", "--nothing=1", "word", "--error-rate=2"}) {
    EXPECT_FALSE(parse_options({&wrong, 1})) << wrong;
  }
  const std::string_view help = "--help";
  EXPECT_FALSE(parse_options({&help, 1})->has_value());
}

}  // namespace
}  // namespace insula::simulator
