#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/route_pattern.h"
#include "base/error.h"
#include "gateway/backend.h"
#include "gateway/header_edits.h"
#include "gateway/route_config.h"
#include "http/parser.h"

namespace insula::gateway {

/// What a request is to the rules of a site. Lifetime: of the head.
struct SiteRequest {
  std::string_view method;
  std::string_view path;                    // without query
  std::string_view query;                   // without `?`
  const http::RequestHead* head = nullptr;  // null: it has no headers
};

/// What a request must be like. Shared by the sites of all hosts that it holds for.
class SiteConditions {
 public:
  /// Errors: kInvalid, of an expression.
  [[nodiscard]] static Result<SiteConditions> make(const MatchConfig& match);

  /// Whether the request has what it must have beside its path.
  [[nodiscard]] bool fit(const SiteRequest& request) const;

  [[nodiscard]] PathKind kind() const { return kind_; }

  /// Of a prefix or an exact path.
  [[nodiscard]] const std::string& path() const { return path_; }

  /// Requires: kind() is kPattern.
  [[nodiscard]] bool fits_path(std::string_view path) const { return pattern_->fits(path); }

 private:
  struct Value {
    std::string name;
    std::string text;
    std::optional<api::RoutePattern> pattern;

    [[nodiscard]] bool fits(std::string_view value) const;
  };

  [[nodiscard]] static Result<std::vector<Value>> values_of(
      const std::vector<ValueMatchConfig>& matches);

  PathKind kind_ = PathKind::kPrefix;
  std::string path_;
  std::optional<api::RoutePattern> pattern_;
  std::string method_;
  std::vector<Value> headers_;
  std::vector<Value> parameters_;
};

/// A backend of a route, and what is changed in requests that go there and in the replies.
struct SiteBackend {
  Backend backend;
  /// Why it cannot be asked; empty: it can.
  std::string problem = {};
  HeaderEdits request = {};
  HeaderEdits reply = {};
  RewriteConfig rewrite = {};
};

/// Where copies of requests go, and of which part of them, in [0, 1].
struct SiteMirror {
  Backend backend;
  double share = 1;
};

/// Where requests for some paths of a site go.
struct SiteRoute {
  /// Their weights are theirs of the requests. Without any nothing can be asked.
  std::vector<SiteBackend> backends;
  std::vector<SiteMirror> mirrors = {};
  RouteAccess access = RouteAccess::kEverybody;
  api::RouteEdge edge = {};
  std::optional<RedirectConfig> redirect = std::nullopt;
  HeaderEdits redirect_reply = {};
  /// Of a whole request, and of each time that a backend is asked; 0: no end of their own.
  std::chrono::milliseconds request_time{0};
  std::chrono::milliseconds backend_time{0};

  /// The one on which `draw`, in [0, 1), falls; nullptr when none has a weight.
  [[nodiscard]] const SiteBackend* choose(double draw) const;
};

/// The path that takes the place of `path`, of which the first `prefix_bytes` matched.
[[nodiscard]] std::string changed_path(const PathChangeConfig& change,
                                       std::string_view path,
                                       std::size_t prefix_bytes);

/// What a redirect is made of, beside the redirect itself.
struct RedirectedRequest {
  std::string_view scheme;
  std::string_view host;  // without port
  std::string_view path;
  std::string_view query;
  std::size_t prefix_bytes;  // of the path, that matched
};

/// Where a redirect sends the request: an absolute URL, without the port that its scheme has
/// anyway.
[[nodiscard]] std::string location_of(const RedirectConfig& redirect,
                                      const RedirectedRequest& request);

}  // namespace insula::gateway
