#include "gateway/config.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "testing/temp_dir.h"

namespace insula::gateway {
namespace {

TEST(GatewayConfig, TheSavedConfigurationReadsBackAsItWas) {
  const testing::TempDir directory;
  TenantConfig tenant{.name = "t", .service_host = "s", .endpoints = {}, .issuers = {}};
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte)
    bytes += static_cast<char>(byte);
  tenant.issuers = {{"i", {"a", "b"}, {"pem"}, {"secret\n\"x\"", bytes}, {"RS256"}}};
  tenant.models = {{"m",
                    {{"a.t.svc:1", {"10.0.0.2:1"}, "vendor/m", 9, 64}, {"b.t.svc:1", {}}},
                    {"n"},
                    {.concurrent_requests = 3}},
                   {"n"}};
  tenant.models[0].policy = RoutingPolicy::kPrefixCache;
  tenant.models[1].policy = RoutingPolicy::kSession;
  tenant.models[1].health_check = {{.path = "/health",
                                    .period = std::chrono::seconds(5),
                                    .timeout = std::chrono::seconds(1),
                                    .failure_threshold = 2,
                                    .success_threshold = 4}};
  tenant.models[1].backends = {{.service_host = "https://p/v1",
                                .endpoints = {},
                                .provider = {{.base_url = "https://p/v1",
                                              .key_header = "api-key",
                                              .key = bytes,
                                              .headers = {{"a", "b"}, {"c", ""}},
                                              .ca = "PEM",
                                              .problem = "none"}}}};
  tenant.member_limits = {.requests_per_hour = 7, .budget = {.spend_per_month = 5}};
  tenant.members = {{"ann", {.tokens_per_minute = 100}}, {"bob"}};
  tenant.queue = {.requests = 100, .wait_seconds = 5, .weight = 3};
  tenant.edge = {
      .bounds = {.body_bytes = 1000, .header_bytes = 2000},
      .cors = CorsConfig{.allow_origins = {"https://a.test"},
                         .allow_methods = {"PUT"},
                         .allow_headers = {"X-A"},
                         .expose_headers = {"X-B"},
                         .allow_credentials = true,
                         .max_age = std::chrono::seconds(5)},
      .filters = {PromptDenyListConfig{.phrases = {"a b"}, .patterns = {"c+"}, .message = "no"},
                  HeaderModifierConfig{.side = api::MessageSide::kRequest,
                                       .edits = {.set = {{"X-A", "1"}}, .add = {{"X-B", ""}}}},
                  HeaderModifierConfig{.side = api::MessageSide::kResponse,
                                       .edits = {.remove = {"Server"}}}}};
  tenant.created = 1'700'000'000;
  for (const std::optional<std::string>& ca : {std::optional<std::string>(), {""}, {"PEM"}}) {
    tenant.issuers.push_back({.issuer = "j",
                              .audiences = {"a"},
                              .public_keys = {},
                              .secrets = {},
                              .algorithms = {},
                              .key_source = KeySource{"j", "https://j/keys", ca}});
  }
  tenant.uid = "uid-1";
  tenant.endpoints = {"10.0.0.1:8000"};
  tenant.limits.tokens_per_minute = 6000;
  tenant.limits.concurrent_requests = 0;
  const GatewayConfig config{
      .tenants = {tenant},
      .api_keys = {{"alphaalpha",
                    "t",
                    "hash",
                    "2026-11-25T00:00:00Z",
                    {"m", "n"},
                    {.requests_per_hour = 5,
                     .budget = {.tokens_per_day = 1, .tokens_per_month = 2, .spend_per_day = 3}}}},
      .builtin_keys = {"pem"},
      .prices = {.currency = "USD", .models = {{"*", {150'000, 75'000, 1}}}}};
  const auto file = directory / "snapshot.json";
  ASSERT_TRUE(save_config(file, config));
  EXPECT_EQ(load_config(file).value(), config);
  EXPECT_EQ(std::filesystem::status(file).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  ASSERT_TRUE(save_config(file, {}));
  EXPECT_EQ(load_config(file).value(), GatewayConfig{});
  EXPECT_EQ(load_config(directory / "none").error().code(), ErrorCode::kNotFound);
  std::ofstream(file) << R"({"format":3})";
  EXPECT_FALSE(load_config(file));
  std::ofstream(file)
      << R"({"format":2,"tenants":[{"name":"t","issuers":[{"secrets":["=not="]}]}]})";
  EXPECT_FALSE(load_config(file));
  std::ofstream(file)
      << R"({"format":1,"tenants":[{"name":"t","issuers":[{"secrets":["as text"]}]}]})";
  EXPECT_EQ(load_config(file).value().tenants.at(0).issuers.at(0).secrets.at(0), "as text");
}

}  // namespace
}  // namespace insula::gateway
