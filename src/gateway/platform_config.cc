#include "gateway/platform_config.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "api/platform_objects.h"
#include "api/tenant.h"
#include "base/number.h"
#include "gateway/jwt.h"
#include "gateway/platform_lookup.h"
#include "gateway/platform_routes.h"

namespace insula::gateway {
namespace {

constexpr std::string_view kServiceNameLabel = "kubernetes.io/service-name";
constexpr std::string_view kKeyNamePrefix = "key-";

std::string value_or_empty(const std::map<std::string, std::string>& entries,
                           std::string_view key) {
  const auto found = entries.find(std::string(key));
  return found == entries.end() ? std::string() : found->second;
}

/// The words between commas.
std::vector<std::string> split(std::string_view list) {
  std::vector<std::string> words;
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    words.emplace_back(list.substr(0, comma));
    list.remove_prefix(comma == list.npos ? list.size() : comma + 1);
  }
  return words;
}

/// The Service's port with this number or, if that is 0, with this name; nullptr when there is
/// none.
const api::ServicePort* find_port(const PlatformObjects& objects,
                                  const std::string& name_space,
                                  const std::string& service_name,
                                  const api::ServiceBackendPort& wanted) {
  for (const auto& service : objects.services) {
    if (service->metadata.namespace_ != name_space || service->metadata.name != service_name)
      continue;
    for (const api::ServicePort& port : service->spec.ports) {
      if (wanted.number != 0 ? port.port == wanted.number : port.name == wanted.name) return &port;
    }
  }
  return nullptr;
}

std::optional<std::int32_t> port_number(const api::EndpointSlice& slice, const std::string& name) {
  for (const api::EndpointSlicePort& port : slice.ports) {
    if (port.name.value_or("") == name) return port.port;
  }
  return std::nullopt;
}

struct Addresses {
  std::vector<std::string> ready;
  std::vector<std::string> stopping;
};

void collect(const api::EndpointSlice& slice, std::int32_t port, Addresses& out) {
  for (const api::Endpoint& endpoint : slice.endpoints) {
    if (endpoint.addresses.empty()) continue;
    const std::string& host = endpoint.addresses.front();
    const std::string address = slice.address_type == "IPv6" ? fmt::format("[{}]:{}", host, port)
                                                             : fmt::format("{}:{}", host, port);
    const bool ready = endpoint.conditions.ready.value_or(true);
    const bool terminating = endpoint.conditions.terminating.value_or(false);
    if (ready && !terminating) {
      out.ready.push_back(address);
    } else if (terminating && endpoint.conditions.serving.value_or(ready)) {
      out.stopping.push_back(address);
    }
  }
}

std::vector<std::string> endpoints_of(const PlatformObjects& objects,
                                      const std::string& name_space,
                                      const std::string& service,
                                      const std::string& port_name) {
  Addresses addresses;
  for (const auto& slice : objects.slices) {
    if (slice->metadata.namespace_ != name_space || slice->address_type == "FQDN") continue;
    if (value_or_empty(slice->metadata.labels, kServiceNameLabel) != service) continue;
    if (const auto port = port_number(*slice, port_name); port) collect(*slice, *port, addresses);
  }
  auto& chosen = addresses.ready.empty() ? addresses.stopping : addresses.ready;
  std::ranges::sort(chosen);
  chosen.erase(std::ranges::unique(chosen).begin(), chosen.end());
  return chosen;
}

/// The entry that is referred to; empty when it is not there or not the tenant's.
std::string referenced(const PlatformObjects& objects,
                       const api::Tenant& tenant,
                       const api::TenantKeyRef& ref) {
  const auto name_space = api::namespace_in(tenant, ref.namespace_);
  if (!name_space) return {};
  const api::Secret* secret = find_secret(objects, {*name_space, ref.name});
  return secret == nullptr ? std::string() : value_or_empty(secret->data, ref.key);
}

IssuerConfig issuer_of(const PlatformObjects& objects,
                       const api::Tenant& tenant,
                       const api::TenantJwt& jwt) {
  IssuerConfig issuer{jwt.issuer, jwt.audiences, jwt.public_keys, {}, jwt.algorithms};
  if (jwt.secret_ref) {
    std::string key = referenced(objects, tenant, *jwt.secret_ref);
    if (!key.empty()) issuer.secrets.push_back(std::move(key));
  } else if (jwt.public_keys.empty()) {
    issuer.key_source = {.issuer = jwt.issuer, .jwks_uri = jwt.jwks_uri};
    if (jwt.ca_ref) issuer.key_source->ca = referenced(objects, tenant, *jwt.ca_ref);
  }
  return issuer;
}

/// The cluster's own issuer, for the accounts in the namespaces that the tenant owns.
IssuerConfig cluster_issuer(const PlatformObjects& objects, const api::Tenant& tenant) {
  std::set<std::string_view> owned;
  for (const auto& name_space : objects.namespaces) {
    if (api::owning_tenant(name_space->metadata) == tenant.metadata.name &&
        !name_space->metadata.deletion_timestamp)
      owned.insert(name_space->metadata.name);
  }
  IssuerConfig issuer{objects.cluster_keys->issuer, {std::string(kBuiltinAudience)}, {}, {}, {}};
  issuer.key_source = objects.cluster_keys;
  issuer.accounts.emplace();
  for (const auto& account : objects.accounts) {
    const api::ObjectMeta& meta = account->metadata;
    if (owned.contains(meta.namespace_) && !meta.deletion_timestamp)
      issuer.accounts->emplace(meta.namespace_ + "/" + meta.name, meta.uid);
  }
  return issuer;
}

std::optional<std::int64_t> limit_in(const api::Secret& secret, const char* entry) {
  const auto found = secret.data.find(entry);
  if (found == secret.data.end()) return std::nullopt;
  return parse_whole<std::int64_t>(found->second).value_or(kLimitUnreadable);
}

/// Money, in nano-units.
std::optional<std::int64_t> amount_in(const api::Secret& secret, const char* entry) {
  const auto found = secret.data.find(entry);
  if (found == secret.data.end()) return std::nullopt;
  return api::parse_amount(found->second).value_or(kLimitUnreadable);
}

BudgetConfig budget_in(const api::Secret& secret) {
  return {.tokens_per_day = limit_in(secret, api::kApiKeyTokensPerDayEntry),
          .tokens_per_month = limit_in(secret, api::kApiKeyTokensPerMonthEntry),
          .spend_per_day = amount_in(secret, api::kApiKeySpendPerDayEntry),
          .spend_per_month = amount_in(secret, api::kApiKeySpendPerMonthEntry)};
}

std::optional<std::int64_t> amount_of(const std::string& text) {
  if (text.empty()) return std::nullopt;
  return api::parse_amount(text).value_or(0);
}

BudgetConfig budget_of(const api::TenantBudget& budget) {
  return {.tokens_per_day = budget.tokens_per_day,
          .tokens_per_month = budget.tokens_per_month,
          .spend_per_day = amount_of(budget.spend_per_day),
          .spend_per_month = amount_of(budget.spend_per_month)};
}

/// A Service of the tenant; without endpoints when it may not name it.
BackendConfig backend_of(const PlatformObjects& objects,
                         const api::Tenant& tenant,
                         const api::TenantService& service) {
  const auto name_space = api::namespace_in(tenant, service.namespace_);
  if (!name_space) return {};
  return backend_at(objects, *name_space, service.name, {.number = service.port});
}

/// What a provider's reference leads to; empty, and noted as its problem, when it leads nowhere.
std::string provider_entry(const PlatformObjects& objects,
                           const api::Tenant& tenant,
                           const api::TenantKeyRef& ref,
                           std::string& problem) {
  const auto where = api::provider_secret(tenant, ref);
  const api::Secret* secret = where ? find_secret(objects, *where) : nullptr;
  auto entry = api::provider_entry(tenant, ref, secret);
  if (entry) return *std::move(entry);
  problem = entry.error().message();
  return {};
}

BackendConfig backend_of(const PlatformObjects& objects,
                         const api::Tenant& tenant,
                         const api::TenantProvider& provider) {
  ProviderConfig config{.base_url = provider.base_url, .key_header = provider.api_key_header};
  if (config.key_header.empty()) config.key_header = api::kProviderKeyHeaders.front();
  for (const api::TenantHeader& header : provider.headers)
    config.headers.emplace_back(header.name, header.value);
  if (provider.api_key_ref)
    config.key = provider_entry(objects, tenant, *provider.api_key_ref, config.problem);
  if (provider.ca_ref)
    config.ca = provider_entry(objects, tenant, *provider.ca_ref, config.problem);
  return {.service_host = provider.base_url, .endpoints = {}, .provider = std::move(config)};
}

HealthCheckConfig health_check_of(const api::TenantHealthCheck& check) {
  HealthCheckConfig config{.path = check.path};
  if (check.period_seconds) config.period = std::chrono::seconds(*check.period_seconds);
  if (check.timeout_seconds) config.timeout = std::chrono::seconds(*check.timeout_seconds);
  config.failure_threshold = check.failure_threshold.value_or(config.failure_threshold);
  config.success_threshold = check.success_threshold.value_or(config.success_threshold);
  return config;
}

ModelConfig model_of(const PlatformObjects& objects,
                     const api::Tenant& tenant,
                     const api::TenantModel& model) {
  const api::TenantModelRateLimit& limit = model.rate_limit;
  ModelConfig config{.name = model.name,
                     .fallbacks = model.fallbacks,
                     .limits = {.requests_per_hour = limit.requests_per_hour,
                                .tokens_per_minute = limit.tokens_per_minute,
                                .concurrent_requests = limit.concurrent_requests,
                                .budget = budget_of(model.budget)}};
  config.policy = parse_routing_policy(model.routing.policy);
  if (model.health_check) config.health_check = health_check_of(*model.health_check);
  for (const api::TenantBackend& backend : model.backends) {
    config.backends.push_back(backend.provider ? backend_of(objects, tenant, *backend.provider)
                                               : backend_of(objects, tenant, backend.service));
    config.backends.back().model = backend.model;
    config.backends.back().weight = backend.weight.value_or(1);
    config.backends.back().in_flight_max = backend.concurrent_requests_per_endpoint;
  }
  return config;
}

LimitConfig limits_of(const api::TenantMemberRateLimit& limit, const api::TenantBudget& budget) {
  return {.requests_per_hour = limit.requests_per_hour,
          .tokens_per_minute = limit.tokens_per_minute,
          .concurrent_requests = limit.concurrent_requests,
          .budget = budget_of(budget)};
}

TenantConfig tenant_config(const PlatformObjects& objects, const api::Tenant& tenant) {
  TenantConfig config;
  config.name = tenant.metadata.name;
  config.uid = tenant.metadata.uid;
  const api::TenantGateway& gateway = tenant.spec.gateway;
  const api::TenantRateLimit& limit = gateway.rate_limit;
  config.limits = {.requests_per_hour = limit.requests_per_hour.value_or(kRequestsPerHourDefault),
                   .tokens_per_minute = limit.tokens_per_minute,
                   .concurrent_requests = limit.concurrent_requests,
                   .budget = budget_of(gateway.budget)};
  config.created = tenant.metadata.creation_timestamp.seconds;
  BackendConfig service = backend_of(objects, tenant, gateway.service);
  config.service_host = std::move(service.service_host);
  config.endpoints = std::move(service.endpoints);
  for (const api::TenantModel& model : gateway.models)
    config.models.push_back(model_of(objects, tenant, model));
  config.member_limits = limits_of(gateway.member_rate_limit, gateway.member_budget);
  const QueueConfig absent;
  config.queue = {.requests = gateway.queue.requests.value_or(absent.requests),
                  .wait_seconds = gateway.queue.wait_seconds.value_or(
                      static_cast<std::int32_t>(absent.wait_seconds)),
                  .weight = std::max(gateway.queue.weight.value_or(1), 1)};
  config.edge = edge_of(gateway);
  for (const api::TenantMember& member : gateway.members)
    config.members.push_back(
        {.name = member.name, .limits = limits_of(member.rate_limit, member.budget)});
  for (const api::TenantJwt& jwt : gateway.jwt)
    config.issuers.push_back(issuer_of(objects, tenant, jwt));
  if (objects.cluster_keys) config.issuers.push_back(cluster_issuer(objects, tenant));
  return config;
}

}  // namespace

const api::Secret* find_secret(const PlatformObjects& objects, const SecretRef& ref) {
  for (const auto& secret : objects.secrets) {
    if (secret->metadata.namespace_ == ref.name_space && secret->metadata.name == ref.name)
      return secret.get();
  }
  return nullptr;
}

BackendConfig backend_at(const PlatformObjects& objects,
                         const std::string& name_space,
                         const std::string& service,
                         const api::ServiceBackendPort& wanted) {
  const api::ServicePort* port = find_port(objects, name_space, service, wanted);
  const std::string number = port == nullptr
                                 ? wanted.number == 0 ? wanted.name : std::to_string(wanted.number)
                                 : std::to_string(port->port);
  BackendConfig backend{.service_host = fmt::format("{}.{}.svc:{}", service, name_space, number)};
  if (port != nullptr) backend.endpoints = endpoints_of(objects, name_space, service, port->name);
  return backend;
}

std::vector<SecretRef> secrets_of(const api::Ingress& ingress) {
  std::vector<SecretRef> refs;
  for (const api::IngressTLS& tls : ingress.spec.tls) {
    if (!tls.secret_name.empty()) refs.push_back({ingress.metadata.namespace_, tls.secret_name});
  }
  return refs;
}

std::vector<SecretRef> secrets_of(const api::Routing& routing) {
  std::vector<SecretRef> refs;
  for (const api::AdmittedIngress& one : routing.ingresses) {
    for (SecretRef& ref : secrets_of(*one.ingress))
      refs.push_back(std::move(ref));
  }
  for (const api::ServedGateway& gateway : routing.gateways) {
    for (const api::ServedListener& listener : gateway.listeners) {
      if (gateway.serves(listener))
        refs.insert(refs.end(), listener.certificates.begin(), listener.certificates.end());
    }
  }
  return refs;
}

std::vector<SecretRef> secrets_of(const api::Tenant& tenant) {
  std::vector<SecretRef> refs;
  for (const api::TenantJwt& jwt : tenant.spec.gateway.jwt) {
    for (const auto* ref : {&jwt.secret_ref, &jwt.ca_ref}) {
      if (!*ref) continue;
      const auto name_space = api::namespace_in(tenant, (*ref)->namespace_);
      if (name_space) refs.push_back({*name_space, (*ref)->name});
    }
  }
  for (SecretRef& ref : api::provider_secrets(tenant)) {
    if (ref.name_space != api::kSystemNamespace) refs.push_back(std::move(ref));
  }
  return refs;
}

ApiKeyConfig key_config(const api::Secret& secret) {
  ApiKeyConfig config{
      .id = secret.metadata.name.substr(kKeyNamePrefix.size()),
      .tenant = value_or_empty(secret.data, "tenant"),
      .hash = value_or_empty(secret.data, "hash"),
      .expires = value_or_empty(secret.data, api::kApiKeyExpiresEntry),
      .models = split(value_or_empty(secret.data, api::kApiKeyModelsEntry)),
      .limits = {.requests_per_hour = limit_in(secret, api::kApiKeyRequestsPerHourEntry),
                 .tokens_per_minute = limit_in(secret, api::kApiKeyTokensPerMinuteEntry),
                 .concurrent_requests = limit_in(secret, api::kApiKeyConcurrentRequestsEntry),
                 .budget = budget_in(secret)}};
  LimitConfig& limits = config.limits;
  // A limit of tokens alone would not stop requests that use none.
  for (const auto& limit : {limits.requests_per_hour, limits.tokens_per_minute,
                            limits.budget.tokens_per_day, limits.budget.tokens_per_month,
                            limits.budget.spend_per_day, limits.budget.spend_per_month}) {
    if (limit == kLimitUnreadable) limits.concurrent_requests = kLimitUnreadable;
  }
  return config;
}

Result<PriceList> price_list(const api::ConfigMap* prices) {
  if (prices == nullptr) return PriceList{};
  const auto entry = prices->data.find(api::kModelPricesEntry);
  if (entry == prices->data.end()) {
    return fail(ErrorCode::kInvalid, fmt::format("ConfigMap {}/{} has no {}", api::kSystemNamespace,
                                                 api::kModelPrices, api::kModelPricesEntry));
  }
  auto list = parse_prices(entry->second);
  if (list) return list;
  return std::unexpected(std::move(list).error().in(fmt::format(
      "ConfigMap {}/{}, {}", api::kSystemNamespace, api::kModelPrices, api::kModelPricesEntry)));
}

GatewayConfig make_config(const PlatformObjects& objects) {
  return make_config(objects, api::decide_routing(objects.routing));
}

GatewayConfig make_config(const PlatformObjects& objects, const api::Routing& routing) {
  GatewayConfig config;
  for (const auto& tenant : objects.tenants) {
    if (!tenant->metadata.deletion_timestamp)
      config.tenants.push_back(tenant_config(objects, *tenant));
  }
  for (const auto& secret : objects.secrets) {
    if (secret->metadata.namespace_ != api::kSystemNamespace) continue;
    const std::string& name = secret->metadata.name;
    if (secret->type == api::kApiKeyType && name.starts_with(kKeyNamePrefix)) {
      config.api_keys.push_back(key_config(*secret));
    } else if (name == api::kTokenIssuerPublic) {
      config.builtin_keys.push_back(value_or_empty(secret->data, api::kPublicKeyEntry));
    }
  }
  add_routes(objects, routing, config);
  std::ranges::sort(config.tenants, {}, &TenantConfig::name);
  std::ranges::sort(config.api_keys, {}, &ApiKeyConfig::id);
  return config;
}

}  // namespace insula::gateway
