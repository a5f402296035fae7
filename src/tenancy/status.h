#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/gen/apps_v1.h"
#include "api/gen/core_v1.h"
#include "api/gen/insula_v1alpha1.h"
#include "base/clock.h"

namespace insula::tenancy {

/// What stands between a tenant and its being ready.
struct Obstacle {
  std::string reason;  // one word for programs
  std::string message;
  /// Somebody must act; waiting will not help.
  bool permanent = false;
};

/// What was found of a tenant's belongings.
struct Observed {
  std::vector<std::string> namespaces;  // that exist and are its own
  std::vector<std::shared_ptr<const api::ResourceQuota>> quotas;
  std::shared_ptr<const api::Deployment> deployment;  // its model server; may be null
  std::vector<std::shared_ptr<const api::Pod>> pods;  // of the model server
  std::optional<Obstacle> obstacle;                   // met on the way
  /// What its providers lack; nothing: it has no providers, or that is not known yet.
  std::optional<std::vector<std::string>> provider_problems;
};

/// Who has a namespace, as far as the tenant is concerned.
enum class Ownership : std::uint8_t { kMissing, kOurs, kFree, kForeign, kEnding };

/// `name_space` may be null. A namespace that nobody controls is free to be taken; one that another
/// object controls is not, whatever its labels say.
[[nodiscard]] Ownership ownership_of(const api::Tenant& tenant, const api::Namespace* name_space);

/// Why the model server does not answer yet; nullopt when it does.
[[nodiscard]] std::optional<Obstacle> serve_obstacle(const api::Tenant& tenant,
                                                     const Observed& observed);

/// `gateway_url`: where clients reach the gateway, without a trailing slash.
[[nodiscard]] api::TenantStatus tenant_status(const api::Tenant& tenant,
                                              const Observed& observed,
                                              const std::string& gateway_url,
                                              WallTime now);

}  // namespace insula::tenancy
