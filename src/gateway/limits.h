#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "gateway/rate_window.h"
#include "gateway/token_window.h"

namespace insula::gateway {

/// What a tenant's requests are held to. Snapshots that follow one another share the windows and
/// the count of running requests, whatever the numbers become.
struct Limits {
  std::int64_t requests_per_hour = 0;
  std::optional<std::int64_t> tokens_per_minute;
  std::optional<std::int64_t> concurrent_requests;
  /// Null when the log cannot be opened: the tenant is not served then, since an unlimited tenant
  /// would be worse. `tokens` is null when there is no limit, too.
  std::shared_ptr<RateWindow> requests;
  std::shared_ptr<TokenWindow> tokens;
  std::shared_ptr<std::atomic<std::int64_t>> running;

  [[nodiscard]] bool can_be_kept() const {
    return requests != nullptr && running != nullptr && (!tokens_per_minute || tokens != nullptr);
  }
};

/// Which limit a request met.
enum class LimitKind : std::uint8_t { kConcurrency, kTokens, kRequests };

/// One request's share of its tenant's limits, given back once.
///
/// Taken in the order concurrency, tokens, requests: what can be given back first, so that a
/// request that is refused has used up nothing. Threads: one at a time.
/// Lifetime: the limits outlive it.
class Admission {
 public:
  Admission() = default;
  Admission(const Admission&) = delete;
  Admission& operator=(const Admission&) = delete;

  ~Admission() { settle(0); }

  /// Takes the share of a request that may use `tokens`, or cannot use any when there is no number;
  /// at most once. Returns the limit that it met, when it met one. Requires: limits.can_be_kept().
  std::optional<LimitKind> take(const Limits& limits, std::optional<std::int64_t> tokens);

  /// What take() would say now, but for the tokens, which are not known before the body.
  std::optional<LimitKind> look(const Limits& limits);

  /// Tokens that the request may use; nothing when they are not limited.
  [[nodiscard]] std::optional<std::int64_t> reserved() const { return reserved_; }

  /// Reserves more of them. False when there is no room.
  bool reserve_more(std::int64_t tokens);

  /// Gives the share back: the request has used `tokens`. Further calls do nothing.
  void settle(std::int64_t tokens);

  /// As of take() or look(), for the reply's headers; nothing for what was not asked.
  [[nodiscard]] const std::optional<RateDecision>& requests() const { return requests_; }

  [[nodiscard]] const std::optional<RateDecision>& tokens() const { return tokens_; }

 private:
  const Limits* limits_ = nullptr;  // set while a share is held
  std::optional<std::int64_t> reserved_;
  std::optional<RateDecision> requests_;
  std::optional<RateDecision> tokens_;
};

}  // namespace insula::gateway
