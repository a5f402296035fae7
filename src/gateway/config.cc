#include "gateway/config.h"

#include <algorithm>
#include <array>
#include <utility>

#include "gateway/json_members.h"
#include "gateway/whole_file.h"
#include "jose/base64url.h"
#include "json/parse.h"
#include "json/value.h"
#include "json/write.h"

namespace insula::gateway {
namespace {

/// 1 had secrets as text, which cannot hold every byte.
constexpr std::int64_t kFormat = 2;
constexpr std::int64_t kFormatWithTextSecrets = 1;

/// Secrets are bytes, and JSON holds text.
json::Value secrets_to_json(const std::vector<std::string>& secrets) {
  json::Array array;
  for (const std::string& secret : secrets)
    array.emplace_back(jose::base64url_encode(secret));
  return array;
}

Result<> decode_secrets(GatewayConfig& config) {
  for (TenantConfig& tenant : config.tenants) {
    for (IssuerConfig& issuer : tenant.issuers) {
      for (std::string& secret : issuer.secrets) {
        auto bytes = jose::base64url_decode(secret);
        if (!bytes) return fail(ErrorCode::kBadRequest, "a secret is not base64url");
        secret = *std::move(bytes);
      }
    }
  }
  return {};
}

json::Value to_value(const IssuerConfig& issuer) {
  json::Object object{{"issuer", issuer.issuer},
                      {"audiences", strings_to_json(issuer.audiences)},
                      {"publicKeys", strings_to_json(issuer.public_keys)},
                      {"secrets", secrets_to_json(issuer.secrets)},
                      {"algorithms", strings_to_json(issuer.algorithms)}};
  if (issuer.key_source) {
    json::Object source{{"jwksURI", issuer.key_source->jwks_uri}};
    if (issuer.key_source->ca) source.set("ca", *issuer.key_source->ca);
    object.set("keySource", std::move(source));
  }
  if (issuer.accounts) {
    json::Object accounts;
    for (const auto& [name, uid] : *issuer.accounts)
      accounts.set(name, uid);
    object.set("accounts", std::move(accounts));
  }
  return object;
}

IssuerConfig issuer_from(const json::Object& object) {
  IssuerConfig issuer{string_in(object, "issuer"), strings_in(object, "audiences"),
                      strings_in(object, "publicKeys"), strings_in(object, "secrets"),
                      strings_in(object, "algorithms")};
  const json::Value* value = object.find("keySource");
  if (const json::Object* source = value == nullptr ? nullptr : value->as_object()) {
    issuer.key_source = {.issuer = issuer.issuer, .jwks_uri = string_in(*source, "jwksURI")};
    if (source->contains("ca")) issuer.key_source->ca = string_in(*source, "ca");
  }
  value = object.find("accounts");
  if (const json::Object* accounts = value == nullptr ? nullptr : value->as_object()) {
    issuer.accounts.emplace();
    for (const auto& [name, uid] : *accounts)
      issuer.accounts->emplace(name, uid.text());
  }
  return issuer;
}

void set_limits(json::Object& object, const LimitConfig& limits) {
  const auto set = [&](const char* key, std::optional<std::int64_t> most) {
    if (most) object.set(key, *most);
  };
  set("requestsPerHour", limits.requests_per_hour);
  set("tokensPerMinute", limits.tokens_per_minute);
  set("concurrentRequests", limits.concurrent_requests);
  set("tokensPerDay", limits.budget.tokens_per_day);
  set("tokensPerMonth", limits.budget.tokens_per_month);
  set("spendNanosPerDay", limits.budget.spend_per_day);
  set("spendNanosPerMonth", limits.budget.spend_per_month);
}

json::Value to_value(const ProviderConfig& provider) {
  json::Array headers;
  for (const auto& [name, value] : provider.headers)
    headers.push_back(json::Object{{"name", name}, {"value", value}});
  return json::Object{{"baseURL", provider.base_url},
                      {"keyHeader", provider.key_header},
                      {"key", jose::base64url_encode(provider.key)},
                      {"headers", std::move(headers)},
                      {"ca", provider.ca},
                      {"problem", provider.problem}};
}

ProviderConfig provider_from(const json::Object& object) {
  ProviderConfig provider{.base_url = string_in(object, "baseURL"),
                          .key_header = string_in(object, "keyHeader"),
                          .ca = string_in(object, "ca"),
                          .problem = string_in(object, "problem")};
  if (auto key = jose::base64url_decode(string_in(object, "key")); key) {
    provider.key = *std::move(key);
  } else {
    provider.problem = "its saved key cannot be read";
  }
  for_each_object(object, "headers", [&](const json::Object& header) {
    provider.headers.emplace_back(string_in(header, "name"), string_in(header, "value"));
  });
  return provider;
}

constexpr std::array<std::pair<std::string_view, RoutingPolicy>, 3> kPolicies = {
    {{"LeastRequests", RoutingPolicy::kLeastRequests},
     {"Session", RoutingPolicy::kSession},
     {"PrefixCache", RoutingPolicy::kPrefixCache}}};

json::Value to_value(const HealthCheckConfig& check) {
  return json::Object{{"path", check.path},
                      {"periodSeconds", check.period.count()},
                      {"timeoutSeconds", check.timeout.count()},
                      {"failureThreshold", check.failure_threshold},
                      {"successThreshold", check.success_threshold}};
}

json::Value to_value(const ModelConfig& model) {
  json::Array backends;
  for (const BackendConfig& backend : model.backends)
    backends.push_back(to_value(backend));
  json::Object object{{"name", model.name},
                      {"backends", std::move(backends)},
                      {"fallbacks", strings_to_json(model.fallbacks)}};
  set_limits(object, model.limits);
  for (const auto& [name, policy] : kPolicies) {
    if (policy == model.policy) object.set("routing", name);
  }
  if (model.health_check) object.set("healthCheck", to_value(*model.health_check));
  return object;
}

json::Value to_value(const MemberConfig& member) {
  json::Object object{{"name", member.name}};
  set_limits(object, member.limits);
  return object;
}

json::Value to_value(const TenantConfig& tenant) {
  json::Array issuers;
  for (const IssuerConfig& issuer : tenant.issuers)
    issuers.push_back(to_value(issuer));
  json::Array models;
  for (const ModelConfig& model : tenant.models)
    models.push_back(to_value(model));
  json::Array members;
  for (const MemberConfig& member : tenant.members)
    members.push_back(to_value(member));
  json::Object each_member;
  set_limits(each_member, tenant.member_limits);
  json::Object object{{"name", tenant.name},
                      {"uid", tenant.uid},
                      {"serviceHost", tenant.service_host},
                      {"endpoints", strings_to_json(tenant.endpoints)},
                      {"issuers", std::move(issuers)},
                      {"models", std::move(models)},
                      {"eachMember", std::move(each_member)},
                      {"members", std::move(members)},
                      {"created", tenant.created}};
  object.set("queue", json::Object{{"requests", tenant.queue.requests},
                                   {"waitSeconds", tenant.queue.wait_seconds},
                                   {"weight", tenant.queue.weight}});
  set_edge(object, tenant.edge);
  set_limits(object, tenant.limits);
  return object;
}

json::Value to_value(const ApiKeyConfig& key) {
  json::Object object{{"id", key.id},
                      {"tenant", key.tenant},
                      {"hash", key.hash},
                      {"expires", key.expires},
                      {"models", strings_to_json(key.models)}};
  set_limits(object, key.limits);
  return object;
}

json::Value to_value(const SiteConfig& site) {
  json::Array paths;
  for (const PathConfig& path : site.paths) {
    json::Object object{{"path", path.path},
                        {"exact", path.exact},
                        {"access", std::string(word_of(path.access))},
                        {"backend", to_value(path.backend)}};
    set_route_edge(object, path.edge);
    paths.emplace_back(std::move(object));
  }
  json::Object object{{"host", site.host}, {"tenant", site.tenant}, {"paths", std::move(paths)}};
  json::Array matches;
  for (const auto& [rule, match] : site.matches)
    matches.emplace_back(json::Object{{"rule", static_cast<std::int64_t>(rule)},
                                      {"match", static_cast<std::int64_t>(match)}});
  if (!matches.empty()) object.set("matches", std::move(matches));
  return object;
}

json::Value to_value(const CertificateConfig& certificate) {
  return json::Object{{"name", certificate.name},
                      {"hosts", strings_to_json(certificate.hosts)},
                      {"chain", certificate.chain},
                      {"key", certificate.key}};
}

LimitConfig limits_in(const json::Object& object) {
  return {.requests_per_hour = number_in(object, "requestsPerHour"),
          .tokens_per_minute = number_in(object, "tokensPerMinute"),
          .concurrent_requests = number_in(object, "concurrentRequests"),
          .budget = {.tokens_per_day = number_in(object, "tokensPerDay"),
                     .tokens_per_month = number_in(object, "tokensPerMonth"),
                     .spend_per_day = number_in(object, "spendNanosPerDay"),
                     .spend_per_month = number_in(object, "spendNanosPerMonth")}};
}

HealthCheckConfig health_check_from(const json::Object& object) {
  HealthCheckConfig check{.path = string_in(object, "path")};
  check.period = std::chrono::seconds(number_in(object, "periodSeconds").value_or(10));
  check.timeout = std::chrono::seconds(number_in(object, "timeoutSeconds").value_or(2));
  check.failure_threshold = number_in(object, "failureThreshold").value_or(3);
  check.success_threshold = number_in(object, "successThreshold").value_or(1);
  return check;
}

SiteConfig site_from(const json::Object& object) {
  SiteConfig site{
      .host = string_in(object, "host"), .tenant = string_in(object, "tenant"), .paths = {}};
  for_each_object(object, "matches", [&](const json::Object& match) {
    site.matches.push_back({static_cast<std::size_t>(number_in(match, "rule").value_or(-1)),
                            static_cast<std::size_t>(number_in(match, "match").value_or(-1))});
  });
  for_each_object(object, "paths", [&](const json::Object& path) {
    const json::Value* exact = path.find("exact");
    const json::Value* backend = path.find("backend");
    site.paths.push_back({.path = string_in(path, "path"),
                          .exact = exact != nullptr && exact->as_bool().value_or(false),
                          .access = access_from(string_in(path, "access")),
                          .edge = route_edge_in(path),
                          .backend = {}});
    if (backend != nullptr && backend->as_object() != nullptr)
      site.paths.back().backend = backend_from(*backend->as_object());
  });
  return site;
}

ModelConfig model_from(const json::Object& object) {
  ModelConfig model{.name = string_in(object, "name"),
                    .fallbacks = strings_in(object, "fallbacks"),
                    .limits = limits_in(object),
                    .policy = parse_routing_policy(string_in(object, "routing"))};
  const json::Value* check = object.find("healthCheck");
  if (check != nullptr && check->as_object() != nullptr)
    model.health_check = health_check_from(*check->as_object());
  for_each_object(object, "backends", [&](const json::Object& backend) {
    model.backends.push_back(backend_from(backend));
    const json::Value* provider = backend.find("provider");
    if (provider != nullptr && provider->as_object() != nullptr)
      model.backends.back().provider = provider_from(*provider->as_object());
  });
  return model;
}

TenantConfig tenant_from(const json::Object& object) {
  TenantConfig tenant;
  tenant.name = string_in(object, "name");
  tenant.uid = string_in(object, "uid");
  tenant.service_host = string_in(object, "serviceHost");
  tenant.endpoints = strings_in(object, "endpoints");
  tenant.limits = limits_in(object);
  if (!tenant.limits.requests_per_hour) tenant.limits.requests_per_hour = kRequestsPerHourDefault;
  for_each_object(object, "issuers", [&](const json::Object& issuer) {
    tenant.issuers.push_back(issuer_from(issuer));
  });
  for_each_object(object, "models",
                  [&](const json::Object& model) { tenant.models.push_back(model_from(model)); });
  const json::Value* queue = object.find("queue");
  if (queue != nullptr && queue->as_object() != nullptr) {
    const json::Object& members = *queue->as_object();
    const QueueConfig absent;
    tenant.queue = {
        .requests = number_in(members, "requests").value_or(absent.requests),
        .wait_seconds = number_in(members, "waitSeconds").value_or(absent.wait_seconds),
        .weight = std::max<std::int64_t>(number_in(members, "weight").value_or(absent.weight), 1)};
  }
  const json::Value* each_member = object.find("eachMember");
  if (each_member != nullptr && each_member->as_object() != nullptr)
    tenant.member_limits = limits_in(*each_member->as_object());
  for_each_object(object, "members", [&](const json::Object& member) {
    tenant.members.push_back({string_in(member, "name"), limits_in(member)});
  });
  tenant.created = number_in(object, "created").value_or(0);
  tenant.edge = edge_in(object);
  return tenant;
}

}  // namespace

json::Value to_value(const BackendConfig& backend) {
  json::Object object{{"serviceHost", backend.service_host},
                      {"endpoints", strings_to_json(backend.provider ? std::vector<std::string>()
                                                                     : backend.endpoints)},
                      {"model", backend.model},
                      {"weight", backend.weight}};
  if (backend.in_flight_max) object.set("inFlightMax", *backend.in_flight_max);
  if (backend.provider) object.set("provider", to_value(*backend.provider));
  return object;
}

BackendConfig backend_from(const json::Object& backend) {
  return {.service_host = string_in(backend, "serviceHost"),
          .endpoints = strings_in(backend, "endpoints"),
          .model = string_in(backend, "model"),
          .weight = number_in(backend, "weight").value_or(1),
          .in_flight_max = number_in(backend, "inFlightMax")};
}

RoutingPolicy parse_routing_policy(std::string_view text) {
  for (const auto& [name, policy] : kPolicies) {
    if (name == text) return policy;
  }
  return RoutingPolicy::kLeastRequests;
}

std::string to_json(const GatewayConfig& config) {
  json::Array tenants;
  for (const TenantConfig& tenant : config.tenants)
    tenants.push_back(to_value(tenant));
  json::Array keys;
  for (const ApiKeyConfig& key : config.api_keys)
    keys.push_back(to_value(key));
  json::Array sites;
  for (const SiteConfig& site : config.sites)
    sites.push_back(to_value(site));
  json::Array certificates;
  for (const CertificateConfig& certificate : config.certificates)
    certificates.push_back(to_value(certificate));
  json::Array rules;
  for (const RuleConfig& rule : config.rules)
    rules.push_back(to_value(rule));
  json::Object object{
      {"format", kFormat},          {"tenants", std::move(tenants)},
      {"sites", std::move(sites)},  {"certificates", std::move(certificates)},
      {"apiKeys", std::move(keys)}, {"builtinKeys", strings_to_json(config.builtin_keys)}};
  if (!rules.empty()) object.set("rules", std::move(rules));
  if (!config.prices.currency.empty()) object.set("prices", to_json_value(config.prices));
  return json::write(object);
}

Result<GatewayConfig> config_from_json(std::string_view text) {
  INSULA_TRY(const json::Value value, json::parse(text));
  const json::Object* object = value.as_object();
  const json::Value* format = object == nullptr ? nullptr : object->find("format");
  const std::int64_t version = format == nullptr ? 0 : format->as_int64().value_or(0);
  if (version != kFormat && version != kFormatWithTextSecrets) {
    return fail(ErrorCode::kBadRequest, "not a snapshot of a gateway of this version");
  }
  GatewayConfig config;
  for_each_object(*object, "tenants", [&](const json::Object& tenant) {
    config.tenants.push_back(tenant_from(tenant));
  });
  for_each_object(*object, "apiKeys", [&](const json::Object& key) {
    config.api_keys.push_back({string_in(key, "id"), string_in(key, "tenant"),
                               string_in(key, "hash"), string_in(key, "expires"),
                               strings_in(key, "models"), limits_in(key)});
  });
  for_each_object(*object, "sites",
                  [&](const json::Object& site) { config.sites.push_back(site_from(site)); });
  for_each_object(*object, "rules",
                  [&](const json::Object& rule) { config.rules.push_back(rule_from(rule)); });
  for_each_object(*object, "certificates", [&](const json::Object& certificate) {
    config.certificates.push_back({string_in(certificate, "name"), strings_in(certificate, "hosts"),
                                   string_in(certificate, "chain"), string_in(certificate, "key")});
  });
  config.builtin_keys = strings_in(*object, "builtinKeys");
  if (const json::Value* prices = object->find("prices"); prices != nullptr) {
    INSULA_TRY(config.prices, prices_from_json(*prices));
  }
  if (version != kFormatWithTextSecrets) INSULA_TRY_VOID(decode_secrets(config));
  return config;
}

Result<> save_config(const std::filesystem::path& file, const GatewayConfig& config) {
  return write_whole(file, to_json(config));
}

Result<GatewayConfig> load_config(const std::filesystem::path& file) {
  INSULA_TRY(const std::string text, read_whole(file));
  auto config = config_from_json(text);
  if (!config) return std::unexpected(std::move(config).error().in(file.string()));
  return config;
}

}  // namespace insula::gateway
