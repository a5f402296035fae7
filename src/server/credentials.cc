#include "server/credentials.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <unistd.h>

#include "jose/jws_key.h"
#include "server/interfaces.h"
#include "server/pki.h"

namespace insula::server {
namespace {

constexpr mode_t kPrivate = 0600;
constexpr mode_t kPublic = 0644;

/// The authority `name`.crt and `name`.key, whose key `owner` reads.
Result<Authority> load_or_create_authority(const Layout& layout,
                                           const std::string& name,
                                           const Accounts& accounts,
                                           const Account& owner,
                                           const Clock& clock) {
  auto certificate = read_file(pki_path(layout, name + ".crt"));
  auto key = read_file(pki_path(layout, name + ".key"));
  if (certificate && key) {
    auto loaded = Authority::load({*std::move(certificate), *std::move(key)}, clock);
    if (!loaded) return std::unexpected(std::move(loaded).error().in(layout.pki()));
    return loaded;
  }
  if (certificate.has_value() != key.has_value()) {
    // A new authority in its place would shut out everybody who has a kubeconfig of the old one.
    const auto& missing = certificate ? key : certificate;
    if (missing.error().code() == ErrorCode::kNotFound) {
      return fail(ErrorCode::kInvalid,
                  fmt::format("{0}/{1}.{2} is missing, and {0}/{1}.{3} is there: put it back, or "
                              "remove both to begin with a new authority",
                              layout.pki(), name, certificate ? "key" : "crt",
                              certificate ? "crt" : "key"));
    }
  }
  for (const auto* stored : {&certificate, &key}) {
    if (!*stored && stored->error().code() != ErrorCode::kNotFound)
      return std::unexpected(stored->error());
  }
  INSULA_TRY(Authority created, Authority::create(clock, "insula-" + name));
  INSULA_TRY_VOID(
      write_file_durably(pki_path(layout, name + ".key"), created.pair().key, kPrivate, owner));
  INSULA_TRY_VOID(write_file_durably(pki_path(layout, name + ".crt"), created.pair().certificate,
                                     kPublic, accounts.self));
  return created;
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? std::string(name.data())
                                                          : std::string();
}

bool is_unspecified(const std::string& host) {
  return host == "0.0.0.0" || host == "::" || host == "[::]";
}

std::vector<std::string> names_of(const std::string& bound_host, std::vector<std::string> names) {
  std::vector<std::string> more = {"localhost", "127.0.0.1", "::1", host_name()};
  if (is_unspecified(bound_host)) {
    for (std::string& address : interface_addresses())
      more.push_back(std::move(address));
  } else {
    more.push_back(bound_host);
  }
  for (std::string& name : more) {
    if (!name.empty() && std::ranges::find(names, name) == names.end())
      names.push_back(std::move(name));
  }
  return names;
}

Result<> write_pair(const Layout& layout,
                    const std::string& name,
                    const KeyPair& pair,
                    const Account& owner) {
  INSULA_TRY_VOID(write_file(pki_path(layout, name + ".crt"), pair.certificate, kPublic, owner));
  return write_file(pki_path(layout, name + ".key"), pair.key, kPrivate, owner);
}

/// The public half first: a key that nobody can verify with must not sign.
Result<> ensure_token_keys(const Layout& layout, const Accounts& accounts) {
  const std::string key_path = pki_path(layout, "sa.key");
  const std::string public_path = pki_path(layout, "sa.pub");
  const auto key = read_file(key_path);
  if (!key && key.error().code() != ErrorCode::kNotFound) return std::unexpected(key.error());
  if (key) return {};
  auto earlier = read_file(public_path);
  if (!earlier && earlier.error().code() != ErrorCode::kNotFound)
    return std::unexpected(earlier.error());
  INSULA_TRY(const jose::JwsKeyPair made, jose::generate_es256_keys());
  INSULA_TRY_VOID(write_file_durably(public_path, made.public_pem + earlier.value_or(""), kPublic,
                                     accounts.self));
  return write_file_durably(key_path, made.private_pem, kPrivate, accounts.control);
}

}  // namespace

std::string pki_path(const Layout& layout, std::string_view file) {
  return layout.pki() + "/" + std::string(file);
}

Result<> write_credentials(const Layout& layout,
                           const Accounts& accounts,
                           const Endpoints& endpoints,
                           const Clock& clock) {
  INSULA_TRY(const Authority authority,
             load_or_create_authority(layout, "ca", accounts, accounts.self, clock));
  INSULA_TRY_VOID(load_or_create_authority(layout, "client-ca", accounts, accounts.control, clock));
  INSULA_TRY_VOID(ensure_token_keys(layout, accounts));
  const std::string& ca = authority.pair().certificate;

  INSULA_TRY(
      const KeyPair server,
      authority.issue_server({"insula-api", {}},
                             names_of(endpoints.api_host,
                                      {"kubernetes", "kubernetes.default", "kubernetes.default.svc",
                                       "kubernetes.default.svc.cluster.local"})));
  INSULA_TRY_VOID(write_pair(layout, "server", server, accounts.control));
  INSULA_TRY(const KeyPair gateway_server,
             authority.issue_server({"insula-gateway", {}}, names_of(endpoints.gateway_host, {})));
  INSULA_TRY_VOID(write_pair(layout, "gateway", gateway_server, accounts.gateway));

  INSULA_TRY(const KeyPair admin, authority.issue_client({"insula-admin", {"system:masters"}}));
  INSULA_TRY(const KeyPair node,
             authority.issue_client({"system:node:" + endpoints.node_name, {"system:nodes"}}));
  INSULA_TRY(const KeyPair gateway, authority.issue_client({"insula-gateway", {"insula:gateway"}}));
  INSULA_TRY(const KeyPair metrics, authority.issue_client({"insula-metrics", {"insula:metrics"}}));
  INSULA_TRY_VOID(write_pair(layout, "admin", admin, accounts.self));
  INSULA_TRY_VOID(write_pair(layout, "metrics", metrics, accounts.self));
  INSULA_TRY_VOID(write_file(pki_path(layout, "node.kubeconfig"),
                             kubeconfig(endpoints.api_local, ca, node), kPrivate, accounts.self));
  INSULA_TRY_VOID(write_file(pki_path(layout, "gateway.kubeconfig"),
                             kubeconfig(endpoints.api_local, ca, gateway), kPrivate,
                             accounts.gateway));
  return write_file(layout.kubeconfig(), kubeconfig(endpoints.api_server, ca, admin), kPrivate,
                    accounts.self);
}

}  // namespace insula::server
