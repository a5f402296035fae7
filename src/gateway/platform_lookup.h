#pragma once

#include <string>

#include "gateway/config.h"
#include "gateway/platform_config.h"

/// Finds things among the objects that routes are made of.
namespace insula::gateway {

/// nullptr: it is not there. Lifetime: of the objects.
[[nodiscard]] const api::Secret* find_secret(const PlatformObjects& objects, const SecretRef& ref);

/// A port of a Service, by number or name; without endpoints when there is no such port.
[[nodiscard]] BackendConfig backend_at(const PlatformObjects& objects,
                                       const std::string& name_space,
                                       const std::string& service,
                                       const api::ServiceBackendPort& wanted);

}  // namespace insula::gateway
