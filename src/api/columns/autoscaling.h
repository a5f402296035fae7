#pragma once

#include <span>
#include <vector>

#include "api/gen/autoscaling_v1.h"
#include "api/gen/autoscaling_v2.h"
#include "api/strategy.h"

namespace insula::api {

/// As columns.h has them for other kinds.
[[nodiscard]] std::span<const Column> horizontal_pod_autoscaler_columns();
[[nodiscard]] std::vector<Cell> cells(const HorizontalPodAutoscaler& object, WallTime now);

[[nodiscard]] std::span<const Column> scale_columns();
[[nodiscard]] std::vector<Cell> cells(const Scale& object, WallTime now);

}  // namespace insula::api
