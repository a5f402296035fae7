#include "client/kubeconfig.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace insula::client {
namespace {

using ::testing::HasSubstr;

constexpr const char* kConfig = R"(
apiVersion: v1
kind: Config
current-context: here
clusters:
- name: local
  cluster:
    server: https://127.0.0.1:6443
    certificate-authority-data: Q0EgUEVN
- name: far
  cluster: {server: "https://10.0.0.1", certificate-authority: ca.pem}
users:
- name: admin
  user:
    client-certificate-data: Q0VSVA==
    client-key-data: S0VZ
- name: bot
  user: {token: 0123456}
- name: cloud
  user:
    exec: {command: get-token}
contexts:
- name: here
  context: {cluster: local, user: admin, namespace: tenant-a}
- name: there
  context: {cluster: far, user: bot}
- name: plugin
  context: {cluster: local, user: cloud}
- name: broken
  context: {cluster: none, user: admin}
)";

TEST(Kubeconfig, ReadsTheCurrentContext) {
  const auto config = parse_kubeconfig(kConfig, ".");
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->context, "here");
  EXPECT_EQ(config->server, "https://127.0.0.1:6443");
  EXPECT_EQ(config->name_space, "tenant-a");
  EXPECT_EQ(config->ca_pem, "CA PEM");
  EXPECT_EQ(config->client_certificate_pem, "CERT");
  EXPECT_EQ(config->client_key_pem, "KEY");
}

TEST(Kubeconfig, ReadsFilesBesideItAndKeepsATokenOfDigits) {
  const auto directory =
      std::filesystem::temp_directory_path() / ("kubeconfig." + std::to_string(getpid()));
  std::filesystem::create_directory(directory);
  std::ofstream(directory / "ca.pem") << "FAR CA";
  std::ofstream(directory / "config") << kConfig;
  const auto config = load_kubeconfig((directory / "config").string(), "there");
  std::filesystem::remove_all(directory);
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->ca_pem, "FAR CA");
  EXPECT_EQ(config->token, "0123456");
}

TEST(Kubeconfig, SaysWhatIsMissingOrNotSupported) {
  EXPECT_THAT(parse_kubeconfig(kConfig, ".", "nowhere").error().message(),
              HasSubstr("contexts: no entry named \"nowhere\""));
  EXPECT_THAT(parse_kubeconfig(kConfig, ".", "broken").error().message(),
              HasSubstr("clusters: no entry named \"none\""));
  EXPECT_THAT(parse_kubeconfig(kConfig, ".", "plugin").error().message(),
              HasSubstr("user \"cloud\": exec is not supported"));
  EXPECT_THAT(
      parse_kubeconfig("a: [", ".").error().message(),
      HasSubstr("yaml: while parsing a flow node: did not find expected node content (line 2"));
  EXPECT_THAT(parse_kubeconfig("{}", ".").error().message(),
              HasSubstr("current-context is not set"));
  EXPECT_THAT(load_kubeconfig("/nonexistent/config").error().message(),
              HasSubstr("/nonexistent/config"));
}

TEST(Kubeconfig, RefusesToSkipVerification) {
  const auto config = parse_kubeconfig(
      "current-context: a\ncontexts: [{name: a, context: {cluster: b}}]\n"
      "clusters: [{name: b, cluster: {server: x, insecure-skip-tls-verify: true}}]\n",
      ".");
  ASSERT_FALSE(config);
  EXPECT_THAT(config.error().message(), HasSubstr("insecure-skip-tls-verify is not supported"));
}

TEST(WriteKubeconfig, IsReadAsItWasWritten) {
  Kubeconfig config;
  config.context = "insula";
  config.name_space = "team";
  config.server = "https://127.0.0.1:6443";
  config.ca_pem = "CA";
  config.client_certificate_pem = "CERT";
  config.client_key_pem = "KEY";
  const auto read = parse_kubeconfig(write_kubeconfig(config), "/");
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(read->context, config.context);
  EXPECT_EQ(read->name_space, config.name_space);
  EXPECT_EQ(read->server, config.server);
  EXPECT_EQ(read->ca_pem, config.ca_pem);
  EXPECT_EQ(read->client_certificate_pem, config.client_certificate_pem);
  EXPECT_EQ(read->client_key_pem, config.client_key_pem);
  config.client_certificate_pem.clear();
  config.client_key_pem.clear();
  config.token = "secret";
  EXPECT_EQ(parse_kubeconfig(write_kubeconfig(config), "/")->token, "secret");
}

}  // namespace
}  // namespace insula::client
