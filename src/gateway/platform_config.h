#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/gen/core_v1.h"
#include "api/gen/discovery_v1.h"
#include "api/gen/insula_v1alpha1.h"
#include "api/provider.h"
#include "api/routing.h"
#include "gateway/config.h"
#include "gateway/key_source.h"
#include "gateway/prices.h"

namespace insula::gateway {

/// The objects that routes are made of, as they are on the API server.
struct PlatformObjects {
  std::vector<std::shared_ptr<const api::Tenant>> tenants;
  std::vector<std::shared_ptr<const api::Service>> services;
  std::vector<std::shared_ptr<const api::EndpointSlice>> slices;
  /// Those of api::kSystemNamespace and those that Tenants, Ingresses and Gateways refer to.
  std::vector<std::shared_ptr<const api::Secret>> secrets;
  std::vector<std::shared_ptr<const api::Namespace>> namespaces = {};
  std::vector<std::shared_ptr<const api::ServiceAccount>> accounts = {};
  /// Where the cluster that these objects are from publishes the keys of its ServiceAccounts'
  /// tokens; nothing: those tokens open no tenant.
  std::optional<KeySource> cluster_keys = {};
  api::RoutingObjects routing = {};
};

using api::SecretRef;

/// The Secrets that the tenant's token issuers and providers need: in its own namespaces only,
/// since a reference is no reason to be shown another tenant's Secret.
[[nodiscard]] std::vector<SecretRef> secrets_of(const api::Tenant& tenant);

/// The Secrets with the certificates of an Ingress that the gateway serves.
[[nodiscard]] std::vector<SecretRef> secrets_of(const api::Ingress& ingress);
/// The same of all Ingresses and listeners.
[[nodiscard]] std::vector<SecretRef> secrets_of(const api::Routing& routing);

/// What the Secret of an API key says. A limit that is there and is no number is kLimitUnreadable:
/// nothing is admitted, since no limit would be worse.
[[nodiscard]] ApiKeyConfig key_config(const api::Secret& secret);

inline constexpr std::int64_t kLimitUnreadable = -1;

/// What the ConfigMap of prices says; no prices when there is none. Errors: as parse_prices().
[[nodiscard]] Result<PriceList> price_list(const api::ConfigMap* prices);

/// What the gateway does for these objects, but for the prices. Pure.
///
/// Endpoints: the ready ones of the Service's slices; when there is none, those that are being
/// stopped and still serve. Tokens of ServiceAccounts in the namespaces that a tenant owns are its
/// own, when they are for kBuiltinAudience. A tenant being deleted has no route.
[[nodiscard]] GatewayConfig make_config(const PlatformObjects& objects);
/// The same for who has decided on the routes already.
[[nodiscard]] GatewayConfig make_config(const PlatformObjects& objects,
                                        const api::Routing& routing);

}  // namespace insula::gateway
