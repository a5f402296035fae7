#pragma once

#include <bit>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"

// OpenSSL's own names, declared so that its headers stay in jws_key.cc.
struct evp_pkey_st;

namespace insula::jose {

/// The signature algorithms that are accepted (RFC 7518 section 3.1, RFC 8037).
enum class JwsAlgorithm : std::uint8_t {
  kHs256,
  kRs256,
  kRs384,
  kRs512,
  kPs256,
  kPs384,
  kPs512,
  kEs256,
  kEs384,
  kEs512,
  kEdDsa
};

/// By the exact, case-sensitive registered name; `none` and all others have no value.
[[nodiscard]] std::optional<JwsAlgorithm> parse_jws_algorithm(std::string_view name);
[[nodiscard]] std::string_view name_of(JwsAlgorithm algorithm);

/// Some of the algorithms. A small value.
class JwsAlgorithmSet {
 public:
  constexpr JwsAlgorithmSet() = default;

  constexpr JwsAlgorithmSet(std::initializer_list<JwsAlgorithm> members) {
    for (const JwsAlgorithm member : members)
      bits_ |= bit(member);
  }

  [[nodiscard]] static constexpr JwsAlgorithmSet all() {
    JwsAlgorithmSet set;
    set.bits_ = ~0U;
    return set;
  }

  [[nodiscard]] constexpr bool contains(JwsAlgorithm algorithm) const {
    return (bits_ & bit(algorithm)) != 0;
  }

  [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }

  constexpr void add(JwsAlgorithm algorithm) { bits_ |= bit(algorithm); }

  /// The member, when there is exactly one.
  [[nodiscard]] constexpr std::optional<JwsAlgorithm> only() const {
    if (!std::has_single_bit(bits_)) return std::nullopt;
    return static_cast<JwsAlgorithm>(std::countr_zero(bits_));
  }

  /// Those that are in both.
  [[nodiscard]] constexpr JwsAlgorithmSet operator&(JwsAlgorithmSet other) const {
    other.bits_ &= bits_;
    return other;
  }

  bool operator==(const JwsAlgorithmSet&) const = default;

 private:
  static constexpr unsigned bit(JwsAlgorithm algorithm) {
    return 1U << static_cast<unsigned>(algorithm);
  }

  unsigned bits_ = 0;
};

/// A key that verifies signatures of the algorithms of its type and curve, whatever a token says: a
/// public RSA key can then not be abused as an HMAC secret, nor a P-384 key serve ES256.
///
/// A value; cheap to copy. Threads: const members from any thread.
class JwsKey {
 public:
  /// Serves HS256. Errors: kInvalid when shorter than 32 bytes (RFC 7518 section 3.2).
  static Result<JwsKey> from_secret(std::string_view secret);

  /// From `-----BEGIN PUBLIC KEY-----`. Errors: kInvalid for anything else, and as below.
  static Result<JwsKey> from_public_pem(std::string_view pem);

  /// From big-endian integers; serves RS* and PS*. Errors: kInvalid for a modulus that is even, not
  /// of 2048 to 8192 bits or of a ROCA generator (CVE-2017-15361), and for an exponent that is 1,
  /// even, or longer than 64 bits.
  static Result<JwsKey> from_rsa(std::string_view modulus, std::string_view exponent);

  /// `curve`: P-256, P-384 or P-521, which serve ES256, ES384 and ES512; `x` and `y` as long as its
  /// field. Errors: kInvalid for another curve, other lengths, and a point that is not on it.
  static Result<JwsKey> from_ec(std::string_view curve, std::string_view x, std::string_view y);

  /// From the 32 bytes of RFC 8032; serves EdDSA. Errors: kInvalid for another length.
  static Result<JwsKey> from_ed25519(std::string_view x);

  [[nodiscard]] JwsAlgorithmSet algorithms() const { return algorithms_; }

  /// From here on serves no algorithm but these.
  void restrict_to(JwsAlgorithmSet allowed) { algorithms_ = algorithms_ & allowed; }

  /// The `kid` under which its issuer publishes it; empty when it has none.
  [[nodiscard]] const std::string& id() const { return id_; }

  void set_id(std::string id) { id_ = std::move(id); }

  /// Its SubjectPublicKeyInfo (RFC 5280 section 4.1) in DER; empty for a secret.
  [[nodiscard]] std::string public_der() const;

  /// The members of its JWK that say which key it is (RFC 7518 section 6, RFC 8037 section 2): kty,
  /// and n and e, or crv, x and y; nothing for a secret.
  [[nodiscard]] std::map<std::string, std::string> jwk_members() const;

  /// False as well when the key does not serve `algorithm`. `signature`: bytes as in the JWS, so
  /// R||S for ES*.
  [[nodiscard]] bool verify(JwsAlgorithm algorithm,
                            std::string_view signing_input,
                            std::string_view signature) const;

 private:
  JwsKey(JwsAlgorithmSet algorithms, std::shared_ptr<evp_pkey_st> key, std::string secret);
  static Result<JwsKey> of(std::shared_ptr<evp_pkey_st> key);

  std::shared_ptr<evp_pkey_st> key_;  // Shared by every snapshot that still uses the key.
  std::string secret_;
  std::string id_;
  JwsAlgorithmSet algorithms_;
};

/// A private key that signs tokens.
class JwsSigner {
 public:
  /// From a PKCS#8 PEM with an Ed25519, EC or RSA key that JwsKey would take, which then signs
  /// EdDSA, the ES* of its curve or RS256. Errors: kInvalid.
  static Result<JwsSigner> from_private_pem(std::string_view pem);

  [[nodiscard]] JwsAlgorithm algorithm() const { return algorithm_; }

  /// The other half, PEM.
  [[nodiscard]] Result<std::string> public_pem() const;

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
/// On P-256, for ES256.
[[nodiscard]] Result<JwsKeyPair> generate_es256_keys();

/// SHA-256 of `bytes`: 32 bytes.
[[nodiscard]] std::string sha256(std::string_view bytes);

/// Whether the two are equal, in a time that depends on their lengths only.
[[nodiscard]] bool equal_in_constant_time(std::string_view a, std::string_view b);

}  // namespace insula::jose
