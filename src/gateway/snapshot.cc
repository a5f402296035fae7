#include "gateway/snapshot.h"

#include <algorithm>
#include <fstream>
#include <utility>

#include <fmt/format.h>

#include "jose/base64url.h"

namespace insula::gateway {
namespace {

constexpr const char* kRequestsExtension = ".ring";
constexpr const char* kTokensExtension = ".tokens";
constexpr const char* kMembersExtension = ".members";
/// Tokens or nano-units: sums of it and what requests reserve must not run over.
constexpr std::int64_t kBudgetMax = INT64_MAX / 8;
/// Of a key's files; no tenant's name has a dot.
constexpr const char* kKeyOwnerPrefix = "key.";

/// Of a model's. Its name stands in it as it is when that is fit for one, and else its hash, with a
/// character before it that no such name has.
std::string owner_of_model(const std::string& tenant, const std::string& model) {
  constexpr std::size_t kBytesMax = 64;
  const auto is_plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
  };
  if (model.size() <= kBytesMax && std::ranges::all_of(model, is_plain))
    return fmt::format("model.{}.{}", tenant, model);
  return fmt::format("model.{}.#{}", tenant, jose::base64url_encode(jose::sha256(model)));
}

/// Names of tenants and ids of keys become file names, so nothing but DNS labels may pass.
bool is_label(std::string_view name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  };
  return !name.empty() && name.size() <= 63 && name.front() != '-' &&
         std::ranges::all_of(name, allowed);
}

/// Those that the issuer names; all when it names none.
jose::JwsAlgorithmSet allowed_by(const IssuerConfig& issuer) {
  jose::JwsAlgorithmSet allowed;
  for (const std::string& name : issuer.algorithms) {
    if (const auto algorithm = jose::parse_jws_algorithm(name); algorithm) allowed.add(*algorithm);
  }
  return issuer.algorithms.empty() ? jose::JwsAlgorithmSet::all() : allowed;
}

/// Whether a token may have to be tried with more keys than are tried. A `kid` picks one key.
bool has_too_many_keys(const std::vector<jose::JwsKey>& keys) {
  return std::ranges::any_of(keys, [&](const jose::JwsKey& key) {
    const auto count = std::ranges::count_if(keys, [&](const jose::JwsKey& other) {
      return other.id().empty() && !(other.algorithms() & key.algorithms()).empty();
    });
    return static_cast<std::size_t>(count) > jose::kIssuerKeysMax;
  });
}

}  // namespace

SnapshotBuilder::SnapshotBuilder(std::filesystem::path directory,
                                 const Clock& clock,
                                 MetricsRegistry& registry,
                                 Log log,
                                 std::size_t windows_max)
    : directory_(std::move(directory)),
      clock_(clock),
      registry_(registry),
      log_(std::move(log)),
      windows_max_(windows_max) {}

std::size_t SnapshotBuilder::windows_that_fit() {
  constexpr std::size_t kMappingsDefault = 65'530;
  std::size_t mappings = kMappingsDefault;
  std::ifstream("/proc/sys/vm/max_map_count") >> mappings;
  return mappings / 3;
}

std::shared_ptr<const Snapshot> SnapshotBuilder::build(const GatewayConfig& config) {
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->prices = config.prices;
  currency_ = config.prices.currency;
  used_.reset();
  windows_ = 0;
  incomplete_ = false;
  const std::size_t without_room_before = std::exchange(without_room_, 0);
  std::vector<jose::JwsKey> builtin;
  for (const std::string& pem : config.builtin_keys) {
    auto key = jose::JwsKey::from_public_pem(pem);
    if (key) {
      builtin.push_back(*std::move(key));
    } else {
      log_.warn("key of the built-in token issuer ignored", "err", key.error());
    }
  }
  if (scopes_builtin_keys_ != config.builtin_keys) {
    scopes_.clear();
    scopes_builtin_keys_ = config.builtin_keys;
  }
  snapshot->nobody.issuers = build_issuers({}, builtin);
  snapshot->nobody.auth_scope = scope_of({});
  snapshot->nobody.edge = edges_.build_shared(config.tenants);
  for (const TenantConfig& tenant_config : config.tenants) {
    auto tenant = build_tenant(tenant_config, builtin);
    if (!tenant) {
      log_.error("tenant has no route", "tenant", tenant_config.name, "err", tenant.error());
      continue;
    }
    tenant->auth_scope = scope_of(tenant_config);
    snapshot->tenants.emplace(tenant_config.name, *std::move(tenant));
  }
  // All tenants come before what they have only some of, in case there is no room for everything.
  for (const TenantConfig& tenant : config.tenants) {
    if (const auto found = snapshot->tenants.find(tenant.name); found != snapshot->tenants.end()) {
      limit_models(found->second, tenant);
      limit_members(found->second, tenant);
    }
  }
  snapshot->platform.metrics = metrics_of({});
  add_sites(*snapshot, config);
  add_certificates(*snapshot, config);
  for (const ApiKeyConfig& key : config.api_keys) {
    if (const auto added = add_key(*snapshot, key); !added) {
      log_.warn("api key ignored", "key", key.id, "tenant", key.tenant, "err", added.error());
    }
  }
  if (without_room_ > 0 && without_room_ != without_room_before) {
    log_.error(
        "not served: all windows of rate limits may be a third of vm.max_map_count; raise that, or "
        "revoke keys",
        "owners", without_room_, "windows", windows_max_);
  }
  provider_problems_ = std::exchange(provider_problems_now_, {});
  forget_unused(config);
  snapshot->incomplete = incomplete_;
  return snapshot;
}

std::uint64_t SnapshotBuilder::scope_of(const TenantConfig& config) {
  Scope& scope = scopes_[config.name];
  if (scope.number == 0 || scope.issuers != config.issuers) scope = {++last_scope_, config.issuers};
  return scope.number;
}

void SnapshotBuilder::forget_unused(const GatewayConfig& config) {
  const auto is_gone = [&](const std::string& tenant) {
    return !tenant.empty() &&
           std::ranges::find(config.tenants, tenant, &TenantConfig::name) == config.tenants.end();
  };
  std::erase_if(scopes_, [&](const auto& entry) { return is_gone(entry.first); });
  std::erase_if(endpoints_, [](const auto& entry) { return entry.second.expired(); });
  std::erase_if(retries_, [](const auto& entry) { return entry.second.expired(); });
  std::erase_if(prefixes_, [](const auto& entry) { return entry.second.expired(); });
  std::erase_if(tls_, [](const auto& entry) { return entry.second.expired(); });
  // Shared windows stay until all of what was used of them has left them.
  const auto spent = [this](const auto& entry) {
    const Counted& counted = entry.second;
    return counted.running.expired() &&
           (shared_ == nullptr || (counted.requests.expired() && counted.tokens.expired() &&
                                   counted.budget.expired() && counted.members.expired()));
  };
  if (std::erase_if(counted_, spent) > 0) files_may_be_spent_ = true;
  if (std::exchange(files_may_be_spent_, false)) remove_spent_files();
}

void SnapshotBuilder::remove_spent_files() {
  const auto now = std::filesystem::file_time_type::clock::from_sys(clock_.wall());
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory_, error)) {
    const std::filesystem::path& file = entry.path();
    const bool ours = file.extension() == kRequestsExtension ||
                      file.extension() == kTokensExtension || file.extension() == kMembersExtension;
    if (!ours || counted_.contains(file.stem().string())) continue;
    const auto written = entry.last_write_time(error);
    if (error || now - written <= kRateWindow) {
      files_may_be_spent_ = true;  // Soon; look again with the next configuration.
      continue;
    }
    std::filesystem::remove(file, error);
    log_.info("rate limit log of a former tenant, model or key removed", "file",
              file.filename().string());
  }
}

void SnapshotBuilder::limit_models(Tenant& tenant, const TenantConfig& config) {
  for (const ModelConfig& model : config.models) {
    if (model.limits != LimitConfig{})
      tenant.models.limit(model.name,
                          limits_of(owner_of_model(config.name, model.name), model.limits,
                                    {config.name, config.uid, LimitScope::kModel, model.name}));
  }
}

/// Members have no windows of their own but places in a table, which is there when some member has
/// a limit.
void SnapshotBuilder::limit_members(Tenant& tenant, const TenantConfig& config) {
  MemberLimits& limits = tenant.member_limits;
  limits.each = within_range(config.name + "'s members", config.member_limits);
  bool limited = limits.each != LimitConfig{};
  for (const MemberConfig& member : config.members) {
    LimitConfig own = within_range(config.name + "'s member " + member.name, member.limits);
    for (const auto limit : {&LimitConfig::requests_per_hour, &LimitConfig::tokens_per_minute,
                             &LimitConfig::concurrent_requests}) {
      if (!(own.*limit)) own.*limit = limits.each.*limit;
    }
    for (const BudgetKind& kind : kBudgetKinds) {
      if (!(own.budget.*kind.most)) own.budget.*kind.most = limits.each.budget.*kind.most;
    }
    limited = limited || own != LimitConfig{};
    limits.others.insert_or_assign(member.name, own);
  }
  if (!limited) return;
  Counted& counted = counted_[config.name];
  auto opened = members_of(config, counted);
  if (opened) {
    tenant.members = *std::move(opened);
    if (shared_ != nullptr) share_members(config, counted, tenant);
    return;
  }
  tenant.members_can_be_kept = false;
  incomplete_ = true;
  log_.error("members not served: what they have used cannot be kept", "tenant", config.name, "err",
             opened.error());
}

Result<std::shared_ptr<MemberTable>> SnapshotBuilder::members_of(const TenantConfig& config,
                                                                 Counted& counted) {
  std::shared_ptr<MemberTable> members = counted.members.lock();
  const bool same_tenant = counted.members_of == config.uid;
  if (members != nullptr && same_tenant) return members;
  INSULA_TRY(const UsedThisMonth* used, used_this_month());
  const UsedThisMonth::ByName& by_member = used->of(config.name, config.uid).members;
  counted.members_of = config.uid;
  counted.members_budget_of = config.uid + '/' + currency_;
  if (members != nullptr) {
    members->begin_budgets_anew(by_member);
    return members;
  }
  INSULA_TRY(members, MemberTable::open(directory_ / (config.name + kMembersExtension), clock_,
                                        boot_, by_member));
  if (members->began_full()) tell_full(config.name);
  counted.members = members;
  return members;
}

Result<> SnapshotBuilder::add_key(Snapshot& snapshot, const ApiKeyConfig& config) {
  if (!is_label(config.id)) return fail(ErrorCode::kInvalid, "its id is not a DNS label");
  ApiKeyGrant grant{config.tenant, {}, config.models, {}};
  if (!config.expires.empty()) {
    INSULA_TRY(grant.expires, api::Time::parse(config.expires));
  }
  const Tenant* tenant = snapshot.find(config.tenant);
  // One that has expired opens nothing, and needs no window any more.
  if (grant.expires.is_zero() || api::Time::from(clock_.wall()) < grant.expires)
    grant.limits = limits_of(kKeyOwnerPrefix + config.id, config.limits,
                             {config.tenant, tenant == nullptr ? std::string() : tenant->uid,
                              LimitScope::kKey, config.id});
  return snapshot.api_keys.add(config.id, config.hash, std::move(grant));
}

Result<Tenant> SnapshotBuilder::build_tenant(const TenantConfig& config,
                                             const std::vector<jose::JwsKey>& builtin) {
  if (!is_label(config.name)) return fail(ErrorCode::kInvalid, "its name is not a DNS label");
  Tenant tenant;
  tenant.name = config.name;
  tenant.uid = config.uid;
  tenant.created = config.created;
  tenant.service = {.service_host = config.service_host,
                    .endpoints = endpoints_of(config.endpoints),
                    .retries = retries_of(config.service_host)};
  for (const ModelConfig& model : config.models)
    tenant.models.add(build_route(config, model, tenant.service));
  tenant.for_each_backend([&](const Backend& backend) {
    tenant.is_served = tenant.is_served || !backend.endpoints.empty();
    tenant.has_providers = tenant.has_providers || backend.provider != nullptr;
    tenant.has_affinity = tenant.has_affinity || backend.policy != RoutingPolicy::kLeastRequests;
  });
  tenant.issuers = build_issuers(config, builtin);
  tenant.queue = config.queue;
  INSULA_TRY(tenant.edge, edges_.build(config));
  tenant.limits = limits_of(config.name, config.limits, {config.name, config.uid});
  tenant.metrics = metrics_of(config.name);
  return tenant;
}

std::vector<JwtIssuer> SnapshotBuilder::build_issuers(const TenantConfig& config,
                                                      const std::vector<jose::JwsKey>& builtin) {
  std::vector<JwtIssuer> issuers;
  for (const IssuerConfig& issuer_config : config.issuers) {
    // The built-in issuer's name is not for tenants: its tokens open by their own `tenant` claim.
    if (issuer_config.issuer.empty() || issuer_config.audiences.empty() ||
        issuer_config.issuer == kBuiltinIssuer) {
      log_.warn("token issuer ignored: it needs a name of its own and an audience", "tenant",
                config.name, "issuer", issuer_config.issuer);
      continue;
    }
    JwtIssuer issuer{issuer_config.issuer, issuer_config.audiences, {}};
    issuer.accounts = issuer_config.accounts;
    const jose::JwsAlgorithmSet allowed = allowed_by(issuer_config);
    const auto add = [&](Result<jose::JwsKey> key) {
      if (!key) {
        log_.warn("token key ignored", "tenant", config.name, "issuer", issuer.issuer, "err",
                  key.error());
        return;
      }
      key->restrict_to(allowed);
      if (!key->algorithms().empty()) issuer.keys.push_back(*std::move(key));
    };
    for (const std::string& pem : issuer_config.public_keys)
      add(jose::JwsKey::from_public_pem(pem));
    for (const std::string& secret : issuer_config.secrets)
      add(jose::JwsKey::from_secret(secret));
    if (issuer_config.fetched != nullptr) {
      const FetchedKeys& fetched = *issuer_config.fetched;
      issuer.demand = fetched.demand;
      issuer.keys_known = fetched.set.has_value();
      if (issuer.keys_known) std::ranges::for_each(fetched.set->keys, add);
    }
    if (has_too_many_keys(issuer.keys)) {
      log_.warn("token issuer has more keys without a kid than are tried", "tenant", config.name,
                "issuer", issuer.issuer, "tried", jose::kIssuerKeysMax);
    }
    issuers.push_back(std::move(issuer));
  }
  if (!builtin.empty()) {
    issuers.push_back({std::string(kBuiltinIssuer), {std::string(kBuiltinAudience)}, builtin});
  }
  return issuers;
}

LimitConfig SnapshotBuilder::within_range(const std::string& owner,
                                          const LimitConfig& asked) const {
  const auto within = [&](const char* limit, std::optional<std::int64_t> wanted,
                          std::int64_t most) -> std::optional<std::int64_t> {
    if (!wanted) return std::nullopt;
    const std::int64_t used = std::clamp<std::int64_t>(*wanted, 0, most);
    if (used != *wanted)
      log_.warn("limit out of range", "of", owner, "limit", limit, "asked", *wanted, "used", used);
    return used;
  };
  return {
      .requests_per_hour = within("requestsPerHour", asked.requests_per_hour, kRateLimitMax),
      .tokens_per_minute = within("tokensPerMinute", asked.tokens_per_minute, kTokenLimitMax),
      .concurrent_requests = within("concurrentRequests", asked.concurrent_requests, INT64_MAX),
      .budget = {
          .tokens_per_day = within("tokensPerDay", asked.budget.tokens_per_day, kBudgetMax),
          .tokens_per_month = within("tokensPerMonth", asked.budget.tokens_per_month, kBudgetMax),
          .spend_per_day = within("spendPerDay", asked.budget.spend_per_day, kBudgetMax),
          .spend_per_month = within("spendPerMonth", asked.budget.spend_per_month, kBudgetMax)}};
}

/// Read when the first account of a snapshot is opened.
Result<const UsedThisMonth*> SnapshotBuilder::used_this_month() {
  if (!used_ && read_used_) {
    INSULA_TRY(used_, read_used_(currency_));
  } else if (!used_) {
    used_.emplace(clock_.wall(), currency_);
  }
  return &*used_;
}

Result<> SnapshotBuilder::open_budget(const BudgetOwner& owner, Counted& counted, Limits& limits) {
  if (limits.most.budget == BudgetConfig{}) return {};
  const std::string whose = owner.uid + '/' + currency_;
  if (counted.budget_of == whose) limits.budget = counted.budget.lock();
  if (limits.budget != nullptr) return {};
  INSULA_TRY(const UsedThisMonth* used, used_this_month());
  const UsedThisMonth::Tenant& of_tenant = used->of(owner.tenant, owner.uid);
  UsedSums sums = of_tenant.total;
  if (owner.scope == LimitScope::kKey) sums = used->in(of_tenant.keys, owner.name);
  if (owner.scope == LimitScope::kModel) sums = used->in(of_tenant.models, owner.name);
  limits.budget = std::make_shared<BudgetAccount>(clock_);
  limits.budget->begin_with(sums);
  counted.budget = limits.budget;
  if (std::exchange(counted.budget_of, whose) != whose) counted.budget_shares = {};
  return {};
}

Limits SnapshotBuilder::limits_of(const std::string& owner,
                                  const LimitConfig& asked,
                                  const BudgetOwner& of) {
  Limits limits{.most = within_range(owner, asked)};
  Counted& counted = counted_[owner];
  limits.running = counted.running.lock();
  if (limits.running == nullptr) limits.running = std::make_shared<std::atomic<std::int64_t>>(0);
  counted.running = limits.running;
  if (!take_room_for_windows(limits.most)) {
    ++without_room_;
    return limits;
  }
  auto opened = open_windows(owner, counted, limits);
  if (opened) opened = open_budget(of, counted, limits);
  if (opened && shared_ != nullptr) {
    share_running(owner, counted, limits);
    share_budget(owner, counted, limits);
  }
  if (!opened && !counted.without_window)
    log_.error("not served: what its limits count cannot be opened", "of", owner, "err",
               opened.error());
  counted.without_window = !opened;
  incomplete_ = incomplete_ || !opened;
  return limits;
}

bool SnapshotBuilder::take_room_for_windows(const LimitConfig& limits) {
  const std::size_t needed =
      (limits.requests_per_hour ? 1U : 0U) + (limits.tokens_per_minute ? 1U : 0U);
  if (windows_ + needed > windows_max_) return false;
  windows_ += needed;
  return true;
}

Result<> SnapshotBuilder::open_windows(const std::string& owner, Counted& counted, Limits& limits) {
  std::shared_ptr<RateWindow> requests;
  std::shared_ptr<TokenWindow> tokens;
  const auto file = [&](const char* extension) { return directory_ / (owner + extension); };
  if (limits.most.requests_per_hour) {
    counted.requests_per_hour = *limits.most.requests_per_hour;
    requests = counted.requests.lock();
    if (requests == nullptr) {
      INSULA_TRY(requests, RateWindow::open(file(kRequestsExtension), counted.requests_per_hour,
                                            clock_, boot_));
      if (requests->began_full()) tell_full(owner);
      counted.requests = requests;
      counted.too_small = false;
    }
    make_room(owner, counted, *requests);
    limits.requests = requests;
  }
  if (limits.most.tokens_per_minute) {
    tokens = counted.tokens.lock();
    if (tokens == nullptr) {
      INSULA_TRY(tokens, TokenWindow::open(file(kTokensExtension), clock_, boot_));
      if (tokens->began_full()) tell_full(owner);
      counted.tokens = tokens;
    }
    limits.tokens = tokens;
  }
  if (shared_ != nullptr) share_windows(owner, counted, requests, tokens, limits);
  return {};
}

/// Whose requests are refused for a while must not be left to guess why.
void SnapshotBuilder::tell_full(const std::string& owner) {
  log_.error("a limit's file was damaged and is kept aside; nothing is admitted for one window",
             "of", owner);
}

void SnapshotBuilder::make_room(const std::string& owner, Counted& counted, RateWindow& log) {
  const auto grown = log.grow(counted.requests_per_hour);
  if (grown.has_value() != counted.too_small) return;  // As it was before.
  counted.too_small = !grown;
  if (grown) {
    log_.info("rate limit raised", "of", owner, "limit", counted.requests_per_hour);
  } else {
    log_.error("rate limit not raised", "of", owner, "limit", counted.requests_per_hour, "err",
               grown.error());
  }
}

void SnapshotBuilder::flush() {
  for (auto& [owner, counted] : counted_) {
    if (const auto requests = counted.requests.lock(); requests != nullptr) {
      make_room(owner, counted, *requests);
      requests->flush();
    }
    if (const auto tokens = counted.tokens.lock(); tokens != nullptr) tokens->flush();
    if (const auto members = counted.members.lock(); members != nullptr) members->flush();
  }
}

}  // namespace insula::gateway
