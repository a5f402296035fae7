#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "gateway/edge_config.h"

namespace insula::gateway {

/// Which web pages may use a path, and what browsers are told of it.
///
/// Threads: deeply const. Spec: the Fetch standard, "CORS protocol"; RFC 6454.
class CorsPolicy {
 public:
  /// Requires: origins as api::parse_origin_pattern() takes them, or `*`; others are never met.
  explicit CorsPolicy(const CorsConfig& config);

  /// `origin`: as a browser writes it.
  [[nodiscard]] bool allows(std::string_view origin) const;

  /// Appends the header lines of an answer that is no preflight's: to a page of this origin, or to
  /// a client that names none. A page that is not allowed gets an answer that it may not read.
  void append_reply_lines(std::string& out, std::optional<std::string_view> origin) const;

  /// What a browser asks before it sends a page's request.
  struct Preflight {
    std::string_view origin;
    std::string_view method;
    std::string_view headers;  // names with commas between them; empty: none
  };

  /// Appends the header lines of the answer to a preflight: what of it is allowed, the browser
  /// compares. Requires: its origin is allowed.
  void append_preflight_lines(std::string& out, const Preflight& preflight) const;

 private:
  /// `*`, where no credentials are allowed.
  [[nodiscard]] bool tells_any() const { return any_origin_ && !allow_credentials_; }

  void append_origin(std::string& out, std::string_view origin) const;

  struct Wildcard {
    std::string before;  // `https://`
    std::string after;   // `.example.com`
  };

  bool any_origin_ = false;
  bool allow_credentials_;
  bool any_method_ = false;
  bool any_header_ = false;
  std::unordered_set<std::string> origins_;
  std::vector<Wildcard> wildcards_;
  std::string methods_;
  std::string headers_;
  std::string expose_line_;
  std::string age_line_;
};

/// What at least one of them allows: for answers of which it is not known whose they are. Nothing
/// when there are none.
[[nodiscard]] std::optional<CorsConfig> join(const std::vector<const CorsConfig*>& configs);

/// Names of a reply's headers that the gateway itself writes and that pages may read.
[[nodiscard]] std::vector<std::string_view> exposed_by_default();

}  // namespace insula::gateway
