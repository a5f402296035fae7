#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "net/address.h"

namespace insula::net {

/// A block of IP addresses. An IPv4 address is in it in either form, `1.2.3.4` and
/// `::ffff:1.2.3.4`.
class Network {
 public:
  /// `10.0.0.0/8`, `fd00::/8`, or a single address. Errors: kInvalid.
  static Result<Network> parse(std::string_view text);

  [[nodiscard]] bool contains(const Address& address) const;

 private:
  std::array<std::uint8_t, 16> start_{};  // as IPv6
  unsigned bits_ = 0;
};

/// Whether the address is one that anybody on the internet may have: not of this machine, a link, a
/// private network, a group, a tunnel to IPv4, nor otherwise set aside.
/// Spec: the special-purpose registries of IANA (RFC 6890) and RFC 4291.
[[nodiscard]] bool is_public(const Address& address);

/// The addresses that this machine's interfaces have, with port 0. Blocking, though not for long.
[[nodiscard]] std::vector<Address> own_addresses();

}  // namespace insula::net
