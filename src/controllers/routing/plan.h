#pragma once

#include "api/gen/core_v1.h"
#include "api/gen/gateway_v1.h"
#include "api/http_route_support.h"
#include "api/routing.h"
#include "api/time.h"
#include "controller/informer.h"

namespace insula::controllers {

/// Of a route: whether it has all hosts that it asks for. There when it has not.
inline constexpr const char* kHostsGranted = "insula.dev/HostsGranted";

/// Of a route or Gateway: there, and true, while something of it is served as it was accepted
/// earlier, since it is not accepted as it is.
inline constexpr const char* kStale = "insula.dev/Stale";

/// What statuses are made of beside the decision itself.
struct RoutingWorld {
  const controller::Informer<api::Service>& services;
  const controller::Informer<api::Secret>& certificates;  // those of type kubernetes.io/tls
  const std::vector<std::shared_ptr<const api::ReferenceGrant>>& grants;
  const api::IngressLoadBalancerStatus& balancer;  // where the gateway is reached
  api::Time now;
};

/// What the status of each object should be. Conditions that say what they said before keep their
/// time. Spec: Gateway API 1.4, the conditions of each kind.
[[nodiscard]] api::GatewayClassStatus class_status(const api::GatewayClass& one, api::Time now);
[[nodiscard]] api::GatewayStatus gateway_status(const api::ServedGateway& effective,
                                                const RoutingWorld& world);
/// `attached`: null when no Gateway of ours is a parent of it. Parents of other controllers stay.
[[nodiscard]] api::HTTPRouteStatus route_status(const api::HTTPRoute& route,
                                                const api::AttachedRoute* attached,
                                                const RoutingWorld& world);

}  // namespace insula::controllers
