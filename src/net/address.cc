#include "net/address.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "base/number.h"

namespace insula::net {
namespace {

constexpr std::string_view kUnixPrefix = "unix:";

std::unexpected<Error> malformed(std::string_view text) {
  return fail(ErrorCode::kInvalid,
              fmt::format("address \"{}\": expected IP:PORT, [IPv6]:PORT or unix:/PATH", text));
}

}  // namespace

Result<Address> Address::parse(std::string_view text) {
  if (text.starts_with(kUnixPrefix)) return unix_path(text.substr(kUnixPrefix.size()));
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return malformed(text);
  std::string_view host = text.substr(0, colon);
  const auto port = parse_whole<std::uint16_t>(text.substr(colon + 1));
  if (!port) return malformed(text);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host.empty()) host = "0.0.0.0";
  auto address = ip(host, *port);
  if (!address) return malformed(text);
  return address;
}

Result<Address> Address::ip(std::string_view host, std::uint16_t port) {
  const std::string name(host == "localhost" ? std::string_view("127.0.0.1") : host);
  Address address;
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  if (::inet_pton(AF_INET, name.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&address.storage_, &v4, sizeof v4);
    address.length_ = sizeof v4;
    return address;
  }
  if (::inet_pton(AF_INET6, name.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    std::memcpy(&address.storage_, &v6, sizeof v6);
    address.length_ = sizeof v6;
    return address;
  }
  return fail(ErrorCode::kInvalid, fmt::format("\"{}\" is not an IP address", host));
}

Result<Address> Address::unix_path(std::string_view path) {
  sockaddr_un un{};
  if (path.empty() || path.size() >= sizeof un.sun_path) {
    return fail(ErrorCode::kInvalid, fmt::format("unix socket path \"{}\": 1 to {} bytes expected",
                                                 path, sizeof un.sun_path - 1));
  }
  un.sun_family = AF_UNIX;
  std::ranges::copy(path, un.sun_path);
  Address address;
  std::memcpy(&address.storage_, &un, sizeof un);
  address.length_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return address;
}

Address Address::from_sockaddr(const sockaddr* address, socklen_t length) {
  Address result;
  result.length_ = std::min<socklen_t>(length, sizeof result.storage_);
  std::memcpy(&result.storage_, address, result.length_);
  return result;
}

std::uint16_t Address::port() const {
  // The port sits at the same offset in sockaddr_in and sockaddr_in6.
  if (family() != AF_INET && family() != AF_INET6) return 0;
  sockaddr_in v4{};
  std::memcpy(&v4, &storage_, sizeof v4);
  return ntohs(v4.sin_port);
}

Address Address::with_port(std::uint16_t port) const {
  Address result = *this;
  const std::uint16_t network = htons(port);
  std::memcpy(reinterpret_cast<char*>(&result.storage_) + offsetof(sockaddr_in, sin_port), &network,
              sizeof network);
  return result;
}

std::string Address::host() const {
  std::array<char, INET6_ADDRSTRLEN> buffer{};
  if (family() == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &storage_, sizeof v4);
    return ::inet_ntop(AF_INET, &v4.sin_addr, buffer.data(), buffer.size());
  }
  if (family() == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &storage_, sizeof v6);
    return ::inet_ntop(AF_INET6, &v6.sin6_addr, buffer.data(), buffer.size());
  }
  if (is_unix() && length_ > offsetof(sockaddr_un, sun_path)) {
    sockaddr_un un{};
    std::memcpy(&un, &storage_, sizeof un);
    return un.sun_path;
  }
  return {};
}

std::string Address::text() const {
  if (family() == AF_INET) return fmt::format("{}:{}", host(), port());
  if (family() == AF_INET6) return fmt::format("[{}]:{}", host(), port());
  return fmt::format("{}{}", kUnixPrefix, host());
}

}  // namespace insula::net
