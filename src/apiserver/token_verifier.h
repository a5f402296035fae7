#pragma once

#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "apiserver/token_authenticator.h"
#include "apiserver/token_claims.h"
#include "apiserver/token_keys.h"
#include "base/clock.h"
#include "base/error.h"
#include "store/store.h"

namespace insula::apiserver {

/// Verifies the tokens of ServiceAccounts: signature, issuer, audience, times, and that the account
/// and what the token is bound to are still there under the same uid.
///
/// Whose signature is good is remembered by the token's hash, so that a client's next request costs
/// no cryptography; everything else is looked at each time.
///
/// Lifetime: the store and the authority outlive it. Threads: the store's loop.
/// Spec: RFC 7519, RFC 8725; Kubernetes, "Managing Service Accounts".
class TokenVerifier final : public TokenAuthenticator {
 public:
  TokenVerifier(const store::Store& store, const TokenAuthority& authority)
      : store_(store), authority_(authority) {}

  [[nodiscard]] Result<TokenUser> verify(std::string_view token,
                                         std::span<const std::string> audiences,
                                         WallTime now) override;

 private:
  /// Tokens remembered: two generations of this many at most.
  static constexpr std::size_t kGenerationMax = 1024;

  using Generation = std::unordered_map<std::string, TokenClaims>;

  Result<TokenClaims> claims_of(std::string_view token);
  void remember(std::string hash, const TokenClaims& claims);
  [[nodiscard]] Result<> check_objects(const TokenClaims& claims,
                                       std::string_view token,
                                       WallTime now) const;
  [[nodiscard]] Result<> check_secret(const TokenClaims& claims,
                                      std::string_view token,
                                      WallTime now) const;

  const store::Store& store_;
  const TokenAuthority& authority_;
  Generation young_;
  Generation old_;
};

}  // namespace insula::apiserver
