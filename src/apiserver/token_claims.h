#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"

namespace insula::apiserver {

/// An object that a token speaks of, as it was when the token was made.
struct TokenObject {
  std::string name;
  std::string uid;

  bool operator==(const TokenObject&) const = default;
};

/// What a ServiceAccount's token says: RFC 7519's registered claims, and Kubernetes' private claim
/// `kubernetes.io`.
struct TokenClaims {
  std::string issuer;
  std::vector<std::string> audiences;
  std::string id;  // jti
  std::string name_space;
  TokenObject account;
  std::optional<TokenObject> pod;
  std::optional<TokenObject> secret;
  std::optional<TokenObject> node;
  WallTime issued;
  WallTime not_before;
  /// None: the token of a Secret, which is good as long as that is there and holds it.
  std::optional<WallTime> expires;

  /// `system:serviceaccount:NAMESPACE:NAME`.
  [[nodiscard]] std::string subject() const;

  bool operator==(const TokenClaims&) const = default;
};

[[nodiscard]] std::string write_claims(const TokenClaims& claims);

/// Errors: kUnauthenticated for what write_claims() did not write: a claim that is missing or of
/// another type, a member twice, a subject that is not the account's, no `exp` without a Secret.
[[nodiscard]] Result<TokenClaims> read_claims(std::string_view text);

}  // namespace insula::apiserver
