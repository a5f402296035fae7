#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "base/check.h"
#include "jose/base64url.h"
#include "jose/jws_key.h"

namespace insula::jose {

inline const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

inline std::string big_endian(const BIGNUM* number, std::size_t size) {
  std::string bytes(size, '\0');
  INSULA_CHECK(BN_bn2binpad(number, reinterpret_cast<unsigned char*>(bytes.data()),
                            static_cast<int>(size)) >= 0);
  return bytes;
}

/// The key of an issuer in a test: signs with OpenSSL alone, also what no honest issuer would.
class SigningKey {
 public:
  /// `type`: RSA, P-256, P-384, P-521 or Ed25519.
  explicit SigningKey(std::string type)
      : type_(std::move(type)), key_(generate(type_), EVP_PKEY_free) {
    INSULA_CHECK(key_ != nullptr);
  }

  [[nodiscard]] EVP_PKEY* native() const { return key_.get(); }

  /// Its public JWK. `more`: further members, such as `"kid":"1",`.
  [[nodiscard]] std::string jwk(std::string_view more = {}) const {
    if (type_ == "RSA") {
      return fmt::format(R"({{{}"kty":"RSA","n":"{}","e":"{}"}})", more, number("n"), number("e"));
    }
    if (type_ == "Ed25519") {
      std::array<unsigned char, 32> x{};
      std::size_t size = x.size();
      EVP_PKEY_get_raw_public_key(key_.get(), x.data(), &size);
      return fmt::format(R"({{{}"kty":"OKP","crv":"Ed25519","x":"{}"}})", more,
                         base64url_encode({reinterpret_cast<const char*>(x.data()), x.size()}));
    }
    return fmt::format(R"({{{}"kty":"EC","crv":"{}","x":"{}","y":"{}"}})", more, type_,
                       number("qx"), number("qy"));
  }

  [[nodiscard]] JwsKey public_key() const {
    if (type_ == "RSA") return JwsKey::from_rsa(raw_number("n"), raw_number("e")).value();
    if (type_ == "Ed25519") {
      std::string x(32, '\0');
      std::size_t size = x.size();
      EVP_PKEY_get_raw_public_key(key_.get(), reinterpret_cast<unsigned char*>(x.data()), &size);
      return JwsKey::from_ed25519(x).value();
    }
    return JwsKey::from_ec(type_, raw_number("qx"), raw_number("qy")).value();
  }

  /// Bytes of a coordinate, or of the modulus.
  [[nodiscard]] std::size_t size() const {
    return (static_cast<std::size_t>(EVP_PKEY_get_bits(key_.get())) + 7) / 8;
  }

  /// As ASN.1 for EC keys. `salt`: of RSA-PSS; the digest's length by default.
  [[nodiscard]] std::string sign_raw(std::string_view digest,
                                     bool pss,
                                     std::string_view input,
                                     int salt = RSA_PSS_SALTLEN_DIGEST) const {
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                          EVP_MD_CTX_free);
    EVP_PKEY_CTX* options = nullptr;
    const EVP_MD* md = digest.empty() ? nullptr : EVP_get_digestbyname(std::string(digest).c_str());
    INSULA_CHECK(EVP_DigestSignInit(context.get(), &options, md, nullptr, key_.get()) == 1);
    if (pss) {
      EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING);
      EVP_PKEY_CTX_set_rsa_pss_saltlen(options, salt);
    }
    std::string signature(1024, '\0');
    std::size_t size = signature.size();
    INSULA_CHECK(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()),
                                &size, bytes_of(input), input.size()) == 1);
    signature.resize(size);
    return signature;
  }

  /// As in a JWS of that algorithm.
  [[nodiscard]] std::string sign(std::string_view algorithm, std::string_view input) const {
    if (algorithm == "EdDSA") return sign_raw("", false, input);
    const std::string digest = "SHA" + std::string(algorithm.substr(2));
    const std::string raw = sign_raw(digest, algorithm.starts_with("PS"), input);
    return type_ == "RSA" ? raw : fixed_size(raw);
  }

  /// Signs `header` and `payload`, JSON both, by `algorithm`, whatever the header says.
  [[nodiscard]] std::string token(std::string_view algorithm,
                                  std::string_view header,
                                  std::string_view payload) const {
    const std::string input = base64url_encode(header) + "." + base64url_encode(payload);
    return input + "." + base64url_encode(sign(algorithm, input));
  }

  /// The RSA private operation on a block of the modulus' size.
  [[nodiscard]] std::string rsa_private(std::string_view block) const {
    const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(
        EVP_PKEY_CTX_new(key_.get(), nullptr), EVP_PKEY_CTX_free);
    EVP_PKEY_sign_init(context.get());
    EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_NO_PADDING);
    std::string out(block.size(), '\0');
    std::size_t size = out.size();
    INSULA_CHECK(EVP_PKEY_sign(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size,
                               bytes_of(block), block.size()) == 1);
    return out;
  }

  /// A parameter, big-endian.
  [[nodiscard]] std::string raw_number(const char* name) const {
    BIGNUM* value = nullptr;
    INSULA_CHECK(EVP_PKEY_get_bn_param(key_.get(), name, &value) == 1);
    const std::unique_ptr<BIGNUM, decltype(&BN_free)> owned(value, BN_free);
    return big_endian(value,
                      type_ == "RSA" ? static_cast<std::size_t>(BN_num_bytes(value)) : size());
  }

 private:
  static EVP_PKEY* generate(const std::string& type) {
    if (type == "RSA") return EVP_RSA_gen(2048);
    if (type == "Ed25519") return EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
    return EVP_EC_gen(type.c_str());
  }

  [[nodiscard]] std::string number(const char* name) const {
    return base64url_encode(raw_number(name));
  }

  /// R||S of an ASN.1 signature.
  [[nodiscard]] std::string fixed_size(std::string_view der) const {
    const unsigned char* cursor = bytes_of(der);
    const std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> parsed(
        d2i_ECDSA_SIG(nullptr, &cursor, static_cast<long>(der.size())), ECDSA_SIG_free);
    return big_endian(ECDSA_SIG_get0_r(parsed.get()), size()) +
           big_endian(ECDSA_SIG_get0_s(parsed.get()), size());
  }

  std::string type_;
  std::shared_ptr<EVP_PKEY> key_;
};

}  // namespace insula::jose
