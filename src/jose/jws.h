#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "jose/jws_key.h"

namespace insula::jose {

/// Longer tokens are refused unread.
inline constexpr std::size_t kTokenBytesMax = 8192;
/// Keys of one issuer that are tried for one token.
inline constexpr std::size_t kIssuerKeysMax = 16;

/// The parts of a compact JWS, decoded, and the text that is signed.
struct CompactJws {
  std::string header;
  std::string payload;
  std::string signature;
  std::string_view signing_input;
};

/// Three strict base64url parts. Errors: kUnauthenticated.
/// Lifetime: `signing_input` is part of `token`.
[[nodiscard]] Result<CompactJws> split_compact(std::string_view token);

/// What a header says of its signature.
struct JoseHeader {
  JwsAlgorithm algorithm;
  std::string key_id;  // empty: none
};

/// Refused: a header that is not a JSON object with unique members, an `alg` that is no string or
/// none of JwsAlgorithm, a `kid` that is no string, any `crit`. `jwk`, `jku` and `x5*` are not
/// read. Errors: kUnauthenticated.
[[nodiscard]] Result<JoseHeader> read_header(const std::string& text);

enum class SignatureCheck : std::uint8_t { kGood, kBad, kNoKey };

/// Whether one of `keys` that serve the header's algorithm signed it. When the header has a `kid`
/// only keys of that id count, and those without one.
[[nodiscard]] SignatureCheck check_signature(const CompactJws& jws,
                                             const JoseHeader& header,
                                             std::span<const JwsKey> keys);

/// Why a signature that is not good is refused.
[[nodiscard]] std::unexpected<Error> refusal(SignatureCheck signature, const JoseHeader& header);

/// A signature that was verified with one of the keys given, and what it covers.
struct VerifiedJws {
  std::string payload;
  JwsAlgorithm algorithm;
};

/// All of the above. Errors: kUnauthenticated. Spec: RFC 7515 section 5.2, RFC 8725.
[[nodiscard]] Result<VerifiedJws> verify_jws(std::string_view token, std::span<const JwsKey> keys);

}  // namespace insula::jose
