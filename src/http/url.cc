#include "http/url.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/number.h"
#include "http/scan.h"

namespace insula::http {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

enum class Plus { kLiteral, kSpace };

std::optional<std::string> decode(std::string_view text, Plus plus) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      if (i + 2 >= text.size()) return std::nullopt;
      const int high = hex_digit(text[i + 1]);
      const int low = hex_digit(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      out.push_back(static_cast<char>(high << 4 | low));
      i += 2;
    } else {
      out.push_back(text[i] == '+' && plus == Plus::kSpace ? ' ' : text[i]);
    }
  }
  return out;
}

bool is_unreserved(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

std::uint16_t default_port(std::string_view scheme) {
  if (scheme == "http" || scheme == "ws") return 80;
  return scheme == "https" || scheme == "wss" ? 443 : 0;
}

/// A character that a path must have for two readers to see different ones.
bool may_mislead(char c) {
  return c == '%' || c == '.' || c == '\\' || c == '\0';
}

}  // namespace

std::optional<std::string> percent_decode(std::string_view text) {
  return decode(text, Plus::kLiteral);
}

std::optional<std::string> form_decode(std::string_view text) {
  return decode(text, Plus::kSpace);
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (is_unreserved(c)) {
      out.push_back(c);
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return out;
}

std::string_view target_path(std::string_view target) {
  return target.substr(0, target.find('?'));
}

std::string_view without_port(std::string_view host) {
  const std::size_t end = host.starts_with('[') ? host.find(']') + 1 : host.find(':');
  return host.substr(0, end);
}

std::string_view target_query(std::string_view target) {
  const std::size_t mark = target.find('?');
  return mark == std::string_view::npos ? std::string_view{} : target.substr(mark + 1);
}

std::optional<QueryParameter> next_parameter(std::string_view& query) {
  while (!query.empty()) {
    const std::size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    auto name = form_decode(pair.substr(0, equals));
    auto value = form_decode(equals == std::string_view::npos ? std::string_view{}
                                                              : pair.substr(equals + 1));
    if (name && value) return QueryParameter{*std::move(name), *std::move(value)};
  }
  return std::nullopt;
}

std::optional<std::string> query_value(std::string_view query, std::string_view name) {
  while (auto parameter = next_parameter(query)) {
    if (parameter->name == name) return std::move(parameter->value);
  }
  return std::nullopt;
}

bool is_unambiguous_path(std::string_view path) {
  if (!path.starts_with('/')) return false;
  if (std::ranges::none_of(path, may_mislead)) return true;
  std::string segment;  // decoded
  for (std::size_t i = 1; i <= path.size(); ++i) {
    if (i == path.size() || path[i] == '/') {
      if (segment == "." || segment == "..") return false;
      segment.clear();
      continue;
    }
    char c = path[i];
    if (c == '%') {
      if (i + 2 >= path.size()) return false;
      const int high = hex_digit(path[i + 1]);
      const int low = hex_digit(path[i + 2]);
      if (high < 0 || low < 0) return false;
      c = static_cast<char>(high << 4 | low);
      if (c == '/') return false;
      i += 2;
    }
    if (c == '\\' || c == '\0') return false;
    segment.push_back(c);
  }
  return true;
}

Result<Url> Url::parse(std::string_view text) {
  const auto invalid = [&](std::string_view why) {
    return insula::fail(ErrorCode::kInvalid, fmt::format("url {}: {}", text, why));
  };
  const std::size_t mark = text.find("://");
  if (mark == std::string_view::npos) return invalid("no scheme");
  Url url;
  for (const char c : text.substr(0, mark))
    url.scheme.push_back(static_cast<char>(c | 0x20));
  url.port = default_port(url.scheme);
  if (url.port == 0) return invalid("scheme is not http, https, ws or wss");

  std::string_view rest = text.substr(mark + 3);
  const std::size_t path = rest.find_first_of("/?#");
  const std::string_view authority = rest.substr(0, path);
  rest = path == std::string_view::npos ? std::string_view{} : rest.substr(path);
  if (authority.contains('@')) return invalid("user names are not supported");
  const auto parts = split_host(authority);
  if (!parts) return invalid("bad host or port");
  if (authority.ends_with(':')) return invalid("no port after the colon");
  if (!parts->port.empty()) {
    url.port = parse_whole<std::uint16_t>(parts->port).value_or(0);
    if (url.port == 0) return invalid("port out of range");
  }
  url.host = parts->host;
  const std::string_view target = rest.substr(0, rest.find('#'));
  url.target = target.starts_with('/') ? std::string(target) : fmt::format("/{}", target);
  return url;
}

std::string Url::authority() const {
  const std::string name = host.contains(':') ? fmt::format("[{}]", host) : host;
  return port == default_port(scheme) ? name : fmt::format("{}:{}", name, port);
}

}  // namespace insula::http
