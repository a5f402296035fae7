#include "gateway/limits.h"

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

std::optional<LimitMet> Admission::take(const LimitSet& limits,
                                        std::optional<std::int64_t> tokens) {
  report_ = {};
  if (const auto scope = start(limits)) return refuse(limits, {LimitKind::kConcurrency, *scope});
  if (tokens) {
    if (const auto scope = reserve(limits, *tokens))
      return refuse(limits, {LimitKind::kTokens, *scope});
  }
  if (const auto scope = use_up_request(limits))
    return refuse(limits, {LimitKind::kRequests, *scope});
  return std::nullopt;
}

std::optional<LimitMet> Admission::look(const LimitSet& limits) {
  report_ = {};
  const auto scope = look_at_requests(limits);
  for (const LimitScope each : kLimitScopes) {
    if (limits[each] != nullptr && runs_too_many(*limits[each], limits[each]->running->load()))
      return LimitMet{LimitKind::kConcurrency, each};
  }
  if (!scope) return std::nullopt;
  return LimitMet{LimitKind::kRequests, *scope};
}

std::optional<LimitScope> Admission::start(const LimitSet& limits) {
  for (const LimitScope scope : kLimitScopes) {
    const Limits* each = limits[scope];
    if (each == nullptr) continue;
    const std::int64_t running = each->running->fetch_add(1);
    running_[scope] = each;
    if (runs_too_many(*each, running)) return scope;
  }
  return std::nullopt;
}

std::optional<LimitScope> Admission::reserve(const LimitSet& limits, std::int64_t tokens) {
  for (const LimitScope scope : kLimitScopes) {
    const Limits* each = limits[scope];
    if (each == nullptr || !each->most.tokens_per_minute) continue;
    auto& decision = report_.tokens[scope];
    decision = each->tokens->reserve(tokens, *each->most.tokens_per_minute);
    // No tokens are too many for a limit of none: what a request uses may be known only afterwards.
    if (*each->most.tokens_per_minute == 0) decision->admitted = false;
    if (!decision->admitted) return scope;
    reserving_[scope] = each;
    reserved_ = tokens;
  }
  return std::nullopt;
}

std::optional<LimitScope> Admission::use_up_request(const LimitSet& limits) {
  if (limits_requests(limits[LimitScope::kKey])) {
    if (const auto scope = look_at_requests(limits)) return scope;
  }
  for (const LimitScope scope : kLimitScopes) {
    const Limits* each = limits[scope];
    if (!limits_requests(each)) continue;
    auto& decision = report_.requests[scope];
    decision = each->requests->admit(*each->most.requests_per_hour);
    if (!decision->admitted) return scope;
  }
  return std::nullopt;
}

/// Fills the report where it is empty. Returns the scope that has to wait longest.
std::optional<LimitScope> Admission::look_at_requests(const LimitSet& limits) {
  std::optional<LimitScope> met;
  for (const LimitScope scope : kLimitScopes) {
    const Limits* each = limits[scope];
    if (!limits_requests(each)) continue;
    auto& decision = report_.requests[scope];
    if (!decision) decision = each->requests->look(*each->most.requests_per_hour);
    if (decision->admitted) continue;
    if (!met || decision->reset > report_.requests[*met]->reset) met = scope;
  }
  return met;
}

/// Gives back what was taken before the limit was met, and completes the report.
LimitMet Admission::refuse(const LimitSet& limits, LimitMet met) {
  for (const LimitScope scope : kLimitScopes) {
    if (reserving_[scope] == nullptr) continue;
    RateDecision& given_back = *report_.tokens[scope];
    given_back.remaining += *reserved_;
    if (given_back.remaining == given_back.limit) given_back.reset = {};
  }
  settle(0);
  static_cast<void>(look_at_requests(limits));
  return met;
}

std::optional<LimitScope> Admission::reserve_more(std::int64_t tokens) {
  if (!reserved_) return std::nullopt;
  LimitSet more;
  for (const LimitScope scope : kLimitScopes) {
    const Limits* each = reserving_[scope];
    if (each == nullptr) continue;
    if (each->tokens->reserve(tokens, *each->most.tokens_per_minute).admitted) {
      more[scope] = each;
      continue;
    }
    for (const Limits* other : more.values) {
      if (other != nullptr) other->tokens->settle(tokens, 0);
    }
    return scope;
  }
  *reserved_ += tokens;
  return std::nullopt;
}

void Admission::settle(std::int64_t tokens) {
  const std::int64_t reserved = std::exchange(reserved_, std::nullopt).value_or(0);
  for (const Limits* each : std::exchange(reserving_, {}).values) {
    if (each != nullptr) each->tokens->settle(reserved, tokens);
  }
  for (const Limits* each : std::exchange(running_, {}).values) {
    if (each != nullptr) each->running->fetch_sub(1);
  }
}

}  // namespace insula::gateway
