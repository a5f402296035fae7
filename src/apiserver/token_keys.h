#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "jose/jws_key.h"

namespace insula::apiserver {

/// The key that signs the tokens of ServiceAccounts, and the public ones with which they are
/// verified: its own, and those of keys that signed before it.
///
/// A value. Threads: const members from any thread.
class TokenKeys {
 public:
  /// Keys beside the signer's that are kept; older ones are left out.
  static constexpr std::size_t kEarlierMax = 7;

  /// `private_pem`: the signer, EC, RSA or Ed25519. `public_pems`: any number of
  /// `-----BEGIN PUBLIC KEY-----` blocks, the newest first; that of the signer may be among them.
  /// Errors: kInvalid when one of them is no such key.
  static Result<TokenKeys> load(std::string_view private_pem, std::string_view public_pems);

  /// A compact JWS over `claims`, with the signer's `kid`. Errors: kInternal when OpenSSL fails.
  [[nodiscard]] Result<std::string> sign(std::string_view claims) const;

  /// The signer's first. Their ids are base64url(SHA-256(SubjectPublicKeyInfo)), as Kubernetes has
  /// them, so that a verifier can tell which one it needs.
  [[nodiscard]] std::span<const jose::JwsKey> public_keys() const { return public_keys_; }

  /// The name of the signer's algorithm: `ES256`.
  [[nodiscard]] std::string_view algorithm() const;

 private:
  TokenKeys(jose::JwsSigner signer, std::vector<jose::JwsKey> public_keys);

  jose::JwsSigner signer_;
  std::vector<jose::JwsKey> public_keys_;
};

/// Who the platform is to those who read its tokens.
struct TokenAuthority {
  TokenKeys keys;
  /// The claim `iss`, and the audience of tokens for the API server.
  std::string issuer;
  /// Where the public keys are served, for the discovery document.
  std::string jwks_uri;
};

/// OpenID Connect Discovery's document, as far as verifying tokens needs it.
[[nodiscard]] std::string discovery_document(const TokenAuthority& authority);

}  // namespace insula::apiserver
