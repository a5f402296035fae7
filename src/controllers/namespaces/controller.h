#pragma once

#include <chrono>
#include <string>

#include "api/custom/kind_catalog.h"
#include "api/gen/core_v1.h"
#include "controller/controller.h"
#include "controller/informer.h"
#include "controllers/namespaces/plan.h"

namespace insula::controllers {

/// How often a namespace that is being deleted is looked at while something in it takes its time.
/// Pods that end are noticed at once.
inline constexpr std::chrono::milliseconds kNamespaceRetry{500};

/// Gives every namespace its default ServiceAccount and the CA certificate, and empties a namespace
/// that is being deleted: pods first, then everything else, then the namespace itself.
class NamespaceController final : private controller::Reconciler {
 public:
  struct Mirrors {
    controller::Informer<api::Namespace>& namespaces;
    controller::Informer<api::ServiceAccount>& accounts;
    controller::Informer<api::ConfigMap>& config_maps;
    controller::Informer<api::Pod>& pods;
  };

  /// `kinds`: what may be in a namespace. `ca_pem`: certificate that verifies the API server, for
  /// kube-root-ca.crt.
  NamespaceController(client::Client& client,
                      const controller::Runtime& runtime,
                      Mirrors mirrors,
                      api::KindCatalog& kinds,
                      std::string ca_pem);

  void start();

  [[nodiscard]] bool idle() const { return controller_.idle(); }

 private:
  using NamespacePtr = controller::Informer<api::Namespace>::Object;

  Task<Result<controller::Outcome>> reconcile(controller::Key key) override;
  Task<Result<>> furnish(std::string name);
  Task<Result<controller::Outcome>> terminate(NamespacePtr name_space);
  /// Deletes every object of the kind and adds what is left to `content`.
  Task<Result<>> clear(std::string name, const api::Kind& kind, NamespaceContent& content);
  Task<Result<>> finalize(NamespacePtr name_space);

  client::Client& client_;
  const Clock& clock_;
  Mirrors mirrors_;
  api::KindCatalog& kinds_;
  std::string ca_pem_;
  controller::Controller controller_;
};

}  // namespace insula::controllers
