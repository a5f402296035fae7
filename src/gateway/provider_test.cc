#include "gateway/provider.h"

#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace insula::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

Provider made(ProviderConfig config) {
  return Provider::make(config).value();
}

TEST(Provider, ItsBaseUrlStandsForV1) {
  struct Case {
    std::string base;
    std::string_view rest;
    std::string_view target;
  };

  for (const Case& one : std::vector<Case>{
           {"https://p/v1", "/chat/completions", "/v1/chat/completions"},
           {"https://p/v1/", "/chat/completions?a=b", "/v1/chat/completions?a=b"},
           {"https://p", "/embeddings", "/embeddings"},
           {"https://p/openai/v1?api-version=2", "/responses",
            "/openai/v1/responses?api-version=2"},
           {"https://p/x?api-version=2", "/r?a=b", "/x/r?a=b&api-version=2"},
       }) {
    EXPECT_EQ(made({.base_url = one.base}).target_of(one.rest), one.target) << one.base;
  }
  EXPECT_EQ(made({.base_url = "https://p:8443/v1"}).authority(), "p:8443");
}

TEST(Provider, WhatCannotBeSentIsRefusedWithoutBeingShown) {
  const auto key = Provider::make({.base_url = "https://p", .key = "se\ncret"});
  ASSERT_FALSE(key);
  EXPECT_EQ(key.error().code(), ErrorCode::kInvalid);
  EXPECT_THAT(key.error().message(), Not(HasSubstr("cret")));
  EXPECT_FALSE(Provider::make({.base_url = "wss://p"}));
  EXPECT_FALSE(Provider::make({.base_url = "https://p", .headers = {{"a b", "c"}}}));
}

/// The head that a provider is sent for what a client sent.
std::string sent(const Provider& provider, std::string_view lines) {
  const std::string text =
      "POST /t/v1/messages?beta=1 HTTP/1.1\r\nHost: gateway\r\n" + std::string(lines) + "\r\n";
  http::RequestHead head;
  EXPECT_EQ(http::parse_request(text, 0, {}, head), http::ParseStatus::kComplete);
  ProviderRequest request;
  request.take(head, split_target(head.target).value());
  std::string out;
  request.write_head(out, provider);
  return out;
}

TEST(Provider, IsSentWhatIsAskedForAndNotWhoAsks) {
  const Provider provider = made({.base_url = "https://p/v1", .key = "sk-1"});
  EXPECT_EQ(sent(provider,
                 "Authorization: Bearer ins_x\r\nX-Api-Key: k\r\nCookie: c\r\nContent-Type: a/b\r\n"
                 "X-Forwarded-For: 1.2.3.4\r\nOpenAI-Beta: v2\r\nX-Custom: 1\r\n"
                 "Connection: openai-beta\r\nX-Request-Id: r\r\nAccept-Encoding: gzip\r\n"),
            "POST /v1/messages?beta=1 HTTP/1.1\r\n"
            "Content-Type: a/b\r\n"
            "Authorization: Bearer sk-1\r\n"
            "Accept-Encoding: identity\r\n");
}

TEST(Provider, AnAnthropicOneIsToldAVersion) {
  const ProviderConfig config{.base_url = "https://p/v1", .key_header = "x-api-key", .key = "sk-1"};
  EXPECT_THAT(sent(made(config), ""),
              HasSubstr("\r\nx-api-key: sk-1\r\nanthropic-version: 2023-06-01\r\n"));
  const std::string own = sent(made(config), "Anthropic-Version: 2024-01-01\r\n");
  EXPECT_THAT(own, HasSubstr("\r\nAnthropic-Version: 2024-01-01\r\n"));
  EXPECT_THAT(own, Not(HasSubstr("2023-06-01")));
  ProviderConfig fixed = config;
  fixed.headers = {{"anthropic-version", "2025-01-01"}};
  const std::string set = sent(made(fixed), "Anthropic-Version: 2024-01-01\r\n");
  EXPECT_THAT(set, HasSubstr("anthropic-version: 2025-01-01\r\n"));
  EXPECT_THAT(set, Not(HasSubstr("2024-01-01")));
}

TEST(Provider, AKeyOfAzureGoesAsItIs) {
  EXPECT_THAT(sent(made({.base_url = "https://p", .key_header = "api-key", .key = "k"}), ""),
              HasSubstr("\r\napi-key: k\r\n"));
  EXPECT_THAT(sent(made({.base_url = "https://p"}), ""), Not(HasSubstr("Authorization")));
}

TEST(Provider, ItsReplyTellsNothingOfThePlatformsAccount) {
  const std::string text =
      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nSet-Cookie: a=b\r\n"
      "OpenAI-Organization: acme\r\nAlt-Svc: h3\r\nRetry-After: 3\r\nContent-Length: 2\r\n\r\n";
  http::ResponseHead head;
  ASSERT_EQ(http::parse_response(text, 0, {}, head), http::ParseStatus::kComplete);
  keep_reply_fields(head);
  std::vector<std::string_view> names;
  for (const http::Field& field : head.fields())
    names.push_back(field.name);
  EXPECT_THAT(names, ElementsAre("Content-Type", "Retry-After", "Content-Length"));
}

}  // namespace
}  // namespace insula::gateway
