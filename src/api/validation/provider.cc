#include "api/validation/provider.h"

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "api/provider.h"
#include "api/validation/names.h"
#include "api/validation/shown.h"

namespace insula::api {
namespace {

constexpr std::size_t kUrlBytesMax = 2048;
constexpr std::size_t kHeadersMax = 16;
constexpr std::size_t kHeaderValueBytesMax = 1024;

/// Headers that frame the request, and those of credentials.
constexpr std::array<std::string_view, 12> kReservedHeaders = {
    "accept-encoding",   "api-key",  "authorization", "connection", "content-length",
    "content-type",      "cookie",   "expect",        "host",       "proxy-authorization",
    "transfer-encoding", "x-api-key"};

/// Whether a provider can be asked at this URL. Whether it may be over plain HTTP, the gateway
/// decides by its addresses.
bool is_provider_url(std::string_view url) {
  const auto is_url_character = [](unsigned char c) { return c > 0x20 && c < 0x7f && c != '#'; };
  if (url.size() > kUrlBytesMax || !std::ranges::all_of(url, is_url_character)) return false;
  if (!url.starts_with("https://") && !url.starts_with("http://")) return false;
  const std::string_view rest = url.substr(url.find("//") + 2);
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?"));
  return !authority.empty() && authority.front() != ':' && !authority.contains('@');
}

std::string lower_case(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  });
  return lower;
}

void validate_headers(const TenantProvider& provider, const FieldPath& path, FieldErrors& errors) {
  if (provider.headers.size() > kHeadersMax)
    errors.too_many(path, provider.headers.size(), kHeadersMax);
  std::set<std::string> seen;
  for (std::size_t i = 0; i < provider.headers.size(); ++i) {
    const TenantHeader& header = provider.headers[i];
    const FieldPath at = path.index(i);
    const std::string name = lower_case(header.name);
    if (header.name.empty()) {
      errors.required(at.child("name"));
      continue;
    }
    errors.invalid_each(at.child("name"), header.name, check_http_header_name(header.name));
    if (std::ranges::find(kReservedHeaders, name) != kReservedHeaders.end())
      errors.forbidden(at.child("name"), header.name + " is the gateway's to say");
    if (!seen.insert(name).second) errors.duplicate(at.child("name"), header.name);
    const auto is_value_character = [](unsigned char c) { return c >= 0x20 && c < 0x7f; };
    if (header.value.size() > kHeaderValueBytesMax) {
      errors.too_long(at.child("value"), kHeaderValueBytesMax);
    } else if (!std::ranges::all_of(header.value, is_value_character)) {
      errors.invalid(at.child("value"), header.value, "must be of printable ASCII characters");
    }
  }
}

}  // namespace

void validate_provider(const TenantProvider& provider, const FieldPath& path, FieldErrors& errors) {
  if (provider.base_url.empty()) {
    errors.required(path.child("baseURL"));
  } else if (!is_provider_url(provider.base_url)) {
    errors.invalid(path.child("baseURL"), provider.base_url,
                   "must be an https or http URL with a host, without a user name or a fragment");
  }
  const std::string& header = provider.api_key_header;
  if (!header.empty() &&
      std::ranges::find(kProviderKeyHeaders, header) == kProviderKeyHeaders.end())
    errors.not_supported(
        path.child("apiKeyHeader"), header,
        std::vector<std::string_view>(kProviderKeyHeaders.begin(), kProviderKeyHeaders.end()));
  validate_headers(provider, path.child("headers"), errors);
}

}  // namespace insula::api
