#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/gen/insula_v1alpha1.h"
#include "api/gen/networking_v1.h"
#include "controller/controller.h"
#include "controller/event_recorder.h"
#include "controller/informer.h"
#include "tenancy/belongings.h"
#include "tenancy/provider_secrets.h"
#include "tenancy/rights.h"
#include "tenancy/status.h"

namespace insula::tenancy {

/// On every Tenant: it goes only after its namespaces.
inline constexpr const char* kTenantFinalizer = "insula.dev/tenant";

/// Gives every Tenant what its spec asks for and says how far that has come.
///
/// Takes over only namespaces that nobody controls. Quota, limit range, network policies and the
/// rights of members are put back when somebody changes them; of the model server only what a new
/// spec changes is applied. A namespace that is no longer listed is kept, with all that is in it,
/// until the tenant is deleted.
class TenantController final : private controller::Reconciler {
 public:
  struct Mirrors {
    controller::Informer<api::Tenant>& tenants;
    controller::Informer<api::Namespace>& namespaces;
    controller::Informer<api::ServiceAccount>& accounts;
    controller::Informer<api::ResourceQuota>& quotas;
    controller::Informer<api::LimitRange>& limit_ranges;
    controller::Informer<api::NetworkPolicy>& policies;
    controller::Informer<api::Service>& services;
    controller::Informer<api::Deployment>& deployments;
    controller::Informer<api::Pod>& pods;
    RightsMirrors rights;
  };

  /// `gateway_url`: where clients reach the gateway; tenants' URLs begin with it.
  TenantController(client::Client& client,
                   const controller::Runtime& runtime,
                   Mirrors mirrors,
                   controller::EventRecorder& events,
                   std::string gateway_url);

  void start();

  [[nodiscard]] bool idle() const { return controller_.idle(); }

 private:
  using TenantPtr = controller::Informer<api::Tenant>::Object;

  Task<Result<controller::Outcome>> reconcile(controller::Key key) override;
  Task<Result<controller::Outcome>> provide(TenantPtr tenant);
  Task<Result<controller::Outcome>> clean_up(TenantPtr tenant);
  /// The obstacle, if the namespace cannot be had.
  Task<Result<std::optional<Obstacle>>> take_namespace(TenantPtr tenant, std::string name);
  Task<Result<>> furnish(TenantPtr tenant, std::string name_space);
  Task<Result<std::optional<Obstacle>>> serve(TenantPtr tenant);
  Task<Result<>> write_status(TenantPtr tenant, Observed observed);
  [[nodiscard]] Observed observe(const api::Tenant& tenant) const;

  void enqueue_owner_of(const std::string& name_space);
  void enqueue_all_naming(const std::string& name_space);
  template <class T>
  void follow(controller::Informer<T>& mirror);
  template <class T>
  void follow_owned(controller::Informer<T>& mirror);

  client::Client& client_;
  const Clock& clock_;
  Mirrors mirrors_;
  controller::EventRecorder& events_;
  std::string gateway_url_;
  controller::Controller controller_;
  ProviderSecrets provider_secrets_;
};

}  // namespace insula::tenancy
