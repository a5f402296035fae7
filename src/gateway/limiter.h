#pragma once

#include <chrono>
#include <cstdint>

namespace insula::gateway {

/// The window over which requests are counted.
inline constexpr std::chrono::seconds kRateWindow{3600};
/// The window over which tokens are counted.
inline constexpr std::chrono::seconds kTokenWindow{60};

/// Why a limit that replicas share has no room, if not because it is reached.
enum class Shortage : std::uint8_t {
  kNone,
  kAsking,  // the store may have more: decide again after SharedLimits::turn()
  kAway,    // the store cannot be reached, and what this replica holds of the limit is used up
  kClosed   // the store does not yet know what the replicas hold
};

/// What a limiter decided, with the numbers that the reply's headers carry.
struct RateDecision {
  bool admitted = false;
  std::int64_t limit = 0;
  std::int64_t remaining = 0;
  /// Until the oldest counted request leaves the window; when none remain, until one more is
  /// admitted. Zero when nothing is counted.
  std::chrono::nanoseconds reset{};
  /// Of a refusal.
  Shortage shortage = Shortage::kNone;
};

/// Counts the requests of one owner over a window. Threads: any, without locks.
class RequestLimiter {
 public:
  virtual ~RequestLimiter() = default;

  /// Admits one request if fewer than `limit` were admitted in the last window.
  virtual RateDecision admit(std::int64_t limit) = 0;

  /// The same numbers without admitting anything; `admitted` says whether one would be.
  [[nodiscard]] virtual RateDecision look(std::int64_t limit) const = 0;
};

/// Counts the tokens of one owner over a window, reserved before a request and settled after it.
/// Threads: any, without locks.
class TokenLimiter {
 public:
  virtual ~TokenLimiter() = default;

  /// Reserves `tokens` if what is settled and reserved leaves room for them under `limit`.
  /// `remaining` and `reset` are as of then; of a refusal, `reset` is when it would be granted if
  /// nothing else happened, as far as that can be known.
  virtual RateDecision reserve(std::int64_t tokens, std::int64_t limit) = 0;

  /// Ends a reservation: its request has used `used` tokens.
  virtual void settle(std::int64_t reserved, std::int64_t used) = 0;
};

}  // namespace insula::gateway
