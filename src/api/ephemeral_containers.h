#pragma once

#include "api/gen/core_v1.h"

namespace insula::api {

/// An ephemeral container as the container that it is, for what holds for all sorts of containers.
[[nodiscard]] Container as_container(const EphemeralContainer& ephemeral);

}  // namespace insula::api
