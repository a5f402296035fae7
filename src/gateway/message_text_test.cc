#include "gateway/message_text.h"

#include <optional>

#include <gtest/gtest.h>

namespace insula::gateway {
namespace {

using std::chrono_literals::operator""s;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""ns;

TEST(MessageText, AnOperationHasOneSpelling) {
  const auto code = [](std::string_view target) {
    const auto split = split_target(target);
    return split ? std::optional<ErrorCode>() : split.error().code();
  };
  const auto split = split_target("/t/v1/models/a%20b?x=%2f//").value();
  EXPECT_EQ(split.tenant, "t");
  EXPECT_EQ(split.path, "/v1/models/a%20b");
  EXPECT_EQ(split.target, "/v1/models/a%20b?x=%2f//");
  const auto bare = split_target("/v1/chat/completions?x").value();
  EXPECT_EQ(bare.tenant, "");
  EXPECT_EQ(bare.path, "/v1/chat/completions");
  EXPECT_EQ(bare.target, "/v1/chat/completions?x");
  EXPECT_EQ(split_target("/v1/v1/models").value().tenant, "v1");
  EXPECT_EQ(code("/v1"), ErrorCode::kNotFound);
  EXPECT_EQ(code("/v1/%2e%2e/metrics"), ErrorCode::kNotFound);
  for (const std::string_view good : {"/t/v1/", "/t/v1/chat/completions/", "/t/v1/x%3Ay"})
    EXPECT_EQ(code(good), std::nullopt) << good;
  for (const std::string_view respelled :
       {"/t/v1/chat/completion%73", "/t/v1/%63hat/completions", "/t/v1/chat//completions",
        "/t//v1/chat/completions", "/t/v1/chat/completions//", "/t/v1/a%2Db",
        "/t/v1/Chat/Completions", "/v1/chat/completions;x", "/t/v1/embeddings%20"}) {
    EXPECT_EQ(code(respelled), ErrorCode::kBadRequest) << respelled;
  }
  const std::string key = "ins_" + std::string(10, 'k') + "_" + std::string(32, 's');
  EXPECT_EQ(code("/t/v1/models?api_key=" + key + "&x"), ErrorCode::kBadRequest);
  EXPECT_EQ(code("/t/v1/models?q=ins_&api_key=" + key), ErrorCode::kBadRequest);
  EXPECT_EQ(code("/t/v1/models?q=ins_kkkkkkkkkk"), std::nullopt);
  for (const std::string_view nowhere :
       {"/t/metrics", "/t/v1", "/t/v1?x", "/t", "/", "*", "/t/v10/models", "/t/%761/models",
        "/t/v1/../metrics", "/t/v1/%2e%2e/metrics", "/t/v1%2fmodels", "/t/v1/a%2fb", "/t?/v1/x"}) {
    EXPECT_EQ(code(nowhere), ErrorCode::kNotFound) << nowhere;
  }
}

TEST(MessageText, WritesDurationsAsOpenAiDoes) {
  const auto text = [](std::chrono::nanoseconds reset) {
    RateReport report;
    report.requests[LimitScope::kTenant] = {.limit = 1, .remaining = 1, .reset = reset};
    std::string out;
    append_rate_headers(out, report);
    constexpr std::string_view kField = "x-ratelimit-reset-requests: ";
    const std::size_t at = out.find(kField) + kField.size();
    return out.substr(at, out.find("\r\n", at) - at);
  };
  EXPECT_EQ(text(0ns), "0ms");
  EXPECT_EQ(text(12ms), "12ms");
  EXPECT_EQ(text(1s), "1s");
  EXPECT_EQ(text(59s + 1ns), "1m0s");
  EXPECT_EQ(text(360s), "6m0s");
  EXPECT_EQ(text(3600s), "1h0m0s");
}

}  // namespace
}  // namespace insula::gateway
