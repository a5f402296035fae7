#include "gateway/platform_routes.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "api/http_route_support.h"
#include "api/route_annotations.h"
#include "api/validation/gateway.h"
#include "gateway/platform_lookup.h"
#include "http/scan.h"

namespace insula::gateway {
namespace {

using Sites = std::map<std::string, SiteConfig>;  // by host

constexpr std::int32_t kPercent = 100;

RouteAccess access_of(const api::ObjectMeta& metadata) {
  const auto found = metadata.annotations.find(api::kIngressAuthAnnotation);
  if (found == metadata.annotations.end() || found->second == "none")
    return RouteAccess::kEverybody;
  return found->second == "tenant" ? RouteAccess::kTenant : RouteAccess::kNobody;
}

PathConfig path_to(const PlatformObjects& objects,
                   const api::Ingress& ingress,
                   const api::IngressBackend& backend) {
  PathConfig path{.path = "/",
                  .exact = false,
                  .access = access_of(ingress.metadata),
                  .edge = api::route_edge(ingress.metadata),
                  .backend = {}};
  if (!backend.service) return path;
  path.backend = backend_at(objects, ingress.metadata.namespace_, backend.service->name,
                            backend.service->port);
  return path;
}

/// The paths that a rule has for its host.
void add_paths(const PlatformObjects& objects,
               const api::Ingress& ingress,
               const api::IngressRule& rule,
               std::vector<PathConfig>& out) {
  if (!rule.ingress_rule_value.http) return;
  for (const api::HTTPIngressPath& asked : rule.ingress_rule_value.http->paths) {
    PathConfig path = path_to(objects, ingress, asked.backend);
    if (!asked.path.empty()) path.path = asked.path;
    path.exact = asked.path_type == "Exact";
    out.push_back(std::move(path));
  }
}

/// The hosts of all Ingresses.
void add_ingresses(const PlatformObjects& objects,
                   const std::vector<api::AdmittedIngress>& admitted,
                   Sites& sites) {
  std::map<std::string, std::vector<PathConfig>> defaults;
  for (const api::AdmittedIngress& one : admitted) {
    const api::IngressSpec& spec = one.ingress->spec;
    for (const std::string& host : one.hosts) {
      SiteConfig& site = sites[host];
      site.host = host;
      site.tenant = one.tenant;
      for (const api::IngressRule& rule : spec.rules) {
        if (rule.host == host) add_paths(objects, *one.ingress, rule, site.paths);
      }
      if (spec.default_backend)
        defaults[host].push_back(path_to(objects, *one.ingress, *spec.default_backend));
    }
  }
  for (auto& [host, paths] : defaults) {
    for (PathConfig& path : paths)
      sites[host].paths.push_back(std::move(path));
  }
}

HeaderEditsConfig::Headers headers_of(const std::vector<api::RouteHeader>& headers) {
  HeaderEditsConfig::Headers list;
  for (const api::RouteHeader& header : headers)
    list.emplace_back(header.name, header.value);
  return list;
}

HeaderEditsConfig edits_of(const api::Box<api::HTTPHeaderFilter>& filter) {
  if (!filter) return {};
  return {.set = headers_of(filter->set), .add = headers_of(filter->add), .remove = filter->remove};
}

std::optional<PathChangeConfig> path_change_of(const api::Box<api::HTTPPathModifier>& modifier) {
  if (!modifier) return std::nullopt;
  const bool of_prefix = modifier->type == "ReplacePrefixMatch";
  return PathChangeConfig{
      of_prefix,
      (of_prefix ? modifier->replace_prefix_match : modifier->replace_full_path).value_or("")};
}

RewriteConfig rewrite_of(const api::HTTPURLRewriteFilter& filter) {
  return {.host = filter.hostname.value_or(""), .path = path_change_of(filter.path)};
}

RedirectConfig redirect_of(const api::HTTPRequestRedirectFilter& filter) {
  RedirectConfig redirect{.scheme = filter.scheme.value_or(""),
                          .host = filter.hostname.value_or(""),
                          .path = path_change_of(filter.path)};
  redirect.port = filter.port.value_or(0);
  redirect.status = filter.status_code.value_or(redirect.status);
  return redirect;
}

template <class T>
ValueMatchConfig value_match_of(const T& match) {
  return {
      .name = match.name, .value = match.value, .is_pattern = match.type == "RegularExpression"};
}

MatchConfig match_of(const api::HTTPRouteMatch& match) {
  MatchConfig config{.method = match.method.value_or("")};
  if (match.path) {
    config.path = match.path->value.value_or("/");
    if (match.path->type == "Exact") config.kind = PathKind::kExact;
    if (match.path->type == "RegularExpression") config.kind = PathKind::kPattern;
  }
  for (const api::HTTPHeaderMatch& header : match.headers) {
    // Of names that differ in case only, the first one counts.
    const bool known = std::ranges::any_of(config.headers, [&](const ValueMatchConfig& before) {
      return http::equals_ignoring_case(before.name, header.name);
    });
    if (!known) config.headers.push_back(value_match_of(header));
  }
  for (const api::HTTPQueryParamMatch& parameter : match.query_params)
    config.parameters.push_back(value_match_of(parameter));
  return config;
}

std::chrono::milliseconds time_of(const std::optional<std::string>& text) {
  return text ? api::parse_route_duration(*text).value_or(std::chrono::milliseconds(0))
              : std::chrono::milliseconds(0);
}

RouteBackendConfig backend_of(const PlatformObjects& objects,
                              const api::HTTPRoute& route,
                              const api::HTTPBackendRef& ref,
                              const api::FindService& find) {
  RouteBackendConfig config;
  const std::string name_space = ref.namespace_.value_or(route.metadata.namespace_);
  if (const auto verdict = api::judge_backend(route, ref, objects.routing.grants, find)) {
    config.backend = backend_at(objects, name_space, ref.name, {.number = ref.port.value_or(0)});
  } else {
    // What a backend of another tenant lacks is not for everybody to read.
    config.problem = fmt::format("a backend of the route cannot be asked ({})", verdict.reason);
  }
  config.backend.weight = ref.weight.value_or(1);
  for (const api::HTTPRouteFilter& filter : ref.filters) {
    if (filter.request_header_modifier) config.request = edits_of(filter.request_header_modifier);
    if (filter.response_header_modifier) config.reply = edits_of(filter.response_header_modifier);
    if (filter.url_rewrite) config.rewrite = rewrite_of(*filter.url_rewrite);
  }
  return config;
}

/// Adds where copies go. One that may not be sent is left out, as the route's status says.
void add_mirror(const PlatformObjects& objects,
                const api::HTTPRoute& route,
                const api::HTTPRequestMirrorFilter& filter,
                const api::FindService& find,
                RuleConfig& rule) {
  const api::HTTPBackendRef ref = api::backend_of(filter);
  if (!api::judge_backend(route, ref, objects.routing.grants, find)) return;
  MirrorConfig& mirror = rule.mirrors.emplace_back();
  mirror.backend = backend_at(objects, ref.namespace_.value_or(route.metadata.namespace_), ref.name,
                              {.number = ref.port.value_or(0)});
  if (filter.percent) {
    mirror.numerator = *filter.percent;
    mirror.denominator = kPercent;
  } else if (filter.fraction) {
    mirror.numerator = filter.fraction->numerator;
    mirror.denominator = filter.fraction->denominator.value_or(kPercent);
  }
}

/// What a rule says, but for its name.
RuleConfig rule_of(const PlatformObjects& objects,
                   const api::HTTPRoute& route,
                   const api::HTTPRouteRule& rule,
                   const api::FindService& find) {
  RuleConfig config{
      .name = {}, .access = access_of(route.metadata), .edge = api::route_edge(route.metadata)};
  for (const api::HTTPRouteMatch& match : rule.matches)
    config.matches.push_back(match_of(match));
  for (const api::HTTPRouteFilter& filter : rule.filters) {
    if (filter.request_header_modifier) config.request = edits_of(filter.request_header_modifier);
    if (filter.response_header_modifier) config.reply = edits_of(filter.response_header_modifier);
    if (filter.request_redirect) config.redirect = redirect_of(*filter.request_redirect);
    if (filter.url_rewrite) config.rewrite = rewrite_of(*filter.url_rewrite);
    if (filter.request_mirror) add_mirror(objects, route, *filter.request_mirror, find, config);
  }
  for (const api::HTTPBackendRef& backend : rule.backend_refs)
    config.backends.push_back(backend_of(objects, route, backend, find));
  if (rule.timeouts) {
    config.request_time = time_of(rule.timeouts->request);
    config.backend_time = time_of(rule.timeouts->backend_request);
  }
  return config;
}

/// The port of the first listener by which the route is served.
int port_of(const api::Routing& routing, const api::AttachedRoute& route) {
  for (const api::RouteParent& parent : route.parents) {
    const api::ServedGateway& gateway = routing.gateways[parent.gateway];
    for (const api::RouteParent::Place& place : parent.places) {
      if (parent.accepted && !place.hosts.empty())
        return gateway.listeners[place.listener].listener->port;
    }
  }
  return 0;
}

api::FindService finder(const PlatformObjects& objects) {
  std::map<std::pair<std::string_view, std::string_view>, const api::Service*> services;
  for (const auto& service : objects.services)
    services.emplace(std::pair<std::string_view, std::string_view>(service->metadata.namespace_,
                                                                   service->metadata.name),
                     service.get());
  return [services = std::move(services)](std::string_view name_space, std::string_view name) {
    const auto found = services.find({name_space, name});
    return found == services.end() ? nullptr : found->second;
  };
}

/// What decides between matches whose paths do not; the first comes first.
auto order_of(const MatchConfig& match) {
  const std::size_t pattern = match.kind == PathKind::kPattern ? match.path.size() : 0;
  return std::tuple(-static_cast<std::int64_t>(pattern), match.method.empty(),
                    -static_cast<std::int64_t>(match.headers.size()),
                    -static_cast<std::int64_t>(match.parameters.size()));
}

/// The rules of all HTTPRoutes and the hosts that they are for.
void add_http_routes(const PlatformObjects& objects,
                     const api::Routing& routing,
                     Sites& sites,
                     std::vector<RuleConfig>& rules) {
  const api::FindService find = finder(objects);
  for (const api::AttachedRoute& one : routing.routes) {
    if (!one.is_served()) continue;
    const api::HTTPRoute& route = *one.route;
    const std::size_t first = rules.size();
    for (const api::HTTPRouteRule& rule : route.spec.rules) {
      rules.push_back(rule_of(objects, route, rule, find));
      rules.back().name = fmt::format("{}/{}/{}", route.metadata.namespace_, route.metadata.name,
                                      rules.size() - 1 - first);
      // A scheme that is asked for brings its own port.
      if (auto& redirect = rules.back().redirect;
          redirect && redirect->port == 0 && redirect->scheme.empty())
        redirect->port = port_of(routing, one);
    }
    for (const std::string& host : one.hosts) {
      SiteConfig& site = sites[host];
      site.host = host;
      site.tenant = one.tenant;
      for (std::size_t rule = first; rule < rules.size(); ++rule) {
        for (std::size_t match = 0; match < rules[rule].matches.size(); ++match)
          site.matches.push_back({rule, match});
      }
    }
  }
  for (auto& [host, site] : sites) {
    // Rules are in the order of their routes.
    std::ranges::sort(site.matches, {}, [&](const SiteMatchConfig& one) {
      return std::tuple_cat(order_of(rules[one.rule].matches[one.match]),
                            std::tuple(one.rule, one.match));
    });
  }
}

/// A wildcard of an HTTPRoute is for any number of labels, one of an Ingress for one.
void deepen(Sites& sites) {
  Sites deep;
  for (const auto& [host, site] : sites) {
    if (!host.starts_with("*.") || site.matches.empty()) continue;
    SiteConfig& more = deep["*" + host];
    more = {.host = "*" + host, .tenant = site.tenant, .paths = {}, .matches = site.matches};
  }
  sites.merge(deep);
}

CertificateConfig certificate_of(const api::Secret& secret) {
  const auto entry = [&](const char* key) {
    const auto found = secret.data.find(key);
    return found == secret.data.end() ? std::string() : found->second;
  };
  return {.name = secret.metadata.namespace_ + "/" + secret.metadata.name,
          .hosts = {},
          .chain = entry(api::kTlsCertificateEntry),
          .key = entry(api::kTlsKeyEntry)};
}

/// The certificates of all Ingresses, for the hosts that each Ingress has.
void add_certificates(const PlatformObjects& objects,
                      const std::vector<api::AdmittedIngress>& admitted,
                      std::vector<CertificateConfig>& certificates) {
  for (const api::AdmittedIngress& one : admitted) {
    const std::string& name_space = one.ingress->metadata.namespace_;
    for (const api::IngressTLS& tls : one.ingress->spec.tls) {
      const api::Secret* secret = find_secret(objects, {name_space, tls.secret_name});
      if (secret == nullptr) continue;
      CertificateConfig certificate = certificate_of(*secret);
      const auto& hosts = tls.hosts.empty() ? one.hosts : tls.hosts;
      std::ranges::copy_if(hosts, std::back_inserter(certificate.hosts),
                           [&](const std::string& host) { return one.has(host); });
      if (!certificate.hosts.empty()) certificates.push_back(std::move(certificate));
    }
  }
}

/// The certificates of all listeners, for the hosts that routes have by each: a listener alone
/// gives nobody a host.
void add_certificates(const PlatformObjects& objects,
                      const api::Routing& routing,
                      std::vector<CertificateConfig>& certificates) {
  std::map<std::pair<std::size_t, std::size_t>, std::set<std::string>> hosts;  // by listener
  for (const api::AttachedRoute& route : routing.routes) {
    for (const api::RouteParent& parent : route.parents) {
      if (!parent.accepted) continue;
      for (const api::RouteParent::Place& place : parent.places) {
        for (const std::string& host : place.hosts) {
          auto& list = hosts[{parent.gateway, place.listener}];
          list.insert(host);
          if (host.starts_with("*.")) list.insert("*" + host);
        }
      }
    }
  }
  for (const auto& [where, list] : hosts) {
    const api::ServedListener& listener = routing.gateways[where.first].listeners[where.second];
    for (const SecretRef& ref : listener.certificates) {
      const api::Secret* secret = find_secret(objects, ref);
      if (secret == nullptr) continue;
      certificates.push_back(certificate_of(*secret));
      certificates.back().hosts.assign(list.begin(), list.end());
    }
  }
}

}  // namespace

void add_routes(const PlatformObjects& objects,
                const api::Routing& routing,
                GatewayConfig& config) {
  Sites sites;
  add_ingresses(objects, routing.ingresses, sites);
  add_http_routes(objects, routing, sites, config.rules);
  deepen(sites);
  // Without routes: so that no wildcard has them.
  for (const auto& [host, holder] : objects.routing.ingresses.held) {
    if (holder == api::kNobodysHost) sites[host] = {.host = host, .tenant = {}, .paths = {}};
  }
  for (auto& [host, site] : sites)
    config.sites.push_back(std::move(site));
  add_certificates(objects, routing.ingresses, config.certificates);
  add_certificates(objects, routing, config.certificates);
}

std::size_t refused_routes(const api::Routing& routing) {
  return static_cast<std::size_t>(
      std::ranges::count_if(routing.routes, [](const api::AttachedRoute& route) {
        return !route.refused.empty() || route.wanted ||
               !api::judge_annotations(route.route->metadata) ||
               std::ranges::any_of(route.parents,
                                   [](const api::RouteParent& parent) { return !parent.accepted; });
      }));
}

std::vector<Labels> stale_routes(const api::Routing& routing) {
  std::vector<Labels> stale;
  const auto add = [&](const char* kind, const api::ObjectMeta& metadata) {
    stale.push_back({{"kind", kind}, {"namespace", metadata.namespace_}, {"name", metadata.name}});
  };
  for (const api::ServedGateway& one : routing.gateways) {
    if (one.wanted) add("Gateway", one.gateway->metadata);
  }
  for (const api::AttachedRoute& one : routing.routes) {
    if (one.wanted) add("HTTPRoute", one.route->metadata);
  }
  return stale;
}

}  // namespace insula::gateway
