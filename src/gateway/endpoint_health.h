#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "base/clock.h"

namespace insula::gateway {

/// How an endpoint is doing, as far as the requests that it got tell (passive health checks).
///
/// One that cannot be reached, or fails kFailuresToEject requests in a row, is ejected: for
/// kEjectionMin, and each further time for twice as long, up to kEjectionMax. When that is over one
/// request tries it, the probe, while others stay away for as long again. Any reply brings it back;
/// it then has its full share of requests after kSlowStart only.
///
/// What is read on the request path is one word; two threads that change it at once both count.
///
/// Threads: any.
class EndpointHealth {
 public:
  static constexpr std::int64_t kFailuresToEject = 5;
  static constexpr std::chrono::seconds kEjectionMin{1};
  static constexpr std::chrono::seconds kEjectionMax{60};
  /// Of being well, after which earlier ejections count no more.
  static constexpr std::chrono::seconds kForgetTime{60};
  static constexpr std::chrono::seconds kSlowStart{10};
  /// Of requests, that one which is new or back gets at first.
  static constexpr double kShareMin = 0.1;

  /// What a request came to that was not answered.
  enum class Failure : std::uint8_t {
    kUnreachable,  // no connection: others will have none either
    kUnanswered,   // lost, too late, broken off, or 5xx
  };

  /// `since`: when it began to serve.
  explicit EndpointHealth(SteadyTime since = {});
  EndpointHealth(const EndpointHealth&) = delete;
  EndpointHealth& operator=(const EndpointHealth&) = delete;

  /// SteadyTime() when it is well. Once that time has come, a probe is due.
  [[nodiscard]] SteadyTime ejected_until() const {
    return SteadyTime(until_of(word_.load(std::memory_order_relaxed)));
  }

  /// Makes the caller's request the probe, if one is due.
  [[nodiscard]] bool take_probe(SteadyTime now);

  /// A request has failed. Returns for how long the endpoint is ejected now, when this ejected it.
  /// Failures of an ejected one count only if they are the probe's.
  std::chrono::seconds fail(SteadyTime now, Failure failure, bool is_probe);

  /// A request gets its reply. Returns whether that has brought the endpoint back.
  bool reply(SteadyTime now);

  /// Leaves it alone at least until then: it fails its health check.
  void hold(SteadyTime until);

  /// A request was answered to its end: failures before it do not count any more.
  void succeed();

  /// In (0, 1]: the part of its fair share that it should get.
  [[nodiscard]] double share(SteadyTime now) const;

 private:
  /// One word: milliseconds until which it is ejected, ejections so far, failures in a row.
  using Word = std::uint64_t;

  struct State {
    std::int64_t until_ms;
    std::int64_t ejections;
    std::int64_t failures;
  };

  static std::chrono::milliseconds until_of(Word word) {
    return std::chrono::milliseconds(word >> kUntilShift);
  }

  static State unpack(Word word);
  static Word pack(const State& state);
  static std::chrono::seconds ejection_time(std::int64_t ejections);

  static constexpr unsigned kUntilShift = 16;
  static constexpr unsigned kEjectionsShift = 8;

  std::atomic<Word> word_{0};
  std::atomic<std::int64_t> well_since_ms_;
};

}  // namespace insula::gateway
