#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "gateway/certificate_files.h"
#include "gateway/snapshot.h"
#include "jose/base64url.h"
#include "jose/jws_key.h"

/// What requests are sent to: backends, the sites that have them, and certificates.
namespace insula::gateway {

/// Each backend is told a name that it knows, also when it stands in for another model.
ModelRoute SnapshotBuilder::build_route(const TenantConfig& tenant,
                                        const ModelConfig& config,
                                        const Backend& service) {
  ModelRoute route{.name = config.name,
                   .backends = {},
                   .fallbacks = config.fallbacks,
                   .health_check = config.health_check};
  for (const BackendConfig& backend : config.backends)
    route.backends.push_back(build_backend(tenant, config, backend));
  if (route.backends.empty()) {
    route.backends.push_back(service);
    route.backends.back().model = config.name;
  }
  for (Backend& backend : route.backends)
    set_policy(config.policy, backend);
  return route;
}

/// A provider says nothing of its caches, and has one address or some that are all the same.
void SnapshotBuilder::set_policy(RoutingPolicy policy, Backend& backend) {
  if (backend.provider != nullptr) return;
  backend.policy = policy;
  if (policy != RoutingPolicy::kPrefixCache) return;
  for (const auto& endpoint : backend.endpoints) {
    auto& known = prefixes_[endpoint->text];
    auto index = known.lock();
    if (index == nullptr) index = std::make_shared<PrefixIndex>();
    known = index;
    backend.prefixes.push_back(std::move(index));
  }
}

Backend SnapshotBuilder::build_backend(const TenantConfig& tenant,
                                       const ModelConfig& model,
                                       const BackendConfig& config) {
  Backend backend = backend_of(config);
  if (backend.model.empty()) backend.model = model.name;
  if (!config.provider) return backend;
  if (const auto added = add_provider(tenant, config, backend); !added) {
    const auto [problem, is_new] = provider_problems_now_.insert(
        fmt::format("{}: {}", config.service_host, added.error().message()));
    if (is_new && !provider_problems_.contains(*problem))
      log_.warn("provider not asked", "tenant", tenant.name, "model", model.name, "why", *problem);
  }
  return backend;
}

/// Each tenant's provider has its own endpoints, and new ones with a new key: what one key is told
/// says nothing about another.
Result<> SnapshotBuilder::add_provider(const TenantConfig& tenant,
                                       const BackendConfig& config,
                                       Backend& backend) {
  const ProviderConfig& provider = *config.provider;
  const std::string owner = fmt::format(
      "{}/{}/{}", tenant.name, config.service_host,
      jose::base64url_encode(
          jose::sha256(fmt::format("{}\n{}\n{}", provider.key_header, provider.key, provider.ca))));
  backend.retries = retries_of(owner);
  if (!provider.problem.empty()) return fail(ErrorCode::kInvalid, provider.problem);
  INSULA_TRY(Provider made, Provider::make(provider));
  backend.service_host = made.authority();
  EndpointTls tls;
  if (made.url().secure()) {
    tls.server_name = made.url().host;
    INSULA_TRY(tls.context, tls_of(provider.ca));
  }
  for (const std::string& text : config.endpoints) {
    if (auto endpoint = endpoint_of(text, owner, tls); endpoint != nullptr)
      backend.endpoints.push_back(std::move(endpoint));
  }
  backend.provider = std::make_shared<const Provider>(std::move(made));
  return {};
}

Result<std::shared_ptr<net::TlsContext>> SnapshotBuilder::tls_of(const std::string& ca) {
  auto& known = tls_[ca];
  if (auto context = known.lock(); context != nullptr) return context;
  INSULA_TRY(auto context, net::TlsContext::client({.ca = ca, .alpn = {"http/1.1"}}));
  known = context;
  return context;
}

/// But for what a provider has of its own.
Backend SnapshotBuilder::backend_of(const BackendConfig& config) {
  Backend backend{.service_host = config.service_host,
                  .model = config.model,
                  .weight = std::max<std::int64_t>(config.weight, 0),
                  .in_flight_max = config.in_flight_max.value_or(INT64_MAX)};
  if (config.provider) return backend;
  backend.endpoints = endpoints_of(config.endpoints);
  backend.retries = retries_of(config.service_host);
  return backend;
}

std::shared_ptr<const TenantMetrics> SnapshotBuilder::metrics_of(const std::string& tenant) {
  auto& metrics = metrics_[tenant];
  if (metrics == nullptr) {
    metrics = std::make_shared<TenantMetrics>(
        make_tenant_metrics(registry_, tenant.empty() ? "platform" : tenant));
  }
  return metrics;
}

void SnapshotBuilder::add_certificates(Snapshot& snapshot, const GatewayConfig& config) {
  std::erase_if(certificates_, [&](const auto& entry) {
    return std::ranges::find(config.certificates, entry.first, &CertificateConfig::name) ==
           config.certificates.end();
  });
  for (const CertificateConfig& certificate : config.certificates) {
    const auto context = context_of(certificate);
    if (context == nullptr) continue;
    for (const std::string& host : certificate.hosts)
      snapshot.certificates.add(host, context);
  }
}

/// nullptr: it cannot be used.
std::shared_ptr<net::TlsContext> SnapshotBuilder::context_of(const CertificateConfig& config) {
  Certificate& known = certificates_[config.name];
  if (known.chain == config.chain && known.key == config.key) return known.context;
  auto context = net::TlsContext::server({.certificate_chain = config.chain,
                                          .private_key = config.key,
                                          .client_ca = {},
                                          .alpn = alpn_protocols()});
  if (!context) {
    log_.error("certificate not used", "certificate", config.name, "err", context.error());
  }
  known = {config.chain, config.key, context.value_or(nullptr)};
  return known.context;
}

Site::RoutePtr SnapshotBuilder::route_of(const PathConfig& path) {
  SiteRoute route{.backends = {}, .access = path.access, .edge = path.edge};
  route.backends.push_back({.backend = backend_of(path.backend)});
  return std::make_shared<const SiteRoute>(std::move(route));
}

Site::RoutePtr SnapshotBuilder::route_of(const RuleConfig& rule) {
  SiteRoute route{.backends = {},
                  .access = rule.access,
                  .edge = rule.edge,
                  .redirect = rule.redirect,
                  .redirect_reply = HeaderEdits(rule.reply),
                  .request_time = rule.request_time,
                  .backend_time = rule.backend_time};
  for (const RouteBackendConfig& config : rule.backends) {
    SiteBackend backend{.backend = backend_of(config.backend),
                        .problem = config.problem,
                        .request = HeaderEdits(rule.request, config.request),
                        .reply = HeaderEdits(rule.reply, config.reply)};
    if (config.rewrite) {
      backend.rewrite = *config.rewrite;
    } else if (rule.rewrite) {
      backend.rewrite = *rule.rewrite;
    }
    route.backends.push_back(std::move(backend));
  }
  for (const MirrorConfig& mirror : rule.mirrors)
    route.mirrors.push_back(
        {.backend = backend_of(mirror.backend),
         .share = static_cast<double>(mirror.numerator) /
                  static_cast<double>(std::max<std::int64_t>(mirror.denominator, 1))});
  return std::make_shared<const SiteRoute>(std::move(route));
}

/// nullptr, and logged: it cannot be used.
Site::ConditionsPtr SnapshotBuilder::conditions_of(const RuleConfig& rule,
                                                   const MatchConfig& match) const {
  auto made = SiteConditions::make(match);
  if (made) return std::make_shared<const SiteConditions>(*std::move(made));
  log_.error("match of a route not served", "route", rule.name, "err", made.error());
  return nullptr;
}

/// Those of tenants that have no route themselves are left out. Requires: the tenants are there.
void SnapshotBuilder::add_sites(Snapshot& snapshot, const GatewayConfig& config) {
  struct Rule {
    Site::RoutePtr route;
    std::vector<Site::ConditionsPtr> matches;  // null: cannot be used
  };

  std::vector<Rule> rules;
  rules.reserve(config.rules.size());
  for (const RuleConfig& rule : config.rules) {
    Rule& made = rules.emplace_back(route_of(rule));
    for (const MatchConfig& match : rule.matches)
      made.matches.push_back(conditions_of(rule, match));
  }
  for (const SiteConfig& site_config : config.sites) {
    const Tenant* owner =
        site_config.tenant.empty() ? &snapshot.platform : snapshot.find(site_config.tenant);
    if (owner == nullptr) continue;
    Site site(*owner);
    for (const auto& [rule, match] : site_config.matches) {
      if (rule >= rules.size() || match >= rules[rule].matches.size()) continue;
      if (rules[rule].matches[match] != nullptr)
        site.add(rules[rule].matches[match], rules[rule].route);
    }
    for (const PathConfig& path : site_config.paths)
      site.add(path.path, path.exact, route_of(path));
    snapshot.sites.add(site_config.host, std::move(site));
  }
}

std::vector<std::shared_ptr<Endpoint>> SnapshotBuilder::endpoints_of(
    const std::vector<std::string>& texts) {
  std::vector<std::shared_ptr<Endpoint>> endpoints;
  for (const std::string& text : texts) {
    if (auto endpoint = endpoint_of(text); endpoint != nullptr)
      endpoints.push_back(std::move(endpoint));
  }
  return endpoints;
}

std::shared_ptr<Endpoint> SnapshotBuilder::endpoint_of(const std::string& text,
                                                       const std::string& owner,
                                                       const EndpointTls& tls) {
  auto& known = endpoints_[owner + text];
  if (auto endpoint = known.lock(); endpoint != nullptr) return endpoint;
  const auto address = net::Address::parse(text);
  if (!address) {
    log_.warn("endpoint ignored", "endpoint", text, "err", address.error());
    return nullptr;
  }
  auto endpoint = std::make_shared<Endpoint>(*address, clock_.now(), tls);
  known = endpoint;
  return endpoint;
}

std::shared_ptr<RetryBudget> SnapshotBuilder::retries_of(const std::string& service_host) {
  auto& known = retries_[service_host];
  auto retries = known.lock();
  if (retries == nullptr) retries = std::make_shared<RetryBudget>();
  known = retries;
  return retries;
}

}  // namespace insula::gateway
