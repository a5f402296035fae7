#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "api/kind.h"

/// Discovery documents, as JSON text, from the kinds that are served. Cost: built at each call,
/// some tens of microseconds.
namespace insula::api {

using KindList = std::span<const Kind* const>;

/// Content-Type of aggregated_discovery(), and what a client that wants it names in Accept (it may
/// add `;profile=...`).
inline constexpr std::string_view kAggregatedDiscoveryType =
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// `GET /api`: the versions of the core group.
[[nodiscard]] std::string core_versions(KindList served = kinds());

/// `GET /apis`: every group but the core one.
[[nodiscard]] std::string group_list(KindList served = kinds());

/// `GET /apis/<group>`; nullopt for a group that is not served.
[[nodiscard]] std::optional<std::string> group_document(std::string_view group,
                                                        KindList served = kinds());

/// `GET /api/v1`, `GET /apis/<group>/<version>`: resources and subresources; nullopt when not
/// served.
[[nodiscard]] std::optional<std::string> resource_list(std::string_view group,
                                                       std::string_view version,
                                                       KindList served = kinds());

enum class DiscoveryRoot : std::uint8_t { kApi, kApis };

/// `GET /api` and `GET /apis` in the aggregated form: everything in two documents.
[[nodiscard]] std::string aggregated_discovery(DiscoveryRoot root, KindList served = kinds());

}  // namespace insula::api
