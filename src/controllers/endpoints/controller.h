#pragma once

#include "api/gen/core_v1.h"
#include "api/gen/discovery_v1.h"
#include "controller/controller.h"
#include "controller/informer.h"
#include "controllers/endpoints/plan.h"

namespace insula::controllers {

/// Keeps the EndpointSlices and the Endpoints of every Service with a selector in step with its
/// pods. Services without a selector are left to whoever writes their endpoints.
class EndpointsController final : private controller::Reconciler {
 public:
  struct Mirrors {
    controller::Informer<api::Service>& services;
    controller::Informer<api::Pod>& pods;
    controller::Informer<api::EndpointSlice>& slices;
    controller::Informer<api::Endpoints>& endpoints;
  };

  EndpointsController(client::Client& client, const controller::Runtime& runtime, Mirrors mirrors);

  void start();

  [[nodiscard]] bool idle() const { return controller_.idle(); }

 private:
  using ServicePtr = controller::Informer<api::Service>::Object;

  Task<Result<controller::Outcome>> reconcile(controller::Key key) override;
  Task<Result<>> apply_endpoints(api::Endpoints desired);
  Task<Result<>> service_gone(controller::Key key);
  void enqueue_selecting(const api::Pod& pod);

  client::Client& client_;
  Mirrors mirrors_;
  controller::Informer<api::EndpointSlice>::IndexId slices_by_owner_;
  controller::Controller controller_;
};

}  // namespace insula::controllers
