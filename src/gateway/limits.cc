#include "gateway/limits.h"

#include <algorithm>
#include <utility>

#include "gateway/shared_budget.h"
#include "gateway/shared_limit.h"

namespace insula::gateway {
namespace {

bool runs_too_many(const Limits& limits, std::int64_t running) {
  return running >= limits.most.concurrent_requests.value_or(INT64_MAX);
}

bool limits_requests(const Limits* limits) {
  return limits != nullptr && limits->most.requests_per_hour.has_value();
}

}  // namespace

std::string_view name_of(LimitScope scope) {
  switch (scope) {
    case LimitScope::kKey:
      return "key";
    case LimitScope::kModel:
      return "model";
    case LimitScope::kMember:
      return "member";
    case LimitScope::kTenant:
      break;
  }
  return "tenant";
}

std::optional<LimitMet> Admission::take(const LimitSet& limits,
                                        std::optional<std::int64_t> tokens,
                                        std::int64_t spend) {
  report_ = {};
  shortage_ = Shortage::kNone;
  charge_ = {.tokens = tokens.value_or(0), .spend = spend};
  // A window alone needs no look before its use.
  const bool looks = std::ranges::count_if(limits.values, limits_requests) > 1;
  for (const LimitScope scope : kLimitScopes) {
    const Limits* each = limits[scope];
    if (each == nullptr) continue;
    if (!start(scope, *each)) return refuse(limits, {LimitKind::kConcurrency, scope});
    if (tokens && !reserve(scope, *each, *tokens))
      return refuse(limits, {LimitKind::kTokens, scope});
    if (tokens && !charge(scope, *each)) return refuse(limits, {LimitKind::kBudget, scope});
    if (looks && !has_request_left(scope, *each))
      return refuse(limits, {LimitKind::kRequests, scope});
  }
  for (const LimitScope scope : kLimitScopes) {
    if (!limits_requests(limits[scope])) continue;
    auto& decision = report_.requests[scope];
    decision = limits[scope]->requests->admit(*limits[scope]->most.requests_per_hour);
    if (decision->admitted) continue;
    shortage_ = decision->shortage;
    return refuse(limits, {LimitKind::kRequests, scope});
  }
  return std::nullopt;
}

std::optional<LimitMet> Admission::look(const LimitSet& limits) {
  report_ = {};
  const auto scope = look_at_requests(limits);
  shortage_ = Shortage::kNone;
  for (const LimitScope each : kLimitScopes) {
    if (limits[each] != nullptr && runs_too_many(*limits[each], limits[each]->running->load()))
      return LimitMet{LimitKind::kConcurrency, each};
  }
  for (const LimitScope each : kLimitScopes) {
    if (limits[each] == nullptr || limits[each]->budget == nullptr) continue;
    budget_met_ = limits[each]->budget->look(limits[each]->most.budget);
    if (budget_met_) return LimitMet{LimitKind::kBudget, each};
  }
  // Whether the store of shared limits has more is known when it was asked.
  if (!scope || report_.requests[*scope]->shortage != Shortage::kNone) return std::nullopt;
  return LimitMet{LimitKind::kRequests, *scope};
}

bool Admission::start(LimitScope scope, const Limits& limits) {
  if (limits.shared_running != nullptr && limits.most.concurrent_requests) {
    running_[scope] = &limits;
    return start_shared(limits);
  }
  const std::int64_t running = limits.running->fetch_add(1);
  running_[scope] = &limits;
  return !runs_too_many(limits, running);
}

/// It counts from the first moment on, and is taken back with the rest if there is no room.
bool Admission::start_shared(const Limits& limits) {
  SharedLimit& shared = *limits.shared_running;
  const std::int64_t most = *limits.most.concurrent_requests;
  shared.set_limit(most);
  {
    const SharedLimit::Use use(shared);
    if (limits.running->fetch_add(1) < std::min(most, use.most())) {
      shared.took(1);
      return true;
    }
  }
  if (most > 0) shortage_ = shared.miss(1);
  return false;
}

bool Admission::has_lapsed() const {
  return std::ranges::any_of(running_.values, [](const Limits* limits) {
    return limits != nullptr && limits->shared_running != nullptr &&
           limits->most.concurrent_requests && !limits->shared_running->is_lent();
  });
}

bool Admission::reserve_budget(const Limits& limits, const Charge& charge) {
  budget_met_ = limits.shared_budget == nullptr
                    ? limits.budget->reserve(charge, limits.most.budget)
                    : limits.shared_budget->reserve(charge, limits.most.budget, shortage_);
  return !budget_met_;
}

bool Admission::reserve(LimitScope scope, const Limits& limits, std::int64_t tokens) {
  if (!limits.most.tokens_per_minute) return true;
  auto& decision = report_.tokens[scope];
  decision = limits.tokens->reserve(tokens, *limits.most.tokens_per_minute);
  // No tokens are too many for a limit of none: what a request uses may be known only afterwards.
  if (*limits.most.tokens_per_minute == 0) decision->admitted = false;
  if (!decision->admitted) shortage_ = decision->shortage;
  if (!decision->admitted) return false;
  reserving_[scope] = &limits;
  reserved_ = tokens;
  return true;
}

bool Admission::charge(LimitScope scope, const Limits& limits) {
  if (limits.budget == nullptr) return true;
  if (!reserve_budget(limits, charge_)) return false;
  charging_[scope] = &limits;
  if (limits.most.budget != BudgetConfig{}) reserved_ = charge_.tokens;
  return true;
}

bool Admission::has_request_left(LimitScope scope, const Limits& limits) {
  if (!limits_requests(&limits)) return true;
  auto& decision = report_.requests[scope];
  if (!decision) {
    decision = limits.requests->look(*limits.most.requests_per_hour);
    if (!decision->admitted && shortage_ == Shortage::kNone) shortage_ = decision->shortage;
  }
  return decision->admitted;
}

/// Completes the report. Returns the scope that has to wait longest.
std::optional<LimitScope> Admission::look_at_requests(const LimitSet& limits) {
  std::optional<LimitScope> met;
  for (const LimitScope scope : kLimitScopes) {
    if (limits[scope] == nullptr || has_request_left(scope, *limits[scope])) continue;
    if (!met || report_.requests[scope]->reset > report_.requests[*met]->reset) met = scope;
  }
  return met;
}

/// Gives back what was taken before the limit was met, and completes the report. Of several limits
/// of requests the one counts that lasts longest.
LimitMet Admission::refuse(const LimitSet& limits, LimitMet met) {
  for (const LimitScope scope : kLimitScopes) {
    if (reserving_[scope] == nullptr) continue;
    RateDecision& given_back = *report_.tokens[scope];
    given_back.remaining += *reserved_;
    if (given_back.remaining == given_back.limit) given_back.reset = {};
  }
  settle(0);
  const Shortage shortage = shortage_;
  const auto longest = look_at_requests(limits);
  shortage_ = shortage;
  if (met.kind == LimitKind::kRequests) met.scope = longest.value_or(met.scope);
  return met;
}

std::optional<LimitMet> Admission::reserve_more(std::int64_t tokens, std::int64_t spend) {
  shortage_ = Shortage::kNone;
  if (!reserved_) return std::nullopt;
  const Charge charge{.tokens = tokens, .spend = spend};
  LimitSet more;
  LimitSet charged;
  const auto undo = [&] {
    for (const Limits* each : more.values) {
      if (each != nullptr) each->tokens->settle(tokens, 0);
    }
    for (const Limits* each : charged.values) {
      if (each != nullptr) each->budget->settle(charge, {});
    }
  };
  for (const LimitScope scope : kLimitScopes) {
    const Limits* each = reserving_[scope];
    if (each == nullptr) continue;
    const RateDecision decision = each->tokens->reserve(tokens, *each->most.tokens_per_minute);
    if (decision.admitted) {
      more[scope] = each;
      continue;
    }
    shortage_ = decision.shortage;
    undo();
    return LimitMet{LimitKind::kTokens, scope};
  }
  for (const LimitScope scope : kLimitScopes) {
    const Limits* each = charging_[scope];
    if (each == nullptr) continue;
    if (reserve_budget(*each, charge)) {
      charged[scope] = each;
      continue;
    }
    undo();
    return LimitMet{LimitKind::kBudget, scope};
  }
  *reserved_ += tokens;
  charge_.add(charge);
  return std::nullopt;
}

void Admission::settle(std::int64_t tokens, std::int64_t spend) {
  const std::int64_t reserved = std::exchange(reserved_, std::nullopt).value_or(0);
  for (const Limits* each : std::exchange(reserving_, {}).values) {
    if (each != nullptr) each->tokens->settle(reserved, tokens);
  }
  for (const Limits* each : std::exchange(charging_, {}).values) {
    if (each != nullptr) each->budget->settle(charge_, {.tokens = tokens, .spend = spend});
  }
  for (const Limits* each : std::exchange(running_, {}).values) {
    if (each != nullptr) each->running->fetch_sub(1);
  }
}

}  // namespace insula::gateway
