#pragma once

#include "api/gen/autoscaling_v2.h"

namespace insula::api {

/// As defaults.h has them for other kinds.
void set_defaults(HorizontalPodAutoscaler& object);

}  // namespace insula::api
