#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "api/header_modifier.h"
#include "gateway/header_edits_config.h"
#include "json/value.h"

namespace insula::api {
struct TenantGateway;
}  // namespace insula::api

namespace insula::gateway {

/// The largest request of a tenant, in bytes; nothing: the gateway's own bound.
struct BoundsConfig {
  std::optional<std::int64_t> body_bytes = std::nullopt;
  /// Each header counts as its name, its value and four more.
  std::optional<std::int64_t> header_bytes = std::nullopt;

  bool operator==(const BoundsConfig&) const = default;
};

/// Whose web pages may use a tenant's path. `*` in a list is for all.
struct CorsConfig {
  std::vector<std::string> allow_origins;
  std::vector<std::string> allow_methods = {};   // beside those that need no permission
  std::vector<std::string> allow_headers = {};   // empty: all
  std::vector<std::string> expose_headers = {};  // empty: the gateway's own
  bool allow_credentials = false;
  std::chrono::seconds max_age{600};

  bool operator==(const CorsConfig&) const = default;
};

struct HeaderModifierConfig {
  api::MessageSide side = api::MessageSide::kRequest;
  HeaderEditsConfig edits = {};

  bool operator==(const HeaderModifierConfig&) const = default;
};

struct PromptDenyListConfig {
  std::vector<std::string> phrases;
  std::vector<std::string> patterns = {};  // in RE2's syntax
  std::string message = {};                // empty: the gateway's own words

  bool operator==(const PromptDenyListConfig&) const = default;
};

using FilterConfig = std::variant<HeaderModifierConfig, PromptDenyListConfig>;

/// What a tenant's path takes, from whom, and how it is changed on its way.
struct EdgeConfig {
  BoundsConfig bounds = {};
  std::optional<CorsConfig> cors = std::nullopt;
  std::vector<FilterConfig> filters = {};  // in the order in which they run

  bool operator==(const EdgeConfig&) const = default;
};

/// As a Tenant says it.
[[nodiscard]] EdgeConfig edge_of(const api::TenantGateway& gateway);

/// Writes it as members of a tenant of the configuration that is kept on disk, and reads them.
void set_edge(json::Object& tenant, const EdgeConfig& edge);
[[nodiscard]] EdgeConfig edge_in(const json::Object& tenant);

}  // namespace insula::gateway
