#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <sys/socket.h>

#include "base/error.h"

namespace insula::net {

/// Where a socket listens or connects: IPv4, IPv6 or a Unix socket's path. A small value.
class Address {
 public:
  Address() = default;

  /// `127.0.0.1:80`, `[::1]:80`, `localhost:80` (127.0.0.1), `:80` (any IPv4 address),
  /// `unix:/path`. Names are not resolved. Errors: kInvalid, which says what would be right.
  static Result<Address> parse(std::string_view text);
  static Result<Address> ip(std::string_view host, std::uint16_t port);
  static Result<Address> unix_path(std::string_view path);
  static Address from_sockaddr(const sockaddr* address, socklen_t length);

  [[nodiscard]] const sockaddr* data() const {
    return reinterpret_cast<const sockaddr*>(&storage_);
  }

  [[nodiscard]] socklen_t size() const { return length_; }

  [[nodiscard]] int family() const { return storage_.ss_family; }

  [[nodiscard]] bool is_unix() const { return storage_.ss_family == AF_UNIX; }

  /// 0 for a Unix socket.
  [[nodiscard]] std::uint16_t port() const;
  [[nodiscard]] Address with_port(std::uint16_t port) const;
  /// The address without the port; the path of a Unix socket.
  [[nodiscard]] std::string host() const;
  /// The form that parse() reads.
  [[nodiscard]] std::string text() const;

  bool operator==(const Address& other) const { return text() == other.text(); }

 private:
  sockaddr_storage storage_{};
  socklen_t length_ = 0;
};

}  // namespace insula::net
