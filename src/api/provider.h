#pragma once

#include <array>
#include <compare>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/gen/core_v1.h"
#include "api/gen/insula_v1alpha1.h"
#include "base/error.h"

namespace insula::api {

/// Type of the Secrets of kSystemNamespace whose keys tenants may use: those that the entry
/// `tenants` names, with commas between them, or all for `*`.
inline constexpr const char* kProviderKeyType = "insula.dev/provider-key";
inline constexpr const char* kProviderTenantsEntry = "tenants";

/// Headers that may carry a provider's key; the first is the default.
inline constexpr std::array<std::string_view, 3> kProviderKeyHeaders = {"Authorization",
                                                                        "x-api-key", "api-key"};

/// A Secret that a Tenant refers to.
struct SecretRef {
  std::string name_space;
  std::string name;

  auto operator<=>(const SecretRef&) const = default;
};

/// The Secret that a provider's key or CA is in: one of the tenant's, or, for a key, one of
/// kSystemNamespace. Nothing when the tenant may not name it.
[[nodiscard]] std::optional<SecretRef> provider_secret(const Tenant& tenant,
                                                       const TenantKeyRef& ref);

/// The Secrets that the tenant's providers need.
[[nodiscard]] std::vector<SecretRef> provider_secrets(const Tenant& tenant);

/// The entry that a provider refers to, without the white space around it. `secret`: the one that
/// provider_secret() names; null when there is none.
/// Errors: kNotFound when Secret or entry are missing; kForbidden when the Secret is the platform's
/// and not for this tenant; kInvalid when it is empty. Messages hold nothing of the entry.
[[nodiscard]] Result<std::string> provider_entry(const Tenant& tenant,
                                                 const TenantKeyRef& ref,
                                                 const Secret* secret);

}  // namespace insula::api
