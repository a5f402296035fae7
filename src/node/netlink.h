#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"
#include "base/fd.h"
#include "node/ip_pool.h"

namespace insula::node {

/// The few rtnetlink requests that a pod's network is made of, without forking `ip`.
///
/// A socket belongs to the network namespace in which it was opened, whatever the thread does
/// later. Blocking, but the kernel answers at once. Spec: rtnetlink(7).
class Netlink {
 public:
  static Result<Netlink> open();

  /// A pair of interfaces: `name` here, `peer` in the namespace of `peer_ns`. kAlreadyExists.
  Result<> add_veth(const std::string& name, const std::string& peer, int peer_ns);
  Result<> remove_link(int index);
  Result<> set_up(int index);
  /// `address`/32 on the interface.
  Result<> add_address(int index, Ipv4 address);
  /// A route to one host over the interface. kAlreadyExists when that host has a route.
  Result<> add_host_route(int index, Ipv4 host);
  Result<> add_default_route(int index, Ipv4 gateway);

 private:
  explicit Netlink(Fd fd) : fd_(std::move(fd)) {}

  class Message;
  Result<> call(Message& message, const std::string& what);

  Fd fd_;
  std::uint32_t sequence_ = 0;
};

/// The index of an interface in this thread's network namespace; 0 when there is none.
[[nodiscard]] int link_index(const std::string& name);

}  // namespace insula::node
