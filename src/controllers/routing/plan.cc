#include "controllers/routing/plan.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "api/route_annotations.h"
#include "controllers/ingress/plan.h"

namespace insula::controllers {

namespace {

/// What the gateway can do beyond the core, in alphabetical order as the Gateway API wants it.
constexpr std::array<const char*, 24> kFeatures = {"Gateway",
                                                   "HTTPRoute",
                                                   "HTTPRoute303RedirectStatusCode",
                                                   "HTTPRoute307RedirectStatusCode",
                                                   "HTTPRoute308RedirectStatusCode",
                                                   "HTTPRouteBackendProtocolWebSocket",
                                                   "HTTPRouteBackendRequestHeaderModification",
                                                   "HTTPRouteBackendTimeout",
                                                   "HTTPRouteBackendURLRewrite",
                                                   "HTTPRouteHostRewrite",
                                                   "HTTPRouteMethodMatching",
                                                   "HTTPRouteNamedRouteRule",
                                                   "HTTPRouteParentRefPort",
                                                   "HTTPRoutePathRedirect",
                                                   "HTTPRoutePathRewrite",
                                                   "HTTPRoutePortRedirect",
                                                   "HTTPRouteQueryParamMatching",
                                                   "HTTPRouteRequestMirror",
                                                   "HTTPRouteRequestMultipleMirrors",
                                                   "HTTPRouteRequestPercentageMirror",
                                                   "HTTPRouteRequestTimeout",
                                                   "HTTPRouteResponseHeaderModification",
                                                   "HTTPRouteSchemeRedirect",
                                                   "ReferenceGrant"};

/// Puts conditions together, each with the time at which its status last changed.
class Conditions {
 public:
  Conditions(const std::vector<api::Condition>& before, std::int64_t generation, api::Time now)
      : before_(before), generation_(generation), now_(now) {}

  void add(std::string type, const api::Verdict& verdict) {
    api::Condition condition;
    condition.type = std::move(type);
    condition.status = verdict.good ? "True" : "False";
    condition.reason = verdict.reason;
    condition.message = verdict.message;
    condition.observed_generation = generation_;
    const auto known = std::ranges::find(before_, condition.type, &api::Condition::type);
    condition.last_transition_time = known != before_.end() && known->status == condition.status
                                         ? known->last_transition_time
                                         : now_;
    list_.push_back(std::move(condition));
  }

  std::vector<api::Condition> take() { return std::move(list_); }

 private:
  const std::vector<api::Condition>& before_;
  std::int64_t generation_;
  api::Time now_;
  std::vector<api::Condition> list_;
};

/// Whether its references lead to what they should: also to certificates that can be used.
api::Verdict resolved_of(const api::ServedListener& served, const RoutingWorld& world) {
  // First: without one the listener is not programmed, whatever else is wrong.
  for (const api::SecretRef& ref : served.certificates) {
    if (const auto problem = certificate_problem(world.certificates, ref))
      return api::refused("InvalidCertificateRef", problem->message);
  }
  return served.resolved;
}

/// Whether requests can come in by the listener.
api::Verdict programmed_of(const api::ServedGateway& gateway,
                           const api::ServedListener& served,
                           const api::Verdict& resolved) {
  const bool without_certificate =
      resolved.reason == "InvalidCertificateRef" || resolved.reason == "RefNotPermitted";
  if (!gateway.accepted) return api::refused("Invalid", "the Gateway is not accepted");
  if (!gateway.serves(served) || without_certificate)
    return api::refused("Invalid", "the other conditions say what is wrong");
  return {true, "Programmed", "the gateway serves the listener"};
}

/// Says that an earlier generation is served.
api::Verdict stale_verdict(const api::ObjectMeta& now, const api::ObjectMeta& served) {
  return {true, "LastAcceptedServed",
          fmt::format("generation {} is not accepted: what was accepted of generation {} goes on "
                      "being served",
                      now.generation, served.generation)};
}

/// HTTPRoutes that are attached to what is served of the listener.
std::int32_t routes_at(const api::ServedGateway& gateway, const std::string& name) {
  const auto found = std::ranges::find_if(gateway.listeners, [&](const api::ServedListener& one) {
    return one.listener->name == name;
  });
  return found == gateway.listeners.end() ? 0 : found->routes;
}

api::ListenerStatus listener_status(const api::ServedGateway& gateway,
                                    const api::ServedListener& served,
                                    const RoutingWorld& world) {
  const api::Gateway& object = *gateway.gateway;
  const auto& before = object.status.listeners;
  const auto known = std::ranges::find(before, served.listener->name, &api::ListenerStatus::name);
  const std::vector<api::Condition> none;
  Conditions conditions(known == before.end() ? none : known->conditions,
                        object.metadata.generation, world.now);
  const api::Verdict resolved = resolved_of(served, world);
  conditions.add("Accepted", served.accepted);
  conditions.add("Programmed", programmed_of(gateway, served, resolved));
  conditions.add("ResolvedRefs", resolved);
  // This one says that something is wrong.
  conditions.add("Conflicted",
                 {!served.conflicted.good, served.conflicted.reason, served.conflicted.message});
  api::ListenerStatus status;
  status.name = served.listener->name;
  if (served.takes_routes) {
    api::RouteGroupKind& kind = status.supported_kinds.emplace_back();
    kind.group = api::kGatewayGroup;
    kind.kind = "HTTPRoute";
  }
  status.attached_routes = served.routes;
  status.conditions = conditions.take();
  return status;
}

bool is_true(const api::ListenerStatus& listener, std::string_view type) {
  return std::ranges::any_of(listener.conditions, [&](const api::Condition& condition) {
    return condition.type == type && condition.status == "True";
  });
}

api::Verdict accepted_of(const api::ServedGateway& served, const api::GatewayStatus& status) {
  if (!served.accepted) return served.accepted;
  const auto good = static_cast<std::size_t>(
      std::ranges::count_if(status.listeners, [](const api::ListenerStatus& listener) {
        return is_true(listener, "Accepted") && !is_true(listener, "Conflicted");
      }));
  if (good == status.listeners.size()) return served.accepted;
  return {
      good > 0, "ListenersNotValid",
      fmt::format("{} of {} listeners are accepted; their conditions say what is wrong with the "
                  "others",
                  good, status.listeners.size())};
}

api::Verdict programmed_of(const api::GatewayStatus& status) {
  if (status.addresses.empty())
    return api::refused("AddressNotAssigned", "the gateway does not say where it is reached");
  const auto good = std::ranges::count_if(
      status.listeners,
      [](const api::ListenerStatus& listener) { return is_true(listener, "Programmed"); });
  if (good == 0)
    return api::refused("Invalid",
                        "no listener has all it needs; their conditions say what is missing");
  return {true, "Programmed",
          fmt::format("{} of {} listeners have all they need", good, status.listeners.size())};
}

/// Whether all hosts that the route asks for are its own; nothing: they are.
std::optional<api::Verdict> hosts_verdict(const api::AttachedRoute& route) {
  if (route.refused.empty()) return std::nullopt;
  std::string message;
  for (const api::HostRefusal& refusal : route.refused)
    message += message.empty() ? refusal.message : "; " + refusal.message;
  return api::refused(route.refused.front().reason, message);
}

}  // namespace

api::GatewayClassStatus class_status(const api::GatewayClass& one, api::Time now) {
  api::GatewayClassStatus status;
  Conditions conditions(one.status.conditions, one.metadata.generation, now);
  conditions.add("Accepted",
                 one.spec.parameters_ref
                     ? api::refused("InvalidParameters", "this controller knows no parameters")
                     : api::Verdict{true, "Accepted", "the gateway serves Gateways of the class"});
  conditions.add("SupportedVersion",
                 {true, "SupportedVersion", "the kinds of the Gateway API are built in"});
  status.conditions = conditions.take();
  for (const char* feature : kFeatures)
    status.supported_features.emplace_back().name = feature;
  return status;
}

api::GatewayStatus gateway_status(const api::ServedGateway& effective, const RoutingWorld& world) {
  const api::ServedGateway& served = effective.wanted ? *effective.wanted : effective;
  const api::Gateway& object = *served.gateway;
  api::GatewayStatus status;
  for (const api::ServedListener& listener : served.listeners) {
    status.listeners.push_back(listener_status(served, listener, world));
    status.listeners.back().attached_routes = routes_at(effective, listener.listener->name);
  }
  if (served.accepted) {
    for (const api::IngressLoadBalancerIngress& at : world.balancer.ingress) {
      api::GatewayStatusAddress& address = status.addresses.emplace_back();
      address.type = at.ip.empty() ? "Hostname" : "IPAddress";
      address.value = at.ip.empty() ? at.hostname : at.ip;
    }
  }
  Conditions conditions(object.status.conditions, object.metadata.generation, world.now);
  conditions.add("Accepted", accepted_of(served, status));
  conditions.add("Programmed", served.accepted
                                   ? programmed_of(status)
                                   : api::refused("Invalid", "the Gateway is not accepted"));
  if (effective.wanted)
    conditions.add(kStale, stale_verdict(object.metadata, effective.gateway->metadata));
  status.conditions = conditions.take();
  return status;
}

api::HTTPRouteStatus route_status(const api::HTTPRoute& route,
                                  const api::AttachedRoute* attached,
                                  const RoutingWorld& world) {
  api::HTTPRouteStatus status;
  const auto& before = route.status.parents;
  std::ranges::copy_if(before, std::back_inserter(status.parents),
                       [](const api::RouteParentStatus& parent) {
                         return parent.controller_name != api::kGatewayController;
                       });
  if (attached == nullptr) return status;
  const api::FindService find = [&](std::string_view name_space, std::string_view name) {
    return world.services.get({std::string(name_space), std::string(name)}).get();
  };
  const api::Verdict resolved = api::judge_backends(route, world.grants, find);
  const auto hosts = hosts_verdict(*attached);
  const api::Verdict annotations = api::judge_annotations(route.metadata);
  for (const api::RouteParent& parent :
       attached->wanted ? attached->wanted->parents : attached->parents) {
    const auto known = std::ranges::find_if(before, [&](const api::RouteParentStatus& one) {
      return one.controller_name == api::kGatewayController && one.parent_ref == *parent.reference;
    });
    const std::vector<api::Condition> none;
    Conditions conditions(known == before.end() ? none : known->conditions,
                          route.metadata.generation, world.now);
    conditions.add("Accepted", parent.accepted && !annotations ? annotations : parent.accepted);
    conditions.add("ResolvedRefs", resolved);
    if (attached->wanted)
      conditions.add(kStale, stale_verdict(route.metadata, attached->route->metadata));
    if (hosts) conditions.add(kHostsGranted, *hosts);
    api::RouteParentStatus& one = status.parents.emplace_back();
    one.parent_ref = *parent.reference;
    one.controller_name = api::kGatewayController;
    one.conditions = conditions.take();
  }
  return status;
}

}  // namespace insula::controllers
