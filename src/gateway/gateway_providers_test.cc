// Backends outside the platform: what they are sent, what of their replies the client gets, and who
// is asked when they refuse.

#include <memory>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gateway/testing/test_models.h"
#include "net/tls.h"
#include "testing/certificate.h"

namespace insula::gateway {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kKey = "sk-provider-secret";

class GatewayProvidersTest : public GatewayModelsTest {
 public:
  static testing::Certificate certificate(const char* names) {
    return testing::make_certificate({.common_name = "provider", .alternative_name = names});
  }

  static std::shared_ptr<net::TlsContext> server(const testing::Certificate& certificate) {
    return net::TlsContext::server({.certificate_chain = certificate.pem,
                                    .private_key = certificate.key,
                                    .alpn = {"http/1.1"}})
        .value();
  }

  /// A provider called provider.test, which its server's port is looked up for already.
  [[nodiscard]] BackendConfig provider(const Canned& canned) const {
    return {.service_host = "https://provider.test/api/v1",
            .endpoints = {canned.address()},
            .model = "theirs",
            .provider = {{.base_url = "https://provider.test/api/v1",
                          .key = std::string(kKey),
                          .headers = {{"X-Project", "p1"}},
                          .ca = certificate_.pem}}};
  }

  [[nodiscard]] std::string errors_by(std::string_view reason) const {
    const std::string start = fmt::format(
        "\ninsula_gateway_upstream_errors_total{{tenant=\"alpha\",reason=\"{}\"}} ", reason);
    const std::string all = registry_.expose();
    const std::size_t at = all.find(start);
    return at == all.npos ? "" : all.substr(at + start.size(), 1);
  }

  testing::Certificate certificate_ = certificate("DNS:provider.test");
  Canned provider_{loop_, 200, server(certificate_)};
};

TEST_F(GatewayProvidersTest, IsAskedOverTlsByItsOwnNameWithItsOwnKey) {
  provider_.headers = "Set-Cookie: a=b\r\nOpenAI-Organization: acme\r\nX-RateLimit-Limit: 9\r\n";
  start_with({{"m", {provider(provider_)}}});
  const auto response = ask("m");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, kReply);
  EXPECT_FALSE(response.headers.contains("Set-Cookie"));
  EXPECT_FALSE(response.headers.contains("OpenAI-Organization"));
  EXPECT_THAT(provider_.last, HasSubstr("POST /api/v1/chat/completions HTTP/1.1\r\n"));
  EXPECT_THAT(provider_.last, HasSubstr("\r\nHost: provider.test\r\n"));
  EXPECT_THAT(provider_.last, HasSubstr("\r\nAuthorization: Bearer sk-provider-secret\r\n"));
  EXPECT_THAT(provider_.last, HasSubstr("\r\nX-Project: p1\r\n"));
  EXPECT_THAT(provider_.last, HasSubstr(R"({"model":"theirs"})"));
  EXPECT_THAT(provider_.last, Not(HasSubstr("ins_")));
  EXPECT_THAT(provider_.last, Not(HasSubstr("X-Forwarded")));
  EXPECT_THAT(provider_.last, Not(HasSubstr("X-Insula")));
  EXPECT_EQ(usage().prompt_tokens, 1);
  EXPECT_EQ(usage().completion_tokens, 2);
}

TEST_F(GatewayProvidersTest, AConnectionCarriesOneRequestAfterAnother) {
  start_with({{"m", {provider(provider_)}}});
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(ask("m").status, 200);
  EXPECT_EQ(provider_.requests, 3);
  EXPECT_EQ(provider_.connections, 1);
}

TEST_F(GatewayProvidersTest, AServerThatCannotProveItsNameIsSentNothing) {
  const auto other = certificate("DNS:other.test");
  Canned impostor(loop_, 200, server(other));
  Canned unknown(loop_, 200, server(certificate("DNS:provider.test")));
  BackendConfig renamed = provider(impostor);
  renamed.provider->ca = other.pem;
  start_with({{"renamed", {renamed}}, {"unknown", {provider(unknown)}}});
  EXPECT_EQ(ask("renamed").status, 502);
  EXPECT_EQ(ask("unknown").status, 502);
  EXPECT_EQ(impostor.requests + unknown.requests, 0);
  EXPECT_NE(errors_by("connect"), "0");
}

TEST_F(GatewayProvidersTest, ARefusedKeyIsThePlatformsFaultAndNotTheClients) {
  start_with({{"m", {provider(provider_)}}});
  for (const int status : {401, 403, 302}) {
    provider_.answer_with(status);
    const auto response = ask("m");
    EXPECT_EQ(response.status, 502) << status;
    EXPECT_THAT(response.body, HasSubstr(R"("code":"provider_refused")")) << status;
    EXPECT_THAT(response.body, HasSubstr("provider.test")) << status;
    EXPECT_THAT(response.body, Not(HasSubstr("sk-"))) << status;
    EXPECT_FALSE(response.headers.contains("WWW-Authenticate")) << status;
  }
  EXPECT_EQ(errors_by("provider"), "3");
  // A server inside the platform speaks for itself.
  Canned inside(loop_, 401);
  config_.tenants[0].models.push_back({"own", {at(inside.address())}});
  apply();
  EXPECT_EQ(ask("own").status, 401);
}

TEST_F(GatewayProvidersTest, AnotherBackendAnswersForOneThatRefusesOrIsOverloaded) {
  start_with({{"m", {provider(provider_)}, {"spare"}}, {"spare", {at(small_.address())}}});
  int asked = 0;
  for (const int status : {401, 429, 529}) {
    provider_.answer_with(status);
    EXPECT_EQ(ask("m").status, 200) << status;
    EXPECT_EQ(small_.requests, ++asked) << status;
    // A pod is sent what is for a pod.
    EXPECT_THAT(small_.last, HasSubstr("POST /v1/chat/completions")) << status;
    EXPECT_THAT(small_.last, Not(HasSubstr("sk-"))) << status;
    EXPECT_THAT(small_.last, HasSubstr("X-Insula-Tenant: alpha")) << status;
  }
  EXPECT_EQ(provider_.requests, 3);
}

TEST_F(GatewayProvidersTest, ANewKeyIsUsedFromTheNextRequestOn) {
  start_with({{"m", {provider(provider_)}}});
  provider_.answer_with(401);
  for (int i = 0; i < 6; ++i)
    EXPECT_EQ(ask("m").status, 502);
  provider_.answer_with(200);
  config_.tenants[0].models[0].backends[0].provider->key = "sk-new";
  apply();
  EXPECT_EQ(ask("m").status, 200);
  EXPECT_THAT(provider_.last, HasSubstr("\r\nAuthorization: Bearer sk-new\r\n"));
}

TEST_F(GatewayProvidersTest, OneThatLacksItsSecretIsNotAsked) {
  BackendConfig without = provider(provider_);
  without.provider->problem = "Secret a/b does not exist";
  without.endpoints.clear();
  start_with(
      {{"m", {without}, {"spare"}}, {"alone", {without}}, {"spare", {at(small_.address())}}});
  EXPECT_EQ(ask("m").status, 200);
  EXPECT_EQ(ask("alone").status, 503);
  EXPECT_EQ(provider_.connections, 0);
}

TEST_F(GatewayProvidersTest, ALargeBodyIsSentWhole) {
  start_with({{"m", {provider(provider_)}}});
  const std::string large(3'000'000, 'x');
  EXPECT_EQ(ask("m", fmt::format(R"(,"p":"{}")", large)).status, 200);
}

}  // namespace
}  // namespace insula::gateway
