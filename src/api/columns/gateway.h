#pragma once

#include <span>
#include <vector>

#include "api/gen/gateway_v1.h"
#include "api/strategy.h"

namespace insula::api {

/// As columns.h has them for other kinds.
/// Spec: Gateway API 1.4, the printer columns of its definitions.
[[nodiscard]] std::span<const Column> gateway_class_columns();
[[nodiscard]] std::vector<Cell> cells(const GatewayClass& object, WallTime now);
[[nodiscard]] std::span<const Column> gateway_columns();
[[nodiscard]] std::vector<Cell> cells(const Gateway& object, WallTime now);
[[nodiscard]] std::span<const Column> http_route_columns();
[[nodiscard]] std::vector<Cell> cells(const HTTPRoute& object, WallTime now);
[[nodiscard]] std::span<const Column> reference_grant_columns();
[[nodiscard]] std::vector<Cell> cells(const ReferenceGrant& object, WallTime now);

}  // namespace insula::api
