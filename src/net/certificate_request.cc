#include "net/certificate_request.h"

#include <cstddef>
#include <memory>
#include <utility>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

namespace insula::net {
namespace {

constexpr int kRsaBitsMin = 2048;
constexpr std::size_t kRequestBytesMax = std::size_t{64} * 1024;
constexpr std::string_view kHeader = "-----BEGIN CERTIFICATE REQUEST-----";

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};

using Bio = std::unique_ptr<BIO, Deleter<BIO_free_all>>;
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using Request = std::unique_ptr<X509_REQ, Deleter<X509_REQ_free>>;

std::unexpected<Error> refuse(const char* why) {
  ERR_clear_error();
  return fail(ErrorCode::kInvalid, why);
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

bool is_strong(const EVP_PKEY* key) {
  switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
      return EVP_PKEY_get_bits(key) >= kRsaBitsMin;
    case EVP_PKEY_EC:
    case EVP_PKEY_ED25519:
      return true;
    default:
      return false;
  }
}

Result<CertificateRequest> subject_of(const X509_NAME* name) {
  CertificateRequest subject;
  for (int i = 0; i < X509_NAME_entry_count(name); ++i) {
    const X509_NAME_ENTRY* entry = X509_NAME_get_entry(name, i);
    const int nid = OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry));
    unsigned char* utf8 = nullptr;
    const int size = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(entry));
    if (size < 0) return refuse("the request's subject is no text");
    std::string value(reinterpret_cast<const char*>(utf8), static_cast<std::size_t>(size));
    OPENSSL_free(utf8);
    if (value.find('\0') != std::string::npos)
      return refuse("the request's subject has a zero byte");
    if (nid == NID_commonName) {
      subject.common_name = std::move(value);
    } else if (nid == NID_organizationName) {
      subject.organizations.push_back(std::move(value));
    }
  }
  return subject;
}

bool add_name(X509_NAME* name, const char* field, const std::string& value) {
  return X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
                                    reinterpret_cast<const unsigned char*>(value.data()),
                                    static_cast<int>(value.size()), -1, 0) == 1;
}

}  // namespace

Result<CertificateRequest> parse_certificate_request(std::string_view pem) {
  if (pem.size() > kRequestBytesMax) return refuse("the request is too long");
  const std::size_t start = pem.find(kHeader);
  if (start == pem.npos || pem.find("-----BEGIN", start + 1) != pem.npos ||
      pem.find("-----BEGIN") != start)
    return refuse("PEM block type must be CERTIFICATE REQUEST");
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const Request request(PEM_read_bio_X509_REQ(bio.get(), nullptr, nullptr, nullptr));
  if (!request) return refuse("the PEM block is no certificate request");
  EVP_PKEY* key = X509_REQ_get0_pubkey(request.get());
  if (key == nullptr || !is_strong(key))
    return refuse("the request's key must be EC, Ed25519, or RSA of at least 2048 bits");
  if (X509_REQ_verify(request.get(), key) != 1)
    return refuse("the request's signature does not match its key");
  return subject_of(X509_REQ_get_subject_name(request.get()));
}

Result<NewCertificateRequest> make_certificate_request(const CertificateRequest& subject) {
  const Key key(EVP_EC_gen("P-256"));
  const Request request(X509_REQ_new());
  const Bio key_bio(BIO_new(BIO_s_mem()));
  const Bio request_bio(BIO_new(BIO_s_mem()));
  if (!key || !request || !key_bio || !request_bio)
    return fail(ErrorCode::kInternal, "make a certificate request: OpenSSL failed");
  X509_NAME* name = X509_REQ_get_subject_name(request.get());
  for (const std::string& organization : subject.organizations) {
    if (!add_name(name, "O", organization)) return refuse("a group's name does not fit in X.509");
  }
  if (!add_name(name, "CN", subject.common_name))
    return refuse("the user's name does not fit in X.509");
  if (X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) != 1 ||
      X509_REQ_set_pubkey(request.get(), key.get()) != 1 ||
      X509_REQ_sign(request.get(), key.get(), EVP_sha256()) == 0 ||
      PEM_write_bio_PKCS8PrivateKey(key_bio.get(), key.get(), nullptr, nullptr, 0, nullptr,
                                    nullptr) != 1 ||
      PEM_write_bio_X509_REQ(request_bio.get(), request.get()) != 1) {
    ERR_clear_error();
    return fail(ErrorCode::kInternal, "make a certificate request: OpenSSL failed");
  }
  return NewCertificateRequest{text_of(key_bio.get()), text_of(request_bio.get())};
}

}  // namespace insula::net
