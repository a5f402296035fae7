#include "server/bootstrap.h"

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "api/custom/published.h"
#include "api/gen/apiregistration_v1.h"
#include "api/gen/core_v1.h"
#include "api/gen/gateway_v1.h"
#include "api/gen/insula_v1alpha1.h"
#include "api/gen/networking_v1.h"
#include "api/gen/networking_v1_addresses.h"
#include "api/gen/scheduling_v1.h"
#include "api/ingress_hosts.h"
#include "api/platform_objects.h"
#include "api/routing.h"
#include "apiserver/bootstrap_policy.h"
#include "apiserver/service_address.h"
#include "cli/keys.h"
#include "cli/tokens.h"
#include "client/typed.h"
#include "jose/jws_key.h"

namespace insula::server {
namespace {

constexpr std::array kNamespaces = {"default", "kube-system", "kube-public", "kube-node-lease",
                                    api::kSystemNamespace};

Task<Result<>> ensure_namespace(client::Client& client, std::string name) {
  api::Namespace wanted;
  wanted.metadata.name = std::move(name);
  INSULA_CO_TRY_VOID(co_await client::ensure(client, std::move(wanted)));
  co_return Result<>{};
}

api::Secret system_secret(std::string name) {
  api::Secret secret;
  secret.metadata.name = std::move(name);
  secret.metadata.namespace_ = api::kSystemNamespace;
  return secret;
}

/// The private half first: whoever finds the public half may rely on the other being there.
Task<Result<>> ensure_token_issuer(client::Client& client) {
  auto present =
      co_await client::get<api::Secret>(client, api::kSystemNamespace, api::kTokenIssuer);
  if (!present && present.error().code() != ErrorCode::kNotFound)
    co_return std::unexpected(std::move(present).error());
  std::string public_pem;
  if (present) {
    public_pem = present->data[api::kPublicKeyEntry];
  } else {
    INSULA_CO_TRY(jose::JwsKeyPair pair, jose::generate_ed25519_keys());
    api::Secret secret = system_secret(api::kTokenIssuer);
    secret.data[api::kPrivateKeyEntry] = std::move(pair.private_pem);
    secret.data[api::kPublicKeyEntry] = pair.public_pem;
    INSULA_CO_TRY_VOID(co_await client::create(client, std::move(secret)));
    public_pem = std::move(pair.public_pem);
  }
  api::Secret readable = system_secret(api::kTokenIssuerPublic);
  readable.data[api::kPublicKeyEntry] = std::move(public_pem);
  INSULA_CO_TRY_VOID(co_await client::ensure(client, std::move(readable)));
  co_return Result<>{};
}

Task<Result<>> ensure_ingress_class(client::Client& client) {
  api::IngressClass wanted;
  wanted.metadata.name = api::kIngressClassName;
  wanted.metadata.annotations[api::kDefaultClassAnnotation] = "true";
  wanted.spec.controller = api::kIngressController;
  INSULA_CO_TRY_VOID(co_await client::ensure(client, std::move(wanted)));
  co_return Result<>{};
}

Task<Result<>> ensure_gateway_class(client::Client& client) {
  api::GatewayClass wanted;
  wanted.metadata.name = api::kGatewayClassName;
  wanted.spec.controller_name = api::kGatewayController;
  wanted.spec.description = "Served by Insula's gateway";
  INSULA_CO_TRY_VOID(co_await client::ensure(client, std::move(wanted)));
  co_return Result<>{};
}

/// Says where Services' addresses come from: `range` is the registry's.
Task<Result<>> ensure_service_range(client::Client& client, std::string range) {
  api::ServiceCIDR wanted;
  wanted.metadata.name = apiserver::kServiceRangeName;
  wanted.spec.cidrs = {std::move(range)};
  INSULA_CO_TRY(api::ServiceCIDR present, co_await client::ensure(client, std::move(wanted)));
  if (!present.status.conditions.empty()) co_return Result<>{};
  api::Condition& ready = present.status.conditions.emplace_back();
  ready.type = "Ready";
  ready.status = "True";
  ready.reason = "Allocating";
  ready.message = "Services are given addresses of this range";
  ready.last_transition_time = present.metadata.creation_timestamp;
  INSULA_CO_TRY_VOID(co_await client::update_status(client, std::move(present)));
  co_return Result<>{};
}

/// Clients that ask who serves an API group are told: this server.
Task<Result<>> ensure_api_services(client::Client& client) {
  constexpr std::int32_t kGroupPriority = 17'000;
  constexpr std::int32_t kVersionPriority = 15;
  std::set<std::pair<std::string_view, std::string_view>> seen;
  for (const api::Kind* kind : api::kinds()) {
    if (!seen.emplace(kind->group, kind->version).second) continue;
    api::APIService wanted;
    wanted.metadata.name = std::string(kind->version) + "." + std::string(kind->group);
    wanted.metadata.labels["kube-aggregator.kubernetes.io/automanaged"] = "onstart";
    wanted.spec.group = kind->group;
    wanted.spec.version = kind->version;
    wanted.spec.group_priority_minimum = kGroupPriority;
    wanted.spec.version_priority = kVersionPriority;
    INSULA_CO_TRY_VOID(co_await client::ensure(client, std::move(wanted)));
  }
  co_return Result<>{};
}

/// Tools that look for a platform's kinds among the definitions find ours, as this build has them.
Task<Result<>> publish(client::Client& client, const api::Kind& kind) {
  const api::CustomResourceDefinition wanted = api::published_definition(kind);
  INSULA_CO_TRY(const api::CustomResourceDefinition present,
                co_await client::ensure(client, wanted));
  const auto& schema = wanted.spec.versions[0].schema;
  if (present.spec.versions[0].schema == schema) co_return Result<>{};
  api::CustomResourceDefinition next = present;
  next.spec = wanted.spec;
  INSULA_CO_TRY_VOID(co_await client::update(client, std::move(next)));
  co_return Result<>{};
}

/// Those of Kubernetes' own pods; nobody may make others of such names.
Task<Result<>> ensure_priority_classes(client::Client& client) {
  struct Row {
    const char* name;
    std::int32_t value;
    const char* description;
  };

  constexpr std::array kRows = {
      Row{"system-node-critical", 2'000'001'000,
          "Used for system critical pods that must not be moved from their current node."},
      Row{"system-cluster-critical", 2'000'000'000,
          "Used for system critical pods that must run in the cluster, but can be moved to another "
          "node if necessary."},
  };
  for (const Row& row : kRows) {
    api::PriorityClass wanted;
    wanted.metadata.name = row.name;
    wanted.value = row.value;
    wanted.description = row.description;
    INSULA_CO_TRY_VOID(co_await client::ensure(client, std::move(wanted)));
  }
  co_return Result<>{};
}

}  // namespace

Task<Result<>> ensure_authentication_config(client::Client& client, std::string client_ca) {
  api::ConfigMap wanted;
  wanted.metadata.namespace_ = "kube-system";
  wanted.metadata.name = apiserver::kAuthenticationConfig;
  wanted.data[apiserver::kClientCaEntry] = std::move(client_ca);
  const std::map<std::string, std::string> data = wanted.data;
  INSULA_CO_TRY(api::ConfigMap present, co_await client::ensure(client, std::move(wanted)));
  if (present.data == data) co_return Result<>{};
  present.data = data;
  INSULA_CO_TRY_VOID(co_await client::update(client, std::move(present)));
  co_return Result<>{};
}

Task<Result<>> bootstrap(client::Client& client) {
  for (const api::Kind* kind : api::stored_kinds()) {
    if (kind->group == api::kind_of<api::Tenant>().group)
      INSULA_CO_TRY_VOID(co_await publish(client, *kind));
  }
  for (const char* name : kNamespaces)
    INSULA_CO_TRY_VOID(co_await ensure_namespace(client, name));
  INSULA_CO_TRY_VOID(co_await ensure_api_services(client));
  INSULA_CO_TRY_VOID(co_await ensure_priority_classes(client));
  INSULA_CO_TRY_VOID(co_await ensure_ingress_class(client));
  INSULA_CO_TRY_VOID(co_await ensure_gateway_class(client));
  INSULA_CO_TRY_VOID(co_await ensure_service_range(client, apiserver::cidr_text({})));
  co_return co_await ensure_token_issuer(client);
}

}  // namespace insula::server
