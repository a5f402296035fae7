#include "api/tenant.h"

#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>

#include "api/platform_objects.h"
#include "api/validation/kinds.h"
#include "api/validation/metadata.h"
#include "api/validation/names.h"
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
    validate_service(spec, backend.service, at.child("service"), errors);
    if (!backend.model.empty()) validate_model_name(backend.model, at.child("model"), errors);
    if (const std::int32_t weight = backend.weight.value_or(1); weight < 0 || weight > kWeightMax)
      errors.invalid(at.child("weight"), weight, range_complaint(0, kWeightMax));
  }
  validate_fallbacks(model, spec, path.child("fallbacks"), errors);
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

void validate_algorithms(const TenantJwt& jwt, const FieldPath& path, FieldErrors& errors) {
  for (std::size_t i = 0; i < jwt.algorithms.size(); ++i) {
    const std::string& algorithm = jwt.algorithms[i];
    const bool shared = algorithm == "HS256";
    if (!shared && algorithm != "RS256" && algorithm != "ES256" && algorithm != "EdDSA") {
      errors.not_supported(path.index(i), algorithm, {"HS256", "RS256", "ES256", "EdDSA"});
    } else if (shared && !jwt.secret_ref) {
      errors.invalid(path.index(i), algorithm, "needs a shared key in `secretRef`");
    } else if (!shared && jwt.secret_ref) {
      errors.invalid(path.index(i), algorithm,
                     "needs `publicKeys`; a shared key serves HS256 only");
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
  if (jwt.secret_ref && !jwt.public_keys.empty()) {
    errors.forbidden(path.child("publicKeys"), "may not be set together with `secretRef`");
  } else if (!jwt.secret_ref && jwt.public_keys.empty()) {
    errors.required(path, "must specify one of: `secretRef`, `publicKeys`");
  }
  if (jwt.secret_ref) {
    const FieldPath at = path.child("secretRef");
    if (jwt.secret_ref->name.empty()) {
      errors.required(at.child("name"));
    } else {
      errors.invalid_each(at.child("name"), jwt.secret_ref->name,
                          check_dns1123_subdomain(jwt.secret_ref->name));
    }
    if (jwt.secret_ref->key.empty()) {
      errors.required(at.child("key"));
    } else {
      errors.invalid_each(at.child("key"), jwt.secret_ref->key,
                          check_config_key(jwt.secret_ref->key));
    }
    validate_own(spec, jwt.secret_ref->namespace_, at.child("namespace"), errors);
  }
  for (std::size_t i = 0; i < jwt.public_keys.size(); ++i) {
    if (!jwt.public_keys[i].contains("-----BEGIN PUBLIC KEY-----")) {
      errors.invalid(path.child("publicKeys").index(i), "<key omitted>",
                     "must be a public key in PEM");
    }
  }
  validate_algorithms(jwt, path.child("algorithms"), errors);
}

void validate_rate_limit(const TenantRateLimit& limit, FieldErrors& errors) {
  const FieldPath path("spec.gateway.rateLimit");
  const auto validate_one = [&](const char* name, const std::optional<std::int64_t>& value,
                                std::int64_t most) {
    if (value && (*value < 0 || *value > most))
      errors.invalid(path.child(name), *value, range_complaint(0, most));
  };
  validate_one("requestsPerHour", limit.requests_per_hour, kRequestsPerHourMax);
  validate_one("tokensPerMinute", limit.tokens_per_minute, kTokensPerMinuteMax);
  validate_one("concurrentRequests", limit.concurrent_requests, kConcurrentRequestsMax);
}

}  // namespace

void validate(const Tenant& object, FieldErrors& errors) {
  const TenantSpec& spec = object.spec;
  validate_namespaces(spec, errors);
  validate_quota(spec.quota, errors);
  validate_service(spec, spec.gateway.service, FieldPath("spec.gateway.service"), errors);
  validate_models(spec, errors);
  validate_rate_limit(spec.gateway.rate_limit, errors);
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
