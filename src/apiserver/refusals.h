#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>

#include "base/error.h"

namespace insula::apiserver {

// Refusals that more than one step of a request gives, in Kubernetes' words.

[[nodiscard]] std::unexpected<Error> no_resource();
[[nodiscard]] std::unexpected<Error> method_not_allowed();
/// What a path leads to, by the types it is given in.
enum class PathForm : std::uint8_t { kDocument, kObject, kCollection };

/// Where an Accept header names no type that such paths of the server itself have. Nothing where it
/// names one, whatever its parameters, or none at all.
[[nodiscard]] std::optional<Error> no_representation(std::string_view accept, PathForm form);
/// Concerns neither a resource nor its kind.
[[nodiscard]] std::unexpected<Error> about_nothing(Error error);
/// An object that says it is in another namespace than the request's.
[[nodiscard]] std::unexpected<Error> wrong_namespace();
/// What only a node can answer, on a server that has none.
[[nodiscard]] std::unexpected<Error> no_node();

}  // namespace insula::apiserver
