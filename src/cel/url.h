#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace insula::cel {

/// An absolute address in the web, read as Go reads one in a request: with a scheme, or a path from
/// the root.
///
/// Spec: RFC 3986; Go, net/url, ParseRequestURI.
struct Url {
  using Query = std::map<std::string, std::vector<std::string>>;

  std::string scheme;  // in lower case
  std::string host;    // with its port, without %XX
  std::string path;    // as it was written
  std::string query;   // without the question mark

  /// Errors: kInvalid with Go's words.
  [[nodiscard]] static Result<Url> parse(std::string_view text);

  /// Of the host: without port and brackets.
  [[nodiscard]] std::string hostname() const;
  [[nodiscard]] std::string port() const;
  /// The path with %XX for what may not stand in one.
  [[nodiscard]] std::string escaped_path() const;
  /// Each name's values in their order; what cannot be read is left out.
  [[nodiscard]] Query parameters() const;
};

}  // namespace insula::cel
