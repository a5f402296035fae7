#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "gateway/api_key.h"
#include "gateway/backend.h"
#include "gateway/budget.h"
#include "gateway/config.h"
#include "gateway/durable_axis.h"
#include "gateway/edge.h"
#include "gateway/jwt.h"
#include "gateway/limits.h"
#include "gateway/member_table.h"
#include "gateway/metrics.h"
#include "gateway/prices.h"
#include "gateway/rate_window.h"
#include "gateway/retry_budget.h"
#include "gateway/site_table.h"
#include "gateway/tenant.h"
#include "gateway/token_window.h"
#include "net/tls.h"
#include "telemetry/log.h"

namespace insula::gateway {

class LimitSharer;
class SharedLimit;
class SharedMembers;

/// The gateway's whole knowledge at one moment. Immutable; a request keeps the one it began with.
struct Snapshot {
  std::unordered_map<std::string, Tenant, ApiKeys::TextHash, std::equal_to<>> tenants;
  /// Credentials for a path of no tenant are checked as if for this one, so that only callers who
  /// have some learn that there is none. Nameless; has issuers and nothing else.
  Tenant nobody;
  /// Whose the sites are that belong to no tenant. Nameless, has metrics and nothing else.
  Tenant platform;
  /// Hosts that are not the gateway's own.
  ByHost<Site> sites;
  /// Of hosts that have one of their own.
  ByHost<std::shared_ptr<net::TlsContext>> certificates;
  ApiKeys api_keys;
  PriceList prices;

  /// Whether some tenant or key is not served since its limits cannot be kept, and the same
  /// configuration may do better later.
  bool incomplete = false;

  /// nullptr: no such tenant.
  [[nodiscard]] const Tenant* find(std::string_view tenant) const {
    const auto found = tenants.find(tenant);
    return found == tenants.end() ? nullptr : &found->second;
  }
};

/// Turns configurations into snapshots. Snapshots that follow one another share what each tenant's,
/// model's and key's limits count, and endpoints by address; and what there is of retries.
///
/// What cannot be used (a key, an address) is left out and logged; the rest works on. A certificate
/// that cannot be used leaves the last good one of its name in place, and a
/// tenant whose log of admissions cannot be made larger: with the limit that there is room for.
///
/// Threads: one at a time.
class SnapshotBuilder {
 public:
  /// A third of the mappings that Linux gives a process: the others are for memory, and for windows
  /// that only an earlier snapshot still knows.
  [[nodiscard]] static std::size_t windows_that_fit();

  /// `directory` gets the files of each tenant's and key's windows; those of one that is gone are
  /// removed once they have seen no admission for a window, since they then limit nothing. All
  /// outlive the builder. What is beyond `windows_max`, tenants first, then their models and
  /// members, is not served.
  SnapshotBuilder(std::filesystem::path directory,
                  const Clock& clock,
                  MetricsRegistry& registry,
                  Log log,
                  std::size_t windows_max = windows_that_fit());

  /// What budgets begin with, in a currency; nothing was used while nobody says it. Called by
  /// build() when there is a new one.
  void read_used_from(std::function<Result<UsedThisMonth>(const std::string& currency)> read) {
    read_used_ = std::move(read);
  }

  /// Windows are shared with other gateways from the next build() on.
  void share_limits(LimitSharer& shared) { shared_ = &shared; }

  [[nodiscard]] std::shared_ptr<const Snapshot> build(const GatewayConfig& config);

  /// Writes the logs of admissions to disk, and tries again to make those larger that must be.
  /// Blocking.
  void flush();

 private:
  [[nodiscard]] Result<Tenant> build_tenant(const TenantConfig& config,
                                            const std::vector<jose::JwsKey>& builtin);
  [[nodiscard]] std::vector<JwtIssuer> build_issuers(const TenantConfig& config,
                                                     const std::vector<jose::JwsKey>& builtin);

  /// What the limits of a tenant or key count, as far as this builder knows it.
  struct Counted {
    // Weak: a file is mapped once for all snapshots that know its owner, and no longer than they
    // live.
    std::weak_ptr<RateWindow> requests;
    std::weak_ptr<TokenWindow> tokens;
    std::weak_ptr<std::atomic<std::int64_t>> running;
    std::weak_ptr<MemberTable> members;
    std::weak_ptr<SharedMembers> shared_members;
    // The tenant whose members' budgets the table counts, and in which currency.
    std::string members_of;
    std::string members_budget_of;
    std::weak_ptr<BudgetAccount> budget;
    std::weak_ptr<SharedLimit> requests_share;
    std::weak_ptr<SharedLimit> tokens_share;
    std::weak_ptr<SharedLimit> running_share;
    std::array<std::weak_ptr<SharedLimit>, kBudgetKinds.size()> budget_shares;
    std::string budget_of;  // uid and currency: those of another begin anew
    std::int64_t requests_per_hour = 0;
    bool too_small = false;
    bool without_window = false;
  };

  /// Whose sums of the ledger a budget goes on with.
  struct BudgetOwner {
    std::string tenant;
    std::string uid;
    LimitScope scope = LimitScope::kTenant;
    std::string name = {};  // of the key or model
  };

  void limit_models(Tenant& tenant, const TenantConfig& config);
  void limit_members(Tenant& tenant, const TenantConfig& config);
  /// What the limits of a tenant's members count. Errors: as MemberTable and the ledger.
  [[nodiscard]] Result<std::shared_ptr<MemberTable>> members_of(const TenantConfig& config,
                                                                Counted& counted);
  void share_members(const TenantConfig& config, Counted& counted, Tenant& tenant);
  [[nodiscard]] LimitConfig within_range(const std::string& owner, const LimitConfig& asked) const;
  [[nodiscard]] Result<> add_key(Snapshot& snapshot, const ApiKeyConfig& config);
  void add_certificates(Snapshot& snapshot, const GatewayConfig& config);
  [[nodiscard]] std::shared_ptr<net::TlsContext> context_of(const CertificateConfig& config);
  void add_sites(Snapshot& snapshot, const GatewayConfig& config);
  [[nodiscard]] Site::RoutePtr route_of(const PathConfig& path);
  [[nodiscard]] Site::RoutePtr route_of(const RuleConfig& rule);
  [[nodiscard]] Site::ConditionsPtr conditions_of(const RuleConfig& rule,
                                                  const MatchConfig& match) const;
  /// `owner` names the files: a tenant's name; `key.` and an id; `model.`, a tenant and the model.
  [[nodiscard]] Limits limits_of(const std::string& owner,
                                 const LimitConfig& asked,
                                 const BudgetOwner& of);
  [[nodiscard]] Result<> open_budget(const BudgetOwner& owner, Counted& counted, Limits& limits);
  [[nodiscard]] Result<const UsedThisMonth*> used_this_month();
  /// Whether there is room for the windows that these limits need; takes it.
  [[nodiscard]] bool take_room_for_windows(const LimitConfig& limits);
  [[nodiscard]] Result<> open_windows(const std::string& owner, Counted& counted, Limits& limits);
  /// Has the limits shared, if there is whom to share them with.
  void share_windows(const std::string& owner,
                     Counted& counted,
                     const std::shared_ptr<RateWindow>& requests,
                     const std::shared_ptr<TokenWindow>& tokens,
                     Limits& limits);
  void share_running(const std::string& owner, Counted& counted, Limits& limits);
  void share_budget(const std::string& owner, Counted& counted, Limits& limits);
  void tell_full(const std::string& owner);
  void make_room(const std::string& owner, Counted& counted, RateWindow& log);
  [[nodiscard]] std::vector<std::shared_ptr<Endpoint>> endpoints_of(
      const std::vector<std::string>& texts);
  [[nodiscard]] ModelRoute build_route(const TenantConfig& tenant,
                                       const ModelConfig& config,
                                       const Backend& service);
  [[nodiscard]] Backend build_backend(const TenantConfig& tenant,
                                      const ModelConfig& model,
                                      const BackendConfig& config);
  [[nodiscard]] Result<> add_provider(const TenantConfig& tenant,
                                      const BackendConfig& config,
                                      Backend& backend);
  [[nodiscard]] Result<std::shared_ptr<net::TlsContext>> tls_of(const std::string& ca);
  [[nodiscard]] std::shared_ptr<Endpoint> endpoint_of(const std::string& text,
                                                      const std::string& owner = {},
                                                      const EndpointTls& tls = {});
  void set_policy(RoutingPolicy policy, Backend& backend);
  [[nodiscard]] Backend backend_of(const BackendConfig& config);
  [[nodiscard]] std::shared_ptr<const TenantMetrics> metrics_of(const std::string& tenant);
  [[nodiscard]] std::shared_ptr<RetryBudget> retries_of(const std::string& service_host);
  [[nodiscard]] std::uint64_t scope_of(const TenantConfig& config);
  void forget_unused(const GatewayConfig& config);
  void remove_spent_files();

  std::filesystem::path directory_;
  const Clock& clock_;
  MetricsRegistry& registry_;
  Log log_;
  EdgeBuilder edges_;
  std::string boot_ = current_boot_id();
  std::map<std::string, Counted> counted_;  // by owner
  std::size_t windows_max_;
  std::function<Result<UsedThisMonth>(const std::string& currency)> read_used_;
  LimitSharer* shared_ = nullptr;
  // Of the snapshot that is being built.
  std::string currency_;
  std::optional<UsedThisMonth> used_;
  std::size_t windows_ = 0;
  std::size_t without_room_ = 0;
  bool incomplete_ = false;
  bool files_may_be_spent_ = true;

  struct Scope {
    std::uint64_t number = 0;
    std::vector<IssuerConfig> issuers;
  };

  // What the present numbers stand for. Compared by value: a hash could be made to collide by
  // whoever chooses a secret.
  std::map<std::string, Scope> scopes_;
  std::vector<std::string> scopes_builtin_keys_;
  std::uint64_t last_scope_ = 0;
  std::map<std::string, std::shared_ptr<const TenantMetrics>> metrics_;
  // By address, after whose provider it is, if it is one's.
  std::map<std::string, std::weak_ptr<Endpoint>> endpoints_;
  std::map<std::string, std::weak_ptr<PrefixIndex>> prefixes_;  // by address
  std::map<std::string, std::weak_ptr<RetryBudget>> retries_;   // by service_host
  // By the CA that providers are to have; empty: the machine's, whose many are read once.
  std::map<std::string, std::weak_ptr<net::TlsContext>> tls_;
  // Of providers that are not asked: as last told, and those of the snapshot that is being built.
  std::set<std::string> provider_problems_;
  std::set<std::string> provider_problems_now_;

  /// A certificate as it was last given.
  struct Certificate {
    std::string chain;
    std::string key;
    std::shared_ptr<net::TlsContext> context;  // null: it cannot be used
  };

  std::map<std::string, Certificate> certificates_;  // by name
};

}  // namespace insula::gateway
