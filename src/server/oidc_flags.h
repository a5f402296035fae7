#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apiserver/oidc_verifier.h"
#include "async/loop.h"
#include "base/error.h"
#include "cli/options.h"
#include "gateway/issuer_keys.h"
#include "gateway/key_source.h"
#include "server/data_dir.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

namespace insula::server {

/// The flags `--oidc-...` of `insula up`, which hands them to control; the names and what they mean
/// are kube-apiserver's. Without an issuer no ID tokens are taken.
struct OidcFlags {
  std::string issuer_url;
  std::string client_id;
  std::string username_claim = "sub";
  std::string username_prefix;
  std::string groups_claim;
  std::string groups_prefix;
  std::vector<std::string> required_claims;  // KEY=VALUE each
  std::string signing_algorithms = "RS256";  // commas between them
  std::string ca_file;

  void declare(cli::Options& options);

  [[nodiscard]] bool enabled() const { return !issuer_url.empty(); }

  /// Errors: kInvalid, naming the flag.
  [[nodiscard]] Result<> check() const;

  /// Makes a copy of the CA, which control may not be able to read where it is. Errors: fail_errno.
  [[nodiscard]] Result<> prepare(const Layout& layout, Account control) const;

  /// The flags as control gets them.
  [[nodiscard]] std::vector<std::string> for_control(const Layout& layout) const;

  /// All but the keys. Errors: as check().
  [[nodiscard]] Result<apiserver::OidcOptions> options() const;
  /// Where the keys are published. Errors: of the CA's file.
  [[nodiscard]] Result<gateway::KeySource> key_source() const;
};

/// The keys of the issuer of ID tokens: fetched by discovery, refreshed before they are stale, and
/// kept on disk for the next start. Lifetime: as gateway::IssuerKeys.
class OidcKeys final : public apiserver::IssuerKeySource {
 public:
  OidcKeys(gateway::KeySource source,
           const Layout& layout,
           Loop& loop,
           MetricsRegistry& metrics,
           Log log);

  [[nodiscard]] std::shared_ptr<const jose::JwkSet> keys() override;
  void ask() override;

 private:
  gateway::KeySource source_;
  gateway::IssuerKeys followed_;
};

}  // namespace insula::server
