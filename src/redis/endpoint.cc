#include "redis/endpoint.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/number.h"

namespace insula::redis {
namespace {

constexpr std::string_view kExpected =
    "expected redis://HOST:PORT/DATABASE, rediss://HOST:PORT/DATABASE (TLS) or unix:///PATH";

std::unexpected<Error> wrong(std::string_view why) {
  return fail(ErrorCode::kInvalid, fmt::format("{}; {}", why, kExpected));
}

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

Result<> take_host(std::string_view text, Endpoint& endpoint) {
  if (take_prefix(text, "[")) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return wrong("an IPv6 address ends with ]");
    endpoint.host = text.substr(0, end);
    text.remove_prefix(end + 1);
  } else {
    const std::size_t end = std::min(text.find(':'), text.size());
    endpoint.host = text.substr(0, end);
    text.remove_prefix(end);
  }
  if (endpoint.host.empty()) return wrong("there is no host");
  if (text.empty()) return {};
  const auto port = take_prefix(text, ":") ? parse_whole<std::uint16_t>(text) : std::nullopt;
  if (!port || *port == 0) return wrong(fmt::format("\"{}\" is no port", text));
  endpoint.port = *port;
  return {};
}

}  // namespace

Result<Endpoint> Endpoint::parse(std::string_view url) {
  Endpoint endpoint;
  if (take_prefix(url, "unix://")) {
    if (!url.starts_with('/')) return wrong("a socket's path begins with /");
    endpoint.path = url;
    return endpoint;
  }
  endpoint.tls = url.starts_with("rediss://");
  if (!take_prefix(url, endpoint.tls ? "rediss://" : "redis://"))
    return wrong("there is no such scheme");
  if (url.contains('?') || url.contains('#')) return wrong("there are no parameters");
  if (const std::size_t at = url.rfind('@'); at != std::string_view::npos) {
    endpoint.user = url.substr(0, at);
    if (endpoint.user.contains(':'))
      return wrong("a password would be seen by others, and is read from a file instead");
    url.remove_prefix(at + 1);
  }
  const std::size_t slash = std::min(url.find('/'), url.size());
  if (const std::string_view database = url.substr(std::min(slash + 1, url.size()));
      !database.empty()) {
    const auto number = parse_whole<std::uint32_t>(database);
    if (!number) return wrong(fmt::format("\"{}\" is no number of a database", database));
    endpoint.database = *number;
  }
  INSULA_TRY_VOID(take_host(url.substr(0, slash), endpoint));
  return endpoint;
}

std::string Endpoint::text() const {
  if (!path.empty()) return "unix://" + path;
  const bool is_ipv6 = host.contains(':');
  return fmt::format("{}://{}{}{}:{}/{}", tls ? "rediss" : "redis",
                     user.empty() ? user : user + "@", is_ipv6 ? "[" + host : host,
                     is_ipv6 ? "]" : "", port, database);
}

}  // namespace insula::redis
