#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/route_annotations.h"
#include "gateway/backend_config.h"
#include "gateway/header_edits_config.h"
#include "json/value.h"

namespace insula::gateway {

/// Who may use a route.
enum class RouteAccess : std::uint8_t {
  kEverybody,
  kTenant,  // who has a credential of its tenant
  kNobody,  // what was asked for is not understood
};

[[nodiscard]] std::string_view word_of(RouteAccess access);
/// kNobody for what is no such word.
[[nodiscard]] RouteAccess access_from(std::string_view word);

/// Writes what holds of the tenant's edge; nothing when nothing does.
void set_route_edge(json::Object& object, const api::RouteEdge& edge);
[[nodiscard]] api::RouteEdge route_edge_in(const json::Object& object);

/// How a path is compared: its beginning by segments, all of it, or with a regular expression.
enum class PathKind : std::uint8_t { kPrefix, kExact, kPattern };

/// A value that a header or parameter must have.
struct ValueMatchConfig {
  std::string name;
  std::string value;
  bool is_pattern = false;

  bool operator==(const ValueMatchConfig&) const = default;
};

/// What requests are like; all of it must fit.
struct MatchConfig {
  PathKind kind = PathKind::kPrefix;
  std::string path = "/";
  std::string method = {};  // empty: any
  std::vector<ValueMatchConfig> headers = {};
  std::vector<ValueMatchConfig> parameters = {};

  bool operator==(const MatchConfig&) const = default;
};

/// What takes the place of a path, or of the prefix that matched.
struct PathChangeConfig {
  bool of_prefix = false;
  std::string path;

  bool operator==(const PathChangeConfig&) const = default;
};

/// What the backend sees instead of host and path.
struct RewriteConfig {
  std::string host = {};  // empty: as it came
  std::optional<PathChangeConfig> path = std::nullopt;

  bool operator==(const RewriteConfig&) const = default;
};

/// Where clients are sent; what is empty is as in the request.
struct RedirectConfig {
  std::string scheme = {};
  std::string host = {};
  std::optional<PathChangeConfig> path = std::nullopt;
  int port = 0;  // 0: the scheme's
  int status = 302;

  bool operator==(const RedirectConfig&) const = default;
};

/// Where requests of a rule go, and what is changed in them.
struct RouteBackendConfig {
  BackendConfig backend;
  /// Why it cannot be asked; its share of the requests is answered 500.
  std::string problem = {};
  HeaderEditsConfig request = {};
  HeaderEditsConfig reply = {};
  std::optional<RewriteConfig> rewrite = std::nullopt;

  bool operator==(const RouteBackendConfig&) const = default;
};

/// Where copies of a rule's requests go, and of which part of them.
struct MirrorConfig {
  BackendConfig backend;
  std::int64_t numerator = 1;
  std::int64_t denominator = 1;

  bool operator==(const MirrorConfig&) const = default;
};

/// A rule of an HTTPRoute.
struct RuleConfig {
  std::string name;  // `namespace/route/0`
  RouteAccess access = RouteAccess::kEverybody;
  api::RouteEdge edge = {};
  std::vector<MatchConfig> matches = {};
  HeaderEditsConfig request = {};
  HeaderEditsConfig reply = {};
  std::optional<RedirectConfig> redirect = std::nullopt;
  std::optional<RewriteConfig> rewrite = std::nullopt;
  std::vector<RouteBackendConfig> backends = {};
  std::vector<MirrorConfig> mirrors = {};
  /// Of a whole request, and of each time that a backend is asked; 0: no end.
  std::chrono::milliseconds request_time{0};
  std::chrono::milliseconds backend_time{0};

  bool operator==(const RuleConfig&) const = default;
};

/// A match of a rule that holds for a site.
struct SiteMatchConfig {
  std::size_t rule;   // in GatewayConfig::rules
  std::size_t match;  // of the rule

  bool operator==(const SiteMatchConfig&) const = default;
};

[[nodiscard]] json::Value to_value(const RuleConfig& rule);
/// Members that are missing are empty.
[[nodiscard]] RuleConfig rule_from(const json::Object& object);

}  // namespace insula::gateway
