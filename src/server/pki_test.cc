#include "server/pki.h"

#include <memory>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "net/certificate_request.h"
#include "testing/fake_clock.h"

namespace insula::server {
namespace {

struct X509Deleter {
  void operator()(X509* c) const { X509_free(c); }
};

std::unique_ptr<X509, X509Deleter> parse(const std::string& pem) {
  BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  std::unique_ptr<X509, X509Deleter> out(PEM_read_bio_X509(bio, nullptr, nullptr, nullptr));
  BIO_free(bio);
  return out;
}

bool verifies(const std::string& authority, const std::string& leaf, int purpose, std::time_t at) {
  X509_STORE* store = X509_STORE_new();
  const auto root = parse(authority);
  X509_STORE_add_cert(store, root.get());
  X509_STORE_CTX* context = X509_STORE_CTX_new();
  const auto certificate = parse(leaf);
  X509_STORE_CTX_init(context, store, certificate.get(), nullptr);
  X509_STORE_CTX_set_purpose(context, purpose);
  X509_STORE_CTX_set_time(context, 0, at);
  const bool ok = X509_verify_cert(context) == 1;
  X509_STORE_CTX_free(context);
  X509_STORE_free(store);
  return ok;
}

class Pki : public ::testing::Test {
 protected:
  std::time_t now() const { return std::chrono::system_clock::to_time_t(clock_.wall()); }

  testing::FakeClock clock_;
};

TEST_F(Pki, AServerCertificateIsTrustedForItsNamesOnly) {
  const auto authority = Authority::create(clock_);
  ASSERT_TRUE(authority);
  const auto pair = authority->issue_server({"insula-api", {}}, {"localhost", "127.0.0.1", "::1"});
  ASSERT_TRUE(pair);
  EXPECT_TRUE(
      verifies(authority->pair().certificate, pair->certificate, X509_PURPOSE_SSL_SERVER, now()));
  const auto certificate = parse(pair->certificate);
  EXPECT_EQ(X509_check_host(certificate.get(), "localhost", 0, 0, nullptr), 1);
  EXPECT_EQ(X509_check_ip_asc(certificate.get(), "127.0.0.1", 0), 1);
  EXPECT_EQ(X509_check_ip_asc(certificate.get(), "::1", 0), 1);
  EXPECT_EQ(X509_check_host(certificate.get(), "example.org", 0, 0, nullptr), 0);
}

TEST_F(Pki, AClientCertificateNamesUserAndGroupsAndServesNothing) {
  const auto authority = Authority::create(clock_);
  ASSERT_TRUE(authority);
  const auto pair = authority->issue_client({"insula-admin", {"system:masters"}});
  ASSERT_TRUE(pair);
  EXPECT_TRUE(
      verifies(authority->pair().certificate, pair->certificate, X509_PURPOSE_SSL_CLIENT, now()));
  EXPECT_FALSE(
      verifies(authority->pair().certificate, pair->certificate, X509_PURPOSE_SSL_SERVER, now()));
  char subject[256];
  X509_NAME_oneline(X509_get_subject_name(parse(pair->certificate).get()), subject, sizeof subject);
  EXPECT_STREQ(subject, "/O=system:masters/CN=insula-admin");
}

TEST_F(Pki, SignsRequestsOfClientsOnly) {
  const auto authority = Authority::create(clock_, "insula-client-ca");
  const auto asked = net::make_certificate_request({"ann", {"devs"}});
  const auto sign = [&](const std::vector<std::string>& usages, std::chrono::seconds lifetime) {
    return authority->sign_client(asked->request, usages, lifetime);
  };
  const auto made = sign({"digital signature", "client auth"}, std::chrono::hours(1));
  ASSERT_TRUE(made) << made.error().message();
  const std::string& root = authority->pair().certificate;
  EXPECT_TRUE(verifies(root, *made, X509_PURPOSE_SSL_CLIENT, now()));
  EXPECT_FALSE(verifies(root, *made, X509_PURPOSE_SSL_SERVER, now()));
  EXPECT_FALSE(verifies(root, *made, X509_PURPOSE_SSL_CLIENT, now() + 3601));
  char subject[256];
  X509_NAME_oneline(X509_get_subject_name(parse(*made).get()), subject, sizeof subject);
  EXPECT_STREQ(subject, "/O=devs/CN=ann");
  const auto day = std::chrono::seconds(std::chrono::days(1)).count();
  const auto longest = sign({"client auth"}, std::chrono::days(4000));
  EXPECT_TRUE(verifies(root, *longest, X509_PURPOSE_SSL_CLIENT, now() + 364 * day));
  EXPECT_FALSE(verifies(root, *longest, X509_PURPOSE_SSL_CLIENT, now() + 366 * day));
  for (const std::vector<std::string>& usages : {std::vector<std::string>{},
                                                 {"digital signature"},
                                                 {"client auth", "server auth"},
                                                 {"client auth", "cert sign"}}) {
    const auto refused = sign(usages, std::chrono::hours(1));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::kInvalid);
  }
  EXPECT_FALSE(authority->sign_client("x", {"client auth"}, std::chrono::hours(1)));
}

TEST_F(Pki, AnotherAuthorityIsNotTrusted) {
  const auto ours = Authority::create(clock_);
  const auto theirs = Authority::create(clock_);
  const auto pair = theirs->issue_client({"insula-admin", {"system:masters"}});
  EXPECT_FALSE(
      verifies(ours->pair().certificate, pair->certificate, X509_PURPOSE_SSL_CLIENT, now()));
}

TEST_F(Pki, AStoredAuthorityIssuesUnderTheSameRootUntilItExpires) {
  const auto created = Authority::create(clock_);
  const auto loaded = Authority::load(created->pair(), clock_);
  ASSERT_TRUE(loaded);
  const auto pair = loaded->issue_client({"x", {}});
  EXPECT_TRUE(
      verifies(created->pair().certificate, pair->certificate, X509_PURPOSE_SSL_CLIENT, now()));

  clock_.advance(kAuthorityLifetime);
  EXPECT_EQ(Authority::load(created->pair(), clock_).error().message(),
            "the authority's certificate has expired");
}

TEST_F(Pki, AKeyThatIsNotTheCertificatesIsRefused) {
  const auto a = Authority::create(clock_);
  const auto b = Authority::create(clock_);
  EXPECT_FALSE(Authority::load({a->pair().certificate, b->pair().key}, clock_));
  EXPECT_FALSE(Authority::load({"garbage", "garbage"}, clock_));
}

TEST_F(Pki, TheKubeconfigCarriesEverythingInline) {
  const std::string text = kubeconfig("https://127.0.0.1:6443", "CA", {"CERT", "KEY"});
  EXPECT_THAT(text, ::testing::HasSubstr("server: https://127.0.0.1:6443\n"));
  EXPECT_THAT(text, ::testing::HasSubstr("certificate-authority-data: Q0E=\n"));
  EXPECT_THAT(text, ::testing::HasSubstr("client-key-data: S0VZ\n"));
}

}  // namespace
}  // namespace insula::server
