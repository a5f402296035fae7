#include "gateway/endpoint_health.h"

#include <algorithm>

namespace insula::gateway {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// 2^6 seconds are more than the longest ejection.
constexpr std::int64_t kEjectionsCounted = 7;

/// Never 0, which means that there is no such time.
std::int64_t to_ms(SteadyTime time) {
  return std::max<std::int64_t>(
      std::chrono::duration_cast<milliseconds>(time.time_since_epoch()).count(), 1);
}

}  // namespace

EndpointHealth::EndpointHealth(SteadyTime since) : well_since_ms_(to_ms(since)) {}

EndpointHealth::State EndpointHealth::unpack(Word word) {
  return {.until_ms = static_cast<std::int64_t>(word >> kUntilShift),
          .ejections = static_cast<std::int64_t>(word >> kEjectionsShift & 0xffU),
          .failures = static_cast<std::int64_t>(word & 0xffU)};
}

EndpointHealth::Word EndpointHealth::pack(const State& state) {
  return static_cast<Word>(state.until_ms) << kUntilShift |
         static_cast<Word>(state.ejections) << kEjectionsShift | static_cast<Word>(state.failures);
}

seconds EndpointHealth::ejection_time(std::int64_t ejections) {
  return std::min(kEjectionMin * (std::int64_t{1} << (ejections - 1)), kEjectionMax);
}

bool EndpointHealth::take_probe(SteadyTime now) {
  Word word = word_.load(std::memory_order_relaxed);
  for (;;) {
    State state = unpack(word);
    if (state.until_ms == 0 || state.until_ms > to_ms(now)) return false;
    state.until_ms = to_ms(now + ejection_time(state.ejections));
    if (word_.compare_exchange_weak(word, pack(state), std::memory_order_relaxed)) return true;
  }
}

seconds EndpointHealth::fail(SteadyTime now, Failure failure, bool is_probe) {
  const std::int64_t failures = failure == Failure::kUnreachable ? kFailuresToEject : 1;
  const std::int64_t well_ms = to_ms(now) - well_since_ms_.load(std::memory_order_relaxed);
  Word word = word_.load(std::memory_order_relaxed);
  for (;;) {
    State state = unpack(word);
    const bool was_ejected = state.until_ms != 0;
    if (was_ejected && !is_probe) return seconds(0);
    state.failures = std::min(state.failures + failures, kFailuresToEject);
    const bool ejects = was_ejected || state.failures == kFailuresToEject;
    if (ejects) {
      if (!was_ejected && well_ms >= milliseconds(kForgetTime).count()) state.ejections = 0;
      state.ejections = std::min(state.ejections + 1, kEjectionsCounted);
      state.until_ms = to_ms(now + ejection_time(state.ejections));
    }
    if (word_.compare_exchange_weak(word, pack(state), std::memory_order_relaxed))
      return ejects ? ejection_time(state.ejections) : seconds(0);
  }
}

bool EndpointHealth::reply(SteadyTime now) {
  Word word = word_.load(std::memory_order_relaxed);
  for (;;) {
    State state = unpack(word);
    if (state.until_ms == 0) return false;
    state.until_ms = 0;
    state.failures = 0;
    // Before it is back, so that nobody sees it with its full share.
    well_since_ms_.store(to_ms(now), std::memory_order_relaxed);
    if (word_.compare_exchange_weak(word, pack(state), std::memory_order_release,
                                    std::memory_order_relaxed)) {
      return true;
    }
  }
}

void EndpointHealth::hold(SteadyTime until) {
  Word word = word_.load(std::memory_order_relaxed);
  for (;;) {
    State state = unpack(word);
    if (state.until_ms >= to_ms(until)) return;
    state.until_ms = to_ms(until);
    state.ejections = std::max<std::int64_t>(state.ejections, 1);
    if (word_.compare_exchange_weak(word, pack(state), std::memory_order_relaxed)) return;
  }
}

void EndpointHealth::succeed() {
  Word word = word_.load(std::memory_order_relaxed);
  for (;;) {
    State state = unpack(word);
    if (state.until_ms != 0 || state.failures == 0) return;
    state.failures = 0;
    if (word_.compare_exchange_weak(word, pack(state), std::memory_order_relaxed)) return;
  }
}

double EndpointHealth::share(SteadyTime now) const {
  const std::int64_t well_ms = to_ms(now) - well_since_ms_.load(std::memory_order_relaxed);
  if (well_ms >= milliseconds(kSlowStart).count()) return 1;
  const double ramp = static_cast<double>(std::max<std::int64_t>(well_ms, 0)) /
                      static_cast<double>(milliseconds(kSlowStart).count());
  return std::max(ramp, kShareMin);
}

}  // namespace insula::gateway
