// The description of the API is what the gateway does: its tables, and what it answers, are
// compared with it.

#include "gateway/api_description.h"

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gateway/api_error.h"
#include "gateway/testing/test_models.h"
#include "json/parse.h"
#include "llm/request.h"

namespace insula::gateway {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

json::Value document() {
  return json::parse(api_description()).value();
}

/// What a reference leads to; a value that is none, itself.
const json::Value& resolve(const json::Value& whole, const json::Value& value) {
  std::string_view path = value["$ref"].text();
  if (path.empty()) return value;
  const json::Value* found = &whole;
  path.remove_prefix(2);
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    found = &(*found)[path.substr(0, slash)];
    path.remove_prefix(slash == path.npos ? path.size() : slash + 1);
  }
  return *found;
}

/// Calls `visit` for every object in it.
template <class F>
void for_each_object_in(const json::Value& value, F visit) {
  if (const json::Object* object = value.as_object()) {
    visit(value);
    for (const auto& [key, member] : *object)
      for_each_object_in(member, visit);
  }
  if (const json::Array* array = value.as_array()) {
    for (const json::Value& element : *array)
      for_each_object_in(element, visit);
  }
}

std::set<std::string> codes_of(const json::Value& whole, int status) {
  const json::Value& response = whole["components"]["responses"][fmt::format("Error{}", status)];
  const json::Value& schemas = response["content"]["application/json"]["schema"]["allOf"];
  std::set<std::string> codes;
  if (schemas.as_array() == nullptr) return codes;
  for (const json::Value& code :
       *schemas.as_array()->back()["properties"]["error"]["properties"]["code"]["enum"].as_array())
    codes.emplace(code.text());
  return codes;
}

TEST(ApiDescription, LeadsNowhereAndNamesNothingTwice) {
  const json::Value whole = document();
  EXPECT_EQ(whole["openapi"].text(), "3.1.0");
  EXPECT_FALSE(whole["info"]["version"].text().empty());
  std::set<std::string> names;
  int references = 0;
  for_each_object_in(whole, [&](const json::Value& object) {
    if (const std::string_view name = object["operationId"].text(); !name.empty())
      EXPECT_TRUE(names.emplace(name).second) << name;
    if (object["$ref"].text().empty()) return;
    ++references;
    EXPECT_TRUE(resolve(whole, object).is_object()) << object["$ref"].text();
  });
  EXPECT_GT(references, 100);
  EXPECT_GT(names.size(), 30U);
}

TEST(ApiDescription, HasEveryPathThatTheGatewayKnows) {
  const json::Value whole = document();
  const json::Object& paths = *whole["paths"].as_object();
  std::set<std::string> known = {"/v1/models/{model}", "/v1/{path}"};
  for (const auto& [path, operation] : llm::known_paths()) {
    known.emplace(path);
    for (const char* prefix : {"", "/{tenant}"}) {
      const json::Value* item = paths.find(prefix + std::string(path));
      ASSERT_NE(item, nullptr) << path;
      EXPECT_EQ(item->find("post") != nullptr, llm::has_json_body(operation)) << path;
      EXPECT_EQ(item->find("get") != nullptr, operation == llm::Operation::kModels) << path;
      const json::Value& reply =
          (*item)[llm::has_json_body(operation) ? "post" : "get"]["responses"]["200"];
      EXPECT_EQ(reply["content"].find("text/event-stream") != nullptr,
                llm::is_metered(operation) && operation != llm::Operation::kEmbeddings)
          << path;
    }
  }
  // And no others.
  for (const auto& [path, item] : paths) {
    std::string_view rest = path;
    if (rest.starts_with("/{tenant}")) rest.remove_prefix(std::string_view("/{tenant}").size());
    EXPECT_TRUE(rest == kDescriptionPath || known.contains(std::string(rest))) << path;
    EXPECT_EQ(item.find("options") != nullptr, rest != kDescriptionPath) << path;
  }
  EXPECT_EQ(paths.size(), 2 * known.size() + 1);
}

TEST(ApiDescription, HasEveryErrorAtItsStatus) {
  const json::Value whole = document();
  std::size_t told = 0;
  for (const auto& [name, response] : *whole["components"]["responses"].as_object())
    told += codes_of(whole, std::stoi(name.substr(5))).size();
  std::size_t known = 0;
  for (const ApiErrorWords& error : api_errors()) {
    for (const int status : error.statuses) {
      if (status == 0) continue;
      ++known;
      EXPECT_THAT(codes_of(whole, status), Contains(error.code));
      EXPECT_THAT(
          whole["components"]["responses"][fmt::format("Error{}", status)]["description"].text(),
          HasSubstr(fmt::format("`{}`: {}", error.code, error.meaning)));
      EXPECT_EQ(whole["paths"]["/v1/chat/completions"]["post"]["responses"][std::to_string(status)]
                     ["$ref"]
                         .text(),
                fmt::format("#/components/responses/Error{}", status));
    }
  }
  EXPECT_EQ(told, known);
}

class DescribedGatewayTest : public GatewayModelsTest {
 public:
  /// Compares an answer of the gateway's own with what is written of this path and method.
  void expect_described(const http::Response& answer,
                        const std::string& path,
                        const std::string& method) {
    const json::Value& responses = whole_["paths"][path][method]["responses"];
    const json::Value* found = responses.find(std::to_string(answer.status));
    ASSERT_NE(found, nullptr) << path << ' ' << answer.status << ' ' << answer.body;
    const json::Value& response = resolve(whole_, *found);
    for (const auto& [name, value] : answer.headers) {
      const std::set<std::string> of_the_message = {"content-type", "content-length", "connection"};
      if (of_the_message.contains(lower_case(name))) continue;
      const json::Object& described = *response["headers"].as_object();
      EXPECT_TRUE(std::ranges::any_of(
          described,
          [&](const auto& header) { return lower_case(header.key) == lower_case(name); }))
          << answer.status << ": " << name;
    }
    if (answer.status < 400) return;
    const json::Value body = json::parse(answer.body).value();
    EXPECT_THAT(codes_of(whole_, answer.status), Contains(body["error"]["code"].text()));
    EXPECT_FALSE(body["error"]["message"].text().empty());
    seen_.emplace(body["error"]["code"].text());
  }

  static std::string lower_case(std::string_view text) {
    std::string lower(text);
    std::ranges::transform(lower, lower.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return lower;
  }

  void expect_chat(const http::Response& answer) {
    expect_described(answer, "/{tenant}/v1/chat/completions", "post");
  }

  json::Value whole_ = document();
  std::set<std::string> seen_;
};

TEST_F(DescribedGatewayTest, IsToldToEverybody) {
  start_with({}, small_.address());
  const auto answer = send("GET", "/openapi.json?x=1", {});
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.headers.get("Content-Type"), "application/json");
  EXPECT_EQ(answer.headers.get("Access-Control-Allow-Origin"), "*");
  EXPECT_EQ(answer.body, api_description());
  const auto head = send("HEAD", "/openapi.json", {});
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.body, "");
  const auto posted = send("POST", "/openapi.json", {}, "{}");
  EXPECT_EQ(posted.status, 405);
  EXPECT_EQ(posted.headers.get("Allow"), "GET, HEAD");
  for (const http::Response* one : {&answer, &posted})
    expect_described(*one, "/openapi.json", "get");
  // A host of an Ingress's has its own.
  config_.sites = {
      {"www.example.com", "alpha", {{.path = "/", .access = {}, .backend = at(small_.address())}}}};
  apply();
  EXPECT_EQ(send("GET", "/openapi.json", {{"Host", "www.example.com"}}).body, kReply);
}

TEST_F(DescribedGatewayTest, AnswersAsItIsWritten) {
  TenantConfig& alpha = config_.tenants[0];
  alpha.limits = {.requests_per_hour = 4, .tokens_per_minute = 1'000'000};
  alpha.edge.cors = {.allow_origins = {"https://a.test"}, .allow_credentials = true};
  alpha.edge.bounds = {.body_bytes = 500, .header_bytes = 1024};
  alpha.edge.filters = {PromptDenyListConfig{.phrases = {"secret"}}};
  config_.api_keys.push_back({"limitedkey", "alpha", std::string(kHash), "", {"m"}});
  start_with({{.name = "m", .backends = {at(small_.address())}},
              {.name = "gone", .backends = {at(dead())}},
              {.name = "empty", .backends = {at("")}}});
  http::Headers page = bearer(key_of("alphaalpha"));
  page.set("Origin", "https://a.test");
  const std::string path = "/alpha/v1/chat/completions";
  expect_chat(send("POST", path, page, R"({"model":"m"})"));
  expect_chat(send("POST", path, {}, "{}"));
  expect_chat(send("POST", path, bearer(key_of("betabetabe")), "{}"));
  expect_chat(send("POST", "/gone/v1/chat/completions", bearer(key_of("alphaalpha")), "{}"));
  expect_chat(send("POST", path, page, "[]"));
  expect_chat(send("POST", path, page, R"({"prompt":"secret"})"));
  expect_chat(send("POST", path, page, R"({"model":"other"})"));
  expect_chat(send("POST", path, bearer(key_of("limitedkey")), R"({"model":"gone"})"));
  expect_chat(send("POST", path, page, R"({"model":"empty"})"));
  expect_chat(send("POST", path, page, R"({"model":"gone"})"));
  expect_chat(send("POST", path, page, std::string(501, ' ')));
  page.set("X-Padding", std::string(1024, 'p'));
  expect_chat(send("POST", path, page, "{}"));
  page.remove("X-Padding");
  expect_described(send("GET", "/alpha/v1/models", page), "/{tenant}/v1/models", "get");
  expect_described(send("GET", "/alpha/v1/models/none", page), "/{tenant}/v1/models/{model}",
                   "get");
  expect_chat(send("POST", path, page, R"({"model":"m"})"));
  expect_described(send("OPTIONS", path,
                        {{"Origin", "https://a.test"}, {"Access-Control-Request-Method", "POST"}}),
                   "/{tenant}/v1/chat/completions", "options");
  expect_described(send("OPTIONS", path,
                        {{"Origin", "https://b.test"}, {"Access-Control-Request-Method", "POST"}}),
                   "/{tenant}/v1/chat/completions", "options");
  EXPECT_EQ(seen_,
            (std::set<std::string>{"headers_too_large", "invalid_api_key", "invalid_request",
                                   "model_not_allowed", "model_not_found",
                                   "temporarily_unavailable", "origin_not_allowed", "prompt_denied",
                                   "rate_limit_exceeded", "request_too_large", "tenant_mismatch",
                                   "unknown_tenant", "upstream_failed"}));
}

}  // namespace
}  // namespace insula::gateway
