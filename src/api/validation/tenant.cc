#include "api/tenant.h"

#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>

#include "api/platform_objects.h"
#include "api/validation/cors.h"
#include "api/validation/filters.h"
#include "api/validation/kinds.h"
#include "api/validation/metadata.h"
#include "api/validation/names.h"
#include "api/validation/provider.h"
#include "api/validation/resources.h"
#include "api/validation/shown.h"

namespace insula::api {

namespace {

constexpr std::size_t kNamespacesMax = 64;
constexpr std::size_t kIssuersMax = 16;
constexpr std::size_t kModelsMax = 100;
constexpr std::size_t kModelNameBytesMax = 100;
constexpr std::size_t kBackendsMax = 8;
constexpr std::int32_t kWeightMax = 1'000'000;
constexpr std::size_t kMembersMax = 1000;
constexpr std::int64_t kQueuedRequestsMax = 10'000;
constexpr std::int64_t kQueueSecondsMax = 600;
constexpr std::int64_t kQueueWeightMax = 1000;
constexpr std::size_t kMemberNameBytesMax = 256;
constexpr std::size_t kKeyUrlBytesMax = 2048;
constexpr std::array<std::string_view, 3> kPolicies = {"LeastRequests", "Session", "PrefixCache"};
/// The gateway's own bounds; fewer bytes of headers than the first would keep everybody out.
constexpr std::int64_t kBodyBytesMax = 32 << 20;
constexpr std::int64_t kHeaderBytesMin = 1024;
constexpr std::int64_t kHeaderBytesMax = 64 << 10;
constexpr std::int32_t kCheckSecondsMax = 3600;
constexpr std::int32_t kCheckThresholdMax = 100;
constexpr std::size_t kCheckPathBytesMax = 1024;
constexpr std::string_view kSharedAlgorithm = "HS256";
constexpr std::array<std::string_view, 10> kPublicAlgorithms = {
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"};

/// Namespaces that no tenant may own.
constexpr std::array<std::string_view, 5> kSystemNamespaces = {
    "default", "kube-system", "kube-public", "kube-node-lease", kSystemNamespace,
};

void validate_namespaces(const TenantSpec& spec, FieldErrors& errors) {
  const FieldPath path("spec.namespaces");
  if (spec.namespaces.size() > kNamespacesMax)
    errors.too_many(path, spec.namespaces.size(), kNamespacesMax);
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < spec.namespaces.size(); ++i) {
    const std::string& name = spec.namespaces[i];
    errors.invalid_each(path.index(i), name, check_dns1123_label(name));
    if (std::ranges::find(kSystemNamespaces, name) != kSystemNamespaces.end()) {
      errors.invalid(path.index(i), name, "belongs to the system and to no tenant");
    }
    if (!seen.insert(name).second) errors.duplicate(path.index(i), name);
  }
}

void validate_quota(const TenantQuota& quota, FieldErrors& errors) {
  const FieldPath path("spec.quota");
  const auto count = [&](const std::optional<std::int64_t>& value, std::string_view field) {
    if (value && *value < 0) errors.invalid(path.child(field), *value, kNegative);
  };
  const auto amount = [&](const std::optional<Quantity>& value, std::string_view field) {
    if (value && value->is_negative()) errors.invalid(path.child(field), value->text(), kNegative);
  };
  count(quota.gpus, "gpus");
  count(quota.pods, "pods");
  amount(quota.memory, "memory");
  amount(quota.cpu, "cpu");
}

/// A namespace that the tenant names must be its own, or it could reach into another's.
void validate_own(const TenantSpec& spec,
                  const std::string& name,
                  const FieldPath& path,
                  FieldErrors& errors) {
  if (!name.empty() && std::ranges::find(spec.namespaces, name) == spec.namespaces.end()) {
    errors.invalid(path, name, "must be one of `spec.namespaces`");
  }
}

void validate_service(const TenantSpec& spec,
                      const TenantService& service,
                      const FieldPath& path,
                      FieldErrors& errors) {
  if (service.name.empty()) {
    errors.required(path.child("name"));
  } else {
    errors.invalid_each(path.child("name"), service.name, check_dns1123_label(service.name));
  }
  errors.invalid_each(path.child("port"), service.port, check_port_number(service.port));
  validate_own(spec, service.namespace_, path.child("namespace"), errors);
}

/// The limits of a tenant, of one of its models or of a member.
template <class RateLimit>
void validate_rate_limit(const RateLimit& limit, const FieldPath& path, FieldErrors& errors) {
  const auto validate_one = [&](const char* name, const std::optional<std::int64_t>& value,
                                std::int64_t most) {
    if (value && (*value < 0 || *value > most))
      errors.invalid(path.child(name), *value, range_complaint(0, most));
  };
  validate_one("requestsPerHour", limit.requests_per_hour, kRequestsPerHourMax);
  validate_one("tokensPerMinute", limit.tokens_per_minute, kTokensPerMinuteMax);
  validate_one("concurrentRequests", limit.concurrent_requests, kConcurrentRequestsMax);
}

void validate_budget(const TenantBudget& budget, const FieldPath& path, FieldErrors& errors) {
  const auto tokens = [&](const char* name, const std::optional<std::int64_t>& value) {
    if (value && (*value < 0 || *value > kBudgetTokensMax))
      errors.invalid(path.child(name), *value, range_complaint(0, kBudgetTokensMax));
  };
  tokens("tokensPerDay", budget.tokens_per_day);
  tokens("tokensPerMonth", budget.tokens_per_month);
  const auto spend = [&](const char* name, const std::string& value) {
    if (!value.empty() && !parse_amount(value))
      errors.invalid(path.child(name), value, kAmountComplaint);
  };
  spend("spendPerDay", budget.spend_per_day);
  spend("spendPerMonth", budget.spend_per_month);
}

void validate_queue(const TenantQueue& queue, FieldErrors& errors) {
  const FieldPath path("spec.gateway.queue");
  const auto validate_one = [&](const char* name, std::optional<std::int64_t> value,
                                std::int64_t least, std::int64_t most) {
    if (value && (*value < least || *value > most))
      errors.invalid(path.child(name), *value, range_complaint(least, most));
  };
  validate_one("requests", queue.requests, 0, kQueuedRequestsMax);
  validate_one("waitSeconds", queue.wait_seconds, 0, kQueueSecondsMax);
  validate_one("weight", queue.weight, 1, kQueueWeightMax);
}

void validate_bounds(const TenantBounds& bounds, FieldErrors& errors) {
  const FieldPath path("spec.gateway.bounds");
  const auto validate_one = [&](const char* name, std::optional<std::int64_t> value,
                                std::int64_t least, std::int64_t most) {
    if (value && (*value < least || *value > most))
      errors.invalid(path.child(name), *value, range_complaint(least, most));
  };
  validate_one("bodyBytes", bounds.body_bytes, 1, kBodyBytesMax);
  validate_one("headerBytes", bounds.header_bytes, kHeaderBytesMin, kHeaderBytesMax);
}

/// A name that can stand in a path, a header and a list of names.
bool is_model_name(std::string_view name) {
  const auto allowed = [](char c) {
    return c > ' ' && c < 0x7f && c != ',' && c != '"' && c != '\\';
  };
  return !name.empty() && std::ranges::all_of(name, allowed);
}

void validate_model_name(const std::string& name, const FieldPath& path, FieldErrors& errors) {
  if (name.size() > kModelNameBytesMax) {
    errors.too_long(path, kModelNameBytesMax);
  } else if (!is_model_name(name)) {
    errors.invalid(
        path, name,
        "must be of printable ASCII characters but spaces, commas, quotes and backslashes");
  }
}

void validate_fallbacks(const TenantModel& model,
                        const TenantSpec& spec,
                        const FieldPath& path,
                        FieldErrors& errors) {
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < model.fallbacks.size(); ++i) {
    const std::string& name = model.fallbacks[i];
    const auto& models = spec.gateway.models;
    if (name == model.name) {
      errors.invalid(path.index(i), name, "is the model itself");
    } else if (std::ranges::find(models, name, &TenantModel::name) == models.end()) {
      errors.invalid(path.index(i), name, "must be one of `spec.gateway.models`");
    }
    if (!seen.insert(name).second) errors.duplicate(path.index(i), name);
  }
}

void validate_key_ref(const TenantKeyRef& ref,
                      const TenantSpec& spec,
                      const FieldPath& path,
                      FieldErrors& errors) {
  if (ref.name.empty()) {
    errors.required(path.child("name"));
  } else {
    errors.invalid_each(path.child("name"), ref.name, check_dns1123_subdomain(ref.name));
  }
  if (ref.key.empty()) {
    errors.required(path.child("key"));
  } else {
    errors.invalid_each(path.child("key"), ref.key, check_config_key(ref.key));
  }
  validate_own(spec, ref.namespace_, path.child("namespace"), errors);
}

/// In place of a Service. A key may be the platform's, which says itself for whom it is.
void validate_provider_of(const TenantBackend& backend,
                          const TenantSpec& spec,
                          const FieldPath& path,
                          FieldErrors& errors) {
  const TenantProvider& provider = *backend.provider;
  const FieldPath at = path.child("provider");
  if (backend.service != TenantService{})
    errors.forbidden(path.child("service"), "may not be set together with `provider`");
  validate_provider(provider, at, errors);
  if (provider.api_key_ref) {
    TenantKeyRef ref = *provider.api_key_ref;
    if (ref.namespace_ == kSystemNamespace) ref.namespace_.clear();
    validate_key_ref(ref, spec, at.child("apiKeyRef"), errors);
  }
  if (provider.ca_ref) validate_key_ref(*provider.ca_ref, spec, at.child("caRef"), errors);
}

void validate_health_check(const TenantHealthCheck& check,
                           const FieldPath& path,
                           FieldErrors& errors) {
  const auto is_path_character = [](unsigned char c) { return c > 0x20 && c < 0x7f && c != '#'; };
  if (check.path.empty()) {
    errors.required(path.child("path"));
  } else if (check.path.size() > kCheckPathBytesMax || !check.path.starts_with('/') ||
             !std::ranges::all_of(check.path, is_path_character)) {
    errors.invalid(path.child("path"), check.path, "must be a path such as /health");
  }
  const auto within = [&](const char* name, std::optional<std::int32_t> value, std::int32_t most) {
    if (value && (*value < 1 || *value > most))
      errors.invalid(path.child(name), *value, range_complaint(1, most));
  };
  within("periodSeconds", check.period_seconds, kCheckSecondsMax);
  within("timeoutSeconds", check.timeout_seconds, kCheckSecondsMax);
  within("failureThreshold", check.failure_threshold, kCheckThresholdMax);
  within("successThreshold", check.success_threshold, kCheckThresholdMax);
}

void validate_model(const TenantModel& model,
                    const TenantSpec& spec,
                    const FieldPath& path,
                    FieldErrors& errors) {
  if (model.name.empty()) {
    errors.required(path.child("name"));
  } else {
    validate_model_name(model.name, path.child("name"), errors);
  }
  const FieldPath backends = path.child("backends");
  if (model.backends.size() > kBackendsMax)
    errors.too_many(backends, model.backends.size(), kBackendsMax);
  for (std::size_t i = 0; i < model.backends.size(); ++i) {
    const TenantBackend& backend = model.backends[i];
    const FieldPath at = backends.index(i);
    if (backend.provider) {
      validate_provider_of(backend, spec, at, errors);
    } else {
      validate_service(spec, backend.service, at.child("service"), errors);
    }
    if (!backend.model.empty()) validate_model_name(backend.model, at.child("model"), errors);
    if (const std::int32_t weight = backend.weight.value_or(1); weight < 0 || weight > kWeightMax)
      errors.invalid(at.child("weight"), weight, range_complaint(0, kWeightMax));
    const std::int64_t at_once = backend.concurrent_requests_per_endpoint.value_or(1);
    if (at_once < 1 || at_once > kConcurrentRequestsMax) {
      errors.invalid(at.child("concurrentRequestsPerEndpoint"), at_once,
                     range_complaint(1, kConcurrentRequestsMax));
    }
  }
  validate_fallbacks(model, spec, path.child("fallbacks"), errors);
  validate_rate_limit(model.rate_limit, path.child("rateLimit"), errors);
  if (const std::string& policy = model.routing.policy;
      !policy.empty() && std::ranges::find(kPolicies, policy) == kPolicies.end()) {
    errors.not_supported(path.child("routing").child("policy"), policy,
                         std::vector<std::string_view>(kPolicies.begin(), kPolicies.end()));
  }
  if (model.health_check)
    validate_health_check(*model.health_check, path.child("healthCheck"), errors);
  validate_budget(model.budget, path.child("budget"), errors);
}

void validate_models(const TenantSpec& spec, FieldErrors& errors) {
  const FieldPath path("spec.gateway.models");
  const auto& models = spec.gateway.models;
  if (models.size() > kModelsMax) errors.too_many(path, models.size(), kModelsMax);
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < models.size(); ++i) {
    validate_model(models[i], spec, path.index(i), errors);
    if (!models[i].name.empty() && !seen.insert(models[i].name).second)
      errors.duplicate(path.index(i).child("name"), models[i].name);
  }
}

void validate_members(const TenantSpec& spec, FieldErrors& errors) {
  const FieldPath path("spec.gateway.members");
  const auto& members = spec.gateway.members;
  if (members.size() > kMembersMax) errors.too_many(path, members.size(), kMembersMax);
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < members.size(); ++i) {
    const FieldPath name = path.index(i).child("name");
    if (members[i].name.empty()) errors.required(name);
    if (members[i].name.size() > kMemberNameBytesMax) errors.too_long(name, kMemberNameBytesMax);
    if (!members[i].name.empty() && !seen.insert(members[i].name).second)
      errors.duplicate(name, members[i].name);
    validate_rate_limit(members[i].rate_limit, path.index(i).child("rateLimit"), errors);
    validate_budget(members[i].budget, path.index(i).child("budget"), errors);
  }
}

void validate_algorithms(const TenantJwt& jwt, const FieldPath& path, FieldErrors& errors) {
  for (std::size_t i = 0; i < jwt.algorithms.size(); ++i) {
    const std::string& algorithm = jwt.algorithms[i];
    const bool shared = algorithm == kSharedAlgorithm;
    if (!shared && std::ranges::find(kPublicAlgorithms, algorithm) == kPublicAlgorithms.end()) {
      std::vector<std::string_view> supported = {kSharedAlgorithm};
      supported.insert(supported.end(), kPublicAlgorithms.begin(), kPublicAlgorithms.end());
      errors.not_supported(path.index(i), algorithm, supported);
    } else if (shared && !jwt.secret_ref) {
      errors.invalid(path.index(i), algorithm, "needs a shared key in `secretRef`");
    } else if (!shared && jwt.secret_ref) {
      errors.invalid(path.index(i), algorithm,
                     "needs public keys; the shared key of `secretRef` serves HS256 only");
    }
  }
}

/// Whether keys may be fetched from there. Plain HTTP only from this machine: whoever can change
/// the answer on its way could sign tokens.
bool is_key_url(std::string_view url) {
  const auto is_url_character = [](unsigned char c) { return c > 0x20 && c < 0x7f && c != '#'; };
  if (url.size() > kKeyUrlBytesMax || !std::ranges::all_of(url, is_url_character)) return false;
  const bool tls = url.starts_with("https://");
  if (!tls && !url.starts_with("http://")) return false;
  std::string_view authority = url.substr(url.find("//") + 2);
  authority = authority.substr(0, authority.find_first_of("/?"));
  const std::size_t bracket = authority.find(']');
  const std::string_view host =
      authority.substr(0, bracket == authority.npos ? authority.find(':') : bracket + 1);
  if (host.empty() || authority.contains('@')) return false;
  const auto is_dotted_digit = [](char c) { return c == '.' || (c >= '0' && c <= '9'); };
  return tls || host == "localhost" || host == "[::1]" ||
         (host.starts_with("127.") && std::ranges::all_of(host, is_dotted_digit));
}

/// Keys are shared, public, or fetched, and only one of these.
void validate_keys(const TenantJwt& jwt, const FieldPath& path, FieldErrors& errors) {
  constexpr std::string_view kUrl =
      "must be an https URL, or an http one of this machine (localhost, 127.0.0.1, [::1])";
  const bool here = jwt.secret_ref || !jwt.public_keys.empty();
  if (jwt.secret_ref && !jwt.public_keys.empty())
    errors.forbidden(path.child("publicKeys"), "may not be set together with `secretRef`");
  if (here && !jwt.jwks_uri.empty()) {
    errors.forbidden(path.child("jwksURI"),
                     "may not be set together with `secretRef` or `publicKeys`");
  } else if (!jwt.jwks_uri.empty() && !is_key_url(jwt.jwks_uri)) {
    errors.invalid(path.child("jwksURI"), jwt.jwks_uri, kUrl);
  }
  if (!here && jwt.jwks_uri.empty() && !jwt.issuer.empty() &&
      (!is_key_url(jwt.issuer) || jwt.issuer.contains('?'))) {
    errors.required(path,
                    "must specify one of: `secretRef`, `publicKeys`, `jwksURI`, or an issuer that "
                    "is an https URL with a discovery document");
  }
  if (here && jwt.ca_ref)
    errors.forbidden(path.child("caRef"), "may not be set when no keys are fetched");
  for (std::size_t i = 0; i < jwt.public_keys.size(); ++i) {
    if (!jwt.public_keys[i].contains("-----BEGIN PUBLIC KEY-----")) {
      errors.invalid(path.child("publicKeys").index(i), "<key omitted>",
                     "must be a public key in PEM");
    }
  }
}

void validate_issuer(const TenantJwt& jwt,
                     const TenantSpec& spec,
                     const FieldPath& path,
                     FieldErrors& errors) {
  if (jwt.issuer.empty()) {
    errors.required(path.child("issuer"));
  } else if (jwt.issuer == "insula") {
    errors.invalid(path.child("issuer"), jwt.issuer,
                   "is the built-in issuer, which is always trusted");
  }
  if (jwt.audiences.empty()) {
    errors.required(path.child("audiences"), "must name at least one audience");
  }
  for (std::size_t i = 0; i < jwt.audiences.size(); ++i) {
    if (jwt.audiences[i].empty()) errors.required(path.child("audiences").index(i));
  }
  validate_keys(jwt, path, errors);
  if (jwt.secret_ref) validate_key_ref(*jwt.secret_ref, spec, path.child("secretRef"), errors);
  if (jwt.ca_ref) validate_key_ref(*jwt.ca_ref, spec, path.child("caRef"), errors);
  validate_algorithms(jwt, path.child("algorithms"), errors);
}

}  // namespace

void validate(const Tenant& object, FieldErrors& errors) {
  const TenantSpec& spec = object.spec;
  validate_namespaces(spec, errors);
  validate_quota(spec.quota, errors);
  validate_service(spec, spec.gateway.service, FieldPath("spec.gateway.service"), errors);
  validate_models(spec, errors);
  validate_rate_limit(spec.gateway.rate_limit, FieldPath("spec.gateway.rateLimit"), errors);
  validate_rate_limit(spec.gateway.member_rate_limit, FieldPath("spec.gateway.memberRateLimit"),
                      errors);
  validate_members(spec, errors);
  validate_queue(spec.gateway.queue, errors);
  validate_bounds(spec.gateway.bounds, errors);
  if (spec.gateway.cors) validate_cors(*spec.gateway.cors, FieldPath("spec.gateway.cors"), errors);
  validate_filters(spec.gateway.filters, FieldPath("spec.gateway.filters"), errors);
  validate_budget(spec.gateway.budget, FieldPath("spec.gateway.budget"), errors);
  validate_budget(spec.gateway.member_budget, FieldPath("spec.gateway.memberBudget"), errors);
  const FieldPath issuers("spec.gateway.jwt");
  if (spec.gateway.jwt.size() > kIssuersMax)
    errors.too_many(issuers, spec.gateway.jwt.size(), kIssuersMax);
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < spec.gateway.jwt.size(); ++i) {
    const TenantJwt& jwt = spec.gateway.jwt[i];
    validate_issuer(jwt, spec, issuers.index(i), errors);
    if (!jwt.issuer.empty() && !seen.insert(jwt.issuer).second) {
      errors.duplicate(issuers.index(i).child("issuer"), jwt.issuer);
    }
  }
  if (spec.serve) {
    const FieldPath path("spec.serve");
    if (spec.serve->image.empty()) errors.required(path.child("image"));
    if (const std::int32_t replicas = spec.serve->replicas.value_or(0); replicas < 0) {
      errors.invalid(path.child("replicas"), replicas, kNegative);
    }
  }
}

void validate_update(const Tenant& object,
                     const Tenant&,
                     std::string_view subresource,
                     FieldErrors& errors) {
  if (subresource == "status")
    validate_conditions(object.status.conditions, FieldPath("status.conditions"), errors);
}

}  // namespace insula::api
