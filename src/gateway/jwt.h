#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "gateway/key_source.h"
#include "jose/jws.h"

namespace insula::gateway {

/// How far a peer's clock may be off when `exp` and `nbf` are compared with ours.
inline constexpr std::chrono::seconds kTokenLeeway{60};
/// What the built-in issuer writes into its tokens.
inline constexpr std::string_view kBuiltinIssuer = "insula";
inline constexpr std::string_view kBuiltinAudience = "insula-gateway";

/// Whose tokens are accepted, and with which keys.
struct JwtIssuer {
  std::string issuer;
  /// At least one of these must be in the token's `aud`.
  std::vector<std::string> audiences;
  std::vector<jose::JwsKey> keys;
  /// Of an issuer whose keys are fetched; else null.
  std::shared_ptr<KeyDemand> demand = nullptr;
  /// False while nothing was fetched: then `keys` says nothing about the issuer.
  bool keys_known = true;
  /// Of the cluster's own issuer: ServiceAccounts, `namespace/name`, and their uids; a token must
  /// be one of theirs.
  std::optional<std::map<std::string, std::string>> accounts = std::nullopt;
};

/// The registered claims of a verified token, and ours.
struct JwtClaims {
  std::string issuer;
  std::string subject;
  /// The claim `tenant`; empty when the token has none.
  std::string tenant;
  /// The claim `tenant_uid`, which tells it from an earlier tenant of that name; or empty.
  std::string tenant_uid;
  WallTime expires;

  bool operator==(const JwtClaims&) const = default;
};

/// Verifies a token of one of `issuers` and its claims: `iss`, `aud` and `exp` are required, `nbf`
/// is obeyed; of the cluster's issuer the account in `kubernetes.io` must be there. The issuer is
/// picked by the token's own `iss`, and then only its keys count. When none of them can have signed
/// it, the issuer's are asked for anew.
///
/// Errors: kUnauthenticated; kUnavailable when the issuer's keys are not known yet. Messages may be
/// shown to the caller.
/// Spec: RFC 7519 section 7.2.
[[nodiscard]] Result<JwtClaims> verify_jwt(std::string_view token,
                                           std::span<const JwtIssuer> issuers,
                                           WallTime now);

/// What mint_token() writes beside `iss`, `aud`, `iat` and `exp`.
struct TokenRequest {
  std::string tenant;
  std::string tenant_uid;
  std::string subject;
  std::chrono::seconds lifetime = std::chrono::hours(24);
};

/// A token of the built-in issuer. Errors: kInvalid for an empty tenant or a lifetime below one
/// second or above ten years.
[[nodiscard]] Result<std::string> mint_token(const jose::JwsSigner& signer,
                                             const TokenRequest& request,
                                             WallTime now);

}  // namespace insula::gateway
