#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/random.h"

namespace insula::node {

/// An IPv4 address in host byte order.
struct Ipv4 {
  std::uint32_t value = 0;

  auto operator<=>(const Ipv4&) const = default;
  [[nodiscard]] std::string text() const;
};

[[nodiscard]] std::optional<Ipv4> parse_ipv4(std::string_view text);

/// `10.244.0.0/16`.
struct Ipv4Range {
  Ipv4 first;
  int prefix_length = 0;

  [[nodiscard]] std::uint32_t size() const {
    return 1U << static_cast<unsigned>(32 - prefix_length);
  }

  [[nodiscard]] bool contains(Ipv4 address) const;
  [[nodiscard]] std::string text() const;
};

/// Errors: kInvalid unless it is a network between /8 and /28 with no host bits set.
[[nodiscard]] Result<Ipv4Range> parse_ipv4_range(std::string_view text);

/// Addresses of a range, each given to one pod (by uid) at a time. The first and the last of a
/// range are never given. Memory only: each pod's directory remembers its address, see PodStore.
///
/// A new pool begins at a random place, and an address given back is not given again until all
/// others were: another platform on the same machine, and clients with old addresses, are then met
/// rarely.
class IpPool {
 public:
  IpPool(Ipv4Range range, Random& random);

  /// The pod's address: the one it has, or the next free one.
  /// Errors: kUnavailable when the range is used up.
  Result<Ipv4> acquire(const std::string& pod_uid);

  /// Gives the pod's address up for another that is still free, for one that turned out to be
  /// taken.
  Result<Ipv4> replace(const std::string& pod_uid);

  /// The pod had this address before the agent started. False when it is of another range or taken.
  bool reserve(const std::string& pod_uid, Ipv4 address);

  void release(const std::string& pod_uid);

  [[nodiscard]] std::size_t in_use() const { return by_pod_.size(); }

 private:
  [[nodiscard]] std::optional<Ipv4> next_free();

  Ipv4Range range_;
  std::uint32_t next_;  // offset into the range
  std::map<std::string, Ipv4> by_pod_;
  std::map<Ipv4, std::string> by_address_;
};

}  // namespace insula::node
