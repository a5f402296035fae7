#pragma once

#include <span>
#include <vector>

#include "api/gen/node_v1.h"
#include "api/gen/scheduling_v1.h"
#include "api/strategy.h"

namespace insula::api {

/// As columns.h has them for other kinds.
[[nodiscard]] std::span<const Column> priority_class_columns();
[[nodiscard]] std::vector<Cell> cells(const PriorityClass& object, WallTime now);
[[nodiscard]] std::span<const Column> runtime_class_columns();
[[nodiscard]] std::vector<Cell> cells(const RuntimeClass& object, WallTime now);

}  // namespace insula::api
