#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "gateway/backend_config.h"
#include "gateway/edge_config.h"
#include "gateway/key_source.h"
#include "gateway/prices.h"
#include "gateway/route_config.h"

namespace insula::gateway {

/// Requests of a tenant in any hour unless its Tenant object says otherwise.
inline constexpr std::int64_t kRequestsPerHourDefault = 1000;

/// An issuer of tokens as a Tenant names it, with the keys already looked up.
struct IssuerConfig {
  std::string issuer;
  std::vector<std::string> audiences;
  std::vector<std::string> public_keys;  // PEM
  std::vector<std::string> secrets;      // for HS256; any bytes
  /// When not empty, only keys of these algorithms count.
  std::vector<std::string> algorithms;
  /// When the keys are fetched: from where, and what is known of them. The latter has a file of its
  /// own and is not written with the rest.
  std::optional<KeySource> key_source = std::nullopt;
  std::shared_ptr<const FetchedKeys> fetched = nullptr;
  /// Of the cluster's issuer: the tenant's ServiceAccounts, `namespace/name`, and their uids.
  /// Nobody else's tokens count then.
  std::optional<std::map<std::string, std::string>> accounts = std::nullopt;

  bool operator==(const IssuerConfig&) const = default;
};

/// What may be used in a day and in a calendar month of UTC; nothing: not limited. Money in
/// nano-units of the price list's currency.
struct BudgetConfig {
  std::optional<std::int64_t> tokens_per_day = std::nullopt;
  std::optional<std::int64_t> tokens_per_month = std::nullopt;
  std::optional<std::int64_t> spend_per_day = std::nullopt;
  std::optional<std::int64_t> spend_per_month = std::nullopt;

  [[nodiscard]] bool limits_spend() const { return spend_per_day || spend_per_month; }

  bool operator==(const BudgetConfig&) const = default;
};

/// The most that requests may do; nothing: not limited.
struct LimitConfig {
  std::optional<std::int64_t> requests_per_hour = std::nullopt;
  std::optional<std::int64_t> tokens_per_minute = std::nullopt;
  std::optional<std::int64_t> concurrent_requests = std::nullopt;
  BudgetConfig budget = {};

  bool operator==(const LimitConfig&) const = default;
};

/// How a request finds its endpoint among those of a backend.
enum class RoutingPolicy : std::uint8_t { kLeastRequests, kSession, kPrefixCache };

/// As a Tenant writes it: `LeastRequests`. What is none is kLeastRequests.
[[nodiscard]] RoutingPolicy parse_routing_policy(std::string_view text);

/// Requests that the gateway sends to endpoints to know whether they are well.
struct HealthCheckConfig {
  std::string path;
  std::chrono::seconds period{10};
  std::chrono::seconds timeout{2};
  std::int64_t failure_threshold = 3;
  std::int64_t success_threshold = 1;

  bool operator==(const HealthCheckConfig&) const = default;
};

/// A model of a tenant's list.
struct ModelConfig {
  std::string name;
  std::vector<BackendConfig> backends = {};  // empty: the tenant's own Service
  std::vector<std::string> fallbacks = {};
  LimitConfig limits = {};  // beside those of the tenant
  RoutingPolicy policy = RoutingPolicy::kLeastRequests;
  std::optional<HealthCheckConfig> health_check = std::nullopt;

  bool operator==(const ModelConfig&) const = default;
};

/// A member with limits of its own: the subject of tokens.
struct MemberConfig {
  std::string name;
  LimitConfig limits = {};  // what it leaves out is as every member's

  bool operator==(const MemberConfig&) const = default;
};

/// How requests wait for an endpoint that has as many as it may.
struct QueueConfig {
  std::int64_t requests = 0;  // that wait at one time; 0: none does
  std::int64_t wait_seconds = 30;
  std::int64_t weight = 1;

  bool operator==(const QueueConfig&) const = default;
};

/// What the gateway does for one tenant.
struct TenantConfig {
  std::string name;
  std::string uid = {};
  /// What upstreams see as Host: `llm-service.demo-a.svc:8000`.
  std::string service_host;
  /// Ready ones only, as `ip:port`.
  std::vector<std::string> endpoints;
  LimitConfig limits = {.requests_per_hour = kRequestsPerHourDefault};
  std::vector<IssuerConfig> issuers;
  std::vector<ModelConfig> models = {};
  /// Of every member, beside those of the tenant.
  LimitConfig member_limits = {};
  std::vector<MemberConfig> members = {};
  QueueConfig queue = {};
  EdgeConfig edge = {};
  /// Seconds since 1970.
  std::int64_t created = 0;

  bool operator==(const TenantConfig&) const = default;
};

/// Where requests for some paths of a host go.
struct PathConfig {
  std::string path;  // begins with `/`
  bool exact = false;
  RouteAccess access = RouteAccess::kEverybody;
  api::RouteEdge edge = {};
  BackendConfig backend;

  bool operator==(const PathConfig&) const = default;
};

/// A host that is not the gateway's own, and whose it is.
struct SiteConfig {
  /// `*.` for one label before the rest, `**.` for several; empty: every other host.
  std::string host;
  std::string tenant;  // empty: the platform's
  /// Of two for the same path the first counts. None, and no match: the host is the gateway's own.
  std::vector<PathConfig> paths;
  /// Of HTTPRoutes; of two that fit a request the first of the most precise path counts.
  std::vector<SiteMatchConfig> matches = {};

  bool operator==(const SiteConfig&) const = default;
};

/// A certificate and the hosts that it is shown for, as a Secret has it.
struct CertificateConfig {
  std::string name;  // of the Secret, after its namespace and a slash
  std::vector<std::string> hosts;
  std::string chain;  // PEM
  std::string key;    // PEM

  bool operator==(const CertificateConfig&) const = default;
};

struct ApiKeyConfig {
  std::string id;
  std::string tenant;
  std::string hash;                 // SHA-256 of the secret part, hexadecimal
  std::string expires;              // RFC 3339; empty: never
  std::vector<std::string> models;  // empty: all
  LimitConfig limits = {};          // beside those of the tenant

  bool operator==(const ApiKeyConfig&) const = default;
};

/// Everything that the gateway knows of the platform, as plain values: what is written to disk and
/// what a Snapshot is built from. Sorted by name, id and host, so that equal means unchanged.
struct GatewayConfig {
  std::vector<TenantConfig> tenants;
  std::vector<ApiKeyConfig> api_keys;
  /// PEM keys of the built-in issuer of tokens.
  std::vector<std::string> builtin_keys;
  PriceList prices = {};
  std::vector<SiteConfig> sites = {};
  std::vector<CertificateConfig> certificates = {};
  std::vector<RuleConfig> rules = {};

  bool operator==(const GatewayConfig&) const = default;
};

[[nodiscard]] std::string to_json(const GatewayConfig& config);
/// Errors: kBadRequest. Members that are missing are empty.
[[nodiscard]] Result<GatewayConfig> config_from_json(std::string_view text);

/// Writes the file anew, readable by its owner only: it holds HS256 secrets, the keys of providers
/// and private keys. Never half of it is
/// seen. Errors: fail_errno.
[[nodiscard]] Result<> save_config(const std::filesystem::path& file, const GatewayConfig& config);
/// Errors: kNotFound when there is no such file; as config_from_json().
[[nodiscard]] Result<GatewayConfig> load_config(const std::filesystem::path& file);

}  // namespace insula::gateway
