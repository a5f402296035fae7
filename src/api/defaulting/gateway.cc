#include "api/defaulting/gateway.h"

#include "api/defaulting/set.h"

namespace insula::api {

namespace {

constexpr std::string_view kGroup = "gateway.networking.k8s.io";

void set_defaults(ListenerTLSConfig& tls) {
  set_if_absent(tls.mode, "Terminate");
  for (SecretObjectReference& ref : tls.certificate_refs) {
    set_if_absent(ref.group, "");
    set_if_absent(ref.kind, "Secret");
  }
}

void set_defaults(Listener& listener) {
  if (listener.tls) set_defaults(*listener.tls);
  AllowedRoutes& allowed = listener.allowed_routes.ensure();
  set_if_absent(allowed.namespaces.ensure().from, "Same");
  for (RouteGroupKind& kind : allowed.kinds)
    set_if_absent(kind.group, kGroup);
}

void set_defaults(HTTPRouteMatch& match) {
  HTTPPathMatch& path = match.path.ensure();
  set_if_absent(path.type, "PathPrefix");
  set_if_absent(path.value, "/");
  for (HTTPHeaderMatch& header : match.headers)
    set_if_absent(header.type, "Exact");
  for (HTTPQueryParamMatch& parameter : match.query_params)
    set_if_absent(parameter.type, "Exact");
}

void set_defaults(std::vector<HTTPRouteFilter>& filters) {
  constexpr std::int32_t kFound = 302;
  constexpr std::int32_t kPercent = 100;
  for (HTTPRouteFilter& filter : filters) {
    if (filter.request_redirect) set_if_absent(filter.request_redirect->status_code, kFound);
    if (!filter.request_mirror) continue;
    HTTPRequestMirrorFilter& mirror = *filter.request_mirror;
    set_if_absent(mirror.backend_ref.group, "");
    set_if_absent(mirror.backend_ref.kind, "Service");
    if (mirror.fraction) set_if_absent(mirror.fraction->denominator, kPercent);
  }
}

void set_defaults(HTTPRouteRule& rule) {
  if (rule.matches.empty()) rule.matches.emplace_back();
  for (HTTPRouteMatch& match : rule.matches)
    set_defaults(match);
  set_defaults(rule.filters);
  for (HTTPBackendRef& backend : rule.backend_refs) {
    set_if_absent(backend.group, "");
    set_if_absent(backend.kind, "Service");
    set_if_absent(backend.weight, 1);
    set_defaults(backend.filters);
  }
}

}  // namespace

void set_defaults(Gateway& object) {
  for (Listener& listener : object.spec.listeners)
    set_defaults(listener);
  for (GatewaySpecAddress& address : object.spec.addresses)
    set_if_absent(address.type, "IPAddress");
}

void set_defaults(HTTPRoute& object) {
  for (ParentReference& parent : object.spec.parent_refs) {
    set_if_absent(parent.group, kGroup);
    set_if_absent(parent.kind, "Gateway");
  }
  if (object.spec.rules.empty()) object.spec.rules.emplace_back();
  for (HTTPRouteRule& rule : object.spec.rules)
    set_defaults(rule);
}

}  // namespace insula::api
