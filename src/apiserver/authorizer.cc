#include "apiserver/authorizer.h"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

#include <fmt/format.h>

#include "api/gen/core_v1.h"
#include "api/gen/insula_v1alpha1.h"
#include "api/platform_objects.h"
#include "api/tenant.h"
#include "apiserver/object.h"
#include "apiserver/selector.h"
#include "http/scan.h"

namespace insula::apiserver {

namespace {

using namespace std::string_view_literals;

constexpr std::string_view kTenantGroup = "insula:tenant:";
constexpr std::string_view kImpersonate = "Impersonate-";
constexpr std::string_view kTenantApi = "insula.dev";

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
constexpr std::array kGatewayReads = {"/services"sv, "/endpoints"sv, "/namespaces"sv,
                                      "discovery.k8s.io/endpointslices"sv, "insula.dev/tenants"sv};
constexpr std::array kMemberReads = {"/resourcequotas"sv,
                                     "/limitranges"sv,
                                     "/events"sv,
                                     "/endpoints"sv,
                                     "discovery.k8s.io/endpointslices"sv,
                                     "networking.k8s.io/networkpolicies"sv};
constexpr std::array kMemberWrites = {
    "/pods"sv,           "/services"sv,        "/configmaps"sv,
    "/secrets"sv,        "/serviceaccounts"sv, "apps/deployments"sv,
    "apps/replicasets"sv};
constexpr std::array kMemberSubresources = {"log"sv,         "exec"sv,     "attach"sv,
                                            "portforward"sv, "eviction"sv, "scale"sv};

bool is_read(std::string_view verb) {
  return verb == "get" || verb == "list" || verb == "watch";
}

bool lists(std::span<const std::string_view> resources, const RequestInfo& request) {
  return std::ranges::any_of(resources, [&](std::string_view entry) {
    const std::size_t slash = entry.find('/');
    return entry.substr(0, slash) == request.group && entry.substr(slash + 1) == request.resource;
  });
}

/// The Tenant that controls a namespace; empty for none.
std::string owner_of(std::string_view name_space, const store::Store& store) {
  const store::EntryPtr entry =
      store.find(store_key(api::kind_of<api::Namespace>(), "", name_space));
  return entry ? std::string(api::owning_tenant(object_of<api::Namespace>(*entry)->metadata))
               : std::string();
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

/// The name of the only object that is read; empty when there may be others.
std::string name_read(const RequestInfo& request) {
  return request.verb == "get" ? request.name : confined_to(request, "metadata.name").value_or("");
}

/// Whether the Tenant that owns the namespace says that its tokens are checked with this Secret.
bool is_token_secret(std::string_view name_space,
                     std::string_view name,
                     const store::Store& store) {
  const auto tenant = owner_of(name_space, store);
  if (tenant.empty()) return false;
  const store::EntryPtr entry = store.find(store_key(api::kind_of<api::Tenant>(), "", tenant));
  if (!entry) return false;
  return std::ranges::any_of(object_of<api::Tenant>(*entry)->spec.gateway.jwt,
                             [&](const api::TenantJwt& jwt) {
                               return (jwt.secret_ref && jwt.secret_ref->name == name) ||
                                      (jwt.ca_ref && jwt.ca_ref->name == name);
                             });
}

bool gateway_may_read_secret(const RequestInfo& request, const store::Store& store) {
  const bool system = request.name_space == api::kSystemNamespace;
  if (system && confined_to(request, "type") == api::kApiKeyType) return true;
  const std::string name = name_read(request);
  if (name.empty()) return false;
  return system ? name == api::kTokenIssuerPublic
                : is_token_secret(request.name_space, name, store);
}

bool gateway_may(const RequestInfo& request, const store::Store& store) {
  if (is_read(request.verb)) {
    if (!request.subresource.empty()) return false;
    if (request.group.empty() && request.resource == "secrets")
      return gateway_may_read_secret(request, store);
    if (request.group.empty() && request.resource == "configmaps")
      return request.name_space == api::kSystemNamespace && name_read(request) == api::kModelPrices;
    return lists(kGatewayReads, request);
  }
  return request.group.empty() && request.resource == "events" && request.subresource.empty() &&
         (request.verb == "create" || request.verb == "patch");
}

bool member_may(std::string_view tenant, const RequestInfo& request, const store::Store& store) {
  if (request.group == kTenantApi && request.resource == "tenants")
    return request.verb == "get" && request.name == tenant && request.subresource.empty();
  if (tenant.empty() || request.name_space.empty() || owner_of(request.name_space, store) != tenant)
    return false;
  if (request.resource == "namespaces") return request.verb == "get" && request.subresource.empty();
  if (lists(kMemberWrites, request)) {
    return request.subresource.empty() ||
           (request.subresource == "status" && request.verb == "get") ||
           std::ranges::find(kMemberSubresources, request.subresource) != kMemberSubresources.end();
  }
  return is_read(request.verb) && lists(kMemberReads, request);
}

/// Discovery and its like, open to every known user.
bool is_discovery(const RequestInfo& request) {
  const std::string_view path = request.path;
  return request.verb == "get" && (path == "/" || path == "/version" || path == "/version/" ||
                                   path == "/api" || path == "/apis" || path.starts_with("/api/") ||
                                   path.starts_with("/apis/") || path.starts_with("/openapi"));
}

bool is_metrics(const RequestInfo& request) {
  return request.verb == "get" && (request.path == "/metrics" || request.path == "/metrics/node");
}

std::unexpected<Error> refuse(const User& user, const RequestInfo& request) {
  if (!request.is_resource) {
    return fail(ErrorCode::kForbidden, fmt::format("forbidden: User \"{}\" cannot {} path \"{}\"",
                                                   user.name, request.verb, request.path));
  }
  const std::string what =
      request.group_resource() + (request.name.empty() ? "" : " \"" + request.name + "\"");
  const std::string resource =
      request.subresource.empty() ? request.resource : request.resource + "/" + request.subresource;
  const std::string where = request.name_space.empty()
                                ? std::string("at the cluster scope")
                                : fmt::format("in the namespace \"{}\"", request.name_space);
  return fail(
      ErrorCode::kForbidden,
      fmt::format("{} is forbidden: User \"{}\" cannot {} resource \"{}\" in API group \"{}\" {}",
                  what, user.name, request.verb, resource, request.group, where));
}

}  // namespace

bool is_public(const RequestInfo& request) {
  if (request.is_resource || request.verb != "get") return false;
  const std::string_view path = request.path;
  return path == "/healthz" || path == "/livez" || path == "/readyz" ||
         path.starts_with("/livez/") || path.starts_with("/readyz/");
}

Result<User> authenticate(const net::TlsPeer* peer, std::string_view authorization) {
  if (!authorization.empty() || peer == nullptr || peer->common_name.empty())
    return fail(ErrorCode::kUnauthenticated, "Unauthorized");
  User user{peer->common_name, peer->organizations};
  user.groups.emplace_back("system:authenticated");
  return user;
}

Result<> refuse_impersonation(const http::Headers& headers) {
  for (const auto& [name, value] : headers) {
    const std::string_view start = std::string_view(name).substr(0, kImpersonate.size());
    if (http::equals_ignoring_case(start, kImpersonate))
      return fail(ErrorCode::kForbidden,
                  fmt::format("{}: \"{}\": this server does not support impersonation yet", name,
                              value.substr(0, 128)));
  }
  return {};
}

Result<> authorize(const User& user, const RequestInfo& request, const store::Store& store) {
  if (is_public(request) || user.in("system:masters")) return {};
  if (!request.is_resource) {
    if (is_discovery(request)) return {};
    if (user.in("insula:metrics") && is_metrics(request)) return {};
    return refuse(user, request);
  }
  if (user.in("system:nodes") && node_may(user, request)) return {};
  if (user.in("insula:gateway") && gateway_may(request, store)) return {};
  for (const std::string& group : user.groups) {
    const std::string_view name = group;
    if (name.starts_with(kTenantGroup) &&
        member_may(name.substr(kTenantGroup.size()), request, store))
      return {};
  }
  return refuse(user, request);
}

}  // namespace insula::apiserver
