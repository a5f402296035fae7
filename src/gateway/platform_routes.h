#pragma once

#include <cstddef>
#include <vector>

#include "api/routing.h"
#include "gateway/config.h"
#include "gateway/platform_config.h"
#include "telemetry/metrics.h"

namespace insula::gateway {

/// Adds what the gateway serves beside its own API: sites, the rules of HTTPRoutes, certificates.
///
/// Of a host that several Ingresses have, the paths of the older one come first, and the default
/// backends after all paths. Matches of HTTPRoutes are in the order of the Gateway API, as far as
/// their paths do not decide: with a method first, then by their headers and parameters, then the
/// older route's. Pure.
///
/// Spec: Gateway API 1.4, HTTPRouteRule.matches.
void add_routes(const PlatformObjects& objects, const api::Routing& routing, GatewayConfig& config);

/// HTTPRoutes that some Gateway of ours does not serve as they ask.
[[nodiscard]] std::size_t refused_routes(const api::Routing& routing);

/// The labels of each HTTPRoute and Gateway of which something is served as it was accepted
/// earlier.
[[nodiscard]] std::vector<Labels> stale_routes(const api::Routing& routing);

}  // namespace insula::gateway
