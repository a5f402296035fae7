#pragma once

#include <expected>
#include <optional>
#include <string_view>

#include "base/error.h"

namespace insula::apiserver {

// Refusals that more than one step of a request gives, in Kubernetes' words.

[[nodiscard]] std::unexpected<Error> no_resource();
[[nodiscard]] std::unexpected<Error> method_not_allowed();
/// Where an Accept header names no type that paths of built-in kinds have; `collection`: paths that
/// are listed and watched have more. Nothing where it names one, whatever its parameters.
[[nodiscard]] std::optional<Error> no_representation(std::string_view accept, bool collection);
/// Concerns neither a resource nor its kind.
[[nodiscard]] std::unexpected<Error> about_nothing(Error error);
/// What only a node can answer, on a server that has none.
[[nodiscard]] std::unexpected<Error> no_node();

}  // namespace insula::apiserver
