#include "gateway/key_set_fetch.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <netinet/in.h>

#include "async/deadline.h"
#include "base/number.h"
#include "http/client.h"
#include "http/scan.h"
#include "json/parse.h"
#include "json/value.h"
#include "net/resolve.h"
#include "net/tls.h"

namespace insula::gateway {
namespace {

constexpr std::string_view kDiscoveryPath = "/.well-known/openid-configuration";

/// The IPv4 address as a number, also of one that is written as IPv6.
std::optional<std::uint32_t> ipv4_of(const net::Address& address) {
  if (address.family() == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, address.data(), sizeof v4);
    return ntohl(v4.sin_addr.s_addr);
  }
  if (address.family() != AF_INET6) return std::nullopt;
  sockaddr_in6 v6{};
  std::memcpy(&v6, address.data(), sizeof v6);
  if (!IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) return std::nullopt;
  std::uint32_t network = 0;
  std::memcpy(&network, &v6.sin6_addr.s6_addr[12], sizeof network);
  return ntohl(network);
}

enum class Reach : std::uint8_t { kElsewhere, kLoopback, kForbidden };

Reach reach_of(const net::Address& address) {
  if (const auto v4 = ipv4_of(address); v4) {
    const std::uint32_t first = *v4 >> 24U;
    if (first == 127) return Reach::kLoopback;
    const bool link_local = *v4 >> 16U == 0xa9fe;  // 169.254.0.0/16
    return first == 0 || first >= 224 || link_local ? Reach::kForbidden : Reach::kElsewhere;
  }
  if (address.family() != AF_INET6) return Reach::kForbidden;
  sockaddr_in6 v6{};
  std::memcpy(&v6, address.data(), sizeof v6);
  const in6_addr& ip = v6.sin6_addr;
  if (IN6_IS_ADDR_LOOPBACK(&ip)) return Reach::kLoopback;
  return IN6_IS_ADDR_UNSPECIFIED(&ip) || IN6_IS_ADDR_LINKLOCAL(&ip) || IN6_IS_ADDR_MULTICAST(&ip)
             ? Reach::kForbidden
             : Reach::kElsewhere;
}

/// Whether the URL says itself that it means this machine.
bool names_loopback(const http::Url& url) {
  const auto address = net::Address::ip(url.host, url.port);
  return address && reach_of(*address) == Reach::kLoopback;
}

Result<std::shared_ptr<net::TlsContext>> tls_for(const KeySource& source) {
  if (source.ca && source.ca->empty())
    return fail(ErrorCode::kInvalid, "the Secret of its caRef has no such entry");
  return net::TlsContext::client({.ca = source.ca.value_or("")});
}

/// One document, from the first address that answers.
Task<Result<http::Response>> get(http::Client& client,
                                 BlockingPool& pool,
                                 std::string url_text,
                                 Deadline deadline) {
  INSULA_CO_TRY(const http::Url url, parse_key_url(url_text));
  INSULA_CO_TRY(const std::vector<net::Address> addresses,
                co_await with_deadline(deadline, net::resolve(pool, url.host, url.port)));
  Result<http::Response> response =
      fail(ErrorCode::kUpstream, fmt::format("{} has no address", url.host));
  for (const net::Address& address : addresses) {
    if (const auto allowed = check_key_address(url, address); !allowed)
      co_return std::unexpected(allowed.error());
    http::Request request{.method = "GET", .target = url.target};
    request.headers.add("Accept", "application/json");
    request.headers.add("User-Agent", "insula");
    response = co_await client.send({address, url.authority(), url.secure()}, std::move(request),
                                    deadline);
    if (response || response.error().code() == ErrorCode::kTooLarge) break;
  }
  if (!response) co_return std::unexpected(std::move(response).error().in(url_text));
  if (response->status != 200) {
    co_return fail(ErrorCode::kUpstream,
                   fmt::format("{} answered {}{}", url_text, response->status,
                               response->status / 100 == 3 ? "; redirects are not followed" : ""));
  }
  co_return response;
}

Task<Result<std::string>> discover(http::Client& client,
                                   BlockingPool& pool,
                                   std::string issuer,
                                   Deadline deadline) {
  std::string url = issuer;
  if (url.ends_with('/')) url.pop_back();
  url += kDiscoveryPath;
  INSULA_CO_TRY(const http::Response response, co_await get(client, pool, url, deadline));
  const auto document = json::parse(response.body, {.bytes_max = kKeyDocumentBytesMax});
  if (!document || !document->is_object())
    co_return fail(ErrorCode::kUpstream, url + ": the answer is not a JSON object");
  if ((*document)["issuer"].text() != issuer)
    co_return fail(ErrorCode::kUpstream, url + ": the answer is about another issuer");
  const std::string_view jwks_uri = (*document)["jwks_uri"].text();
  if (jwks_uri.empty()) co_return fail(ErrorCode::kUpstream, url + ": the answer has no jwks_uri");
  co_return std::string(jwks_uri);
}

}  // namespace

Result<http::Url> parse_key_url(std::string_view text) {
  INSULA_TRY(http::Url url, http::Url::parse(text));
  if (url.scheme == "https" || (url.scheme == "http" && names_loopback(url))) return url;
  return fail(ErrorCode::kInvalid,
              fmt::format("{}: keys are fetched over https, or over http from this machine", text));
}

Result<> check_key_address(const http::Url& url, const net::Address& address) {
  const Reach reach = reach_of(address);
  if (reach == Reach::kElsewhere && url.secure()) return {};
  if (reach == Reach::kLoopback && names_loopback(url)) return {};
  return fail(ErrorCode::kForbidden,
              fmt::format("{} is {}, where no keys are fetched", url.host, address.host()));
}

std::chrono::seconds freshness_of(const http::Headers& headers) {
  const auto seconds_of = [](std::string_view text) {
    constexpr std::int64_t kMost = std::int64_t{1} << 31U;  // RFC 9111 section 1.2.2
    const auto number = parse_whole<std::int64_t>(text);
    return number && *number >= 0 ? std::optional(std::min(*number, kMost)) : std::nullopt;
  };
  std::optional<std::int64_t> fresh;
  for (const auto& [name, value] : headers) {
    if (!http::token_is(name, "cache-control")) continue;
    for (std::string_view rest = value; !rest.empty();) {
      const std::size_t comma = rest.find(',');
      const std::string_view directive = http::trim(rest.substr(0, comma));
      rest.remove_prefix(comma == rest.npos ? rest.size() : comma + 1);
      const std::size_t equals = directive.find('=');
      const std::string_view word = directive.substr(0, equals);
      if (http::token_is(word, "no-store") || http::token_is(word, "no-cache"))
        return std::chrono::seconds(0);
      if (!http::token_is(word, "max-age") || equals == directive.npos) continue;
      std::string_view argument = directive.substr(equals + 1);
      if (argument.size() >= 2 && argument.starts_with('"') && argument.ends_with('"'))
        argument = argument.substr(1, argument.size() - 2);
      fresh = seconds_of(argument).value_or(0);
    }
  }
  if (!fresh) return kFreshDefault;
  const std::int64_t age = seconds_of(headers.get("Age")).value_or(0);
  return std::chrono::seconds(std::max<std::int64_t>(*fresh - age, 0));
}

Task<Result<KeySetText>> fetch_key_set(BlockingPool& pool, KeySource source, Deadline deadline) {
  INSULA_CO_TRY(auto tls, tls_for(source));
  http::Client client({.tls = std::move(tls), .body_bytes = kKeyDocumentBytesMax});
  std::string url = source.jwks_uri;
  if (url.empty()) {
    INSULA_CO_TRY(url, co_await discover(client, pool, source.issuer, deadline));
  }
  INSULA_CO_TRY(http::Response response, co_await get(client, pool, std::move(url), deadline));
  const std::chrono::seconds fresh = freshness_of(response.headers);
  co_return KeySetText{std::move(response.body), fresh};
}

}  // namespace insula::gateway
