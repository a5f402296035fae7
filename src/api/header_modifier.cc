#include "api/header_modifier.h"

#include <algorithm>
#include <array>
#include <string>

namespace insula::api {
namespace {

/// What RFC 9110 section 7.6.1 calls connection-specific, what says where a body ends, and by what
/// servers know who is asking.
constexpr std::array<std::string_view, 16> kOfTheGateway = {"connection",
                                                            "content-length",
                                                            "expect",
                                                            "forwarded",
                                                            "host",
                                                            "http2-settings",
                                                            "keep-alive",
                                                            "proxy-connection",
                                                            "te",
                                                            "trailer",
                                                            "traceparent",
                                                            "tracestate",
                                                            "transfer-encoding",
                                                            "upgrade",
                                                            "x-real-ip",
                                                            "x-request-id"};
constexpr std::array<std::string_view, 2> kPrefixesOfTheGateway = {"x-forwarded-", "x-insula-"};

/// What filters of a Tenant may not change besides: what a body is, and credentials.
constexpr std::array<std::string_view, 4> kOfTheMessage = {
    "content-encoding", "content-type", "proxy-authenticate", "proxy-authorization"};
constexpr std::array<std::string_view, 5> kOfRequests = {"accept-encoding", "api-key",
                                                         "authorization", "cookie", "x-api-key"};
constexpr std::array<std::string_view, 5> kOfResponses = {"date", "retry-after", "set-cookie",
                                                          "www-authenticate", "x-should-retry"};
/// Limits, and what the Tenant's `cors` says.
constexpr std::array<std::string_view, 3> kPrefixesOfResponses = {"access-control-", "ratelimit",
                                                                  "x-ratelimit-"};

std::string folded(std::string_view name) {
  std::string read(name);
  std::ranges::transform(read, read.begin(), [](char c) {
    if (c == '_') return '-';
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  });
  return read;
}

template <std::size_t kSize>
bool is_in(const std::array<std::string_view, kSize>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

template <std::size_t kSize>
bool begins_as(const std::array<std::string_view, kSize>& prefixes, std::string_view name) {
  return std::ranges::any_of(prefixes,
                             [&](std::string_view prefix) { return name.starts_with(prefix); });
}

}  // namespace

bool is_the_gateways_header(std::string_view name) {
  const std::string read = folded(name);
  return is_in(kOfTheGateway, read) || begins_as(kPrefixesOfTheGateway, read);
}

bool may_modify_header(MessageSide side, std::string_view name) {
  const std::string read = folded(name);
  if (is_the_gateways_header(read) || is_in(kOfTheMessage, read)) return false;
  if (side == MessageSide::kRequest) return !is_in(kOfRequests, read);
  return !is_in(kOfResponses, read) && !begins_as(kPrefixesOfResponses, read);
}

}  // namespace insula::api
