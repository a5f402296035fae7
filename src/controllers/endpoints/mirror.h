#pragma once

#include <vector>

#include "api/gen/core_v1.h"
#include "api/gen/discovery_v1.h"
#include "controller/controller.h"
#include "controller/informer.h"
#include "controllers/endpoints/plan.h"

namespace insula::controllers {

inline constexpr std::string_view kMirrorManager = "endpointslicemirroring-controller.k8s.io";
/// Label of Endpoints that are not mirrored, when it is "true".
inline constexpr std::string_view kSkipMirrorLabel = "endpointslice.kubernetes.io/skip-mirror";

/// Whether Endpoints are shown as EndpointSlices: those that somebody wrote for a Service without a
/// selector. `service` may be null.
[[nodiscard]] bool is_mirrored(const api::Endpoints& endpoints, const api::Service* service);

/// The slices that say what the Endpoints say. Pure, and the same for the same input.
[[nodiscard]] std::vector<api::EndpointSlice> mirrored_slices(const api::Endpoints& endpoints);

/// Keeps EndpointSlices in step with the Endpoints that people and tools write for Services without
/// a selector, since readers look at slices only.
class EndpointsMirror final : private controller::Reconciler {
 public:
  struct Mirrors {
    controller::Informer<api::Service>& services;
    controller::Informer<api::EndpointSlice>& slices;
    controller::Informer<api::Endpoints>& endpoints;
  };

  EndpointsMirror(client::Client& client, const controller::Runtime& runtime, Mirrors mirrors);

  void start();

  [[nodiscard]] bool idle() const { return controller_.idle(); }

 private:
  Task<Result<controller::Outcome>> reconcile(controller::Key key) override;

  client::Client& client_;
  Mirrors mirrors_;
  controller::Informer<api::EndpointSlice>::IndexId slices_by_owner_;
  controller::Controller controller_;
};

}  // namespace insula::controllers
