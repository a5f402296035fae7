#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "jose/jws_key.h"

namespace insula::jose {

/// Issuers have two keys while they rotate; the largest public ones have about a dozen.
inline constexpr std::size_t kKeySetKeysMax = 64;
inline constexpr std::size_t kKeySetBytesMax = std::size_t{256} << 10U;
inline constexpr std::size_t kKeyIdBytesMax = 256;

/// The keys of an issuer that verify signatures.
struct JwkSet {
  std::vector<JwsKey> keys;
  /// Why others of the set are not among them, for the log: `keys[2]: ...`.
  std::vector<std::string> left_out;
};

/// Reads a JWK set: RSA, EC and OKP (Ed25519) keys, each for the algorithms of its type and curve
/// or, when it has an `alg`, for that one alone.
///
/// Keys that are not for verifying (`use`, `key_ops`), of another type or curve, too weak or
/// malformed are left out, as RFC 7517 section 5 has it. Certificates (`x5*`) are not read.
/// Errors: kInvalid for a whole set that nobody should trust: not an object with `keys`, more than
/// kKeySetKeysMax, a member or a `kid` twice, a symmetric or private key in what is public.
/// Spec: RFC 7517, RFC 7518 section 6, RFC 8037 section 2.
[[nodiscard]] Result<JwkSet> parse_jwk_set(std::string_view text);

/// A set of public keys as their issuer publishes it, each with its `kid` and, where there is only
/// one, its `alg`. Requires: none is a secret.
[[nodiscard]] std::string write_jwk_set(std::span<const JwsKey> keys);

}  // namespace insula::jose
