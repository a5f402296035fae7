#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"

namespace insula::server {

/// A certificate and its private key, as PEM.
struct KeyPair {
  std::string certificate;
  std::string key;
};

/// Whom a certificate speaks for: Kubernetes reads the common name as the user and the
/// organizations as groups.
struct Subject {
  std::string common_name;
  std::vector<std::string> organizations;
};

/// Leaf certificates are written anew at every start; this is for copies of the kubeconfig.
inline constexpr std::chrono::days kLeafLifetime{365};
inline constexpr std::chrono::days kAuthorityLifetime{3650};

/// The platform's own certificate authority: ECDSA P-256, SHA-256.
class Authority {
 public:
  /// A new authority. Errors: OpenSSL has no entropy.
  /// `name`: of its subject, before a random part.
  static Result<Authority> create(const Clock& clock, std::string_view name = "insula-ca");
  /// One that was stored. Errors: kInvalid when the PEM cannot be read, has expired, or key and
  /// certificate do not belong together.
  static Result<Authority> load(KeyPair stored, const Clock& clock);

  [[nodiscard]] const KeyPair& pair() const { return pair_; }

  /// `names`: DNS names and IP addresses under which the server is reached.
  [[nodiscard]] Result<KeyPair> issue_server(const Subject& subject,
                                             const std::vector<std::string>& names) const;
  [[nodiscard]] Result<KeyPair> issue_client(const Subject& subject) const;

  /// Signs a request (PKCS #10, PEM) for a client's certificate, which is good for `lifetime`, but
  /// no longer than kLeafLifetime, and says nothing of the request but its subject and key. Errors:
  /// kInvalid as net::parse_certificate_request(), and for usages of the key other than client
  /// auth, digital signature and key encipherment, or without the first.
  [[nodiscard]] Result<std::string> sign_client(const std::string& request,
                                                const std::vector<std::string>& usages,
                                                std::chrono::seconds lifetime) const;

 private:
  Authority(KeyPair pair, const Clock& clock) : pair_(std::move(pair)), clock_(&clock) {}

  [[nodiscard]] Result<KeyPair> issue(const Subject& subject,
                                      std::string_view usage,
                                      std::string_view alternative_names) const;

  KeyPair pair_;
  const Clock* clock_;
};

/// A kubeconfig with one cluster, user and context, all named `insula`, everything inline.
[[nodiscard]] std::string kubeconfig(std::string_view server_url,
                                     std::string_view authority_certificate,
                                     const KeyPair& client);

}  // namespace insula::server
