#pragma once

#include "api/strategy.h"

namespace insula::api {

/// As strategies.h has them for other kinds.
[[nodiscard]] const KindStrategy& custom_resource_definition_strategy();

}  // namespace insula::api
