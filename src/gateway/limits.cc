#include "gateway/limits.h"

#include <algorithm>
#include <utility>

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
    if (!decision->admitted) return refuse(limits, {LimitKind::kRequests, scope});
  }
  return std::nullopt;
}

std::optional<LimitMet> Admission::look(const LimitSet& limits) {
  report_ = {};
  const auto scope = look_at_requests(limits);
  for (const LimitScope each : kLimitScopes) {
    if (limits[each] != nullptr && runs_too_many(*limits[each], limits[each]->running->load()))
      return LimitMet{LimitKind::kConcurrency, each};
  }
  for (const LimitScope each : kLimitScopes) {
    if (limits[each] == nullptr || limits[each]->budget == nullptr) continue;
    budget_met_ = limits[each]->budget->look(limits[each]->most.budget);
    if (budget_met_) return LimitMet{LimitKind::kBudget, each};
  }
  if (!scope) return std::nullopt;
  return LimitMet{LimitKind::kRequests, *scope};
}

bool Admission::start(LimitScope scope, const Limits& limits) {
  const std::int64_t running = limits.running->fetch_add(1);
  running_[scope] = &limits;
  return !runs_too_many(limits, running);
}

bool Admission::reserve(LimitScope scope, const Limits& limits, std::int64_t tokens) {
  if (!limits.most.tokens_per_minute) return true;
  auto& decision = report_.tokens[scope];
  decision = limits.tokens->reserve(tokens, *limits.most.tokens_per_minute);
  // No tokens are too many for a limit of none: what a request uses may be known only afterwards.
  if (*limits.most.tokens_per_minute == 0) decision->admitted = false;
  if (!decision->admitted) return false;
  reserving_[scope] = &limits;
  reserved_ = tokens;
  return true;
}

bool Admission::charge(LimitScope scope, const Limits& limits) {
  if (limits.budget == nullptr) return true;
  budget_met_ = limits.budget->reserve(charge_, limits.most.budget);
  if (budget_met_) return false;
  charging_[scope] = &limits;
  if (limits.most.budget != BudgetConfig{}) reserved_ = charge_.tokens;
  return true;
}

bool Admission::has_request_left(LimitScope scope, const Limits& limits) {
  if (!limits_requests(&limits)) return true;
  auto& decision = report_.requests[scope];
  if (!decision) decision = limits.requests->look(*limits.most.requests_per_hour);
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
  const auto longest = look_at_requests(limits);
  if (met.kind == LimitKind::kRequests) met.scope = longest.value_or(met.scope);
  return met;
}

std::optional<LimitMet> Admission::reserve_more(std::int64_t tokens, std::int64_t spend) {
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
    if (each->tokens->reserve(tokens, *each->most.tokens_per_minute).admitted) {
      more[scope] = each;
      continue;
    }
    undo();
    return LimitMet{LimitKind::kTokens, scope};
  }
  for (const LimitScope scope : kLimitScopes) {
    const Limits* each = charging_[scope];
    if (each == nullptr) continue;
    budget_met_ = each->budget->reserve(charge, each->most.budget);
    if (!budget_met_) {
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
