#pragma once

#include <memory>
#include <utility>

#include "gateway/limiter.h"
#include "gateway/shared_limit.h"

namespace insula::gateway {

/// A window of requests that replicas share: this one's own log, held to what this one holds.
class SharedRequests final : public RequestLimiter {
 public:
  SharedRequests(std::shared_ptr<RequestLimiter> window, std::shared_ptr<SharedLimit> share)
      : window_(std::move(window)), share_(std::move(share)) {}

  RateDecision admit(std::int64_t limit) override;

  /// When there is no room it asks the store for some, as admit() does.
  [[nodiscard]] RateDecision look(std::int64_t limit) const override;

 private:
  [[nodiscard]] RateDecision refused(std::int64_t limit) const;

  const std::shared_ptr<RequestLimiter> window_;
  const std::shared_ptr<SharedLimit> share_;
};

/// A window of tokens likewise. What a request used beyond its reservation is held afterwards, so
/// that it counts for all.
class SharedTokens final : public TokenLimiter {
 public:
  SharedTokens(std::shared_ptr<TokenLimiter> window, std::shared_ptr<SharedLimit> share)
      : window_(std::move(window)), share_(std::move(share)) {}

  RateDecision reserve(std::int64_t tokens, std::int64_t limit) override;

  void settle(std::int64_t reserved, std::int64_t used) override;

 private:
  const std::shared_ptr<TokenLimiter> window_;
  const std::shared_ptr<SharedLimit> share_;
};

}  // namespace insula::gateway
