#include "node/netlink.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <type_traits>
#include <utility>

#include <arpa/inet.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sys/socket.h>

#include "base/check.h"

namespace insula::node {

// One request: a header, a fixed body, and attributes that may nest.
class Netlink::Message {
 public:
  template <class Body>
  Message(std::uint16_t type, std::uint16_t flags, const Body& body) {
    static_assert(std::is_trivially_copyable_v<Body>);
    header()->nlmsg_type = type;
    header()->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
    header()->nlmsg_len = NLMSG_LENGTH(sizeof body);
    std::memcpy(NLMSG_DATA(header()), &body, sizeof body);
  }

  void add(std::uint16_t type, const void* data, std::size_t size) {
    rtattr* attribute = begin(type);
    if (size > 0) std::memcpy(RTA_DATA(attribute), data, size);
    attribute->rta_len = static_cast<std::uint16_t>(RTA_LENGTH(size));
    grow(RTA_SPACE(size) - RTA_SPACE(0));
  }

  template <class T>
    requires std::is_trivially_copyable_v<T>
  void add(std::uint16_t type, const T& value) {
    add(type, &value, sizeof value);
  }

  void add_text(std::uint16_t type, const std::string& text) {
    add(type, text.c_str(), text.size() + 1);
  }

  void add_address(std::uint16_t type, Ipv4 address) { add(type, htonl(address.value)); }

  // What is added until end(attribute) is inside the attribute.
  rtattr* begin(std::uint16_t type) {
    auto* attribute = reinterpret_cast<rtattr*>(bytes_.data() + NLMSG_ALIGN(header()->nlmsg_len));
    attribute->rta_type = type;
    attribute->rta_len = RTA_LENGTH(0);
    header()->nlmsg_len = NLMSG_ALIGN(header()->nlmsg_len);
    grow(RTA_SPACE(0));
    return attribute;
  }

  void end(rtattr* attribute) {
    attribute->rta_len = static_cast<std::uint16_t>(bytes_.data() + header()->nlmsg_len -
                                                    reinterpret_cast<char*>(attribute));
  }

  void append_raw(const void* data, std::size_t size) {
    char* at = bytes_.data() + header()->nlmsg_len;
    grow(size);
    std::memcpy(at, data, size);
  }

  nlmsghdr* header() { return reinterpret_cast<nlmsghdr*>(bytes_.data()); }

 private:
  void grow(std::size_t size) {
    INSULA_CHECK(header()->nlmsg_len + size <= bytes_.size());
    header()->nlmsg_len += static_cast<std::uint32_t>(size);
  }

  alignas(nlmsghdr) std::array<char, 1024> bytes_{};
};

Result<Netlink> Netlink::open() {
  Fd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!fd) return fail_errno("open a netlink socket");
  return Netlink(std::move(fd));
}

Result<> Netlink::call(Message& message, const std::string& what) {
  message.header()->nlmsg_seq = ++sequence_;
  if (send(fd_.get(), message.header(), message.header()->nlmsg_len, 0) < 0)
    return fail_errno(what);
  alignas(nlmsghdr) std::array<char, 4096>
      answer;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by recv
  while (true) {
    const ssize_t n = recv(fd_.get(), answer.data(), answer.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno(what);
    const auto* header = reinterpret_cast<const nlmsghdr*>(answer.data());
    if (static_cast<std::size_t>(n) < NLMSG_LENGTH(sizeof(nlmsgerr)) ||
        header->nlmsg_seq != sequence_)
      continue;
    if (header->nlmsg_type != NLMSG_ERROR) continue;
    const int error = -static_cast<const nlmsgerr*>(NLMSG_DATA(header))->error;
    if (error == 0) return {};
    if (error == EEXIST) return fail(ErrorCode::kAlreadyExists, what + ": exists");
    if (error == ENODEV) return fail(ErrorCode::kNotFound, what + ": no such interface");
    return fail_errno(what, error);
  }
}

Result<> Netlink::add_veth(const std::string& name, const std::string& peer, int peer_ns) {
  Message message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, ifinfomsg{});
  message.add_text(IFLA_IFNAME, name);
  rtattr* link = message.begin(IFLA_LINKINFO);
  message.add(IFLA_INFO_KIND, "veth", 4);
  rtattr* data = message.begin(IFLA_INFO_DATA);
  rtattr* other = message.begin(VETH_INFO_PEER);
  const ifinfomsg blank{};
  message.append_raw(&blank, sizeof blank);
  message.add_text(IFLA_IFNAME, peer);
  message.add(IFLA_NET_NS_FD, peer_ns);
  message.end(other);
  message.end(data);
  message.end(link);
  return call(message, "add veth " + name);
}

Result<> Netlink::remove_link(int index) {
  ifinfomsg body{};
  body.ifi_index = index;
  Message message(RTM_DELLINK, 0, body);
  return call(message, "remove a link");
}

Result<> Netlink::set_up(int index) {
  ifinfomsg body{};
  body.ifi_index = index;
  body.ifi_flags = IFF_UP;
  body.ifi_change = IFF_UP;
  Message message(RTM_NEWLINK, 0, body);
  return call(message, "set a link up");
}

Result<> Netlink::add_address(int index, Ipv4 address) {
  ifaddrmsg body{};
  body.ifa_family = AF_INET;
  body.ifa_prefixlen = 32;
  body.ifa_index = static_cast<unsigned>(index);
  Message message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, body);
  message.add_address(IFA_LOCAL, address);
  message.add_address(IFA_ADDRESS, address);
  return call(message, "add address " + address.text());
}

Result<> Netlink::add_host_route(int index, Ipv4 host) {
  rtmsg body{};
  body.rtm_family = AF_INET;
  body.rtm_dst_len = 32;
  body.rtm_table = RT_TABLE_MAIN;
  body.rtm_protocol = RTPROT_STATIC;
  body.rtm_scope = RT_SCOPE_LINK;
  body.rtm_type = RTN_UNICAST;
  Message message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, body);
  message.add_address(RTA_DST, host);
  message.add(RTA_OIF, index);
  return call(message, "add a route to " + host.text());
}

Result<> Netlink::add_default_route(int index, Ipv4 gateway) {
  rtmsg body{};
  body.rtm_family = AF_INET;
  body.rtm_table = RT_TABLE_MAIN;
  body.rtm_protocol = RTPROT_STATIC;
  body.rtm_scope = RT_SCOPE_UNIVERSE;
  body.rtm_type = RTN_UNICAST;
  Message message(RTM_NEWROUTE, NLM_F_CREATE, body);
  message.add_address(RTA_GATEWAY, gateway);
  message.add(RTA_OIF, index);
  return call(message, "add the default route over " + gateway.text());
}

int link_index(const std::string& name) {
  return static_cast<int>(if_nametoindex(name.c_str()));
}

}  // namespace insula::node
