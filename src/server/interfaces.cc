#include "server/interfaces.h"

#include <algorithm>
#include <array>
#include <memory>

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/fd.h"

namespace insula::server {
namespace {

std::string text_of(int family, const void* address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  return ::inet_ntop(family, address, text.data(), text.size()) == nullptr ? "" : text.data();
}

std::string text_of(const sockaddr* address) {
  if (address == nullptr) return "";
  if (address->sa_family == AF_INET)
    return text_of(AF_INET, &reinterpret_cast<const sockaddr_in*>(address)->sin_addr);
  if (address->sa_family != AF_INET6) return "";
  const in6_addr& v6 = reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr;
  return IN6_IS_ADDR_LINKLOCAL(&v6) ? "" : text_of(AF_INET6, &v6);
}

}  // namespace

std::vector<std::string> interface_addresses() {
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) return {};
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(first, ::freeifaddrs);
  std::vector<std::string> out;
  for (const ifaddrs* at = first; at != nullptr; at = at->ifa_next) {
    if ((at->ifa_flags & IFF_LOOPBACK) != 0 || (at->ifa_flags & IFF_UP) == 0) continue;
    std::string text = text_of(at->ifa_addr);
    if (!text.empty() && std::ranges::find(out, text) == out.end()) out.push_back(std::move(text));
  }
  return out;
}

std::string outward_address() {
  const Fd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in far{};
  far.sin_family = AF_INET;
  far.sin_port = htons(9);
  far.sin_addr.s_addr = htonl(0xc0000201);  // 192.0.2.1, for documentation; nothing is sent
  sockaddr_in own{};
  socklen_t size = sizeof own;
  const bool known = fd &&
                     ::connect(fd.get(), reinterpret_cast<sockaddr*>(&far), sizeof far) == 0 &&
                     ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&own), &size) == 0;
  if (known && own.sin_addr.s_addr != 0 && ntohl(own.sin_addr.s_addr) >> 24U != 127)
    return text_of(AF_INET, &own.sin_addr);
  const auto all = interface_addresses();
  const auto found = std::ranges::find_if(
      all, [](const std::string& one) { return one.find(':') == std::string::npos; });
  return found == all.end() ? "" : *found;
}

}  // namespace insula::server
