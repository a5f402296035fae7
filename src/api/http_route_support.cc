#include "api/http_route_support.h"

#include <algorithm>
#include <optional>
#include <string>

#include <fmt/format.h>

#include "api/field_errors.h"
#include "api/header_modifier.h"
#include "api/reference_grants.h"

namespace insula::api {

namespace {

std::optional<Verdict> judge_headers(const HTTPHeaderFilter& filter, const FieldPath& path) {
  const auto look = [&](std::string_view name, const FieldPath& at) -> std::optional<Verdict> {
    if (!is_the_gateways_header(name)) return std::nullopt;
    return refused(
        "UnsupportedValue",
        fmt::format(
            "{}: the header {} is the gateway's own{}", at.text(), name,
            name == "Host" || name == "host" ? "; a URLRewrite filter changes the host" : ""));
  };
  for (std::size_t i = 0; i < filter.set.size(); ++i) {
    if (auto found = look(filter.set[i].name, path.child("set").index(i))) return found;
  }
  for (std::size_t i = 0; i < filter.add.size(); ++i) {
    if (auto found = look(filter.add[i].name, path.child("add").index(i))) return found;
  }
  for (std::size_t i = 0; i < filter.remove.size(); ++i) {
    if (auto found = look(filter.remove[i], path.child("remove").index(i))) return found;
  }
  return std::nullopt;
}

std::optional<Verdict> judge_filters(const std::vector<HTTPRouteFilter>& filters,
                                     const FieldPath& path,
                                     bool of_backend) {
  std::size_t mirrors = 0;
  for (std::size_t i = 0; i < filters.size(); ++i) {
    const HTTPRouteFilter& filter = filters[i];
    const FieldPath at = path.index(i);
    const bool of_rule = filter.type == "RequestRedirect" || filter.type == "RequestMirror";
    if (filter.type == "ExtensionRef" || (of_rule && of_backend)) {
      return refused("UnsupportedValue",
                     fmt::format("{}: the gateway has no filter {}{}", at.text(), filter.type,
                                 of_rule ? " of a backend" : ""));
    }
    if (filter.type == "RequestMirror" && ++mirrors > kMirrorsOfRuleMax) {
      return refused("UnsupportedValue", fmt::format("{}: a rule may have {} filters RequestMirror",
                                                     path.text(), kMirrorsOfRuleMax));
    }
    if (filter.request_header_modifier) {
      if (auto found =
              judge_headers(*filter.request_header_modifier, at.child("requestHeaderModifier")))
        return found;
    }
    if (filter.response_header_modifier) {
      if (auto found =
              judge_headers(*filter.response_header_modifier, at.child("responseHeaderModifier")))
        return found;
    }
  }
  return std::nullopt;
}

}  // namespace

Verdict judge_support(const HTTPRoute& route) {
  const FieldPath rules("spec.rules");
  for (std::size_t i = 0; i < route.spec.rules.size(); ++i) {
    const HTTPRouteRule& rule = route.spec.rules[i];
    const FieldPath path = rules.index(i);
    if (auto found = judge_filters(rule.filters, path.child("filters"), false)) return *found;
    for (std::size_t j = 0; j < rule.backend_refs.size(); ++j) {
      if (auto found = judge_filters(rule.backend_refs[j].filters,
                                     path.child("backendRefs").index(j).child("filters"), true))
        return *found;
    }
  }
  return {true, "Accepted", "the route is accepted"};
}

HTTPBackendRef backend_of(const HTTPRequestMirrorFilter& mirror) {
  HTTPBackendRef ref;
  ref.group = mirror.backend_ref.group;
  ref.kind = mirror.backend_ref.kind;
  ref.name = mirror.backend_ref.name;
  ref.namespace_ = mirror.backend_ref.namespace_;
  ref.port = mirror.backend_ref.port;
  return ref;
}

Verdict judge_backend(const HTTPRoute& route,
                      const HTTPBackendRef& backend,
                      const std::vector<std::shared_ptr<const ReferenceGrant>>& grants,
                      const FindService& find) {
  const std::string& own = route.metadata.namespace_;
  const std::string name_space = backend.namespace_.value_or(own);
  const std::string kind = backend.kind.value_or("Service");
  if (kind != "Service" || !backend.group.value_or("").empty())
    return refused("InvalidKind",
                   fmt::format("{} {}: a backend must be a Service", kind, backend.name));
  if (!may_refer({"HTTPRoute", own}, {"Service", name_space, backend.name}, grants)) {
    return refused("RefNotPermitted",
                   fmt::format("no ReferenceGrant in namespace {} lets HTTPRoutes of {} refer to "
                               "Service {}",
                               name_space, own, backend.name));
  }
  const Service* service = find(name_space, backend.name);
  if (service == nullptr)
    return refused("BackendNotFound",
                   fmt::format("there is no Service {} in namespace {}", backend.name, name_space));
  if (service->spec.type == "ExternalName")
    return refused(
        "BackendNotFound",
        fmt::format("Service {} is of type ExternalName, which has no endpoints", backend.name));
  const std::int32_t port = backend.port.value_or(0);
  const auto found = std::ranges::find(service->spec.ports, port, &ServicePort::port);
  if (found == service->spec.ports.end())
    return refused("BackendNotFound", fmt::format("Service {} has no port {}", backend.name, port));
  const std::string protocol = found->app_protocol.value_or("");
  if (protocol == "kubernetes.io/h2c" || protocol == "kubernetes.io/wss" || protocol == "https")
    return refused("UnsupportedProtocol",
                   fmt::format("port {} of Service {} speaks {}, and the gateway plain HTTP/1.1 "
                               "and WebSocket",
                               port, backend.name, protocol));
  return {true, "ResolvedRefs", "all references are resolved"};
}

Verdict judge_backends(const HTTPRoute& route,
                       const std::vector<std::shared_ptr<const ReferenceGrant>>& grants,
                       const FindService& find) {
  for (const HTTPRouteRule& rule : route.spec.rules) {
    for (const HTTPRouteFilter& filter : rule.filters) {
      if (!filter.request_mirror) continue;
      Verdict verdict = judge_backend(route, backend_of(*filter.request_mirror), grants, find);
      if (!verdict) return verdict;
    }
    for (const HTTPBackendRef& backend : rule.backend_refs) {
      Verdict verdict = judge_backend(route, backend, grants, find);
      if (!verdict) return verdict;
    }
  }
  return {true, "ResolvedRefs", "all references are resolved"};
}

}  // namespace insula::api
