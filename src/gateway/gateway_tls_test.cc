// Certificates: which one a client is shown, what a connection may be used for, what changes.

#include <array>
#include <chrono>
#include <fstream>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gateway/certificate_files.h"
#include "gateway/testing/test_gateway.h"
#include "net/tls.h"
#include "testing/certificate.h"
#include "testing/temp_dir.h"

namespace insula::gateway {
namespace {

using ::testing::HasSubstr;

testing::Certificate certificate_for(const std::string& host) {
  return testing::make_certificate({.common_name = host, .alternative_name = "DNS:" + host});
}

std::shared_ptr<net::TlsContext> context_of(const testing::Certificate& certificate) {
  return net::TlsContext::server({.certificate_chain = certificate.pem,
                                  .private_key = certificate.key,
                                  .client_ca = {},
                                  .alpn = alpn_protocols()})
      .value();
}

class GatewayTlsTest : public GatewayTest {
 public:
  void start_with(std::vector<CertificateConfig> certificates) {
    settings_.tls = context_of(own_);
    config_.certificates = std::move(certificates);
    start({model_.address});
  }

  CertificateConfig named(const std::string& host, const testing::Certificate& certificate) {
    return {
        .name = "alpha/" + host, .hosts = {host}, .chain = certificate.pem, .key = certificate.key};
  }

  using Connection = std::unique_ptr<net::Stream>;

  /// A connection for this name; fails unless the gateway shows this very certificate.
  Result<Connection> connect(const std::string& name, const testing::Certificate& shown) {
    return wait(connect_task(name, shown.pem));
  }

  Task<Result<Connection>> connect_task(std::string name, std::string ca) {
    INSULA_CO_TRY(const auto context, net::TlsContext::client({.ca = std::move(ca), .alpn = {}}));
    const auto deadline = loop_.now() + std::chrono::seconds(20);
    INSULA_CO_TRY(auto stream, co_await net::dial(address_, deadline));
    co_return co_await net::tls_connect(context, std::move(stream), std::move(name), deadline);
  }

  /// The status line of the reply to a request that has no credential.
  std::string ask(net::Stream& connection, const std::string& host) {
    return wait(ask_task(connection,
                         fmt::format("GET /alpha/v1/models HTTP/1.1\r\nHost: {}\r\n\r\n", host)));
  }

  static Task<std::string> ask_task(net::Stream& connection, std::string request) {
    if (!co_await connection.write(request)) co_return "";
    std::array<char, 4096> buffer{};
    const auto got = co_await connection.read(buffer);
    const std::string text(buffer.data(), got.value_or(0));
    co_return text.substr(0, text.find("\r\n"));
  }

  Model model_{loop_};
  testing::Certificate own_ = certificate_for("gateway.test");
  testing::Certificate www_ = certificate_for("www.example.com");
};

TEST_F(GatewayTlsTest, AHostIsShownItsOwnCertificate) {
  start_with({named("www.example.com", www_)});
  EXPECT_TRUE(connect("www.example.com", www_));
  EXPECT_TRUE(connect("gateway.test", own_));
  EXPECT_FALSE(connect("www.example.com", own_));
}

TEST_F(GatewayTlsTest, AConnectionIsForTheHostsOfItsCertificate) {
  CertificateConfig two = named("www.example.com", www_);
  two.hosts.emplace_back("api.example.com");
  const testing::Certificate other = certificate_for("other.example.com");
  start_with({two, named("other.example.com", other)});
  const Connection connection = connect("www.example.com", www_).value();
  EXPECT_EQ(ask(*connection, "www.example.com"), "HTTP/1.1 401 Unauthorized");
  EXPECT_EQ(ask(*connection, "API.example.com:443"), "HTTP/1.1 401 Unauthorized");
  EXPECT_EQ(ask(*connection, "other.example.com"), "HTTP/1.1 421 Misdirected Request");
  EXPECT_EQ(ask(*connection, "gateway.test"), "HTTP/1.1 421 Misdirected Request");
  const Connection own = connect("gateway.test", own_).value();
  EXPECT_EQ(ask(*own, "www.example.com"), "HTTP/1.1 421 Misdirected Request");
  EXPECT_EQ(ask(*own, "elsewhere.test"), "HTTP/1.1 401 Unauthorized");
}

TEST_F(GatewayTlsTest, AnotherCertificateCutsNobodyOff) {
  start_with({named("www.example.com", www_)});
  const Connection before = connect("www.example.com", www_).value();
  const testing::Certificate renewed = certificate_for("www.example.com");
  config_.certificates = {named("www.example.com", renewed)};
  apply();
  const testing::Certificate own = certificate_for("gateway.test");
  gateway_->use_tls(context_of(own));
  EXPECT_TRUE(connect("www.example.com", renewed));
  EXPECT_TRUE(connect("gateway.test", own));
  EXPECT_EQ(ask(*before, "www.example.com"), "HTTP/1.1 401 Unauthorized");
}

TEST_F(GatewayTlsTest, WhereNoneCanBeUsedTheGatewaysOwnIsShown) {
  CertificateConfig wrong = named("www.example.com", www_);
  wrong.key = own_.key;
  start_with({wrong});
  EXPECT_FALSE(connect("www.example.com", www_));
  config_.certificates = {named("www.example.com", www_)};
  apply();
  EXPECT_TRUE(connect("www.example.com", www_));
}

TEST(CertificateFiles, AreReadAgainWhenTheyChangeAndKeptWhenTheyAreWrong) {
  const testing::TempDir directory;
  const std::filesystem::path certificate = std::filesystem::path(directory.path()) / "crt";
  const std::filesystem::path key = std::filesystem::path(directory.path()) / "key";
  const auto write = [](const std::filesystem::path& file, const std::string& text) {
    std::ofstream(file, std::ios::trunc) << text;
  };
  const testing::Certificate first = certificate_for("a.test");
  write(certificate, first.pem);
  write(key, first.key);
  MetricsRegistry registry;
  CertificateFiles files(certificate, key, registry, {});
  ASSERT_TRUE(files.load().value() != nullptr);
  EXPECT_EQ(files.look(), nullptr);
  write(certificate, "no certificate");
  EXPECT_EQ(files.look(), nullptr);
  EXPECT_THAT(registry.expose(), HasSubstr("insula_gateway_certificate_file_refused 1"));
  const testing::Certificate second = certificate_for("b.test");
  write(certificate, second.pem + "\n");
  write(key, second.key);
  EXPECT_NE(files.look(), nullptr);
  EXPECT_THAT(registry.expose(), HasSubstr("insula_gateway_certificate_file_refused 0"));
  EXPECT_FALSE(CertificateFiles(certificate, {}, registry, {}).load());
  EXPECT_EQ(CertificateFiles({}, {}, registry, {}).load().value(), nullptr);
}

}  // namespace
}  // namespace insula::gateway
