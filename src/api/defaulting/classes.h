#pragma once

#include "api/gen/scheduling_v1.h"

namespace insula::api {

/// As defaults.h has them for other kinds.
void set_defaults(PriorityClass& object);

}  // namespace insula::api
