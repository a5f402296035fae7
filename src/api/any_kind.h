#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/strategy.h"
#include "json/value.h"

/// What a kind's strategy says, for kinds of a generated struct and custom ones alike.
namespace insula::api {

[[nodiscard]] std::span<const Column> columns_of(const Kind& kind);
/// One cell per column; null where there is nothing to show. Ages are counted to `now`.
[[nodiscard]] std::vector<json::Value> cells_of(const Kind& kind, const void* object, WallTime now);
/// Whether metadata is held to what holds for custom objects: of custom kinds, of those that are
/// custom ones on other clusters, and of their definitions.
[[nodiscard]] bool has_custom_metadata(const Kind& kind);
/// Texts for `Warning: 299` headers of an accepted write. `old`: null for a new object.
[[nodiscard]] std::vector<std::string> warnings_of(const Kind& kind,
                                                   const void* object,
                                                   const void* old);
/// Seconds between the request to delete an object and its removal.
[[nodiscard]] std::int64_t grace_period_of(const Kind& kind,
                                           const void* object,
                                           std::optional<std::int64_t> requested);

/// KindStrategy::unconditional_update, and of custom kinds, which want a version.
[[nodiscard]] bool allows_unconditional_update(const Kind& kind);

/// KindStrategy::create_on_update; custom kinds never do.
[[nodiscard]] bool creates_on_update(const Kind& kind);

/// KindStrategy::returns_deleted, and of custom kinds, which answer with a Status.
[[nodiscard]] bool returns_deleted(const Kind& kind);

/// Whether objects of the kind get time to end (KindStrategy::grace_period_seconds).
[[nodiscard]] bool is_deleted_gracefully(const Kind& kind);
/// The kind of lists of it: `PodList`.
[[nodiscard]] std::string list_kind_of(const Kind& kind);

}  // namespace insula::api
