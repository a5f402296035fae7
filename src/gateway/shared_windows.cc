#include "gateway/shared_windows.h"

#include <algorithm>

namespace insula::gateway {
namespace {

/// When nothing is in use here that would come back: what others use does, at some time.
constexpr std::chrono::seconds kResetUntold{60};

/// The numbers for all replicas, as far as this one knows them.
RateDecision of_all(RateDecision own, const SharedLimit& share, std::int64_t limit) {
  own.limit = limit;
  own.remaining = std::clamp<std::int64_t>(own.remaining + share.free(), 0, limit);
  return own;
}

}  // namespace

RateDecision SharedRequests::admit(std::int64_t limit) {
  share_->set_limit(limit);
  {
    const SharedLimit::Use use(*share_);
    if (const std::int64_t most = std::min(use.most(), limit); most > 0) {
      const RateDecision decision = window_->admit(most);
      if (decision.admitted) {
        share_->took(1);
        return of_all(decision, *share_, limit);
      }
    }
  }
  return refused(limit);
}

RateDecision SharedRequests::look(std::int64_t limit) const {
  share_->set_limit(limit);
  {
    const SharedLimit::Use use(*share_);
    if (const std::int64_t most = std::min(use.most(), limit); most > 0) {
      const RateDecision decision = window_->look(most);
      if (decision.admitted) return of_all(decision, *share_, limit);
    }
  }
  return refused(limit);
}

RateDecision SharedRequests::refused(std::int64_t limit) const {
  if (limit <= 0) return {.reset = kRateWindow};
  RateDecision decision = window_->look(limit);
  decision.admitted = false;
  decision.limit = limit;
  decision.remaining = 0;
  if (decision.reset.count() == 0) decision.reset = kResetUntold;
  decision.shortage = share_->miss(1);
  return decision;
}

RateDecision SharedTokens::reserve(std::int64_t tokens, std::int64_t limit) {
  share_->set_limit(limit);
  RateDecision decision;
  {
    const SharedLimit::Use use(*share_);
    decision = window_->reserve(tokens, std::min(use.most(), limit));
  }
  decision = of_all(decision, *share_, limit);
  if (decision.admitted) {
    share_->took(tokens);
  } else if (tokens <= limit) {
    decision.shortage = share_->miss(tokens);
  }
  return decision;
}

void SharedTokens::settle(std::int64_t reserved, std::int64_t used) {
  window_->settle(reserved, used);
}

}  // namespace insula::gateway
