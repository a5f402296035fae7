#include "jose/jws_key.h"

#include <algorithm>
#include <array>
#include <utility>

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "jose/base64url.h"

namespace insula::jose {
namespace {

constexpr std::size_t kSecretBytesMin = 32;
constexpr int kRsaBitsMin = 2048;
/// A signature of more costs milliseconds to check.
constexpr int kRsaBitsMax = 8192;
constexpr int kRsaExponentBitsMax = 64;
constexpr std::size_t kEd25519Bytes = 32;

using Digest = const EVP_MD* (*)();

struct AlgorithmRow {
  std::string_view name;
  Digest digest;  // null: part of the algorithm
};

/// In the order of JwsAlgorithm.
constexpr std::array<AlgorithmRow, 11> kAlgorithms = {{
    {"HS256", EVP_sha256},
    {"RS256", EVP_sha256},
    {"RS384", EVP_sha384},
    {"RS512", EVP_sha512},
    {"PS256", EVP_sha256},
    {"PS384", EVP_sha384},
    {"PS512", EVP_sha512},
    {"ES256", EVP_sha256},
    {"ES384", EVP_sha384},
    {"ES512", EVP_sha512},
    {"EdDSA", nullptr},
}};

constexpr JwsAlgorithmSet kRsaAlgorithms = {JwsAlgorithm::kRs256, JwsAlgorithm::kRs384,
                                            JwsAlgorithm::kRs512, JwsAlgorithm::kPs256,
                                            JwsAlgorithm::kPs384, JwsAlgorithm::kPs512};
constexpr JwsAlgorithmSet kPssAlgorithms = {JwsAlgorithm::kPs256, JwsAlgorithm::kPs384,
                                            JwsAlgorithm::kPs512};

struct Curve {
  std::string_view jwk_name;
  const char* group;
  std::size_t bytes;  // of a coordinate and of each half of a signature
  JwsAlgorithm algorithm;
};

constexpr std::array<Curve, 3> kCurves = {{
    {"P-256", "prime256v1", 32, JwsAlgorithm::kEs256},
    {"P-384", "secp384r1", 48, JwsAlgorithm::kEs384},
    {"P-521", "secp521r1", 66, JwsAlgorithm::kEs512},
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
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Deleter<EVP_PKEY_CTX_free>>;
using ParameterBuilder = std::unique_ptr<OSSL_PARAM_BLD, Deleter<OSSL_PARAM_BLD_free>>;
using Parameters = std::unique_ptr<OSSL_PARAM, Deleter<OSSL_PARAM_free>>;

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

const Curve* curve_of(const EVP_PKEY* key) {
  std::array<char, 32> group{};
  std::size_t size = 0;
  if (EVP_PKEY_get_group_name(key, group.data(), group.size(), &size) != 1) return nullptr;
  const auto* found = std::ranges::find(kCurves, std::string_view(group.data(), size),
                                        [](const Curve& curve) { return curve.group; });
  return found == kCurves.end() ? nullptr : found;
}

const Curve* curve_of(JwsAlgorithm algorithm) {
  const auto* found = std::ranges::find(kCurves, algorithm, &Curve::algorithm);
  return found == kCurves.end() ? nullptr : found;
}

/// Whether the modulus has the fingerprint of Infineon's weak generator: modulo each small prime it
/// is a power of 65537. Of other moduli fewer than one in 2^27 has it.
/// Spec: Nemec et al., The Return of Coppersmith's Attack, CCS 2017, section 2.3.
bool has_roca_fingerprint(const BIGNUM* modulus) {
  constexpr unsigned kGenerator = 65537;
  constexpr unsigned kPrimesBelow = 168;
  for (unsigned prime = 3; prime < kPrimesBelow; prime += 2) {
    bool composite = false;
    for (unsigned factor = 3; factor * factor <= prime; factor += 2)
      composite = composite || prime % factor == 0;
    if (composite) continue;
    const auto residue = static_cast<unsigned>(BN_mod_word(modulus, prime));
    unsigned power = 1;
    do
      power = power * (kGenerator % prime) % prime;
    while (power != residue && power != 1);
    if (power != residue) return false;
  }
  return true;
}

Result<> check_rsa(const EVP_PKEY* key) {
  BIGNUM* number = nullptr;
  if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &number) != 1)
    return fail(ErrorCode::kInvalid, "an RSA key without an exponent");
  const BigNumber exponent(number);
  number = nullptr;
  if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &number) != 1)
    return fail(ErrorCode::kInvalid, "an RSA key without a modulus");
  const BigNumber modulus(number);
  const int bits = BN_num_bits(modulus.get());
  if (bits < kRsaBitsMin || bits > kRsaBitsMax || BN_is_odd(modulus.get()) == 0) {
    return fail(ErrorCode::kInvalid,
                "an RSA key for tokens needs an odd modulus of 2048 to 8192 bits");
  }
  if (BN_is_odd(exponent.get()) == 0 || BN_is_one(exponent.get()) == 1 ||
      BN_num_bits(exponent.get()) > kRsaExponentBitsMax) {
    return fail(ErrorCode::kInvalid,
                "an RSA key for tokens needs an odd exponent above 1 of at most 64 bits");
  }
  if (has_roca_fingerprint(modulus.get()))
    return fail(ErrorCode::kInvalid, "an RSA key of a generator that is broken (ROCA)");
  return {};
}

/// What a key of this type and curve serves.
Result<JwsAlgorithmSet> algorithms_of(const EVP_PKEY* key) {
  switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_ED25519:
      return JwsAlgorithmSet{JwsAlgorithm::kEdDsa};
    case EVP_PKEY_EC:
      if (const Curve* curve = curve_of(key)) return JwsAlgorithmSet{curve->algorithm};
      return fail(ErrorCode::kInvalid,
                  "an EC key for tokens must be on the curve P-256, P-384 or P-521");
    case EVP_PKEY_RSA:
      INSULA_TRY_VOID(check_rsa(key));
      return kRsaAlgorithms;
    default:
      return fail(ErrorCode::kInvalid, "a key for tokens must be RSA, EC or Ed25519");
  }
}

const EVP_MD* digest_for(JwsAlgorithm algorithm) {
  const Digest digest = kAlgorithms[static_cast<std::size_t>(algorithm)].digest;
  return digest == nullptr ? nullptr : digest();
}

/// A public key from its numbers; null when OpenSSL does not take them.
std::shared_ptr<EVP_PKEY> key_from(const char* type, OSSL_PARAM_BLD* builder) {
  const Parameters parameters(OSSL_PARAM_BLD_to_param(builder));
  const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  const bool made =
      parameters != nullptr && context != nullptr && EVP_PKEY_fromdata_init(context.get()) == 1 &&
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) == 1;
  ERR_clear_error();
  return made ? shared_key(key) : nullptr;
}

/// R||S to the DER that OpenSSL reads.
std::string ecdsa_der(std::string_view raw) {
  const std::size_t half = raw.size() / 2;
  BIGNUM* r = BN_bin2bn(bytes_of(raw), static_cast<int>(half), nullptr);
  BIGNUM* s = BN_bin2bn(bytes_of(raw) + half, static_cast<int>(half), nullptr);
  const EcdsaSignature signature(ECDSA_SIG_new());
  ECDSA_SIG_set0(signature.get(), r, s);
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(signature.get(), &der);
  std::string out(reinterpret_cast<const char*>(der),
                  size > 0 ? static_cast<std::size_t>(size) : 0);
  OPENSSL_free(der);
  return out;
}

std::string ecdsa_raw(std::string_view der, std::size_t half) {
  const unsigned char* cursor = bytes_of(der);
  const EcdsaSignature signature(d2i_ECDSA_SIG(nullptr, &cursor, static_cast<long>(der.size())));
  std::string raw(2 * half, '\0');
  auto* out = reinterpret_cast<unsigned char*>(raw.data());
  BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), out, static_cast<int>(half));
  BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), out + half, static_cast<int>(half));
  return raw;
}

/// Big-endian, with leading zeros up to `bytes`.
std::string number_of(const EVP_PKEY* key, const char* name, std::size_t bytes) {
  BIGNUM* read = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &read) != 1) return {};
  const BigNumber number(read);
  std::string out(std::max(bytes, static_cast<std::size_t>(BN_num_bytes(number.get()))), '\0');
  BN_bn2binpad(number.get(), reinterpret_cast<unsigned char*>(out.data()),
               static_cast<int>(out.size()));
  return out;
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
  const auto* found = std::ranges::find(kAlgorithms, name, &AlgorithmRow::name);
  if (found == kAlgorithms.end()) return std::nullopt;
  return static_cast<JwsAlgorithm>(found - kAlgorithms.begin());
}

std::string_view name_of(JwsAlgorithm algorithm) {
  return kAlgorithms[static_cast<std::size_t>(algorithm)].name;
}

JwsKey::JwsKey(JwsAlgorithmSet algorithms, std::shared_ptr<evp_pkey_st> key, std::string secret)
    : key_(std::move(key)), secret_(std::move(secret)), algorithms_(algorithms) {}

Result<JwsKey> JwsKey::of(std::shared_ptr<evp_pkey_st> key) {
  INSULA_TRY(const JwsAlgorithmSet algorithms, algorithms_of(key.get()));
  return JwsKey(algorithms, std::move(key), {});
}

Result<JwsKey> JwsKey::from_secret(std::string_view secret) {
  if (secret.size() < kSecretBytesMin) {
    return fail(ErrorCode::kInvalid, "a secret for HS256 needs at least 32 bytes");
  }
  return JwsKey({JwsAlgorithm::kHs256}, nullptr, std::string(secret));
}

Result<JwsKey> JwsKey::from_public_pem(std::string_view pem) {
  const Bio bio = bio_of(pem);
  auto key = shared_key(PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  if (key == nullptr) return fail(ErrorCode::kInvalid, "not a PEM public key");
  return of(std::move(key));
}

Result<JwsKey> JwsKey::from_rsa(std::string_view modulus, std::string_view exponent) {
  constexpr std::size_t kModulusBytesMax = kRsaBitsMax / 8;
  if (modulus.size() > kModulusBytesMax || exponent.size() > kModulusBytesMax)
    return fail(ErrorCode::kInvalid, "an RSA key for tokens has at most 8192 bits");
  const auto number = [](std::string_view bytes) {
    return BigNumber(BN_bin2bn(bytes_of(bytes), static_cast<int>(bytes.size()), nullptr));
  };
  const BigNumber n = number(modulus);
  const BigNumber e = number(exponent);
  const ParameterBuilder builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get());
  auto key = key_from("RSA", builder.get());
  if (key == nullptr) return fail(ErrorCode::kInvalid, "not an RSA key");
  return of(std::move(key));
}

Result<JwsKey> JwsKey::from_ec(std::string_view curve, std::string_view x, std::string_view y) {
  const auto* known = std::ranges::find(kCurves, curve, &Curve::jwk_name);
  if (known == kCurves.end())
    return fail(ErrorCode::kInvalid, "an EC key for tokens must be on P-256, P-384 or P-521");
  if (x.size() != known->bytes || y.size() != known->bytes)
    return fail(ErrorCode::kInvalid, "the coordinates are not as long as the curve's field");
  std::string point = "\x04";
  point.append(x).append(y);
  const ParameterBuilder builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, known->group, 0);
  OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                   point.size());
  auto key = key_from("EC", builder.get());
  if (key == nullptr) return fail(ErrorCode::kInvalid, "not a point of the curve");
  return of(std::move(key));
}

Result<JwsKey> JwsKey::from_ed25519(std::string_view x) {
  if (x.size() != kEd25519Bytes) return fail(ErrorCode::kInvalid, "an Ed25519 key has 32 bytes");
  auto key =
      shared_key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_of(x), x.size()));
  ERR_clear_error();
  if (key == nullptr) return fail(ErrorCode::kInvalid, "not an Ed25519 key");
  return of(std::move(key));
}

std::string JwsKey::public_der() const {
  if (key_ == nullptr) return {};
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key_.get(), &der);
  std::string out(reinterpret_cast<const char*>(der),
                  size > 0 ? static_cast<std::size_t>(size) : 0);
  OPENSSL_free(der);
  return out;
}

std::map<std::string, std::string> JwsKey::jwk_members() const {
  if (key_ == nullptr) return {};
  if (EVP_PKEY_is_a(key_.get(), "RSA") == 1) {
    return {{"kty", "RSA"},
            {"n", base64url_encode(number_of(key_.get(), OSSL_PKEY_PARAM_RSA_N, 0))},
            {"e", base64url_encode(number_of(key_.get(), OSSL_PKEY_PARAM_RSA_E, 0))}};
  }
  if (const Curve* curve = EVP_PKEY_is_a(key_.get(), "EC") == 1 ? curve_of(key_.get()) : nullptr) {
    const auto coordinate = [&](const char* name) {
      return base64url_encode(number_of(key_.get(), name, curve->bytes));
    };
    return {{"kty", "EC"},
            {"crv", std::string(curve->jwk_name)},
            {"x", coordinate(OSSL_PKEY_PARAM_EC_PUB_X)},
            {"y", coordinate(OSSL_PKEY_PARAM_EC_PUB_Y)}};
  }
  std::string x(kEd25519Bytes, '\0');
  std::size_t size = x.size();
  EVP_PKEY_get_raw_public_key(key_.get(), reinterpret_cast<unsigned char*>(x.data()), &size);
  return {{"kty", "OKP"}, {"crv", "Ed25519"}, {"x", base64url_encode(x)}};
}

bool JwsKey::verify(JwsAlgorithm algorithm,
                    std::string_view signing_input,
                    std::string_view signature) const {
  if (!algorithms_.contains(algorithm)) return false;
  if (algorithm == JwsAlgorithm::kHs256) return verify_hmac(secret_, signing_input, signature);
  std::string der;
  if (const Curve* curve = curve_of(algorithm); curve != nullptr) {
    if (signature.size() != 2 * curve->bytes) return false;
    der = ecdsa_der(signature);
    signature = der;
  } else if (kRsaAlgorithms.contains(algorithm) &&
             signature.size() != static_cast<std::size_t>(EVP_PKEY_get_size(key_.get()))) {
    // For PSS, OpenSSL would take one without its leading zeros (RFC 8017 section 8.1.2, step 1).
    return false;
  }
  const DigestContext context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* padding = nullptr;
  bool verified = EVP_DigestVerifyInit(context.get(), &padding, digest_for(algorithm), nullptr,
                                       key_.get()) == 1;
  if (verified && kPssAlgorithms.contains(algorithm)) {
    verified = EVP_PKEY_CTX_set_rsa_padding(padding, RSA_PKCS1_PSS_PADDING) == 1 &&
               EVP_PKEY_CTX_set_rsa_pss_saltlen(padding, RSA_PSS_SALTLEN_DIGEST) == 1;
  }
  verified = verified && EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(),
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
  INSULA_TRY(const JwsAlgorithmSet algorithms, algorithms_of(key.get()));
  JwsAlgorithm algorithm{};
  while (!algorithms.contains(algorithm))
    algorithm = static_cast<JwsAlgorithm>(static_cast<int>(algorithm) + 1);
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
  const Curve* curve = curve_of(algorithm_);
  return curve == nullptr ? signature : ecdsa_raw(signature, curve->bytes);
}

namespace {

Result<std::string> public_pem_of(const EVP_PKEY* key) {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_PUBKEY(bio.get(), key) != 1)
    return fail(ErrorCode::kInternal, "write a public key: OpenSSL failed");
  return text_of(bio.get());
}

Result<JwsKeyPair> pair_of(const std::shared_ptr<EVP_PKEY>& key) {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (key == nullptr ||
      PEM_write_bio_PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return fail(ErrorCode::kInternal, "generate a key: OpenSSL failed");
  }
  INSULA_TRY(std::string public_pem, public_pem_of(key.get()));
  return JwsKeyPair{text_of(bio.get()), std::move(public_pem)};
}

}  // namespace

Result<std::string> JwsSigner::public_pem() const {
  return public_pem_of(key_.get());
}

Result<JwsKeyPair> generate_ed25519_keys() {
  return pair_of(shared_key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")));
}

Result<JwsKeyPair> generate_es256_keys() {
  return pair_of(shared_key(EVP_EC_gen("P-256")));
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

}  // namespace insula::jose
