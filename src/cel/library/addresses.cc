#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <arpa/inet.h>
#include <fmt/format.h>

#include "base/number.h"
#include "cel/library/arguments.h"
#include "cel/library/held.h"
#include "cel/library/library.h"

namespace insula::cel::library {
namespace {

constexpr int kBitsPerByte = 8;

/// An address of either family. Addresses of version 4 in the form of version 6 and such with a
/// zone are none here, as in Kubernetes.
struct Address {
  std::array<std::uint8_t, 16> bytes{};  // those of version 4 are the first four
  bool is_v4 = false;

  bool operator==(const Address&) const = default;

  [[nodiscard]] std::size_t size() const { return is_v4 ? 4 : 16; }

  [[nodiscard]] int bits() const { return static_cast<int>(size()) * kBitsPerByte; }

  [[nodiscard]] bool starts_with(std::initializer_list<std::uint8_t> head) const {
    return std::ranges::equal(head, std::span(bytes).first(head.size()));
  }

  [[nodiscard]] bool is_unspecified() const {
    return std::ranges::all_of(bytes, [](std::uint8_t byte) { return byte == 0; });
  }

  [[nodiscard]] bool is_loopback() const {
    if (is_v4) return bytes[0] == 127;
    return bytes.back() == 1 && std::ranges::all_of(std::span(bytes).first(15),
                                                    [](std::uint8_t byte) { return byte == 0; });
  }

  [[nodiscard]] bool is_multicast() const {
    return is_v4 ? (bytes[0] & 0xF0) == 0xE0 : bytes[0] == 0xFF;
  }

  [[nodiscard]] bool is_link_local_multicast() const {
    return is_v4 ? starts_with({224, 0, 0}) : bytes[0] == 0xFF && (bytes[1] & 0x0F) == 2;
  }

  [[nodiscard]] bool is_link_local_unicast() const {
    return is_v4 ? starts_with({169, 254}) : bytes[0] == 0xFE && (bytes[1] & 0xC0) == 0x80;
  }

  [[nodiscard]] bool is_global_unicast() const {
    if (is_v4 && starts_with({255, 255, 255, 255})) return false;
    return !is_unspecified() && !is_loopback() && !is_multicast() && !is_link_local_unicast();
  }
};

std::uint16_t group_of(const Address& address, std::size_t i) {
  return static_cast<std::uint16_t>(address.bytes[2 * i] << 8U | address.bytes[2 * i + 1]);
}

/// The longest run of two or more groups that are zero, the first of several: begin and end.
std::pair<std::size_t, std::size_t> zeros_of(const Address& address) {
  std::pair<std::size_t, std::size_t> longest{8, 8};
  for (std::size_t begin = 0; begin < 8; ++begin) {
    std::size_t end = begin;
    while (end < 8 && group_of(address, end) == 0)
      ++end;
    if (end - begin >= 2 && end - begin > longest.second - longest.first) longest = {begin, end};
  }
  return longest;
}

/// The canonical form. Spec: RFC 5952.
std::string text_of(const Address& address) {
  const auto& bytes = address.bytes;
  if (address.is_v4) return fmt::format("{}.{}.{}.{}", bytes[0], bytes[1], bytes[2], bytes[3]);
  const auto [begin, end] = zeros_of(address);
  std::string out;
  for (std::size_t i = 0; i < 8; ++i) {
    if (i == begin && begin != end) {
      out += "::";
      i = end - 1;
      continue;
    }
    if (!out.empty() && !out.ends_with(':')) out += ':';
    out += fmt::format("{:x}", group_of(address, i));
  }
  return out;
}

std::optional<Address> address_in(const std::string& text) {
  if (text.find('\0') != std::string::npos) return std::nullopt;
  Address out;
  if (inet_pton(AF_INET, text.c_str(), out.bytes.data()) == 1) {
    out.is_v4 = true;
    return out;
  }
  if (inet_pton(AF_INET6, text.c_str(), out.bytes.data()) != 1) return std::nullopt;
  if (out.starts_with({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF})) return std::nullopt;
  return out;
}

/// A network: an address, of which the first bits are common to all of its own.
struct Network {
  Address address;
  int bits = 0;

  bool operator==(const Network&) const = default;

  [[nodiscard]] Network masked() const {
    Network out = *this;
    for (int bit = bits; bit < address.bits(); ++bit) {
      auto& byte = out.address.bytes[static_cast<std::size_t>(bit / kBitsPerByte)];
      byte =
          static_cast<std::uint8_t>(byte & ~(0x80U >> static_cast<unsigned>(bit % kBitsPerByte)));
    }
    return out;
  }

  [[nodiscard]] bool contains(const Address& other) const {
    if (address.is_v4 != other.is_v4) return false;
    return Network{other, bits}.masked().address == masked().address;
  }
};

std::optional<Network> network_in(const std::string& text) {
  const std::size_t slash = text.rfind('/');
  if (slash == std::string::npos) return std::nullopt;
  const auto address = address_in(text.substr(0, slash));
  const std::string_view digits = std::string_view(text).substr(slash + 1);
  const auto bits = parse_whole<unsigned>(digits);
  const bool is_padded = digits.size() > 1 && digits.starts_with('0');
  if (!address || !bits || is_padded || std::cmp_greater(*bits, address->bits()))
    return std::nullopt;
  return Network{*address, static_cast<int>(*bits)};
}

std::string text_of(const Network& network) {
  return fmt::format("{}/{}", text_of(network.address), network.bits);
}

using HeldAddress = Held<Address, "net.IP">;
using HeldNetwork = Held<Network, "net.CIDR">;

Result<Address> read_address(const Value& text, Budget& budget) {
  INSULA_TRY_VOID(charge_bytes(budget, text.text().size()));
  if (const auto address = address_in(text.text())) return *address;
  return invalid(
      fmt::format("IP Address \"{}\" parse error during conversion from string: no "
                  "address of version 4 or 6",
                  text.text()));
}

Result<Network> read_network(const Value& text, Budget& budget) {
  INSULA_TRY_VOID(charge_bytes(budget, text.text().size()));
  if (const auto network = network_in(text.text())) return *network;
  return invalid(
      fmt::format("network address parse error during conversion from string: \"{}\" "
                  "is no address with the length of a prefix",
                  text.text()));
}

/// A function of one argument that costs a step and cannot fail.
template <class Get>
Implementation accessor(Get get) {
  return [get](Arguments a, Budget& budget) -> Result<Value> {
    INSULA_TRY_VOID(budget.charge(1));
    return get(a[0]);
  };
}

void add_property(FunctionTable& table, const char* name, bool (Address::*holds)() const) {
  table.add_member(
      name, {{HeldAddress::own_type()}, Type::boolean(), accessor([holds](const Value& value) {
               return Value::boolean((HeldAddress::in(value).*holds)());
             })});
}

void add_ip(FunctionTable& table) {
  const TypePtr& type = HeldAddress::own_type();
  table.add("ip", {{Type::string()}, type, [](Arguments a, Budget& budget) -> Result<Value> {
                     INSULA_TRY(const Address address, read_address(a[0], budget));
                     return HeldAddress::make(address);
                   }});
  table.add("isIP",
            {{Type::string()}, Type::boolean(), [](Arguments a, Budget& budget) -> Result<Value> {
               INSULA_TRY_VOID(charge_bytes(budget, a[0].text().size()));
               return Value::boolean(address_in(a[0].text()).has_value());
             }});
  table.add("ip.isCanonical",
            {{Type::string()}, Type::boolean(), [](Arguments a, Budget& budget) -> Result<Value> {
               INSULA_TRY_VOID(charge_bytes(budget, a[0].text().size()));
               INSULA_TRY(const Address address, read_address(a[0], budget));
               return Value::boolean(text_of(address) == a[0].text());
             }});
  table.add("string", {{type}, Type::string(), accessor([](const Value& value) {
                         return Value::string(text_of(HeldAddress::in(value)));
                       })});
  table.add_member("family", {{type}, Type::integer(), accessor([](const Value& value) {
                                return Value::integer(HeldAddress::in(value).is_v4 ? 4 : 6);
                              })});
  add_property(table, "isUnspecified", &Address::is_unspecified);
  add_property(table, "isLoopback", &Address::is_loopback);
  add_property(table, "isLinkLocalMulticast", &Address::is_link_local_multicast);
  add_property(table, "isLinkLocalUnicast", &Address::is_link_local_unicast);
  add_property(table, "isGlobalUnicast", &Address::is_global_unicast);
}

/// What is compared: the bytes of the prefix, of both sides.
Result<> charge_comparison(Budget& budget, const Network& network) {
  return charge_bytes(budget, static_cast<std::size_t>(network.bits) * 2 / kBitsPerByte);
}

Result<Value> contains_address(const Network& network, const Address& other, Budget& budget) {
  INSULA_TRY_VOID(charge_comparison(budget, network));
  return Value::boolean(network.contains(other));
}

Result<Value> contains_network(const Network& network, const Network& other, Budget& budget) {
  INSULA_TRY_VOID(charge_comparison(budget, network));
  return Value::boolean(network.bits <= other.bits && network.contains(other.address));
}

void add_contains(FunctionTable& table) {
  const TypePtr& type = HeldNetwork::own_type();
  table.add_member(
      "containsIP",
      {{type, HeldAddress::own_type()}, Type::boolean(), [](Arguments a, Budget& budget) {
         return contains_address(HeldNetwork::in(a[0]), HeldAddress::in(a[1]), budget);
       }});
  table.add_member(
      "containsIP",
      {{type, Type::string()}, Type::boolean(), [](Arguments a, Budget& budget) -> Result<Value> {
         INSULA_TRY(const Address other, read_address(a[1], budget));
         return contains_address(HeldNetwork::in(a[0]), other, budget);
       }});
  table.add_member("containsCIDR", {{type, type}, Type::boolean(), [](Arguments a, Budget& budget) {
                                      return contains_network(HeldNetwork::in(a[0]),
                                                              HeldNetwork::in(a[1]), budget);
                                    }});
  table.add_member(
      "containsCIDR",
      {{type, Type::string()}, Type::boolean(), [](Arguments a, Budget& budget) -> Result<Value> {
         INSULA_TRY(const Network other, read_network(a[1], budget));
         return contains_network(HeldNetwork::in(a[0]), other, budget);
       }});
}

void add_cidr(FunctionTable& table) {
  const TypePtr& type = HeldNetwork::own_type();
  table.add("cidr", {{Type::string()}, type, [](Arguments a, Budget& budget) -> Result<Value> {
                       INSULA_TRY(const Network network, read_network(a[0], budget));
                       return HeldNetwork::make(network);
                     }});
  table.add("isCIDR",
            {{Type::string()}, Type::boolean(), [](Arguments a, Budget& budget) -> Result<Value> {
               INSULA_TRY_VOID(charge_bytes(budget, a[0].text().size()));
               return Value::boolean(network_in(a[0].text()).has_value());
             }});
  table.add("string", {{type}, Type::string(), accessor([](const Value& value) {
                         return Value::string(text_of(HeldNetwork::in(value)));
                       })});
  table.add_member("ip", {{type}, HeldAddress::own_type(), accessor([](const Value& value) {
                            return HeldAddress::make(HeldNetwork::in(value).address);
                          })});
  table.add_member("masked", {{type}, type, accessor([](const Value& value) {
                                return HeldNetwork::make(HeldNetwork::in(value).masked());
                              })});
  table.add_member("prefixLength", {{type}, Type::integer(), accessor([](const Value& value) {
                                      return Value::integer(HeldNetwork::in(value).bits);
                                    })});
}

}  // namespace

void add_addresses(FunctionTable& table) {
  add_ip(table);
  add_cidr(table);
  add_contains(table);
}

}  // namespace insula::cel::library
