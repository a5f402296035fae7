#include "net/resolve.h"

#include <memory>
#include <utility>

#include <fmt/format.h>
#include <netdb.h>

namespace insula::net {
namespace {

struct InfoFree {
  void operator()(addrinfo* info) const { ::freeaddrinfo(info); }
};

Result<std::vector<Address>> look_up(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  if (const int code = ::getaddrinfo(host.c_str(), nullptr, &hints, &found); code != 0)
    return fail(ErrorCode::kUpstream, fmt::format("look up {}: {}", host, ::gai_strerror(code)));
  const std::unique_ptr<addrinfo, InfoFree> owned(found);
  std::vector<Address> addresses;
  for (const addrinfo* info = found; info != nullptr && addresses.size() < kAddressesMax;
       info = info->ai_next) {
    addresses.push_back(Address::from_sockaddr(info->ai_addr, info->ai_addrlen).with_port(port));
  }
  return addresses;
}

}  // namespace

Task<Result<std::vector<Address>>> resolve(BlockingPool& pool,
                                           std::string host,
                                           std::uint16_t port) {
  if (auto address = Address::ip(host, port); address) co_return std::vector{*address};
  co_return co_await pool.run([host = std::move(host), port] { return look_up(host, port); });
}

}  // namespace insula::net
