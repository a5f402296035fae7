#pragma once

#include <chrono>
#include <set>
#include <string>

#include "api/custom/kind_catalog.h"
#include "api/gen/apiextensions_v1.h"
#include "controller/controller.h"
#include "controller/informer.h"

namespace insula::controllers {

/// How often a definition that is being deleted is looked at while its objects take their time.
inline constexpr std::chrono::milliseconds kCustomResourceRetry{500};

/// Removes the objects of a CustomResourceDefinition that is being deleted, and then lets it go.
/// That its names are accepted and it is served the API server sees to, within the write.
///
/// Spec: Kubernetes, "Delete a CustomResourceDefinition".
class CustomResourceController final : private controller::Reconciler {
 public:
  using Definitions = controller::Informer<api::CustomResourceDefinition>;

  CustomResourceController(client::Client& client,
                           const controller::Runtime& runtime,
                           Definitions& definitions,
                           api::KindCatalog& kinds);

  void start();

  [[nodiscard]] bool idle() const { return controller_.idle(); }

 private:
  Task<Result<controller::Outcome>> reconcile(controller::Key key) override;
  /// Says that the objects go.
  Task<Result<>> announce(std::string name);
  /// Deletes every object of the kind. Whether none is left.
  Task<Result<bool>> clear(const api::Kind& kind);
  Task<Result<>> release(std::string name);

  [[nodiscard]] const api::Kind* kind_of(const api::CustomResourceDefinition& definition);

  client::Client& client_;
  const Clock& clock_;
  Definitions& definitions_;
  api::KindCatalog& kinds_;
  controller::Controller controller_;
};

}  // namespace insula::controllers
