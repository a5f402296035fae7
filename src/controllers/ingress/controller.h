#pragma once

#include <map>
#include <string>
#include <vector>

#include "api/gen/core_v1.h"
#include "api/gen/networking_v1.h"
#include "api/ingress_hosts.h"
#include "controller/controller.h"
#include "controller/event_recorder.h"
#include "controller/informer.h"
#include "controllers/ingress/plan.h"
#include "controllers/routing/mirrors.h"

namespace insula::controllers {

/// Decides whose each host of the Ingresses and HTTPRoutes is and remembers it where the gateway
/// reads it, says in each Ingress's status where it is reached, and by Events why some of it is not
/// served.
///
/// All Ingresses are looked at together, since one may take from another what it asks for.
class IngressController final : private controller::Reconciler {
 public:
  struct Mirrors {
    controller::Informer<api::Ingress>& ingresses;
    controller::Informer<api::IngressClass>& classes;
    controller::Informer<api::Namespace>& namespaces;
    controller::Informer<api::Service>& services;
    controller::Informer<api::Secret>& certificates;  // those of type kubernetes.io/tls
    controller::Informer<api::ConfigMap>& config_maps;
    GatewayMirrors gateway;
  };

  /// `gateway_url`: where clients reach the gateway.
  IngressController(client::Client& client,
                    const controller::Runtime& runtime,
                    Mirrors mirrors,
                    controller::EventRecorder& events,
                    std::string gateway_url);

  void start();

  [[nodiscard]] bool idle() const { return controller_.idle(); }

 private:
  using IngressPtr = controller::Informer<api::Ingress>::Object;

  Task<Result<controller::Outcome>> reconcile(controller::Key key) override;
  Task<Result<>> remember(api::HostHolders holders);
  Task<Result<>> write_status(IngressPtr ingress, api::IngressLoadBalancerStatus balancer);
  [[nodiscard]] api::RoutingObjects objects() const;
  void tell(const api::AdmittedIngress& admitted);
  template <class T>
  void follow(controller::Informer<T>& mirror);

  client::Client& client_;
  Mirrors mirrors_;
  controller::EventRecorder& events_;
  api::IngressLoadBalancerStatus balancer_;
  api::GatewayEntrance entrance_;
  /// What of each Ingress was told, by its UID, so that it is not told again at every change.
  std::map<std::string, std::vector<IngressProblem>> told_;
  controller::Controller controller_;
};

}  // namespace insula::controllers
