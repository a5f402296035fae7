#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "apiserver/token_authenticator.h"
#include "base/clock.h"
#include "base/error.h"
#include "jose/jwk_set.h"
#include "jose/jws_key.h"

namespace insula::apiserver {

/// The keys of an issuer, which somebody else fetches. Threads: the store's loop.
class IssuerKeySource {
 public:
  virtual ~IssuerKeySource() = default;
  /// Null: not fetched yet, or too long ago. Other keys are another object.
  [[nodiscard]] virtual std::shared_ptr<const jose::JwkSet> keys() = 0;
  /// A key is missing: they should be fetched again. Cheap to repeat.
  virtual void ask() = 0;
};

/// Whose tokens are good, and who they say their bearers are. The words are those of
/// kube-apiserver's flags `--oidc-...`.
struct OidcOptions {
  /// Exactly the tokens' `iss`.
  std::string issuer;
  /// Must be in the tokens' `aud`.
  std::string client_id;
  std::string username_claim = "sub";
  std::string username_prefix;
  /// Empty: users have no groups of the issuer's.
  std::string groups_claim;
  std::string groups_prefix;
  std::map<std::string, std::string> required_claims;
  jose::JwsAlgorithmSet algorithms = {jose::JwsAlgorithm::kRs256};
  /// Outlives the verifier.
  IssuerKeySource* keys = nullptr;
};

/// What kube-apiserver puts before names without `--oidc-username-prefix`: nothing for an email
/// address, `ISSUER#` for other claims; and nothing for the prefix `-`.
[[nodiscard]] std::string oidc_username_prefix(const OidcOptions& options,
                                               const std::optional<std::string>& given);

/// Verifies ID tokens of one OpenID Connect issuer; those of other issuers are somebody else's.
///
/// Never waits for keys: without any, tokens of this issuer are refused, and nobody else notices. A
/// token whose signature is good is remembered by its hash for as long as the keys are the same.
///
/// A user whose name begins with `system:` is refused, and groups that do, or that are those of
/// Insula's own components, are left out: an issuer does not make administrators or nodes.
///
/// Lifetime: `others` and the key source outlive it.
/// Spec: OpenID Connect Core 1.0, section 3.1.3.7; Kubernetes, "OpenID Connect Tokens".
class OidcVerifier final : public TokenAuthenticator {
 public:
  /// `server_audience`: what the API server calls itself. `others`: null when there are none.
  OidcVerifier(OidcOptions options, std::string server_audience, TokenAuthenticator* others);

  [[nodiscard]] Result<TokenUser> verify(std::string_view token,
                                         std::span<const std::string> audiences,
                                         WallTime now) override;

 private:
  /// Tokens remembered: two generations of this many at most.
  static constexpr std::size_t kGenerationMax = 1024;

  /// What a token says that nobody has changed.
  struct Identity {
    User user;
    WallTime expires;
    std::optional<WallTime> not_before;
  };

  using Generation = std::unordered_map<std::string, Identity>;

  [[nodiscard]] Result<Identity> identity_of(std::string_view token, const std::string& hash);
  [[nodiscard]] const Identity* remembered(const std::string& hash) const;

  OidcOptions options_;
  std::string server_audience_;
  TokenAuthenticator* others_;
  std::shared_ptr<const jose::JwkSet> keys_;  // those by which the remembered ones are good
  Generation young_;
  Generation old_;
};

}  // namespace insula::apiserver
