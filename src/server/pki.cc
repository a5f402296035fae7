#include "server/pki.h"

#include <algorithm>
#include <array>
#include <memory>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/random.h"
#include "client/kubeconfig.h"
#include "net/certificate_request.h"

namespace insula::server {
namespace {

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};

using Bio = std::unique_ptr<BIO, Deleter<BIO_free_all>>;
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Deleter<X509_free>>;
using Request = std::unique_ptr<X509_REQ, Deleter<X509_REQ_free>>;
using Number = std::unique_ptr<BIGNUM, Deleter<BN_free>>;

constexpr std::chrono::hours kClockSlack{1};
constexpr std::size_t kSerialBytes = 16;

std::unexpected<Error> openssl_failed(std::string_view what) {
  const unsigned long code = ERR_get_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  ERR_clear_error();
  return fail(ErrorCode::kInternal,
              fmt::format("{}: {}", what, reason == nullptr ? "OpenSSL error" : reason));
}

template <class Write>
Result<std::string> to_pem(std::string_view what, Write write) {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (!bio || write(bio.get()) != 1) return openssl_failed(what);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

Result<std::string> private_pem(EVP_PKEY* key) {
  return to_pem("write private key", [&](BIO* bio) {
    return PEM_write_bio_PKCS8PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  });
}

Result<KeyPair> pair_of(X509* certificate, EVP_PKEY* key) {
  KeyPair pair;
  INSULA_TRY(pair.certificate, to_pem("write certificate", [&](BIO* bio) {
               return PEM_write_bio_X509(bio, certificate);
             }));
  INSULA_TRY(pair.key, private_pem(key));
  return pair;
}

Result<Key> read_key(const std::string& pem) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  if (!key) return openssl_failed("read private key");
  return key;
}

Result<Certificate> read_certificate(const std::string& pem) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  Certificate certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  if (!certificate) return openssl_failed("read certificate");
  return certificate;
}

std::time_t seconds_of(WallTime time) {
  return std::chrono::system_clock::to_time_t(time);
}

bool set_serial(X509* certificate) {
  std::array<std::uint8_t, kSerialBytes> bytes{};
  system_random().fill(bytes);
  bytes[0] &= 0x7f;  // positive, as RFC 5280 4.1.2.2 wants it
  const Number number(BN_bin2bn(bytes.data(), bytes.size(), nullptr));
  return number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool add_name(X509_NAME* name, const char* field, const std::string& value) {
  return X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
                                    reinterpret_cast<const unsigned char*>(value.data()),
                                    static_cast<int>(value.size()), -1, 0) == 1;
}

bool set_subject(X509* certificate, const Subject& subject) {
  X509_NAME* name = X509_get_subject_name(certificate);
  for (const std::string& organization : subject.organizations) {
    if (!add_name(name, "O", organization)) return false;
  }
  return add_name(name, "CN", subject.common_name);
}

bool add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  using Extension = std::unique_ptr<X509_EXTENSION, Deleter<X509_EXTENSION_free>>;
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

struct Validity {
  WallTime now;
  std::chrono::seconds lifetime;
};

Certificate blank(EVP_PKEY* key, const Subject& subject, Validity validity) {
  Certificate certificate(X509_new());
  X509* c = certificate.get();
  const bool ok =
      c != nullptr && X509_set_version(c, X509_VERSION_3) == 1 && set_serial(c) &&
      ASN1_TIME_set(X509_getm_notBefore(c), seconds_of(validity.now - kClockSlack)) != nullptr &&
      ASN1_TIME_set(X509_getm_notAfter(c), seconds_of(validity.now + validity.lifetime)) !=
          nullptr &&
      X509_set_pubkey(c, key) == 1 && set_subject(c, subject);
  return ok ? std::move(certificate) : nullptr;
}

bool is_ip(const std::string& name) {
  std::array<unsigned char, sizeof(in6_addr)> out{};
  return ::inet_pton(AF_INET, name.c_str(), out.data()) == 1 ||
         ::inet_pton(AF_INET6, name.c_str(), out.data()) == 1;
}

/// What a certificate may be used for, in the words of OpenSSL's configuration.
struct CertificateUse {
  std::string key;
  std::string extended;
  std::string names;  // subjectAltName; empty: none
};

/// Errors: kInvalid for what no client needs.
Result<CertificateUse> client_use(const std::vector<std::string>& usages) {
  CertificateUse use{"critical", "", ""};
  for (const std::string& usage : usages) {
    if (usage == "digital signature") {
      use.key += ",digitalSignature";
    } else if (usage == "key encipherment") {
      use.key += ",keyEncipherment";
    } else if (usage == "client auth") {
      use.extended = "clientAuth";
    } else {
      return fail(ErrorCode::kInvalid,
                  fmt::format("invalid usage for client certificate: {}", usage));
    }
  }
  if (use.extended.empty())
    return fail(ErrorCode::kInvalid, "usages of a client certificate must have \"client auth\"");
  if (use.key == "critical") use.key += ",digitalSignature";
  return use;
}

Result<Certificate> certify(const KeyPair& authority_pair,
                            EVP_PKEY* key,
                            const Subject& subject,
                            const CertificateUse& use,
                            Validity validity) {
  INSULA_TRY(const Key authority_key, read_key(authority_pair.key));
  INSULA_TRY(const Certificate authority, read_certificate(authority_pair.certificate));
  Certificate certificate = blank(key, subject, validity);
  X509* c = certificate.get();
  X509* issuer = authority.get();
  const bool ok =
      c != nullptr && X509_set_issuer_name(c, X509_get_subject_name(issuer)) == 1 &&
      add_extension(c, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
      add_extension(c, issuer, NID_key_usage, use.key) &&
      add_extension(c, issuer, NID_ext_key_usage, use.extended) &&
      add_extension(c, issuer, NID_authority_key_identifier, "keyid") &&
      (use.names.empty() || add_extension(c, issuer, NID_subject_alt_name, use.names)) &&
      X509_sign(c, authority_key.get(), EVP_sha256()) != 0;
  if (!ok) return openssl_failed("issue certificate for " + subject.common_name);
  return certificate;
}

}  // namespace

Result<Authority> Authority::create(const Clock& clock, std::string_view prefix) {
  const Key key(EVP_EC_gen("P-256"));
  if (!key) return openssl_failed("create authority key");
  // The random part keeps two installations apart in a trust store that knows both.
  const std::string name =
      fmt::format("{}-{}", prefix, random_text(system_random(), "0123456789abcdef", 8));
  const Certificate certificate = blank(key.get(), {name, {}}, {clock.wall(), kAuthorityLifetime});
  X509* c = certificate.get();
  if (c == nullptr || X509_set_issuer_name(c, X509_get_subject_name(c)) != 1 ||
      !add_extension(c, c, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
      !add_extension(c, c, NID_key_usage, "critical,keyCertSign,cRLSign,digitalSignature") ||
      !add_extension(c, c, NID_subject_key_identifier, "hash") ||
      X509_sign(c, key.get(), EVP_sha256()) == 0) {
    return openssl_failed("create authority certificate");
  }
  INSULA_TRY(KeyPair pair, pair_of(c, key.get()));
  return Authority(std::move(pair), clock);
}

Result<Authority> Authority::load(KeyPair stored, const Clock& clock) {
  INSULA_TRY(const Key key, read_key(stored.key));
  INSULA_TRY(const Certificate certificate, read_certificate(stored.certificate));
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    ERR_clear_error();
    return fail(ErrorCode::kInvalid, "the authority's key does not belong to its certificate");
  }
  std::time_t now = seconds_of(clock.wall());
  if (X509_cmp_time(X509_get0_notAfter(certificate.get()), &now) <= 0) {
    return fail(ErrorCode::kInvalid, "the authority's certificate has expired");
  }
  return Authority(std::move(stored), clock);
}

Result<KeyPair> Authority::issue_server(const Subject& subject,
                                        const std::vector<std::string>& names) const {
  std::string alternative;
  for (const std::string& name : names) {
    if (!alternative.empty()) alternative += ',';
    alternative += (is_ip(name) ? "IP:" : "DNS:") + name;
  }
  return issue(subject, "serverAuth", alternative);
}

Result<KeyPair> Authority::issue_client(const Subject& subject) const {
  return issue(subject, "clientAuth", "");
}

Result<KeyPair> Authority::issue(const Subject& subject,
                                 std::string_view usage,
                                 std::string_view alternative_names) const {
  const Key key(EVP_EC_gen("P-256"));
  if (!key) return openssl_failed("create key");
  INSULA_TRY(const Certificate certificate, certify(pair_, key.get(), subject,
                                                    {.key = "critical,digitalSignature",
                                                     .extended = std::string(usage),
                                                     .names = std::string(alternative_names)},
                                                    {clock_->wall(), kLeafLifetime}));
  return pair_of(certificate.get(), key.get());
}

Result<std::string> Authority::sign_client(const std::string& request,
                                           const std::vector<std::string>& usages,
                                           std::chrono::seconds lifetime) const {
  INSULA_TRY(const net::CertificateRequest asked, net::parse_certificate_request(request));
  INSULA_TRY(CertificateUse use, client_use(usages));
  const Bio bio(BIO_new_mem_buf(request.data(), static_cast<int>(request.size())));
  const Request parsed(PEM_read_bio_X509_REQ(bio.get(), nullptr, nullptr, nullptr));
  if (!parsed) return openssl_failed("read certificate request");
  INSULA_TRY(
      const Certificate certificate,
      certify(pair_, X509_REQ_get0_pubkey(parsed.get()), {asked.common_name, asked.organizations},
              use, {clock_->wall(), std::min<std::chrono::seconds>(lifetime, kLeafLifetime)}));
  return to_pem("write certificate",
                [&](BIO* out) { return PEM_write_bio_X509(out, certificate.get()); });
}

std::string kubeconfig(std::string_view server_url,
                       std::string_view authority_certificate,
                       const KeyPair& client) {
  client::Kubeconfig config;
  config.server = server_url;
  config.ca_pem = authority_certificate;
  config.client_certificate_pem = client.certificate;
  config.client_key_pem = client.key;
  return client::write_kubeconfig(config);
}

}  // namespace insula::server
