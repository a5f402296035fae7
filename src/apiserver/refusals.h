#pragma once

#include <expected>

#include "base/error.h"

namespace insula::apiserver {

// Refusals that more than one step of a request gives, in Kubernetes' words.

[[nodiscard]] std::unexpected<Error> no_resource();
[[nodiscard]] std::unexpected<Error> method_not_allowed();
/// What only a node can answer, on a server that has none.
[[nodiscard]] std::unexpected<Error> no_node();

}  // namespace insula::apiserver
