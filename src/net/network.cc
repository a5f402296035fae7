#include "net/network.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <string>

#include <fmt/format.h>
#include <ifaddrs.h>
#include <netinet/in.h>

#include "base/number.h"

namespace insula::net {
namespace {

using Bytes = std::array<std::uint8_t, 16>;

constexpr unsigned kIpv4Bits = 32;
constexpr unsigned kIpv6Bits = 128;
constexpr unsigned kMappedBits = kIpv6Bits - kIpv4Bits;

/// Nothing for a Unix socket.
std::optional<Bytes> bytes_of(const Address& address) {
  Bytes bytes{};
  if (address.family() == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, address.data(), sizeof v4);
    bytes[10] = bytes[11] = 0xff;
    std::memcpy(&bytes[12], &v4.sin_addr, sizeof v4.sin_addr);
    return bytes;
  }
  if (address.family() != AF_INET6) return std::nullopt;
  sockaddr_in6 v6{};
  std::memcpy(&v6, address.data(), sizeof v6);
  std::memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
  return bytes;
}

std::vector<Network> networks(std::initializer_list<std::string_view> texts) {
  std::vector<Network> all;
  for (const std::string_view text : texts)
    all.push_back(Network::parse(text).value());
  return all;
}

bool any_contains(const std::vector<Network>& networks, const Address& address) {
  return std::ranges::any_of(networks,
                             [&](const Network& network) { return network.contains(address); });
}

}  // namespace

Result<Network> Network::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto address = Address::ip(text.substr(0, slash), 0);
  const auto bytes = address ? bytes_of(*address) : std::nullopt;
  if (!bytes) {
    return fail(ErrorCode::kInvalid,
                fmt::format("\"{}\" is not a network such as 10.0.0.0/8 or fd00::/8", text));
  }
  const bool is_v4 = address->family() == AF_INET;
  const unsigned most = is_v4 ? kIpv4Bits : kIpv6Bits;
  const auto bits =
      slash == text.npos ? std::optional(most) : parse_whole<unsigned>(text.substr(slash + 1));
  if (!bits || *bits > most) {
    return fail(
        ErrorCode::kInvalid,
        fmt::format("\"{}\": the length of its prefix is not between 0 and {}", text, most));
  }
  Network network;
  network.start_ = *bytes;
  network.bits_ = is_v4 ? *bits + kMappedBits : *bits;
  return network;
}

bool Network::contains(const Address& address) const {
  const auto bytes = bytes_of(address);
  if (!bytes) return false;
  const std::size_t whole = bits_ / 8;
  if (!std::equal(start_.begin(), start_.begin() + static_cast<std::ptrdiff_t>(whole),
                  bytes->begin())) {
    return false;
  }
  const unsigned rest = bits_ % 8;
  if (rest == 0) return true;
  const unsigned mask = 0xffU << (8 - rest) & 0xffU;
  return (start_[whole] & mask) == ((*bytes)[whole] & mask);
}

bool is_public(const Address& address) {
  static const Network v4 = Network::parse("0.0.0.0/0").value();
  static const Network global_unicast = Network::parse("2000::/3").value();
  static const std::vector<Network> set_aside_v4 = networks(
      {"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
       "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",
       "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"});
  static const std::vector<Network> set_aside_v6 =
      networks({"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"});
  if (v4.contains(address)) return !any_contains(set_aside_v4, address);
  return global_unicast.contains(address) && !any_contains(set_aside_v6, address);
}

std::vector<Address> own_addresses() {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return {};
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owned(list, &::freeifaddrs);
  std::vector<Address> addresses;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr) continue;
    const int family = entry->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6) continue;
    const socklen_t size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    addresses.push_back(Address::from_sockaddr(entry->ifa_addr, size).with_port(0));
  }
  return addresses;
}

}  // namespace insula::net
