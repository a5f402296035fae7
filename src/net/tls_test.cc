#include "net/tls.h"

#include <array>
#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "async/deadline.h"
#include "async/loop.h"
#include "async/task_group.h"
#include "net/listener.h"

namespace insula::net {
namespace {

using namespace std::chrono_literals;

struct Pem {
  std::string certificate;
  std::string key;
};

std::string drain(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  return text;
}

void add_extension(X509* certificate, int nid, const char* value) {
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

// Self-signed, its own CA; enough for both sides of a handshake in a test.
Pem make_certificate(const char* common_name, const char* organization) {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_NAME* name = X509_get_subject_name(certificate);
  const auto add = [name](const char* field, const char* value) {
    X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(value), -1, -1, 0);
  };
  add("O", organization);
  add("CN", common_name);
  X509_set_issuer_name(certificate, name);
  X509_set_pubkey(certificate, key);
  add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE");
  add_extension(certificate, NID_subject_alt_name, "IP:127.0.0.1,DNS:insula.test");
  X509_sign(certificate, key, EVP_sha256());
  BIO* certificate_bio = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(certificate_bio, certificate);
  BIO* key_bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(key_bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return {drain(certificate_bio), drain(key_bio)};
}

class TlsTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::shared_ptr<TlsContext> server() const {
    return TlsContext::server({.certificate_chain = server_pem_.certificate,
                               .private_key = server_pem_.key,
                               .client_ca = client_pem_.certificate,
                               .alpn = {"http/1.1"}})
        .value();
  }

  [[nodiscard]] std::shared_ptr<TlsContext> client(bool with_certificate) const {
    TlsClientOptions options{.ca = server_pem_.certificate, .alpn = {"h2", "http/1.1"}};
    if (with_certificate) {
      options.certificate_chain = client_pem_.certificate;
      options.private_key = client_pem_.key;
    }
    return TlsContext::client(options).value();
  }

  Pem server_pem_ = make_certificate("server", "insula");
  Pem client_pem_ = make_certificate("system:node:n1", "system:nodes");
  Loop loop_;
};

Task<> answer(std::shared_ptr<TlsContext> context, std::unique_ptr<Stream> stream, TlsPeer* peer) {
  auto secured =
      co_await tls_accept(std::move(context), std::move(stream), Loop::current().now() + 10s);
  if (!secured) co_return;
  *peer = *(*secured)->tls();
  std::array<char, 100> buffer;
  auto n = co_await (*secured)->read(buffer);
  if (!n) co_return;
  EXPECT_TRUE(
      (co_await (*secured)->write("you said ", std::string_view(buffer.data(), *n))).has_value());
}

Task<Result<std::string>> ask(std::shared_ptr<TlsContext> context,
                              std::unique_ptr<Stream> stream,
                              std::string name) {
  INSULA_CO_TRY(auto secured, co_await tls_connect(std::move(context), std::move(stream),
                                                   std::move(name), Loop::current().now() + 10s));
  EXPECT_EQ(secured->alpn(), "http/1.1");
  INSULA_CO_TRY_VOID(co_await secured->write("hello"));
  std::string reply;
  std::array<char, 100> buffer;
  for (;;) {
    INSULA_CO_TRY(const std::size_t n, co_await secured->read(buffer));
    if (n == 0) co_return reply;
    reply.append(buffer.data(), n);
  }
}

struct Talk {
  std::shared_ptr<TlsContext> server;
  std::shared_ptr<TlsContext> client;
  std::string name;
  TlsPeer peer;
  Result<std::string> reply;
};

Task<> converse(Talk& talk) {
  auto pair = stream_pair(Loop::current()).value();
  TaskGroup group;
  group.spawn(answer(talk.server, std::move(pair[0]), &talk.peer));
  talk.reply = co_await ask(talk.client, std::move(pair[1]), talk.name);
}

TEST_F(TlsTest, CarriesBytesAndTheClientsVerifiedIdentity) {
  Talk talk{server(), client(true), "127.0.0.1", {}, {}};
  run_until_complete(loop_, converse(talk));
  EXPECT_EQ(talk.reply.value(), "you said hello");
  EXPECT_EQ(talk.peer, (TlsPeer{"system:node:n1", {"system:nodes"}}));
}

TEST_F(TlsTest, AClientWithoutACertificateHasNoIdentity) {
  Talk talk{server(), client(false), "insula.test", {}, {}};
  run_until_complete(loop_, converse(talk));
  EXPECT_EQ(talk.reply.value(), "you said hello");
  EXPECT_EQ(talk.peer, TlsPeer{});
}

Task<> answer_half(std::shared_ptr<TlsContext> context, std::unique_ptr<Stream> stream) {
  auto secured =
      co_await tls_accept(std::move(context), std::move(stream), Loop::current().now() + 10s);
  if (!secured) co_return;
  std::array<char, 100> buffer;
  EXPECT_TRUE((co_await (*secured)->read(buffer)).has_value());
  EXPECT_TRUE((co_await (*secured)->write("half")).has_value());
  (*secured)->abort();
}

Task<> hear_half(std::shared_ptr<TlsContext> server,
                 std::shared_ptr<TlsContext> client,
                 Result<std::string>& reply) {
  // Over TCP: a Unix socket knows no reset.
  const auto listener =
      Listener::bind(Loop::current(), Address::parse("127.0.0.1:0").value()).value();
  auto near = co_await dial(listener->address(), Loop::current().now() + 10s);
  auto far = co_await listener->accept();
  TaskGroup group;
  group.spawn(answer_half(std::move(server), *std::move(far)));
  reply = co_await ask(std::move(client), *std::move(near), "127.0.0.1");
}

TEST_F(TlsTest, AnAbortedStreamDoesNotLookComplete) {
  Result<std::string> reply;
  run_until_complete(loop_, hear_half(server(), client(false), reply));
  EXPECT_FALSE(reply.has_value());
}

TEST_F(TlsTest, RefusesAServerOfAnotherName) {
  Talk talk{server(), client(true), "other.test", {}, {}};
  run_until_complete(loop_, converse(talk));
  ASSERT_FALSE(talk.reply.has_value());
  EXPECT_NE(talk.reply.error().message().find("hostname mismatch"), std::string::npos)
      << talk.reply.error().message();
}

TEST_F(TlsTest, RefusesAClientCertificateOfAnotherAuthority) {
  const Pem stranger = make_certificate("insula-admin", "system:masters");
  auto context = TlsContext::client({.ca = server_pem_.certificate,
                                     .certificate_chain = stranger.certificate,
                                     .private_key = stranger.key,
                                     .alpn = {"http/1.1"}});
  Talk talk{server(), *context, "127.0.0.1", {}, {}};
  run_until_complete(loop_, converse(talk));
  EXPECT_FALSE(talk.reply.has_value());
  EXPECT_EQ(talk.peer, TlsPeer{});
}

TEST_F(TlsTest, SaysWhichPemTextIsUnusable) {
  const auto context =
      TlsContext::server({.certificate_chain = "junk", .private_key = server_pem_.key});
  ASSERT_FALSE(context.has_value());
  EXPECT_TRUE(context.error().message().starts_with("TLS certificate: "))
      << context.error().message();
}

}  // namespace
}  // namespace insula::net
