#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace insula::redis {

/// Where a server is, and as whom and for which of its databases it is asked.
struct Endpoint {
  static constexpr std::uint16_t kPort = 6379;

  std::string host;  // a name or an IP address; empty: `path`
  std::uint16_t port = kPort;
  std::string path;  // of a Unix socket
  bool tls = false;
  std::string user;  // of an access control list; empty: the default user
  std::uint32_t database = 0;

  /// `redis://HOST:PORT/DATABASE`, `rediss://` with TLS, `unix:///PATH`; before the host
  /// `USER@`. There is no password in it: command lines are seen by others.
  /// Errors: kInvalid, which says what would be right.
  [[nodiscard]] static Result<Endpoint> parse(std::string_view url);

  /// The URL, with all that was left out.
  [[nodiscard]] std::string text() const;

  bool operator==(const Endpoint&) const = default;
};

}  // namespace insula::redis
