#pragma once

#include <memory>
#include <string>

#include "api/gen/core_v1.h"
#include "api/gen/gateway_v1.h"
#include "api/gen/networking_v1.h"
#include "base/clock.h"
#include "controller/controller.h"
#include "controller/informer.h"
#include "controllers/routing/mirrors.h"
#include "controllers/routing/plan.h"

namespace insula::controllers {

/// Says in the statuses of GatewayClasses, Gateways and HTTPRoutes what the gateway makes of them,
/// and remembers what was accepted last of each. A GatewayClass that has Gateways is kept from
/// going away before them.
/// Whose each host is, IngressController decides and remembers.
///
/// All of them are looked at together: one route may take from another what it asks for.
class RoutingController final : private controller::Reconciler {
 public:
  struct Mirrors {
    controller::Informer<api::Ingress>& ingresses;
    controller::Informer<api::IngressClass>& ingress_classes;
    controller::Informer<api::Namespace>& namespaces;
    controller::Informer<api::Service>& services;
    controller::Informer<api::Secret>& certificates;  // those of type kubernetes.io/tls
    controller::Informer<api::ConfigMap>& config_maps;
    GatewayMirrors gateway;
  };

  /// `gateway_url`: where clients reach the gateway.
  RoutingController(client::Client& client,
                    const controller::Runtime& runtime,
                    Mirrors mirrors,
                    const std::string& gateway_url);

  void start();

  [[nodiscard]] bool idle() const { return controller_.idle(); }

 private:
  Task<Result<controller::Outcome>> reconcile(controller::Key key) override;
  Task<Result<std::shared_ptr<const api::GatewayClass>>> hold(
      std::shared_ptr<const api::GatewayClass> one);
  Task<Result<>> remember(const api::Routing& routing, const api::RoutingObjects& objects);
  template <class T>
  Task<Result<>> write(controller::Informer<T>& mirror,
                       std::shared_ptr<const T> object,
                       decltype(T::status) status);

  [[nodiscard]] bool has_gateways() const { return !mirrors_.gateway.gateways.all().empty(); }

  client::Client& client_;
  Mirrors mirrors_;
  const Clock& clock_;
  api::GatewayEntrance entrance_;
  api::IngressLoadBalancerStatus balancer_;
  controller::Controller controller_;
};

}  // namespace insula::controllers
