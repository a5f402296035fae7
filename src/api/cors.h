#pragma once

#include <optional>
#include <string_view>

namespace insula::api {

/// An origin of `allowOrigins`, taken apart. Views into the text.
struct OriginPattern {
  /// With `://`; everything that comes before the host.
  std::string_view scheme;
  /// Host and port, without the `*.` of a pattern.
  std::string_view rest;
  /// For all hosts below `rest`.
  bool is_wildcard = false;
};

/// Reads what browsers write into `Origin`, or the same with `*.` before its host. Nothing for
/// anything that no browser would send: letters in upper case, a path, a user, the port that is the
/// scheme's own, `null`.
/// Spec: RFC 6454 section 6.1.
[[nodiscard]] std::optional<OriginPattern> parse_origin_pattern(std::string_view text);

}  // namespace insula::api
