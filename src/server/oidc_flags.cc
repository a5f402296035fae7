#include "server/oidc_flags.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/random.h"
#include "gateway/key_set_fetch.h"
#include "jose/jws_key.h"
#include "net/tls.h"

namespace insula::server {
namespace {

std::string ca_copy(const Layout& layout) {
  return layout.control() + "/oidc-ca.crt";
}

std::unexpected<Error> wrong(std::string_view flag, std::string_view value, std::string_view why) {
  return fail(ErrorCode::kInvalid, fmt::format("{} \"{}\": {}", flag, value, why));
}

Result<jose::JwsAlgorithmSet> parse_algorithms(std::string_view text) {
  jose::JwsAlgorithmSet out;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view name = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(name.size() + 1, rest.size()));
    const auto algorithm = jose::parse_jws_algorithm(name);
    // What everybody can verify with a shared secret everybody could sign.
    if (!algorithm || *algorithm == jose::JwsAlgorithm::kHs256) {
      return wrong("--oidc-signing-algs", name,
                   "must be one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, "
                   "EdDSA");
    }
    out.add(*algorithm);
  }
  if (out.empty()) return wrong("--oidc-signing-algs", text, "must name an algorithm, as RS256");
  return out;
}

}  // namespace

void OidcFlags::declare(cli::Options& options) {
  options
      .text_if_any("--oidc-issuer-url", issuer_url,
                   "take ID tokens of this OpenID Connect issuer at the Kubernetes API")
      .text_if_any("--oidc-client-id", client_id, "that must be in their aud")
      .text_if_any("--oidc-username-claim", username_claim, "claim that is the user's name")
      .text_if_any("--oidc-username-prefix", username_prefix,
                   "before the name; - for none; by default the issuer and #, but for the claim "
                   "email")
      .text_if_any("--oidc-groups-claim", groups_claim, "claim that has the user's groups")
      .text_if_any("--oidc-groups-prefix", groups_prefix, "before each group")
      .texts("--oidc-required-claim", required_claims, "KEY=VALUE that a token must have")
      .text_if_any("--oidc-signing-algs", signing_algorithms,
                   "algorithms of signatures, with commas between them")
      .text_if_any("--oidc-ca-file", ca_file,
                   "file with who signed the issuer's certificate; by default whom the machine "
                   "trusts");
}

Result<> OidcFlags::check() const {
  if (!enabled()) {
    const bool others = !client_id.empty() || !username_prefix.empty() || !groups_claim.empty() ||
                        !groups_prefix.empty() || !required_claims.empty() || !ca_file.empty();
    if (!others) return {};
    return fail(ErrorCode::kInvalid,
                "--oidc-issuer-url: the other flags --oidc-... need it, such as "
                "https://id.example.com/realms/staff");
  }
  if (auto url = gateway::parse_key_url(issuer_url); !url)
    return wrong("--oidc-issuer-url", issuer_url, url.error().message());
  if (client_id.empty())
    return fail(ErrorCode::kInvalid,
                "--oidc-client-id: must be given with --oidc-issuer-url: the aud of the tokens");
  if (!groups_prefix.empty() && groups_claim.empty())
    return fail(ErrorCode::kInvalid, "--oidc-groups-prefix: is for --oidc-groups-claim only");
  INSULA_TRY_VOID(options());
  INSULA_TRY(const gateway::KeySource source, key_source());
  if (!source.ca) return {};
  if (auto tls = net::TlsContext::client({.ca = *source.ca}); !tls)
    return wrong("--oidc-ca-file", ca_file, tls.error().message());
  return {};
}

Result<apiserver::OidcOptions> OidcFlags::options() const {
  apiserver::OidcOptions out;
  out.issuer = issuer_url;
  out.client_id = client_id;
  out.username_claim = username_claim;
  out.username_prefix = apiserver::oidc_username_prefix(
      out, username_prefix.empty() ? std::nullopt : std::optional(username_prefix));
  out.groups_claim = groups_claim;
  out.groups_prefix = groups_prefix;
  for (const std::string& claim : required_claims) {
    const std::size_t equals = claim.find('=');
    if (equals == 0 || equals == std::string::npos || equals + 1 == claim.size())
      return wrong("--oidc-required-claim", claim, "must be KEY=VALUE, such as hd=example.com");
    const bool is_new =
        out.required_claims.emplace(claim.substr(0, equals), claim.substr(equals + 1)).second;
    if (!is_new) return wrong("--oidc-required-claim", claim, "the same key is given twice");
  }
  INSULA_TRY(out.algorithms, parse_algorithms(signing_algorithms));
  return out;
}

Result<gateway::KeySource> OidcFlags::key_source() const {
  gateway::KeySource source{.issuer = issuer_url, .jwks_uri = {}, .ca = {}};
  if (ca_file.empty()) return source;
  auto ca = read_file(ca_file);
  if (!ca) return wrong("--oidc-ca-file", ca_file, ca.error().message());
  if (ca->empty()) return wrong("--oidc-ca-file", ca_file, "is empty; PEM certificates expected");
  source.ca = *std::move(ca);
  return source;
}

Result<> OidcFlags::prepare(const Layout& layout, Account control) const {
  if (!enabled() || ca_file.empty()) return {};
  INSULA_TRY(const std::string ca, read_file(ca_file));
  return write_file(ca_copy(layout), ca, 0600, control);
}

std::vector<std::string> OidcFlags::for_control(const Layout& layout) const {
  std::vector<std::string> out;
  if (!enabled()) return out;
  const auto add = [&out](std::string_view flag, std::string_view value) {
    if (!value.empty()) out.push_back(fmt::format("{}={}", flag, value));
  };
  add("--oidc-issuer-url", issuer_url);
  add("--oidc-client-id", client_id);
  add("--oidc-username-claim", username_claim);
  add("--oidc-username-prefix", username_prefix);
  add("--oidc-groups-claim", groups_claim);
  add("--oidc-groups-prefix", groups_prefix);
  for (const std::string& claim : required_claims)
    add("--oidc-required-claim", claim);
  add("--oidc-signing-algs", signing_algorithms);
  if (!ca_file.empty()) add("--oidc-ca-file", ca_copy(layout));
  return out;
}

OidcKeys::OidcKeys(
    gateway::KeySource source, const Layout& layout, Loop& loop, MetricsRegistry& metrics, Log log)
    : source_(std::move(source)),
      followed_({.directory = layout.control() + "/oidc-keys", .metrics_prefix = "insula_oidc"},
                loop,
                system_random(),
                metrics,
                std::move(log)) {
  followed_.follow({source_});
}

std::shared_ptr<const jose::JwkSet> OidcKeys::keys() {
  const auto fetched = followed_.fetched(source_);
  if (fetched == nullptr || !fetched->set) return nullptr;
  return {fetched, &*fetched->set};
}

void OidcKeys::ask() {
  if (const auto fetched = followed_.fetched(source_); fetched != nullptr) fetched->demand->ask();
}

}  // namespace insula::server
