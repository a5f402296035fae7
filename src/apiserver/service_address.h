#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "api/kind.h"
#include "base/error.h"
#include "store/store.h"

namespace insula::apiserver {

/// The addresses and ports that Services may be given.
struct ServiceRange {
  std::uint32_t first = (10U << 24) | (96U << 16);  // network address, host byte order
  std::uint32_t size = 1U << 16;
  std::int32_t node_port_first = 30000;
  std::int32_t node_port_last = 32767;
};

/// The ServiceCIDR that says which addresses Services are given.
inline constexpr std::string_view kServiceRangeName = "kubernetes";

/// `10.96.0.0/16`.
[[nodiscard]] std::string cidr_text(const ServiceRange& range);

/// The first address of a range, which is kept for the API server.
[[nodiscard]] std::string api_server_ip(const ServiceRange& range);

/// Gives a Service the cluster IP and the node ports that it needs and does not name; leaves other
/// kinds alone.
///
/// The first address of the range is kept for the API server. Errors: kInvalid for a value outside
/// the range or in use by another Service, and when the range is used up.
Result<> assign_addresses(const store::Transaction& transaction,
                          const ServiceRange& range,
                          const api::Kind& kind,
                          void* object);

}  // namespace insula::apiserver
