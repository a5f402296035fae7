#include "apiserver/component_rights.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/gen/core_v1.h"
#include "api/gen/gateway_v1.h"
#include "api/gen/insula_v1alpha1.h"
#include "api/gen/networking_v1.h"
#include "api/ingress_hosts.h"
#include "api/platform_objects.h"
#include "api/provider.h"
#include "api/reference_grants.h"
#include "apiserver/object.h"
#include "apiserver/selector.h"
#include "apiserver/tenant_of.h"

namespace insula::apiserver {

namespace {

using namespace std::string_view_literals;

constexpr std::string_view kNodes = "system:nodes";
constexpr std::string_view kGateway = "insula:gateway";

/// Resources whose name below the group is listed here, "group/resource".
constexpr std::array kNodeReads = {"/pods"sv,
                                   "/nodes"sv,
                                   "/services"sv,
                                   "/endpoints"sv,
                                   "/secrets"sv,
                                   "/configmaps"sv,
                                   "/serviceaccounts"sv,
                                   "/namespaces"sv,
                                   "/events"sv,
                                   "discovery.k8s.io/endpointslices"sv,
                                   "coordination.k8s.io/leases"sv,
                                   "networking.k8s.io/networkpolicies"sv,
                                   "insula.dev/tenants"sv};
constexpr std::string_view kNodeLeaseNamespace = "kube-node-lease";

bool is_read(std::string_view verb) {
  return verb == "get" || verb == "list" || verb == "watch";
}

bool lists(std::span<const std::string_view> resources, const RequestInfo& request) {
  return std::ranges::any_of(resources, [&](std::string_view entry) {
    const std::size_t slash = entry.find('/');
    return entry.substr(0, slash) == request.group && entry.substr(slash + 1) == request.resource;
  });
}

bool node_may(const User& user, const RequestInfo& request) {
  const bool whole = request.subresource.empty();
  if (is_read(request.verb))
    return (whole || request.subresource == "status") && lists(kNodeReads, request);
  if (request.verb == "deletecollection") return false;
  // A node speaks for itself only: its user is system:node:<name>. A create has no name yet.
  const bool itself = request.verb == "create" || user.name == "system:node:" + request.name;
  if (request.group.empty() && request.resource == "nodes")
    return itself && request.verb != "delete";
  if (request.group == "coordination.k8s.io" && request.resource == "leases")
    return itself && request.name_space == kNodeLeaseNamespace;
  if (request.group.empty() && request.resource == "events")
    return whole &&
           (request.verb == "create" || request.verb == "update" || request.verb == "patch");
  if (request.group.empty() && request.resource == "serviceaccounts")
    return request.verb == "create" && request.subresource == "token";
  if (!request.group.empty() || request.resource != "pods") return false;
  if (request.subresource == "status") return request.verb == "update" || request.verb == "patch";
  return (request.subresource.empty() && request.verb == "delete") ||
         request.subresource == "eviction";
}

/// What a read is confined to: nothing, or the objects whose `field` has this value.
std::optional<std::string> confined_to(const RequestInfo& request, std::string_view field) {
  const auto selector = FieldSelector::parse(request.field_selector);
  if (!selector || request.verb == "get") return std::nullopt;
  const auto value = selector->required(field);
  return value ? std::optional<std::string>(*value) : std::nullopt;
}

/// Whether the Tenant that owns the namespace says that its tokens are checked, or its providers
/// asked, with this Secret.
bool is_tenants_secret(std::string_view name_space,
                       std::string_view name,
                       const store::Store& store) {
  const auto tenant = tenant_of_namespace(name_space, store);
  if (tenant.empty()) return false;
  const store::EntryPtr entry = store.find(store_key(api::kind_of<api::Tenant>(), "", tenant));
  if (!entry) return false;
  const auto object = object_of<api::Tenant>(*entry);
  return std::ranges::any_of(object->spec.gateway.jwt,
                             [&](const api::TenantJwt& jwt) {
                               return (jwt.secret_ref && jwt.secret_ref->name == name) ||
                                      (jwt.ca_ref && jwt.ca_ref->name == name);
                             }) ||
         std::ranges::any_of(api::provider_secrets(*object), [&](const api::SecretRef& ref) {
           return ref.name_space == name_space && ref.name == name;
         });
}

/// Whether an Ingress of the namespace names the Secret as its certificate.
bool is_certificate(std::string_view name_space, std::string_view name, const store::Store& store) {
  if (name_space.empty()) return false;  // It would be those of that name in all namespaces.
  const auto names_it = [&](const api::IngressTLS& tls) { return tls.secret_name == name; };
  const std::string prefix = store_key(api::kind_of<api::Ingress>(), name_space, "");
  bool found = false;
  const auto scanned = store.scan(prefix, {}, 0, [&](const store::EntryPtr& entry) {
    found = std::ranges::any_of(object_of<api::Ingress>(*entry)->spec.tls, names_it);
    return !found;
  });
  return scanned && found;
}

/// The ReferenceGrants of a namespace.
std::vector<std::shared_ptr<const api::ReferenceGrant>> grants_of(std::string_view name_space,
                                                                  const store::Store& store) {
  std::vector<std::shared_ptr<const api::ReferenceGrant>> grants;
  const std::string prefix = store_key(api::kind_of<api::ReferenceGrant>(), name_space, "");
  const auto scanned = store.scan(prefix, {}, 0, [&](const store::EntryPtr& entry) {
    grants.push_back(object_of<api::ReferenceGrant>(*entry));
    return true;
  });
  if (!scanned) grants.clear();
  return grants;
}

/// Whether a listener of a Gateway names the Secret as a certificate that it may have.
bool is_certificate_of_listener(std::string_view name_space,
                                std::string_view name,
                                const store::Store& store) {
  if (name_space.empty()) return false;
  const auto grants = grants_of(name_space, store);
  const auto is_named = [&](const api::Gateway& gateway) {
    const std::string& own = gateway.metadata.namespace_;
    for (const api::Listener& listener : gateway.spec.listeners) {
      if (!listener.tls) continue;
      for (const api::SecretObjectReference& ref : listener.tls->certificate_refs) {
        if (ref.name == name && ref.namespace_.value_or(own) == name_space &&
            api::may_refer({"Gateway", own}, {"Secret", name_space, name}, grants))
          return true;
      }
    }
    return false;
  };
  bool found = false;
  const std::string prefix = store_key(api::kind_of<api::Gateway>(), "", "");
  const auto scanned = store.scan(prefix, {}, 0, [&](const store::EntryPtr& entry) {
    found = is_named(*object_of<api::Gateway>(*entry));
    return !found;
  });
  return scanned && found;
}

/// The name of the only object that is read; empty when there may be others.
std::string name_read(const RequestInfo& request) {
  return request.verb == "get" ? request.name : confined_to(request, "metadata.name").value_or("");
}

bool gateway_may_read_secret(const RequestInfo& request, const store::Store& store) {
  const bool system = request.name_space == api::kSystemNamespace;
  if (system) {
    const auto type = confined_to(request, "type");
    if (type == api::kApiKeyType || type == api::kProviderKeyType) return true;
  }
  const std::string name = name_read(request);
  if (name.empty()) return false;
  return system ? name == api::kTokenIssuerPublic
                : is_tenants_secret(request.name_space, name, store) ||
                      is_certificate(request.name_space, name, store) ||
                      is_certificate_of_listener(request.name_space, name, store);
}

bool gateway_may(const RequestInfo& request, const store::Store& store) {
  if (!is_read(request.verb) || !request.subresource.empty()) return false;
  if (request.group == "apps" && request.resource == "controllerrevisions")
    return request.name_space == api::kSystemNamespace;
  if (!request.group.empty()) return false;
  if (request.resource == "configmaps") {
    const std::string name = name_read(request);
    return request.name_space == api::kSystemNamespace &&
           (name == api::kModelPrices || name == api::kIngressHosts);
  }
  return request.resource == "secrets" && gateway_may_read_secret(request, store);
}

}  // namespace

bool component_may(const User& user, const RequestInfo& request, const store::Store& store) {
  if (!request.is_resource) return false;
  return (user.in(kNodes) && node_may(user, request)) ||
         (user.in(kGateway) && gateway_may(request, store));
}

bool is_component(const User& user) {
  return user.in(kNodes) || user.in(kGateway);
}

}  // namespace insula::apiserver
