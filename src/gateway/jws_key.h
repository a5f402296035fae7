#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

// OpenSSL's own names, declared so that its headers stay in jws_key.cc.
struct evp_pkey_st;

namespace insula::gateway {

/// The signature algorithms that are accepted (RFC 7518 section 3.1, RFC 8037).
enum class JwsAlgorithm : std::uint8_t { kHs256, kRs256, kEs256, kEdDsa };

/// By the exact, case-sensitive registered name; `none` and all others have no value.
[[nodiscard]] std::optional<JwsAlgorithm> parse_jws_algorithm(std::string_view name);
[[nodiscard]] std::string_view name_of(JwsAlgorithm algorithm);

/// A key that verifies signatures of exactly one algorithm, fixed by the key's type and never by
/// the token: a public RSA key can then not be abused as an HMAC secret.
///
/// A value; cheap to copy. Threads: const members from any thread.
class JwsKey {
 public:
  /// Errors: kInvalid when shorter than 32 bytes (RFC 7518 section 3.2).
  static Result<JwsKey> from_secret(std::string_view secret);

  /// From `-----BEGIN PUBLIC KEY-----`. Errors: kInvalid for anything else, an RSA modulus below
  /// 2048 bits or an exponent of 1, an EC curve other than P-256, and any other key type.
  static Result<JwsKey> from_public_pem(std::string_view pem);

  [[nodiscard]] JwsAlgorithm algorithm() const { return algorithm_; }

  /// `signature`: bytes as in the JWS, so R||S for ES256.
  [[nodiscard]] bool verify(std::string_view signing_input, std::string_view signature) const;

 private:
  JwsKey(JwsAlgorithm algorithm, std::shared_ptr<evp_pkey_st> key, std::string secret);

  std::shared_ptr<evp_pkey_st> key_;  // Shared by every snapshot that still uses the key.
  std::string secret_;
  JwsAlgorithm algorithm_;
};

/// A private key that signs tokens.
class JwsSigner {
 public:
  /// From a PKCS#8 PEM with an Ed25519, P-256 or RSA (2048 bits or more) key. Errors: kInvalid.
  static Result<JwsSigner> from_private_pem(std::string_view pem);

  [[nodiscard]] JwsAlgorithm algorithm() const { return algorithm_; }

  [[nodiscard]] Result<std::string> sign(std::string_view signing_input) const;

 private:
  JwsSigner(JwsAlgorithm algorithm, std::shared_ptr<evp_pkey_st> key);

  std::shared_ptr<evp_pkey_st> key_;
  JwsAlgorithm algorithm_;
};

/// A fresh key pair as PEM texts.
struct JwsKeyPair {
  std::string private_pem;
  std::string public_pem;
};

[[nodiscard]] Result<JwsKeyPair> generate_ed25519_keys();

/// SHA-256 of `bytes`: 32 bytes.
[[nodiscard]] std::string sha256(std::string_view bytes);

/// Whether the two are equal, in a time that depends on their lengths only.
[[nodiscard]] bool equal_in_constant_time(std::string_view a, std::string_view b);

}  // namespace insula::gateway
