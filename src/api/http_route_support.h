#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "api/gen/core_v1.h"
#include "api/gen/gateway_v1.h"
#include "api/routing.h"

namespace insula::api {

/// Whether the gateway can do what the route asks for: filters that it has, and headers that a
/// filter may change.
[[nodiscard]] Verdict judge_support(const HTTPRoute& route);

/// Mirrors that a rule may have: each costs the gateway as much as the request itself.
inline constexpr std::size_t kMirrorsOfRuleMax = 4;

/// Finds a Service by namespace and name; nullptr: there is none.
using FindService = std::function<const Service*(std::string_view, std::string_view)>;

/// Whether requests of the route can be sent to the backend: a Service with this port that the
/// route may refer to.
[[nodiscard]] Verdict judge_backend(
    const HTTPRoute& route,
    const HTTPBackendRef& backend,
    const std::vector<std::shared_ptr<const ReferenceGrant>>& grants,
    const FindService& find);

/// Where a mirror sends copies, as a backend.
[[nodiscard]] HTTPBackendRef backend_of(const HTTPRequestMirrorFilter& mirror);

/// The same of all its backends, mirrors included: the first thing that is wrong.
[[nodiscard]] Verdict judge_backends(
    const HTTPRoute& route,
    const std::vector<std::shared_ptr<const ReferenceGrant>>& grants,
    const FindService& find);

}  // namespace insula::api
