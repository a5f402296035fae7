#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "gateway/budget.h"
#include "gateway/config.h"
#include "gateway/limiter.h"

namespace insula::gateway {

class SharedBudget;
class SharedLimit;

/// What the requests of one tenant, API key, member or model are held to, and what counts them.
/// Snapshots that follow one another share the windows and the count of running requests, whatever
/// the numbers become.
struct Limits {
  LimitConfig most;
  /// Null when there is no such limit, or when its file cannot be opened: nothing is served then,
  /// since no limit would be worse.
  std::shared_ptr<RequestLimiter> requests = nullptr;
  std::shared_ptr<TokenLimiter> tokens = nullptr;
  std::shared_ptr<std::atomic<std::int64_t>> running = nullptr;
  /// Null likewise, when the ledger cannot be read.
  std::shared_ptr<BudgetAccount> budget = nullptr;
  /// What of the running requests and of the budget gateways share; null: they are this one's own.
  std::shared_ptr<SharedLimit> shared_running = nullptr;
  std::shared_ptr<SharedBudget> shared_budget = nullptr;

  [[nodiscard]] bool can_be_kept() const {
    return running != nullptr && (!most.requests_per_hour || requests != nullptr) &&
           (!most.tokens_per_minute || tokens != nullptr) &&
           (most.budget == BudgetConfig{} || budget != nullptr);
  }
};

/// Which limit a request met.
enum class LimitKind : std::uint8_t { kConcurrency, kTokens, kRequests, kBudget };

/// Whose limit it was.
enum class LimitScope : std::uint8_t { kTenant, kKey, kModel, kMember };

/// `tenant`, `key`, `model` or `member`.
[[nodiscard]] std::string_view name_of(LimitScope scope);

struct LimitMet {
  LimitKind kind = LimitKind::kRequests;
  LimitScope scope = LimitScope::kTenant;

  bool operator==(const LimitMet&) const = default;
};

/// In the order in which shares are taken.
inline constexpr std::array kLimitScopes = {LimitScope::kKey, LimitScope::kMember,
                                            LimitScope::kModel, LimitScope::kTenant};

/// One thing for every scope.
template <class T>
struct PerScope {
  std::array<T, kLimitScopes.size()> values{};

  [[nodiscard]] T& operator[](LimitScope scope) { return values[static_cast<std::size_t>(scope)]; }

  [[nodiscard]] const T& operator[](LimitScope scope) const {
    return values[static_cast<std::size_t>(scope)];
  }
};

/// All that one request is held to; null for a scope that it does not have. All can be kept.
using LimitSet = PerScope<const Limits*>;

/// What the windows said last, for the reply's headers; nothing for those that were not asked.
struct RateReport {
  PerScope<std::optional<RateDecision>> requests;
  PerScope<std::optional<RateDecision>> tokens;
};

/// One request's share of its limits, given back once.
///
/// A request that is refused has used up nothing. Of each scope concurrency, tokens and budgets are
/// taken, which can be given back, and the window of requests is looked at, which cannot; only when
/// all scopes have room are those windows used up. Key and member come before the model, and all
/// before the tenant: as long as one is over a limit of its own, its requests hold nothing of what
/// the next ones share for even a moment.
///
/// Between the look and the use another request may take the tenant's last place. This one has then
/// used up one of its key's, member's or model's for nothing: too few are admitted, never too many.
///
/// Threads: one at a time.
/// Lifetime: the limits outlive it.
class Admission {
 public:
  Admission() = default;
  Admission(const Admission&) = delete;
  Admission& operator=(const Admission&) = delete;

  ~Admission() { settle(0); }

  /// Takes the share of a request that may use `tokens` and cost `spend`, or cannot use any when
  /// there is no number; at most once. Returns the limit that it met, when it met one.
  std::optional<LimitMet> take(const LimitSet& limits,
                               std::optional<std::int64_t> tokens,
                               std::int64_t spend = 0);

  /// What take() would say now, but for the tokens, which are not known before the body.
  std::optional<LimitMet> look(const LimitSet& limits);

  /// Tokens that the request may use; nothing when they are not limited.
  [[nodiscard]] std::optional<std::int64_t> reserved() const { return reserved_; }

  /// Reserves more of them, which may cost `spend`. Returns the limit that has no room, when one
  /// has none.
  std::optional<LimitMet> reserve_more(std::int64_t tokens, std::int64_t spend = 0);

  /// Gives the share back: the request has used `tokens` and cost `spend`. Further calls do
  /// nothing.
  void settle(std::int64_t tokens, std::int64_t spend = 0);

  /// Whether requests may no longer run that are counted among those that gateways share: the store
  /// was not heard of for so long that others may run in their place.
  [[nodiscard]] bool has_lapsed() const;

  /// The budget that was met last. Requires: a LimitKind::kBudget was returned.
  [[nodiscard]] const BudgetMet& budget_met() const { return *budget_met_; }

  /// Why the limit that take() or reserve_more() returned last has no room, when that is not since
  /// it is reached.
  [[nodiscard]] Shortage shortage() const { return shortage_; }

  /// As of take() or look().
  [[nodiscard]] const RateReport& report() const { return report_; }

 private:
  // Each takes or looks at one scope's; false when its limit is met.
  [[nodiscard]] bool start(LimitScope scope, const Limits& limits);
  [[nodiscard]] bool reserve(LimitScope scope, const Limits& limits, std::int64_t tokens);
  [[nodiscard]] bool charge(LimitScope scope, const Limits& limits);
  [[nodiscard]] bool start_shared(const Limits& limits);
  [[nodiscard]] bool reserve_budget(const Limits& limits, const Charge& charge);
  [[nodiscard]] bool has_request_left(LimitScope scope, const Limits& limits);

  [[nodiscard]] std::optional<LimitScope> look_at_requests(const LimitSet& limits);
  LimitMet refuse(const LimitSet& limits, LimitMet met);

  LimitSet running_;    // whose requests it is counted among
  LimitSet reserving_;  // whose tokens are reserved
  LimitSet charging_;   // whose budgets
  Charge charge_;       // what is reserved of those
  std::optional<BudgetMet> budget_met_;
  std::optional<std::int64_t> reserved_;
  RateReport report_;
  Shortage shortage_ = Shortage::kNone;
};

}  // namespace insula::gateway
