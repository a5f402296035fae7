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
/// Texts for `Warning: 299` headers of an accepted write.
[[nodiscard]] std::vector<std::string> warnings_of(const Kind& kind, const void* object);
/// Seconds between the request to delete an object and its removal.
[[nodiscard]] std::int64_t grace_period_of(const Kind& kind,
                                           const void* object,
                                           std::optional<std::int64_t> requested);
/// The kind of lists of it: `PodList`.
[[nodiscard]] std::string list_kind_of(const Kind& kind);

}  // namespace insula::api
