#include "api/cors.h"

#include <algorithm>
#include <charconv>

namespace insula::api {
namespace {

constexpr std::string_view kAfterScheme = "://";

bool is_lower_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool is_host(std::string_view host) {
  if (host.starts_with('[')) {
    if (!host.ends_with(']') || host.size() < 4) return false;
    return std::ranges::all_of(host.substr(1, host.size() - 2), [](char c) {
      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || c == ':' || c == '.';
    });
  }
  if (host.empty() || host.front() == '.' || host.contains("..")) return false;
  return std::ranges::all_of(
      host, [](char c) { return is_lower_or_digit(c) || c == '-' || c == '.' || c == '_'; });
}

/// Browsers leave out the port that a scheme has by itself.
bool is_port(std::string_view port, std::string_view scheme) {
  unsigned number = 0;
  const auto [end, failed] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (failed != std::errc() || end != port.data() + port.size() || port.front() == '0')
    return false;
  if ((scheme == "https" && number == 443) || (scheme == "http" && number == 80)) return false;
  return number <= 65535;
}

}  // namespace

std::optional<OriginPattern> parse_origin_pattern(std::string_view text) {
  const std::size_t colon = text.find(kAfterScheme);
  if (colon == 0 || colon == text.npos) return std::nullopt;
  const std::string_view scheme = text.substr(0, colon);
  const bool is_scheme =
      scheme.front() >= 'a' && scheme.front() <= 'z' && std::ranges::all_of(scheme, [](char c) {
        return is_lower_or_digit(c) || c == '-' || c == '+' || c == '.';
      });
  if (!is_scheme) return std::nullopt;
  OriginPattern pattern{.scheme = text.substr(0, colon + kAfterScheme.size()),
                        .rest = text.substr(colon + kAfterScheme.size())};
  if (pattern.rest.starts_with("*.")) {
    pattern.is_wildcard = true;
    pattern.rest.remove_prefix(2);
  }
  const std::size_t bracket = pattern.rest.find(']');
  const std::size_t port = pattern.rest.find(':', bracket == pattern.rest.npos ? 0 : bracket);
  if (!is_host(pattern.rest.substr(0, port))) return std::nullopt;
  if (pattern.is_wildcard && pattern.rest.starts_with('[')) return std::nullopt;
  if (port != pattern.rest.npos &&
      (port + 1 == pattern.rest.size() || !is_port(pattern.rest.substr(port + 1), scheme)))
    return std::nullopt;
  return pattern;
}

}  // namespace insula::api
