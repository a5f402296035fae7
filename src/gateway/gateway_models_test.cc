// A tenant with several models: who is asked for which, and who when that one does not answer.

#include <filesystem>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gateway/testing/test_models.h"

namespace insula::gateway {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(GatewayModelsTest, TheModelDecidesWhichServiceAnswers) {
  start_with({{"small", {at(small_.address())}}, {"large", {at(large_.address())}}});
  EXPECT_EQ(ask("small").status, 200);
  EXPECT_EQ(ask("large").status, 200);
  EXPECT_EQ(ask("large").status, 200);
  EXPECT_EQ(small_.requests, 1);
  EXPECT_EQ(large_.requests, 2);
  EXPECT_THAT(small_.last, HasSubstr("Host: svc." + small_.address() + "\r\n"));
  EXPECT_EQ(usage().requests, 3);
}

TEST_F(GatewayModelsTest, OperationsWithoutTokensOfTheirOwnFollowTheModelToo) {
  config_.api_keys[0].models = {"large"};
  start_with({{"small", {at(small_.address())}}, {"large", {at(large_.address())}}});
  const auto send_to = [&](const std::string& path, std::string_view body) {
    return send("POST", "/alpha/v1/" + path, bearer(key_of("alphaalpha")), body).status;
  };
  EXPECT_EQ(send_to("messages/count_tokens", R"({"model":"large"})"), 200);
  EXPECT_EQ(send_to("images/generations", R"({"model":"large"})"), 200);
  EXPECT_EQ(send_to("audio/speech", R"({"model":"small"})"), 403);
  EXPECT_EQ(send_to("audio/speech", "no JSON"), 400);
  EXPECT_EQ(large_.requests, 2);
}

TEST_F(GatewayModelsTest, WhatIsNotListedIsForTheTenantsService) {
  start_with({{"small", {at(small_.address())}}, {"own", {}}}, large_.address());
  EXPECT_EQ(ask("another").status, 200);
  EXPECT_THAT(large_.last, HasSubstr(R"({"model":"another"})"));
  EXPECT_EQ(ask("own").status, 200);
  EXPECT_EQ(send("POST", "/alpha/v1/audio/speech", bearer(key_of("alphaalpha")), "{}").status, 200);
  EXPECT_EQ(large_.requests, 3);
  EXPECT_EQ(small_.requests, 0);
}

TEST_F(GatewayModelsTest, WithoutSuchAServiceTheModelIsNotThere) {
  start_with({{"small", {at(small_.address())}}, {"large", {at(large_.address())}}});
  const auto response = ask("huge");
  EXPECT_EQ(response.status, 404);
  EXPECT_THAT(response.body, HasSubstr(R"("code":"model_not_found")"));
  EXPECT_THAT(response.body, HasSubstr("there is no model huge; this tenant has small, large"));
  EXPECT_EQ(usage().requests, 0);
}

TEST_F(GatewayModelsTest, ABackendIsToldTheNameItKnows) {
  start_with({{"chat", {at(small_.address(), "vendor/chat-7b")}}});
  const auto sent = [&](const std::string& body) {
    EXPECT_EQ(chat(body).status, 200);
    return small_.last.substr(small_.last.find("\r\n\r\n") + 4);
  };
  EXPECT_EQ(sent(R"({"a":[1], "model" : "chat" , "n":1})"),
            R"({"a":[1], "model" : "vendor/chat-7b" , "n":1})");
  EXPECT_EQ(sent(R"({"model":"ch\u0061t"})"), R"({"model":"vendor/chat-7b"})");
  EXPECT_EQ(sent(R"({"model":"chat","stream":true})"),
            R"({"stream_options":{"include_usage":true},"model":"vendor/chat-7b","stream":true})");
  EXPECT_EQ(sent(R"({"stream_options":{"include_usage":false},"model":"chat","stream":true})"),
            R"({"stream_options":{"include_usage":true},"model":"vendor/chat-7b","stream":true})");
  EXPECT_EQ(sent(R"({"model":"chat","stream":true,"stream_options":null})"),
            R"({"model":"vendor/chat-7b","stream":true,"stream_options":{"include_usage":true}})");
  const std::string large(200'000, 'x');
  EXPECT_EQ(chat(R"({"p":")" + large + R"(","model":"chat"})").status, 200);
  EXPECT_THAT(small_.last, Not(HasSubstr(R"("chat")")));
}

TEST_F(GatewayModelsTest, WeightsShareTheRequests) {
  config_.tenants[0].limits.requests_per_hour = 10'000;
  start_with({{"m", {at(small_.address(), {}, 9), at(large_.address(), {}, 1)}}});
  for (int i = 0; i < 200; ++i)
    ASSERT_EQ(ask("m").status, 200);
  EXPECT_NEAR(small_.requests, 180, 3);
  EXPECT_EQ(small_.requests + large_.requests, 200);
}

TEST_F(GatewayModelsTest, AModelIsHeldToItsOwnLimitsBesideTheTenants) {
  const auto start = [&] {
    start_with(
        {{.name = "small", .backends = {at(small_.address())}, .limits = {.requests_per_hour = 2}},
         {.name = "busy", .backends = {at(busy_.address())}, .fallbacks = {"small"}},
         {.name = "org/words",
          .backends = {at(large_.address())},
          .limits = {.tokens_per_minute = 100}}},
        large_.address());
  };
  start();
  const auto first = ask("small");
  EXPECT_EQ(first.headers.get("RateLimit-Policy"),
            "\"tenant\";q=1000;w=3600, \"model\";q=2;w=3600");
  EXPECT_EQ(first.headers.get("x-ratelimit-remaining-requests"), "1");
  EXPECT_EQ(ask("small").status, 200);
  const auto refused = ask("small");
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.headers.get("Retry-After"), "3600");
  EXPECT_THAT(refused.body, HasSubstr("the model's rate limit of 2 requests per hour is reached"));
  // It holds those who name the model: not what it answers for another, nor other models.
  EXPECT_EQ(ask("busy").status, 200);
  EXPECT_EQ(ask("unlisted").status, 200);
  EXPECT_EQ(ask("org/words", R"(,"max_tokens":20)").status, 200);
  const auto many = ask("org/words", R"(,"max_tokens":90)");
  EXPECT_EQ(many.status, 429);
  EXPECT_THAT(many.body, HasSubstr("the model's rate limit is 100 tokens per minute"));
  // What was refused has used up nothing of the tenant's.
  EXPECT_THAT(ask("unlisted").headers.get("RateLimit"), HasSubstr("\"tenant\";r=994"));
  EXPECT_THAT(registry_.expose(),
              HasSubstr("insula_gateway_rate_limited_total{tenant=\"alpha\",limit=\"requests\","
                        "scope=\"model\"} 1"));
  gateway_.reset();
  start();
  EXPECT_EQ(ask("small").status, 429);
}

TEST_F(GatewayModelsTest, AModelWhoseLimitCannotBeKeptIsUnavailable) {
  std::filesystem::create_directories(directory_ / "limits/model.alpha.small.ring");
  start_with(
      {{.name = "small", .backends = {at(small_.address())}, .limits = {.requests_per_hour = 2}}},
      large_.address());
  const auto answer = ask("small");
  EXPECT_EQ(answer.status, 503);
  EXPECT_THAT(answer.body, HasSubstr("the model's rate limit cannot be kept"));
  EXPECT_EQ(ask("another").status, 200);
}

TEST_F(GatewayModelsTest, AnotherAnswersForWhoDoesNot) {
  for (const std::string& first :
       {dead(), std::string(), busy_.address(), broken_.address(), gone_.address()}) {
    config_.tenants[0].models = {{"m", {at(first, "first-name")}, {"spare"}},
                                 {"spare", {at(small_.address(), "spare-name")}}};
    if (gateway_ == nullptr) {
      start_with(config_.tenants[0].models);
    } else {
      apply();
    }
    const auto response = ask("m", R"(,"stream":true)");
    EXPECT_EQ(response.status, 200) << first;
    EXPECT_THAT(small_.last, HasSubstr(R"("model":"spare-name")")) << first;
    EXPECT_THAT(small_.last, HasSubstr("Host: svc." + small_.address() + "\r\n")) << first;
    EXPECT_EQ(small_.last.find("\r\nHost:"), small_.last.rfind("\r\nHost:")) << first;
    EXPECT_EQ(small_.last.find("Content-Length:"), small_.last.rfind("Content-Length:")) << first;
  }
  EXPECT_EQ(small_.requests, 5);
  EXPECT_EQ(busy_.requests, 1);
  EXPECT_EQ(broken_.requests, 1);
  // What was sent and lost is tried once more where it was, and then elsewhere.
  EXPECT_EQ(gone_.requests, 2);
  const auto rows = wait(gateway_->usage({.tenant = "alpha"})).value().rows;
  ASSERT_EQ(rows.size(), 1);
  EXPECT_EQ(rows[0].model, "m");
  EXPECT_EQ(rows[0].counts.requests, 5);
  EXPECT_EQ(rows[0].counts.failed, 0);
}

TEST_F(GatewayModelsTest, TheLastOnesRefusalIsTheClients) {
  start_with({{"m", {at(dead())}, {"spare"}}, {"spare", {at(busy_.address())}}});
  EXPECT_EQ(ask("m").status, 429);
  EXPECT_EQ(ask("spare").status, 429);
  EXPECT_EQ(busy_.requests, 2);
}

TEST_F(GatewayModelsTest, NobodyElseIsAskedOnceAReplyHasBegun) {
  Model model(loop_);
  start_with({{"m", {at(model.address.text())}, {"spare"}}, {"spare", {at(small_.address())}}});
  http::Headers headers = bearer(key_of("alphaalpha"));
  headers.add("X-Sim-Error", "cut");
  const auto cut = send("POST", "/alpha/v1/chat/completions", headers,
                        R"({"model":"m","messages":[{"role":"user","content":"x"}]})");
  EXPECT_EQ(cut.status, 0);
  EXPECT_EQ(small_.requests, 0);
}

TEST_F(GatewayModelsTest, AClientsMistakeIsNotTakenElsewhere) {
  Canned refusing(loop_, 400);
  start_with({{"m", {at(refusing.address())}, {"spare"}}, {"spare", {at(small_.address())}}});
  EXPECT_EQ(ask("m").status, 400);
  EXPECT_EQ(small_.requests, 0);
}

TEST_F(GatewayModelsTest, ListsTheModelsItself) {
  config_.api_keys[0].models = {"small", "org/huge"};
  config_.api_keys.push_back({"allmodels0", "alpha", std::string(kHash), "", {}});
  start_with({{"small", {at(small_.address())}}, {"large", {}}, {"org/huge", {}}},
             large_.address());
  const auto get = [&](std::string path, std::string_view key, std::string method = "GET") {
    return send(std::move(method), "/alpha/v1/models" + path, bearer(key_of(key)));
  };
  EXPECT_EQ(get("", "allmodels0").body,
            R"({"object":"list","data":[)"
            R"({"id":"small","object":"model","created":1700000000,"owned_by":"alpha"},)"
            R"({"id":"large","object":"model","created":1700000000,"owned_by":"alpha"},)"
            R"({"id":"org/huge","object":"model","created":1700000000,"owned_by":"alpha"}]})"
            "\n");
  EXPECT_THAT(get("", "alphaalpha").body, Not(HasSubstr("large")));
  EXPECT_EQ(get("/large", "allmodels0").status, 200);
  EXPECT_THAT(get("/org/huge", "alphaalpha").body, HasSubstr(R"("id":"org/huge")"));
  EXPECT_EQ(get("/large", "alphaalpha").status, 404);
  EXPECT_THAT(get("/none", "allmodels0").body, HasSubstr(R"("code":"model_not_found")"));
  const auto head = get("", "allmodels0", "HEAD");
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.body, "");
  EXPECT_EQ(get("", "allmodels0").headers.get("content-type"), "application/json");
  for (const char* method : {"POST", "DELETE", "PUT"}) {
    const auto refused = get("/small", "allmodels0", method);
    EXPECT_EQ(refused.status, 405) << method;
    EXPECT_EQ(refused.headers.get("allow"), "GET, HEAD");
    EXPECT_THAT(refused.body, HasSubstr(R"("code":"method_not_allowed")"));
  }
  EXPECT_EQ(small_.requests + large_.requests, 0);
}

TEST_F(GatewayModelsTest, WithoutAListTheServiceAnswersForItsModels) {
  start_with({}, small_.address());
  EXPECT_EQ(send("GET", "/alpha/v1/models", bearer(key_of("alphaalpha"))).body, kReply);
  EXPECT_EQ(small_.requests, 1);
}

TEST_F(GatewayModelsTest, WithoutAListAKeyForSomeModelsSeesThose) {
  config_.api_keys[0].models = {"small"};
  start_with({}, small_.address());
  const auto get = [&](const char* path) {
    return send("GET", std::string("/alpha/v1/models") + path, bearer(key_of("alphaalpha")));
  };
  EXPECT_THAT(get("").body, HasSubstr(R"("data":[{"id":"small",)"));
  EXPECT_EQ(get("/small").status, 200);
  EXPECT_EQ(get("/large").status, 404);
  EXPECT_EQ(small_.requests, 0);
}

}  // namespace
}  // namespace insula::gateway
