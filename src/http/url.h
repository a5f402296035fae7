#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace insula::http {

/// Replaces %XX. `+` stays. nullopt for a '%' without two hexadecimal digits.
[[nodiscard]] std::optional<std::string> percent_decode(std::string_view text);

/// The same for query strings and forms, where `+` is a space.
[[nodiscard]] std::optional<std::string> form_decode(std::string_view text);

/// Encodes everything but RFC 3986's unreserved characters: safe as one path segment or one query
/// value.
[[nodiscard]] std::string percent_encode(std::string_view text);

/// Part of a request target before '?'. Not decoded.
[[nodiscard]] std::string_view target_path(std::string_view target);

/// Part after the first '?', without it; empty when there is none.
[[nodiscard]] std::string_view target_query(std::string_view target);

/// Decoded value of the first parameter of that name in a query string; nullopt when it is absent
/// or wrongly encoded. `?watch` without '=' has the empty value.
[[nodiscard]] std::optional<std::string> query_value(std::string_view query, std::string_view name);

/// Takes the next `name=value` off a query string, both decoded. nullopt at the end; a parameter
/// that is wrongly encoded is skipped.
struct QueryParameter {
  std::string name;
  std::string value;

  bool operator==(const QueryParameter&) const = default;
};

[[nodiscard]] std::optional<QueryParameter> next_parameter(std::string_view& query);

/// A host without its port: of `name:port`, `address:port` or `[address]:port`.
[[nodiscard]] std::string_view without_port(std::string_view host);

/// True when every server reads the path's segments alike: it starts with '/', has no "." or ".."
/// segment in any encoding, no backslash or NUL in any encoding, no encoded slash, and no broken
/// escape.
/// A check of a path prefix (tenant, namespace) holds only for such paths.
[[nodiscard]] bool is_unambiguous_path(std::string_view path);

/// An absolute http, https, ws or wss URL, taken apart.
struct Url {
  std::string scheme;
  /// Without brackets when it is an IPv6 literal.
  std::string host;
  /// The scheme's default when the URL names none.
  std::uint16_t port = 0;
  /// Path and query; "/" at least.
  std::string target;

  /// Errors: kInvalid; user names in the URL and other schemes are refused.
  [[nodiscard]] static Result<Url> parse(std::string_view text);

  [[nodiscard]] bool secure() const { return scheme == "https" || scheme == "wss"; }

  /// `host`, or `host:port` when the port is not the scheme's: a Host header.
  [[nodiscard]] std::string authority() const;

  bool operator==(const Url&) const = default;
};

}  // namespace insula::http
