#pragma once

#include <span>
#include <vector>

#include "api/gen/networking_v1_addresses.h"
#include "api/strategy.h"

namespace insula::api {

/// As columns.h has them for other kinds.
[[nodiscard]] std::span<const Column> ip_address_columns();
[[nodiscard]] std::vector<Cell> cells(const IPAddress& object, WallTime now);
[[nodiscard]] std::span<const Column> service_cidr_columns();
[[nodiscard]] std::vector<Cell> cells(const ServiceCIDR& object, WallTime now);

}  // namespace insula::api
