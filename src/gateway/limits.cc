#include "gateway/limits.h"

namespace insula::gateway {

std::optional<LimitKind> Admission::take(const Limits& limits, std::optional<std::int64_t> tokens) {
  if (limits.running->fetch_add(1) >= limits.concurrent_requests.value_or(INT64_MAX)) {
    limits.running->fetch_sub(1);
    requests_ = limits.requests->look(limits.requests_per_hour);
    return LimitKind::kConcurrency;
  }
  if (limits.tokens_per_minute && tokens) {
    tokens_ = limits.tokens->reserve(*tokens, *limits.tokens_per_minute);
    if (!tokens_->admitted) {
      limits.running->fetch_sub(1);
      requests_ = limits.requests->look(limits.requests_per_hour);
      return LimitKind::kTokens;
    }
    reserved_ = tokens;
  }
  limits_ = &limits;
  requests_ = limits.requests->admit(limits.requests_per_hour);
  if (requests_->admitted) return std::nullopt;
  if (reserved_) tokens_->remaining += *reserved_;
  settle(0);
  return LimitKind::kRequests;
}

std::optional<LimitKind> Admission::look(const Limits& limits) {
  requests_ = limits.requests->look(limits.requests_per_hour);
  if (limits.running->load() >= limits.concurrent_requests.value_or(INT64_MAX))
    return LimitKind::kConcurrency;
  if (requests_->admitted) return std::nullopt;
  return LimitKind::kRequests;
}

bool Admission::reserve_more(std::int64_t tokens) {
  if (!reserved_) return true;
  if (!limits_->tokens->reserve(tokens, *limits_->tokens_per_minute).admitted) return false;
  *reserved_ += tokens;
  return true;
}

void Admission::settle(std::int64_t tokens) {
  if (limits_ == nullptr) return;
  if (reserved_) limits_->tokens->settle(*std::exchange(reserved_, std::nullopt), tokens);
  std::exchange(limits_, nullptr)->running->fetch_sub(1);
}

}  // namespace insula::gateway
