#include "server/up_check.h"

#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace insula::server {
namespace {

using ::testing::StartsWith;

UpOptions right() {
  UpOptions options;
  options.node_name = "node-1";
  return options;
}

TEST(UpOptions, OfAPlainStartAreRight) {
  EXPECT_TRUE(check_options(right()));
}

TEST(UpOptions, OfAStartThatSaysEverythingAreRight) {
  UpOptions options = right();
  options.node_cpu = "500m";
  options.node_memory = "64Gi";
  options.pod_cidr = "10.1.0.0/16";
  options.simulate_gpus = 64;
  options.map_images = {"x = builtin:llm-sim", "y = host:/bin/sh -c true"};
  EXPECT_TRUE(check_options(options));
}

TEST(UpOptions, AWrongValueIsRefusedNamingItsFlag) {
  struct Case {
    const char* flag;
    std::function<void(UpOptions&)> spoil;
  };

  const std::vector<Case> cases = {
      {"--api-address", [](UpOptions& o) { o.api_address = "somewhere"; }},
      {"--api-address", [](UpOptions& o) { o.api_address = "unix:/tmp/x"; }},
      {"--gateway-address", [](UpOptions& o) { o.gateway_address = "127.0.0.1:99999"; }},
      {"--gateway-metrics-address", [](UpOptions& o) { o.gateway_metrics_address = ""; }},
      {"--provider-network", [](UpOptions& o) { o.provider_networks = {"10.0.0.0/33"}; }},
      {"--gateway-access-log",
       [](UpOptions& o) {
         o.gateway_access_log = "-";
         o.detach = true;
       }},
      {"--gateway-access-log-size", [](UpOptions& o) { o.gateway_access_log_size = "1Mi"; }},
      {"--gateway-otlp-endpoint", [](UpOptions& o) { o.gateway_otlp_endpoint = "collector"; }},
      {"--oidc-client-id", [](UpOptions& o) { o.oidc.issuer_url = "https://id.example.com"; }},
      {"--oidc-issuer-url", [](UpOptions& o) { o.oidc.client_id = "kubernetes"; }},
      {"--oidc-issuer-url",
       [](UpOptions& o) {
         o.oidc.issuer_url = "http://id.example.com";
         o.oidc.client_id = "kubernetes";
       }},
      {"--oidc-required-claim",
       [](UpOptions& o) {
         o.oidc.issuer_url = "https://id.example.com";
         o.oidc.client_id = "kubernetes";
         o.oidc.required_claims = {"hd"};
       }},
      {"--oidc-signing-algs",
       [](UpOptions& o) {
         o.oidc.issuer_url = "https://id.example.com";
         o.oidc.client_id = "kubernetes";
         o.oidc.signing_algorithms = "RS256,none";
       }},
      {"--oidc-ca-file",
       [](UpOptions& o) {
         o.oidc.issuer_url = "https://id.example.com";
         o.oidc.client_id = "kubernetes";
         o.oidc.ca_file = "/nonexistent/ca";
       }},
      {"--audit-policy", [](UpOptions& o) { o.audit.policy_file = "/nonexistent/policy"; }},
      {"--audit-log", [](UpOptions& o) { o.audit.log_file = "/"; }},
      {"--audit-log-maxsize",
       [](UpOptions& o) {
         o.audit.log_file = "/tmp/x";
         o.audit.megabytes_max = 0;
       }},
      {"--audit-log-maxbackup",
       [](UpOptions& o) {
         o.audit.log_file = "/tmp/x";
         o.audit.backups_max = -1;
       }},
      {"--gateway-trace-ratio", [](UpOptions& o) { o.gateway_trace_ratio = "1.5"; }},
      {"--gateway-trace-ratio", [](UpOptions& o) { o.gateway_trace_ratio = "some"; }},
      {"--gateway-io-engine", [](UpOptions& o) { o.gateway_io_engine = "select"; }},
      {"--node-name", [](UpOptions& o) { o.node_name = "My_Node"; }},
      {"--node-cpu", [](UpOptions& o) { o.node_cpu = "many"; }},
      {"--node-cpu", [](UpOptions& o) { o.node_cpu = "0"; }},
      {"--node-memory", [](UpOptions& o) { o.node_memory = "-1Gi"; }},
      {"--pod-cidr", [](UpOptions& o) { o.pod_cidr = "10.1.0.0"; }},
      {"--pod-cidr", [](UpOptions& o) { o.pod_cidr = "127.1.0.0/16"; }},
      {"--image-map", [](UpOptions& o) { o.image_map_file = "/nonexistent/map"; }},
      {"--map-image", [](UpOptions& o) { o.map_images = {"x = magic:y"}; }},
      {"--simulate-gpus", [](UpOptions& o) { o.simulate_gpus = -1; }},
      {"--simulate-gpus", [](UpOptions& o) { o.simulate_gpus = 65; }},
  };
  for (const Case& wrong : cases) {
    UpOptions options = right();
    wrong.spoil(options);
    const auto checked = check_options(options);
    ASSERT_FALSE(checked) << wrong.flag;
    EXPECT_EQ(checked.error().code(), ErrorCode::kInvalid) << wrong.flag;
    EXPECT_THAT(checked.error().message(), StartsWith(wrong.flag));
  }
}

}  // namespace
}  // namespace insula::server
