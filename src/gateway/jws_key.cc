#include "gateway/jws_key.h"

#include <array>
#include <utility>

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

namespace insula::gateway {
namespace {

constexpr std::size_t kSecretBytesMin = 32;
constexpr int kRsaBitsMin = 2048;
constexpr std::size_t kP256Bytes = 32;

constexpr std::array<std::pair<std::string_view, JwsAlgorithm>, 4> kAlgorithms = {{
    {"HS256", JwsAlgorithm::kHs256},
    {"RS256", JwsAlgorithm::kRs256},
    {"ES256", JwsAlgorithm::kEs256},
    {"EdDSA", JwsAlgorithm::kEdDsa},
}};

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};

using Bio = std::unique_ptr<BIO, Deleter<BIO_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Deleter<EVP_MD_CTX_free>>;
using EcdsaSignature = std::unique_ptr<ECDSA_SIG, Deleter<ECDSA_SIG_free>>;
using BigNumber = std::unique_ptr<BIGNUM, Deleter<BN_free>>;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::shared_ptr<EVP_PKEY> shared_key(EVP_PKEY* key) {
  return {key, [](EVP_PKEY* owned) { EVP_PKEY_free(owned); }};
}

Bio bio_of(std::string_view text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

bool is_p256(const EVP_PKEY* key) {
  std::array<char, 32> group{};
  std::size_t size = 0;
  return EVP_PKEY_get_group_name(key, group.data(), group.size(), &size) == 1 &&
         std::string_view(group.data(), size) == "prime256v1";
}

bool is_strong_rsa(const EVP_PKEY* key) {
  if (EVP_PKEY_get_bits(key) < kRsaBitsMin) return false;
  BIGNUM* exponent = nullptr;
  if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &exponent) != 1) return false;
  const BigNumber owned(exponent);
  return BN_is_odd(exponent) == 1 && BN_is_one(exponent) == 0;
}

/// The one algorithm that a key of this type serves.
Result<JwsAlgorithm> algorithm_for(const EVP_PKEY* key) {
  switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_ED25519:
      return JwsAlgorithm::kEdDsa;
    case EVP_PKEY_EC:
      if (is_p256(key)) return JwsAlgorithm::kEs256;
      return fail(ErrorCode::kInvalid, "an EC key for tokens must be on the curve P-256");
    case EVP_PKEY_RSA:
      if (is_strong_rsa(key)) return JwsAlgorithm::kRs256;
      return fail(ErrorCode::kInvalid,
                  "an RSA key for tokens needs at least 2048 bits and an odd exponent above 1");
    default:
      return fail(ErrorCode::kInvalid, "a key for tokens must be RSA, EC P-256 or Ed25519");
  }
}

const EVP_MD* digest_for(JwsAlgorithm algorithm) {
  return algorithm == JwsAlgorithm::kEdDsa ? nullptr : EVP_sha256();
}

/// R||S, each 32 bytes, to the DER that OpenSSL reads.
std::string ecdsa_der(std::string_view raw) {
  BIGNUM* r = BN_bin2bn(bytes_of(raw), kP256Bytes, nullptr);
  BIGNUM* s = BN_bin2bn(bytes_of(raw) + kP256Bytes, kP256Bytes, nullptr);
  const EcdsaSignature signature(ECDSA_SIG_new());
  ECDSA_SIG_set0(signature.get(), r, s);
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(signature.get(), &der);
  std::string out(reinterpret_cast<const char*>(der),
                  size > 0 ? static_cast<std::size_t>(size) : 0);
  OPENSSL_free(der);
  return out;
}

std::string ecdsa_raw(std::string_view der) {
  const unsigned char* cursor = bytes_of(der);
  const EcdsaSignature signature(d2i_ECDSA_SIG(nullptr, &cursor, static_cast<long>(der.size())));
  std::string raw(2 * kP256Bytes, '\0');
  auto* out = reinterpret_cast<unsigned char*>(raw.data());
  BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), out, kP256Bytes);
  BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), out + kP256Bytes, kP256Bytes);
  return raw;
}

bool verify_hmac(std::string_view secret, std::string_view input, std::string_view signature) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
  unsigned size = 0;
  if (HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), bytes_of(input),
           input.size(), mac.data(), &size) == nullptr) {
    return false;
  }
  return equal_in_constant_time({reinterpret_cast<const char*>(mac.data()), size}, signature);
}

}  // namespace

std::optional<JwsAlgorithm> parse_jws_algorithm(std::string_view name) {
  for (const auto& [known, algorithm] : kAlgorithms) {
    if (known == name) return algorithm;
  }
  return std::nullopt;
}

std::string_view name_of(JwsAlgorithm algorithm) {
  return kAlgorithms[static_cast<std::size_t>(algorithm)].first;
}

JwsKey::JwsKey(JwsAlgorithm algorithm, std::shared_ptr<evp_pkey_st> key, std::string secret)
    : key_(std::move(key)), secret_(std::move(secret)), algorithm_(algorithm) {}

Result<JwsKey> JwsKey::from_secret(std::string_view secret) {
  if (secret.size() < kSecretBytesMin) {
    return fail(ErrorCode::kInvalid, "a secret for HS256 needs at least 32 bytes");
  }
  return JwsKey(JwsAlgorithm::kHs256, nullptr, std::string(secret));
}

Result<JwsKey> JwsKey::from_public_pem(std::string_view pem) {
  const Bio bio = bio_of(pem);
  auto key = shared_key(PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  if (key == nullptr) return fail(ErrorCode::kInvalid, "not a PEM public key");
  INSULA_TRY(const JwsAlgorithm algorithm, algorithm_for(key.get()));
  return JwsKey(algorithm, std::move(key), {});
}

bool JwsKey::verify(std::string_view signing_input, std::string_view signature) const {
  if (algorithm_ == JwsAlgorithm::kHs256) return verify_hmac(secret_, signing_input, signature);
  std::string der;
  if (algorithm_ == JwsAlgorithm::kEs256) {
    if (signature.size() != 2 * kP256Bytes) return false;
    der = ecdsa_der(signature);
    signature = der;
  }
  const DigestContext context(EVP_MD_CTX_new());
  const bool verified = EVP_DigestVerifyInit(context.get(), nullptr, digest_for(algorithm_),
                                             nullptr, key_.get()) == 1 &&
                        EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(),
                                         bytes_of(signing_input), signing_input.size()) == 1;
  ERR_clear_error();
  return verified;
}

JwsSigner::JwsSigner(JwsAlgorithm algorithm, std::shared_ptr<evp_pkey_st> key)
    : key_(std::move(key)), algorithm_(algorithm) {}

Result<JwsSigner> JwsSigner::from_private_pem(std::string_view pem) {
  const Bio bio = bio_of(pem);
  // A password callback that has none: without it OpenSSL would ask on the terminal.
  const auto no_password = [](char*, int, int, void*) { return 0; };
  auto key = shared_key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr));
  ERR_clear_error();
  if (key == nullptr) return fail(ErrorCode::kInvalid, "not a PEM private key without a password");
  INSULA_TRY(const JwsAlgorithm algorithm, algorithm_for(key.get()));
  return JwsSigner(algorithm, std::move(key));
}

Result<std::string> JwsSigner::sign(std::string_view signing_input) const {
  const DigestContext context(EVP_MD_CTX_new());
  std::string signature(static_cast<std::size_t>(EVP_PKEY_get_size(key_.get())), '\0');
  std::size_t size = signature.size();
  if (EVP_DigestSignInit(context.get(), nullptr, digest_for(algorithm_), nullptr, key_.get()) !=
          1 ||
      EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                     bytes_of(signing_input), signing_input.size()) != 1) {
    ERR_clear_error();
    return fail(ErrorCode::kInternal, "sign a token: OpenSSL refused the key");
  }
  signature.resize(size);
  return algorithm_ == JwsAlgorithm::kEs256 ? ecdsa_raw(signature) : signature;
}

Result<JwsKeyPair> generate_ed25519_keys() {
  const auto key = shared_key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  const Bio private_bio(BIO_new(BIO_s_mem()));
  const Bio public_bio(BIO_new(BIO_s_mem()));
  if (key == nullptr ||
      PEM_write_bio_PrivateKey(private_bio.get(), key.get(), nullptr, nullptr, 0, nullptr,
                               nullptr) != 1 ||
      PEM_write_bio_PUBKEY(public_bio.get(), key.get()) != 1) {
    return fail(ErrorCode::kInternal, "generate an Ed25519 key: OpenSSL failed");
  }
  return JwsKeyPair{text_of(private_bio.get()), text_of(public_bio.get())};
}

std::string sha256(std::string_view bytes) {
  std::string digest(32, '\0');
  EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char*>(digest.data()), nullptr,
             EVP_sha256(), nullptr);
  return digest;
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace insula::gateway
