#pragma once

#include <functional>
#include <string>

#include "api/gen/apps_v1.h"
#include "api/gen/core_v1.h"
#include "api/gen/gateway_v1.h"
#include "api/gen/networking_v1.h"
#include "api/routing.h"
#include "controller/informer.h"

namespace insula::controllers {

/// The objects of the Gateway API.
struct GatewayMirrors {
  controller::Informer<api::GatewayClass>& classes;
  controller::Informer<api::Gateway>& gateways;
  controller::Informer<api::HTTPRoute>& routes;
  controller::Informer<api::ReferenceGrant>& grants;
  /// Those of kSystemNamespace, which remember what was accepted last.
  controller::Informer<api::ControllerRevision>& accepted;

  /// Calls `f` when something changes beside a status.
  void on_change(std::function<void()> f) const;
};

/// All that decides on routes.
struct RoutingMirrors {
  const controller::Informer<api::Ingress>& ingresses;
  const controller::Informer<api::IngressClass>& ingress_classes;
  const controller::Informer<api::Namespace>& namespaces;
  const controller::Informer<api::ConfigMap>& config_maps;
  GatewayMirrors gateway;
};

[[nodiscard]] api::RoutingObjects objects_of(const RoutingMirrors& mirrors,
                                             const api::GatewayEntrance& entrance);

/// The entrance of the gateway that clients reach with this URL; without ports when it is none.
[[nodiscard]] api::GatewayEntrance entrance_at(const std::string& gateway_url);

}  // namespace insula::controllers
