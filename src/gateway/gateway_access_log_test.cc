#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "gateway/testing/scripted_gateway.h"
#include "gateway/testing/test_gateway.h"
#include "json/parse.h"

namespace insula::gateway {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

std::string text_of(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// Each line of the log, parsed; an ill-formed one fails the test.
std::vector<json::Value> lines_of(const std::filesystem::path& file) {
  std::vector<json::Value> lines;
  std::ifstream stream(file);
  for (std::string line; std::getline(stream, line);) {
    auto parsed = json::parse(line);
    EXPECT_TRUE(parsed) << line;
    if (parsed) lines.push_back(*std::move(parsed));
  }
  return lines;
}

class GatewayAccessLogTest : public GatewayTest {
 public:
  GatewayAccessLogTest() { settings_.access_log.path = file_; }

  /// What the log has once the gateway has ended.
  std::vector<json::Value> finish() {
    gateway_.reset();
    return lines_of(file_);
  }

  std::filesystem::path file_ = directory_ / "access.log";
};

TEST_F(GatewayAccessLogTest, TellsOfARequest) {
  Model model(loop_);
  start({model.address});
  http::Headers headers = bearer(key_of("alphaalpha"));
  headers.add("X-Request-Id", "mine");
  headers.add("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  ASSERT_EQ(send("POST", "/alpha/v1/chat/completions?user=secret", headers, kChat).status, 200);
  const auto lines = finish();
  ASSERT_THAT(lines, SizeIs(1));
  const json::Value& line = lines.front();
  EXPECT_EQ(line["request_id"].text(), "mine");
  EXPECT_EQ(line["trace_id"].text(), "0af7651916cd43dd8448eb211c80319c");
  EXPECT_EQ(line["tenant"].text(), "alpha");
  EXPECT_EQ(line["key"].text(), "alphaalpha");
  EXPECT_EQ(line["model"].text(), "m");
  EXPECT_EQ(line["backend"].text(), "llm-service.alpha.svc:8000");
  EXPECT_EQ(line["endpoint"].text(), model.address.text());
  EXPECT_EQ(line["method"].text(), "POST");
  EXPECT_EQ(line["path"].text(), "/alpha/v1/chat/completions");
  EXPECT_EQ(line["protocol"].text(), "HTTP/1.1");
  EXPECT_EQ(line["client"].text(), "127.0.0.1");
  EXPECT_EQ(line["operation"].text(), "chat.completions");
  EXPECT_EQ(line["status"].as_int64(), 200);
  EXPECT_EQ(line["prompt_tokens"].as_int64(), 3);
  EXPECT_GT(line["completion_tokens"].as_int64(), 0);
  EXPECT_EQ(line["bytes_received"].as_int64(), static_cast<std::int64_t>(kChat.size()));
  EXPECT_GT(line["bytes_sent"].as_int64(), 0);
  EXPECT_EQ(line["attempts"].as_int64(), 1);
  EXPECT_FALSE(line["stream"].as_bool().value_or(true));
  EXPECT_TRUE(line["first_token_ms"].is_null());
  EXPECT_EQ(line["end"].text(), "complete");
  EXPECT_TRUE(line["error"].is_null());
  EXPECT_GE(line["duration_ms"].as_double(), line["first_byte_ms"].as_double());
}

TEST_F(GatewayAccessLogTest, HasNeitherPromptsNorCredentialsNorQueries) {
  Model model(loop_);
  start({model.address});
  ASSERT_EQ(
      send("POST", "/alpha/v1/chat/completions?api_key=hidden", bearer(key_of("alphaalpha")), kChat)
          .status,
      200);
  ASSERT_EQ(send("GET", "/alpha/v1/models", bearer("ins_alphaalpha_wrong")).status, 401);
  finish();
  const std::string text = text_of(file_);
  for (const std::string_view secret : {kSecret, std::string_view("one two three"),
                                        std::string_view("hidden"), std::string_view("ins_")})
    EXPECT_THAT(text, Not(HasSubstr(secret)));
}

TEST_F(GatewayAccessLogTest, HasNoSecretsOfKeysInPaths) {
  start({});
  const std::string key = key_of("alphaalpha");
  EXPECT_EQ(send("GET", "/alpha/v1/files/" + key, bearer(key)).status, 400);
  EXPECT_EQ(send("GET", "/" + key + "/v1/models", bearer(key)).status, 400);
  EXPECT_EQ(send("GET", "/" + key, bearer(key)).status, 404);
  const auto lines = finish();
  ASSERT_THAT(lines, SizeIs(3));
  EXPECT_EQ(lines[0]["path"].text(), "/alpha/v1/files/ins_alphaalpha_***");
  EXPECT_THAT(text_of(file_), Not(HasSubstr(kSecret)));
}

TEST_F(GatewayAccessLogTest, TellsOfStreamsAndRefusals) {
  Model model(loop_);
  start({model.address});
  ASSERT_EQ(chat(kStream).status, 200);
  ASSERT_EQ(send("GET", "/alpha/v1/models", {}).status, 401);
  ASSERT_EQ(send("GET", "/nobody", {}).status, 404);
  const auto lines = finish();
  ASSERT_THAT(lines, SizeIs(3));
  EXPECT_TRUE(lines[0]["stream"].as_bool().value_or(false));
  EXPECT_EQ(lines[0]["completion_tokens"].as_int64(), 5);
  EXPECT_GT(lines[0]["first_token_ms"].as_double(), 0);
  EXPECT_EQ(lines[1]["status"].as_int64(), 401);
  EXPECT_EQ(lines[1]["error"].text(), "invalid_api_key");
  EXPECT_EQ(lines[1]["tenant"].text(), "alpha");
  EXPECT_TRUE(lines[1]["key"].is_null());
  EXPECT_EQ(lines[2]["status"].as_int64(), 404);
  EXPECT_TRUE(lines[2]["tenant"].is_null());
}

TEST_F(GatewayAccessLogTest, TellsOfRequestsForSites) {
  Model model(loop_);
  config_.sites = {{.host = "shop.example",
                    .tenant = "beta",
                    .paths = {{.path = "/",
                               .backend = {.service_host = "web.beta.svc:80",
                                           .endpoints = {model.address.text()}}}}}};
  start({model.address});
  http::Request request{"GET", "/v1/models?token=hidden", {}, ""};
  const auto task = [](GatewayAccessLogTest& test,
                       http::Request asked) -> Task<Result<http::Response>> {
    co_return co_await test.client_.send({test.address_, "shop.example", false}, std::move(asked),
                                         test.loop_.now() + std::chrono::seconds(20));
  };
  ASSERT_EQ(wait(task(*this, request)).value().status, 200);
  const auto lines = finish();
  ASSERT_THAT(lines, SizeIs(1));
  EXPECT_EQ(lines[0]["tenant"].text(), "beta");
  EXPECT_EQ(lines[0]["host"].text(), "shop.example");
  EXPECT_EQ(lines[0]["path"].text(), "/v1/models");
  EXPECT_EQ(lines[0]["backend"].text(), "web.beta.svc:80");
  EXPECT_TRUE(lines[0]["operation"].is_null());
}

TEST_F(GatewayAccessLogTest, GoesOnInANewFileWhenItIsReopened) {
  Model model(loop_);
  start({model.address});
  ASSERT_EQ(chat().status, 200);
  ASSERT_TRUE(wait(gateway_->persist()));
  std::filesystem::rename(file_, directory_ / "moved.log");
  gateway_->reopen_access_log();
  // The log has a thread of its own.
  for (int i = 0; i < 10'000 && !std::filesystem::exists(file_); ++i)
    ASSERT_TRUE(wait(gateway_->persist()));
  ASSERT_EQ(chat().status, 200);
  EXPECT_THAT(finish(), SizeIs(1));
  EXPECT_THAT(lines_of(directory_ / "moved.log"), SizeIs(1));
}

class GatewayAccessLineTest : public GatewayHttpTest {
 public:
  GatewayAccessLineTest() { settings_.access_log.path = file_; }

  std::vector<json::Value> finish() {
    gateway_.reset();
    return lines_of(file_);
  }

  std::filesystem::path file_ = directory_.path() + "/access.log";
};

TEST_F(GatewayAccessLineTest, CannotBeForgedByWhatAClientSends) {
  start(std::string(kOk));
  const std::string host = "g\xff\"}\t{\"status\":1";
  talk({"GET /t/v1/x\"},{\"status\":1 HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n"});
  talk({head("GET /t/v1/\xe2\x80\xa8x\"\\", "Connection: close\r\n")});
  talk({head("G\xff /t/v1/models", "Connection: close\r\n")});
  talk({head("GET /t/v1/models", "traceparent: 00-\"}\r\nConnection: close\r\n")});
  talk({"GET /t/v1/models HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n"});
  const auto lines = finish();
  ASSERT_THAT(lines, SizeIs(5));
  for (const json::Value& line : lines)
    EXPECT_NE(line["status"].as_int64(), 1);
  for (const char c : text_of(file_))
    EXPECT_TRUE(c == '\n' || (c >= ' ' && c <= '~'));
}

TEST_F(GatewayAccessLineTest, SaysHowAReplyEnded) {
  after_ = After::kClose;
  start("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{}");
  post("/t/v1/chat/completions", R"({"model":"m"})");
  const auto lines = finish();
  ASSERT_THAT(lines, SizeIs(1));
  EXPECT_EQ(lines[0]["end"].text(), "broken_off");
  EXPECT_EQ(lines[0]["status"].as_int64(), 502);
  EXPECT_EQ(lines[0]["bytes_sent"].as_int64(), 2);
}

}  // namespace
}  // namespace insula::gateway
