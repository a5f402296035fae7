#include "api/header_modifier.h"

#include <algorithm>
#include <array>
#include <string>

namespace insula::api {
namespace {

/// Of either side: what RFC 9110 section 7.6.1 calls connection-specific, and what says where a
/// body ends and what it is.
constexpr std::array<std::string_view, 14> kOfTheMessage = {
    "connection",         "content-encoding",    "content-length",   "content-type", "keep-alive",
    "proxy-authenticate", "proxy-authorization", "proxy-connection", "te",           "trailer",
    "traceparent",        "transfer-encoding",   "upgrade",          "x-request-id"};
constexpr std::array<std::string_view, 10> kOfRequests = {
    "accept-encoding", "api-key", "authorization", "cookie",    "expect",
    "forwarded",       "host",    "tracestate",    "x-api-key", "x-real-ip"};
constexpr std::array<std::string_view, 2> kPrefixesOfTheGateway = {"x-forwarded-", "x-insula-"};
constexpr std::array<std::string_view, 5> kOfResponses = {"date", "retry-after", "set-cookie",
                                                          "www-authenticate", "x-should-retry"};
/// Limits, and what the Tenant's `cors` says.
constexpr std::array<std::string_view, 3> kPrefixesOfResponses = {"access-control-", "ratelimit",
                                                                  "x-ratelimit-"};

}  // namespace

bool may_modify_header(MessageSide side, std::string_view name) {
  std::string read(name);
  std::ranges::transform(read, read.begin(), [](char c) {
    if (c == '_') return '-';
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  });
  const auto is_in = [&](const auto& names) {
    return std::ranges::find(names, std::string_view(read)) != names.end();
  };
  const auto begins_as = [&](const auto& prefixes) {
    return std::ranges::any_of(prefixes,
                               [&](std::string_view prefix) { return read.starts_with(prefix); });
  };
  if (is_in(kOfTheMessage) || begins_as(kPrefixesOfTheGateway)) return false;
  if (side == MessageSide::kRequest) return !is_in(kOfRequests);
  return !is_in(kOfResponses) && !begins_as(kPrefixesOfResponses);
}

}  // namespace insula::api
