#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/gen/core_v1.h"
#include "api/gen/insula_v1alpha1.h"
#include "api/provider.h"
#include "async/task.h"
#include "async/task_group.h"
#include "client/client.h"
#include "controller/informer.h"

namespace insula::tenancy {

/// The Secrets that Tenants' providers need, each followed by name: others are not looked at.
///
/// Lifetime: the client outlives it. Threads: one loop.
class ProviderSecrets {
 public:
  /// `changed` is called with the names of the Tenants that refer to a Secret that has been read
  /// for the first time or has changed.
  ProviderSecrets(client::Client& client, std::function<void(const std::string&)> changed);

  /// Follows what this Tenant refers to, and nothing more for its sake.
  void follow(const api::Tenant& tenant);
  /// The Tenant is gone.
  void forget(const std::string& tenant);

  /// What the providers of the Tenant lack, one sentence each; empty when they have all they need,
  /// nothing while that is not known yet.
  [[nodiscard]] std::optional<std::vector<std::string>> problems_of(
      const api::Tenant& tenant) const;

 private:
  struct Followed {
    std::vector<std::string> tenants;
    std::unique_ptr<controller::Informer<api::Secret>> informer;
    TaskGroup tasks;  // wait for the informer
  };

  void forget_but(const std::string& tenant, const std::vector<api::SecretRef>& wanted);
  void tell(const api::SecretRef& ref);
  Task<> tell_when_known(api::SecretRef ref);

  client::Client& client_;
  std::function<void(const std::string&)> changed_;
  std::map<api::SecretRef, Followed> followed_;
};

}  // namespace insula::tenancy
