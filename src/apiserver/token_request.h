#pragma once

#include <chrono>
#include <string>

#include "api/gen/authentication_v1.h"
#include "api/gen/core_v1.h"
#include "apiserver/token_keys.h"
#include "apiserver/user.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "store/store.h"

namespace insula::apiserver {

inline constexpr std::chrono::seconds kTokenLifetimeMin{600};
inline constexpr std::chrono::seconds kTokenLifetimeDefault{3600};
/// Longer ones are shortened to this.
inline constexpr std::chrono::seconds kTokenLifetimeMax = std::chrono::days(365);

/// Who asks for a token of which account.
struct TokenRequester {
  const User& user;
  std::string name_space;
  std::string account;
};

/// Makes the tokens of ServiceAccounts.
///
/// Lifetime: its collaborators outlive it. Threads: the store's loop.
class TokenIssuer {
 public:
  TokenIssuer(const store::Store& store,
              const TokenAuthority& authority,
              const Clock& clock,
              Random& random)
      : store_(store), authority_(authority), clock_(clock), random_(random) {}

  /// Answers `serviceaccounts/NAME/token`: fills in what the request leaves open, and its status.
  ///
  /// A node gets tokens of pods that run on it only, bound to them, for the audiences that the pods
  /// name; that others may ask has been decided before.
  /// Errors, in Kubernetes' words: kNotFound for the account or the bound object, kInvalid,
  /// kBadRequest, kConflict for another uid, kForbidden for a node.
  /// Spec: authentication.k8s.io/v1 TokenRequest, admission NodeRestriction.
  [[nodiscard]] Result<> answer(const TokenRequester& requester, api::TokenRequest& request) const;

  /// The token of a Secret of the type kubernetes.io/service-account-token: bound to it, and
  /// without an end of its own. Errors: kInternal when OpenSSL fails.
  [[nodiscard]] Result<std::string> token_of_secret(const api::ServiceAccount& account,
                                                    const api::Secret& secret) const;

 private:
  const store::Store& store_;
  const TokenAuthority& authority_;
  const Clock& clock_;
  Random& random_;
};

}  // namespace insula::apiserver
