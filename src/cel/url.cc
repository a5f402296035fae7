#include "cel/url.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include <arpa/inet.h>
#include <fmt/format.h>

namespace insula::cel {
namespace {

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_one_of(char c, std::string_view set) {
  return set.find(c) != std::string_view::npos;
}

bool is_unreserved(char c) {
  return is_letter(c) || is_digit(c) || is_one_of(c, "-_.~");
}

bool is_control(char c) {
  return static_cast<unsigned char>(c) < ' ' || c == '\x7F';
}

int digit_of(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/// The part of the address that a text is, on which it depends what may stand in it.
enum class Part : std::uint8_t { kPath, kHost, kUser, kQuery };

std::unexpected<Error> wrong(std::string message) {
  return fail(ErrorCode::kInvalid, std::move(message));
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (is_control(c)) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

/// The byte that `%XX` at the beginning stands for.
std::optional<char> escaped_byte(std::string_view text) {
  if (text.size() < 3) return std::nullopt;
  const int high = digit_of(text[1]);
  const int low = digit_of(text[2]);
  if (high < 0 || low < 0) return std::nullopt;
  return static_cast<char>(high * 16 + low);
}

Result<std::string> unescaped(std::string_view text, Part part) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '%') {
      const auto byte = escaped_byte(text.substr(i));
      // Of a host only what is no ASCII can be escaped, and the sign itself.
      const bool is_ascii = byte && static_cast<unsigned char>(*byte) < 0x80;
      if (!byte || (part == Part::kHost && is_ascii && *byte != '%'))
        return wrong(fmt::format("invalid URL escape {}", quoted(text.substr(i, 3))));
      out += *byte;
      i += 2;
      continue;
    }
    const bool is_ascii = static_cast<unsigned char>(c) < 0x80;
    if (part == Part::kHost && is_ascii && !is_unreserved(c) &&
        !is_one_of(c, "!$&'()*+,;=:[]<>\"")) {
      return wrong(fmt::format("invalid character {} in host name", quoted(text.substr(i, 1))));
    }
    out += part == Part::kQuery && c == '+' ? ' ' : c;
  }
  return out;
}

/// The scheme, which is taken off with its colon; empty when there is none.
Result<std::string> take_scheme(std::string_view& rest) {
  for (std::size_t i = 0; i < rest.size(); ++i) {
    const char c = rest[i];
    if (is_letter(c)) continue;
    if (c == ':') {
      if (i == 0) return wrong("missing protocol scheme");
      std::string scheme(rest.substr(0, i));
      std::ranges::transform(scheme, scheme.begin(), [](char letter) {
        return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
      });
      rest.remove_prefix(i + 1);
      return scheme;
    }
    if (i == 0 || (!is_digit(c) && !is_one_of(c, "+-."))) break;
  }
  return std::string();
}

bool is_port(std::string_view text) {
  return text.empty() || (text.starts_with(':') && std::ranges::all_of(text.substr(1), is_digit));
}

/// An address of version 6 between brackets, without its zone.
bool is_bracketed_address(std::string_view text) {
  const std::string address(text.substr(0, text.find('%')));
  in6_addr bytes{};
  return inet_pton(AF_INET6, address.c_str(), &bytes) == 1;
}

Result<std::string> read_host(std::string_view text) {
  std::size_t colon = text.rfind(':');
  if (text.starts_with('[')) {
    const std::size_t end = text.rfind(']');
    if (end == std::string_view::npos) return wrong("missing ']' in host");
    colon = end + 1;
    if (!is_bracketed_address(text.substr(1, end - 1))) return wrong("invalid host");
  }
  if (colon < text.size() && !is_port(text.substr(colon))) {
    return wrong(fmt::format("invalid port {} after host", quoted(text.substr(colon))));
  }
  return unescaped(text, Part::kHost);
}

Result<std::string> read_authority(std::string_view text) {
  const std::size_t at = text.rfind('@');
  if (at == std::string_view::npos) return read_host(text);
  const std::string_view user = text.substr(0, at);
  const bool fits = std::ranges::all_of(
      user, [](char c) { return is_unreserved(c) || is_one_of(c, ":!$&'()*+,;=%@"); });
  INSULA_TRY(std::string host, read_host(text.substr(at + 1)));
  if (!fits) return wrong("net/url: invalid userinfo");
  INSULA_TRY_VOID(unescaped(user, Part::kUser));
  return host;
}

Result<Url> read(std::string_view text) {
  Url out;
  if (std::ranges::any_of(text, is_control))
    return wrong("net/url: invalid control character in URL");
  if (text.empty()) return wrong("empty url");
  if (text == "*") {
    out.path = text;
    return out;
  }
  std::string_view rest = text;
  INSULA_TRY(out.scheme, take_scheme(rest));
  if (const std::size_t mark = rest.find('?'); mark != std::string_view::npos) {
    out.query = rest.substr(mark + 1);
    rest = rest.substr(0, mark);
  }
  if (!rest.starts_with('/')) {
    // `mailto:x`: nothing of it is a host or a path.
    if (!out.scheme.empty()) return out;
    return wrong("invalid URI for request");
  }
  if (rest.starts_with("//") && (!out.scheme.empty() || !rest.starts_with("///"))) {
    rest.remove_prefix(2);
    const std::size_t end = std::min(rest.find('/'), rest.size());
    INSULA_TRY(out.host, read_authority(rest.substr(0, end)));
    rest.remove_prefix(end);
  }
  INSULA_TRY_VOID(unescaped(rest, Part::kPath));
  out.path = rest;
  return out;
}

}  // namespace

Result<Url> Url::parse(std::string_view text) {
  // In a request a fragment is part of what is before it, and must be right as such.
  auto url = read(text);
  if (url && text.contains('#')) url = read(text.substr(0, text.find('#')));
  if (url) return url;
  return wrong(fmt::format("parse {}: {}", quoted(text), url.error().message()));
}

std::string Url::hostname() const {
  if (host.starts_with('[')) {
    const std::size_t end = host.find(']');
    if (end != std::string::npos) return host.substr(1, end - 1);
  }
  const std::size_t colon = host.rfind(':');
  return colon != std::string::npos && is_port(std::string_view(host).substr(colon))
             ? host.substr(0, colon)
             : host;
}

std::string Url::port() const {
  const std::size_t colon = host.rfind(':');
  if (colon == std::string::npos || host.ends_with(']')) return {};
  return is_port(std::string_view(host).substr(colon)) ? host.substr(colon + 1) : std::string();
}

std::string Url::escaped_path() const {
  const auto stays = [](char c) { return is_unreserved(c) || is_one_of(c, "!$&'()*+,;=:@[]%/"); };
  if (std::ranges::all_of(path, stays)) return path;
  std::string out;
  for (const char c : unescaped(path, Part::kPath).value_or(path)) {
    const bool is_plain = is_unreserved(c) || is_one_of(c, "$&+,/:;=@");
    out += is_plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

Url::Query Url::parameters() const {
  Query out;
  std::string_view rest = query;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('&'), rest.size());
    const std::string_view pair = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (pair.empty() || pair.find(';') != std::string_view::npos) continue;
    const std::size_t equals = std::min(pair.find('='), pair.size());
    auto name = unescaped(pair.substr(0, equals), Part::kQuery);
    auto value = unescaped(pair.substr(std::min(equals + 1, pair.size())), Part::kQuery);
    if (name && value) out[*std::move(name)].push_back(*std::move(value));
  }
  return out;
}

}  // namespace insula::cel
