#include "api/routing.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "api/http_route_support.h"
#include "api/validation/metadata.h"

namespace insula::api {

namespace {

constexpr std::string_view kRouteKind = "HTTPRoute";

using Labels = std::map<std::string, std::string>;

Verdict judge_entrance(const Listener& listener, const GatewayEntrance& entrance) {
  if (listener.protocol != "HTTP" && listener.protocol != "HTTPS")
    return refused("UnsupportedProtocol", "the gateway serves HTTP and HTTPS only");
  if ((listener.protocol == "HTTPS") != entrance.tls) {
    return refused("UnsupportedProtocol",
                   entrance.tls
                       ? "the gateway speaks TLS at all of its ports: the protocol must be HTTPS"
                       : "the gateway serves plain HTTP; start the platform with --gateway-tls");
  }
  if (std::ranges::find(entrance.ports, listener.port) == entrance.ports.end()) {
    return refused("PortUnavailable",
                   fmt::format("the gateway does not listen at port {}, but at {}", listener.port,
                               fmt::join(entrance.ports, ", ")));
  }
  return {true, "Accepted", "the listener is accepted"};
}

/// Two protocols cannot share a port.
Verdict judge_conflict(const Listener& listener, const std::vector<Listener>& all) {
  const auto other = std::ranges::find_if(all, [&](const Listener& one) {
    return one.port == listener.port && one.protocol != listener.protocol;
  });
  if (other == all.end()) return {true, "NoConflicts", "no other listener is in its way"};
  return refused("ProtocolConflict", fmt::format("the listener {} wants {} at the same port",
                                                 other->name, other->protocol));
}

/// The certificates that the listener may have, and whether something is wrong with its references.
void resolve(const Gateway& gateway,
             const std::vector<std::shared_ptr<const ReferenceGrant>>& grants,
             ServedListener& served) {
  const Listener& listener = *served.listener;
  served.resolved = {true, "ResolvedRefs", "all references are resolved"};
  if (listener.allowed_routes && !listener.allowed_routes->kinds.empty()) {
    served.takes_routes = false;
    for (const RouteGroupKind& kind : listener.allowed_routes->kinds) {
      if (kind.group.value_or(std::string(kGatewayGroup)) == kGatewayGroup &&
          kind.kind == kRouteKind) {
        served.takes_routes = true;
      } else {
        served.resolved = refused("InvalidRouteKinds",
                                  fmt::format("{} cannot be attached: only HTTPRoute of {} can",
                                              kind.kind, kGatewayGroup));
      }
    }
  }
  if (!listener.tls) return;
  const std::string& own = gateway.metadata.namespace_;
  for (const SecretObjectReference& ref : listener.tls->certificate_refs) {
    const std::string name_space = ref.namespace_.value_or(own);
    if (ref.kind.value_or("Secret") != "Secret" || !ref.group.value_or("").empty()) {
      served.resolved =
          refused("InvalidCertificateRef",
                  fmt::format("a certificate must be a Secret, not a {}", ref.kind.value_or("")));
    } else if (!may_refer({"Gateway", own}, {"Secret", name_space, ref.name}, grants)) {
      served.resolved =
          refused("RefNotPermitted",
                  fmt::format("no ReferenceGrant in namespace {} lets Gateways of {} refer to "
                              "Secret {}",
                              name_space, own, ref.name));
    } else {
      served.certificates.push_back({name_space, ref.name});
    }
  }
}

Verdict judge_gateway(const Gateway& gateway, const GatewayClass& one) {
  if (one.spec.parameters_ref)
    return refused("InvalidParameters", "the class has parameters, and this controller knows none");
  if (gateway.spec.infrastructure && gateway.spec.infrastructure->parameters_ref)
    return refused("InvalidParameters",
                   "spec.infrastructure has parameters, and this controller knows none");
  for (const GatewaySpecAddress& address : gateway.spec.addresses) {
    const std::string type = address.type.value_or("IPAddress");
    if (!address.value.empty() || (type != "IPAddress" && type != "Hostname"))
      return refused("UnsupportedAddress",
                     "the gateway has addresses of its own; leave spec.addresses out");
  }
  return {true, "Accepted", "the Gateway is accepted"};
}

bool allows(const ServedListener& served,
            std::string_view gateway_namespace,
            std::string_view route_namespace,
            const Labels* labels) {
  if (!served.takes_routes) return false;
  const auto& allowed = served.listener->allowed_routes;
  const std::string from =
      allowed && allowed->namespaces ? allowed->namespaces->from.value_or("Same") : "Same";
  if (from == "All") return true;
  if (from == "Same") return gateway_namespace == route_namespace;
  return from == "Selector" && labels != nullptr && allowed->namespaces->selector &&
         matches(*allowed->namespaces->selector, *labels);
}

std::string_view host_of(const Listener& listener) {
  return listener.hostname ? std::string_view(*listener.hostname) : std::string_view();
}

/// The hosts that a route has by a listener.
std::vector<std::string> hosts_at(const Listener& listener, const HTTPRoute& route) {
  if (route.spec.hostnames.empty()) return {std::string(host_of(listener))};
  std::vector<std::string> hosts;
  for (const std::string& host : route.spec.hostnames) {
    if (auto common = common_host(host_of(listener), host)) hosts.push_back(*std::move(common));
  }
  return hosts;
}

/// What one or more routes want to be compared with each request.
struct RouteLoad {
  std::size_t routes = 0;
  std::size_t matches = 0;
  std::size_t expressions = 0;

  [[nodiscard]] bool is_too_much() const {
    return routes > kRoutesOfTenantMax || matches > kMatchesOfTenantMax ||
           expressions > kExpressionsOfTenantMax;
  }

  [[nodiscard]] RouteLoad operator+(const RouteLoad& other) const {
    return {routes + other.routes, matches + other.matches, expressions + other.expressions};
  }
};

RouteLoad load_of(const HTTPRoute& route) {
  constexpr std::string_view kExpression = "RegularExpression";
  RouteLoad load{.routes = 1};
  for (const HTTPRouteRule& rule : route.spec.rules) {
    for (const HTTPRouteMatch& match : rule.matches) {
      ++load.matches;
      if (match.path && match.path->type == kExpression) ++load.expressions;
      for (const HTTPHeaderMatch& header : match.headers)
        if (header.type == kExpression) ++load.expressions;
      for (const HTTPQueryParamMatch& parameter : match.query_params)
        if (parameter.type == kExpression) ++load.expressions;
    }
  }
  return load;
}

bool is_accepted(const std::vector<RouteParent>& parents) {
  return std::ranges::any_of(parents, [](const RouteParent& one) { return one.accepted.good; });
}

/// Listeners by which requests come in.
std::ptrdiff_t served_listeners(const ServedGateway& gateway) {
  return std::ranges::count_if(gateway.listeners,
                               [&](const ServedListener& one) { return gateway.serves(one); });
}

/// Routes that are looked at as they were accepted last, by what they are now.
using EarlierRoutes = std::map<const HTTPRoute*, std::shared_ptr<const HTTPRoute>>;

/// Puts the parts together.
class Decision {
 public:
  Decision(const RoutingObjects& objects,
           const AcceptedSpecs& specs,
           const EarlierRoutes& earlier = {})
      : objects_(objects),
        specs_(specs),
        earlier_(earlier),
        owners_(owners_of(objects.ingresses.namespaces)) {
    for (const auto& name_space : objects.ingresses.namespaces)
      labels_.emplace(name_space->metadata.name, &name_space->metadata.labels);
  }

  Routing take() {
    add_gateways();
    add_routes();
    routing_.ingresses = served_ingresses(objects_.ingresses);
    std::ranges::sort(routing_.ingresses, {},
                      [](const AdmittedIngress& one) { return ClaimAge(one.ingress->metadata); });
    grant();
    for (AttachedRoute& route : routing_.routes)
      settle(route);
    return std::move(routing_);
  }

 private:
  void add_gateways() {
    std::map<std::string_view, const GatewayClass*> ours;
    for (const auto& one : objects_.classes) {
      if (is_ours(*one)) ours.emplace(one->metadata.name, one.get());
    }
    for (const auto& gateway : objects_.gateways) {
      const auto found = ours.find(gateway->spec.gateway_class_name);
      if (found == ours.end() || gateway->metadata.deletion_timestamp) continue;
      if (!owners_.contains(gateway->metadata.namespace_)) continue;
      ServedGateway served = judge(gateway, *found->second);
      keep_earlier_listeners(served, *found->second);
      routing_.gateways.push_back(std::move(served));
    }
    std::ranges::sort(routing_.gateways, {},
                      [](const ServedGateway& one) { return ClaimAge(one.gateway->metadata); });
    for (std::size_t i = 0; i < routing_.gateways.size(); ++i) {
      const ObjectMeta& metadata = routing_.gateways[i].gateway->metadata;
      by_name_.emplace(std::pair(metadata.namespace_, metadata.name), i);
    }
  }

  ServedGateway judge(std::shared_ptr<const Gateway> gateway, const GatewayClass& of) {
    ServedGateway served{.gateway = std::move(gateway)};
    const Gateway& object = *served.gateway;
    served.accepted = judge_gateway(object, of);
    for (const Listener& listener : object.spec.listeners) {
      ServedListener one{.listener = &listener,
                         .accepted = judge_entrance(listener, objects_.entrance),
                         .conflicted = judge_conflict(listener, object.spec.listeners)};
      resolve(object, objects_.grants, one);
      if (one.accepted.reason == "UnsupportedProtocol" && listener.protocol != "HTTP" &&
          listener.protocol != "HTTPS")
        one.takes_routes = false;
      served.listeners.push_back(std::move(one));
    }
    return served;
  }

  /// Puts what was accepted last in place of what is not served, if that serves more.
  void keep_earlier_listeners(ServedGateway& served, const GatewayClass& of) {
    if (served_listeners(served) == std::ssize(served.listeners)) return;
    const auto earlier = specs_.earlier(*served.gateway);
    if (earlier == nullptr) return;
    auto kept = std::make_shared<Gateway>(*served.gateway);
    kept->metadata.generation = earlier->metadata.generation;
    if (!served.accepted) kept->spec = earlier->spec;
    for (std::size_t i = 0; served.accepted && i < served.listeners.size(); ++i) {
      if (served.serves(served.listeners[i])) continue;
      Listener& listener = kept->spec.listeners[i];
      const auto known = std::ranges::find(earlier->spec.listeners, listener.name, &Listener::name);
      if (known != earlier->spec.listeners.end()) listener = *known;
    }
    ServedGateway again = judge(std::move(kept), of);
    if (served_listeners(again) <= served_listeners(served)) return;
    again.wanted = std::make_shared<const ServedGateway>(std::move(served));
    served = std::move(again);
  }

  void add_routes() {
    for (const auto& route : objects_.routes) {
      const auto owner = owners_.find(route->metadata.namespace_);
      if (owner == owners_.end() || route->metadata.deletion_timestamp) continue;
      const auto earlier = earlier_.find(route.get());
      AttachedRoute attached{.route = earlier == earlier_.end() ? route : earlier->second,
                             .tenant = std::string(owner->second)};
      const Verdict supported = judge_support(*attached.route);
      for (const ParentReference& parent : attached.route->spec.parent_refs) {
        if (parent.group.value_or(std::string(kGatewayGroup)) != kGatewayGroup ||
            parent.kind.value_or("Gateway") != "Gateway")
          continue;
        const auto found =
            by_name_.find({parent.namespace_.value_or(route->metadata.namespace_), parent.name});
        if (found == by_name_.end()) continue;
        RouteParent one{.reference = &parent, .gateway = found->second};
        attach(*attached.route, one);
        if (one.accepted && !supported) one.accepted = supported;
        attached.parents.push_back(std::move(one));
      }
      if (!attached.parents.empty()) routing_.routes.push_back(std::move(attached));
    }
    std::ranges::sort(routing_.routes, {},
                      [](const AttachedRoute& one) { return ClaimAge(one.route->metadata); });
    std::map<std::string_view, RouteLoad> loads;  // by tenant
    for (AttachedRoute& one : routing_.routes) {
      if (!one.tenant.empty()) bound(one, loads[one.tenant]);
    }
  }

  /// Refuses the route when it is too much beside what is served of its tenant.
  static void bound(AttachedRoute& route, RouteLoad& load) {
    if (!is_accepted(route.parents)) return;
    const RouteLoad together = load + load_of(*route.route);
    if (!together.is_too_much()) {
      load = together;
      return;
    }
    for (RouteParent& parent : route.parents) {
      if (parent.accepted)
        parent.accepted = refused(
            "TooManyRoutes",
            fmt::format("of a tenant {} HTTPRoutes are served, with {} matches and {} regular "
                        "expressions together",
                        kRoutesOfTenantMax, kMatchesOfTenantMax, kExpressionsOfTenantMax));
    }
  }

  /// Finds the listeners that take the route, and its hosts at each.
  void attach(const HTTPRoute& route, RouteParent& parent) {
    const ServedGateway& gateway = routing_.gateways[parent.gateway];
    const ParentReference& wanted = *parent.reference;
    bool named = false;
    bool allowed = false;
    for (std::size_t i = 0; i < gateway.listeners.size(); ++i) {
      const ServedListener& one = gateway.listeners[i];
      if (wanted.section_name && *wanted.section_name != one.listener->name) continue;
      if (wanted.port && *wanted.port != one.listener->port) continue;
      named = true;
      const std::string& name_space = route.metadata.namespace_;
      const auto labels = labels_.find(name_space);
      if (!allows(one, gateway.gateway->metadata.namespace_, name_space,
                  labels == labels_.end() ? nullptr : labels->second))
        continue;
      allowed = true;
      auto hosts = hosts_at(*one.listener, route);
      if (!hosts.empty()) parent.places.push_back({i, std::move(hosts)});
    }
    if (!named) {
      parent.accepted =
          refused("NoMatchingParent", "the Gateway has no listener of this name and port");
    } else if (!allowed) {
      parent.accepted = refused(
          "NotAllowedByListeners",
          "no listener admits HTTPRoutes of this namespace (allowedRoutes of the listeners)");
    } else if (parent.places.empty()) {
      parent.accepted = refused("NoMatchingListenerHostname",
                                "no listener has a host that is one of the route's");
    } else {
      parent.accepted = {true, "Accepted", "the route is accepted"};
    }
  }

  /// The hosts that a route asks for: those by which requests could reach it.
  [[nodiscard]] std::vector<std::string> asked(const AttachedRoute& route) const {
    std::set<std::string> hosts;
    for (const RouteParent& parent : route.parents) {
      const ServedGateway& gateway = routing_.gateways[parent.gateway];
      if (!parent.accepted) continue;
      for (const RouteParent::Place& place : parent.places) {
        if (gateway.serves(gateway.listeners[place.listener]))
          hosts.insert(place.hosts.begin(), place.hosts.end());
      }
    }
    return {hosts.begin(), hosts.end()};
  }

  void grant() {
    std::vector<HostClaim> claims;
    claims.reserve(routing_.ingresses.size() + routing_.routes.size());
    for (AdmittedIngress& one : routing_.ingresses)
      claims.push_back(
          {ClaimAge(one.ingress->metadata), one.tenant, std::exchange(one.hosts, {}), {}});
    for (const AttachedRoute& one : routing_.routes)
      claims.push_back({ClaimAge(one.route->metadata), one.tenant, asked(one), {}});
    // A host stays with who has it while a route names it, also while that is not accepted.
    for (const auto& route : objects_.routes) {
      const auto owner = owners_.find(route->metadata.namespace_);
      if (owner == owners_.end() || route->metadata.deletion_timestamp) continue;
      claims.push_back({.age = ClaimAge(route->metadata),
                        .tenant = std::string(owner->second),
                        .hosts = {},
                        .named = route->spec.hostnames});
    }
    routing_.kept = grant_hosts(claims, objects_.ingresses.held);
    std::size_t at = 0;
    for (AdmittedIngress& one : routing_.ingresses) {
      one.hosts = std::move(claims[at].hosts);
      one.refused = std::move(claims[at++].refused);
    }
    for (AttachedRoute& one : routing_.routes) {
      one.hosts = std::move(claims[at].hosts);
      one.refused = std::move(claims[at++].refused);
    }
  }

  /// Leaves at each listener the hosts that the route has, and counts it where it is attached.
  void settle(AttachedRoute& route) {
    for (RouteParent& parent : route.parents) {
      ServedGateway& gateway = routing_.gateways[parent.gateway];
      bool has_some = false;
      const HostRefusal* refusal = nullptr;
      for (RouteParent::Place& place : parent.places) {
        const bool served = gateway.serves(gateway.listeners[place.listener]);
        std::erase_if(place.hosts, [&](const std::string& host) {
          const auto found = std::ranges::find(route.refused, host, &HostRefusal::host);
          if (found == route.refused.end()) return false;
          refusal = &*found;
          return true;
        });
        has_some = has_some || !place.hosts.empty();
        if (!served) place.hosts.clear();
      }
      if (parent.accepted && !has_some && refusal != nullptr)
        parent.accepted = refused(refusal->reason, refusal->message);
      if (!parent.accepted) continue;
      for (const RouteParent::Place& place : parent.places)
        ++gateway.listeners[place.listener].routes;
    }
  }

  const RoutingObjects& objects_;
  const AcceptedSpecs& specs_;
  const EarlierRoutes& earlier_;
  NamespaceOwners owners_;
  std::map<std::string_view, const Labels*> labels_;  // by namespace
  std::map<std::pair<std::string, std::string>, std::size_t> by_name_;
  Routing routing_;
};

/// Says of each route that was looked at as it was accepted last what it is now; and puts it back
/// as it is where that has not helped.
void show_wanted(Routing first, const EarlierRoutes& earlier, Routing& second) {
  std::map<const HTTPRoute*, AttachedRoute*> as_they_are;  // by what they were
  for (AttachedRoute& one : first.routes) {
    if (const auto found = earlier.find(one.route.get()); found != earlier.end())
      as_they_are.emplace(found->second.get(), &one);
  }
  for (AttachedRoute& one : second.routes) {
    const auto found = as_they_are.find(one.route.get());
    if (found == as_they_are.end()) continue;
    AttachedRoute& now = *found->second;
    as_they_are.erase(found);
    if (is_accepted(one.parents)) {
      one.wanted = {.route = now.route, .parents = std::move(now.parents)};
    } else {
      one = std::move(now);
    }
  }
  // What it was accepted as named other Gateways only.
  for (const auto& [was, now] : as_they_are)
    second.routes.push_back(std::move(*now));
  std::ranges::sort(second.routes, {},
                    [](const AttachedRoute& one) { return ClaimAge(one.route->metadata); });
}

}  // namespace

bool is_ours(const GatewayClass& one) {
  return one.spec.controller_name == kGatewayController;
}

std::optional<std::string> common_host(std::string_view listener, std::string_view route) {
  if (listener.empty() || listener == route) return std::string(route);
  if (route.empty()) return std::string(listener);
  const auto is_below = [](std::string_view host, std::string_view wildcard) {
    return wildcard.starts_with("*.") && host.size() > wildcard.size() - 1 &&
           host.ends_with(wildcard.substr(1));
  };
  if (is_below(route, listener)) return std::string(route);
  if (is_below(listener, route)) return std::string(listener);
  return std::nullopt;
}

HostHolders Routing::holders() const {
  HostHolders holders = kept;
  holders.merge(holders_of(ingresses));
  for (const AttachedRoute& one : routes) {
    for (const std::string& host : one.hosts) {
      if (!host.empty()) holders.emplace(host, one.tenant);
    }
  }
  return holders;
}

Routing decide_routing(const RoutingObjects& objects) {
  const AcceptedSpecs specs(objects.accepted);
  Routing routing = Decision(objects, specs).take();
  EarlierRoutes earlier;
  for (const AttachedRoute& one : routing.routes) {
    if (is_accepted(one.parents)) continue;
    if (auto known = specs.earlier(*one.route)) earlier.emplace(one.route.get(), std::move(known));
  }
  if (earlier.empty()) return routing;
  Routing with_earlier = Decision(objects, specs, earlier).take();
  show_wanted(std::move(routing), earlier, with_earlier);
  return with_earlier;
}

}  // namespace insula::api
