#pragma once

#include <string>
#include <vector>

namespace insula::server {

/// Addresses of this machine's interfaces, IPv4 and IPv6, without loopback and link-local ones.
[[nodiscard]] std::vector<std::string> interface_addresses();

/// The IPv4 address from which this machine talks to others: the one to name where a socket listens
/// on all. Empty when it has none.
[[nodiscard]] std::string outward_address();

}  // namespace insula::server
