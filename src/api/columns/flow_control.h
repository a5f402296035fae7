#pragma once

#include <span>
#include <vector>

#include "api/gen/flowcontrol_v1.h"
#include "api/strategy.h"

namespace insula::api {

/// As columns.h has them for other kinds.
[[nodiscard]] std::span<const Column> flow_schema_columns();
[[nodiscard]] std::vector<Cell> cells(const FlowSchema& object, WallTime now);
[[nodiscard]] std::span<const Column> priority_level_columns();
[[nodiscard]] std::vector<Cell> cells(const PriorityLevelConfiguration& object, WallTime now);

}  // namespace insula::api
