#pragma once

#include <span>
#include <vector>

#include "api/gen/apiextensions_v1.h"
#include "api/strategy.h"

namespace insula::api {

/// As columns.h has them for other kinds.
[[nodiscard]] std::span<const Column> custom_resource_definition_columns();
[[nodiscard]] std::vector<Cell> cells(const CustomResourceDefinition& object, WallTime now);

}  // namespace insula::api
