#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "async/deadline.h"
#include "async/loop.h"
#include "node/pod_worker.h"

// What is asked of a running container, and what follows from the answers.
namespace insula::node {

using controller::EventType;

namespace {

// Until a container was ready for the first time it is asked more often than its period says: no
// failure counts yet, and users wait for the first success.
constexpr auto kEagerProbeMin = std::chrono::milliseconds(25);

std::chrono::seconds or_default(std::int32_t seconds, std::int32_t otherwise) {
  return std::chrono::seconds(seconds > 0 ? seconds : otherwise);
}

std::chrono::seconds period_of(const api::Probe& probe) {
  return or_default(probe.period_seconds, 10);
}

ProbeState state_of(const api::Probe& probe, bool initially) {
  return {std::max(1, probe.success_threshold),
          probe.failure_threshold > 0 ? probe.failure_threshold : 3, initially};
}

}  // namespace

ProbeTarget PodWorker::target_of(Slot& slot) {
  return {slot.spec,      *slot.running, services_.runtime, services_.http,
          record_.pod_ip, slot.env,      slot.cwd};
}

Task<Result<>> PodWorker::probe_once(Slot& slot, const api::Probe& probe) {
  const Deadline deadline = Loop::current().now() + or_default(probe.timeout_seconds, 1);
  const ProbeTarget target = target_of(slot);
  co_return co_await with_deadline(deadline, check(probe.handler, target, deadline));
}

void PodWorker::probe_failed(Slot& slot, std::string_view kind, const Error& error) {
  event(slot, EventType::kWarning, "Unhealthy",
        fmt::format("{} probe failed: {}", kind, error.message()));
}

Task<> PodWorker::probe_all(Slot& slot) {
  if (slot.spec.startup_probe && !slot.record.started) co_await probe_startup(slot);
  slot.record.started = true;
  if (!slot.spec.readiness_probe) slot.record.ready = true;
  slot.began.set();
  changed();
  TaskGroup both;
  if (slot.spec.readiness_probe) both.spawn(probe_readiness(slot));
  if (slot.spec.liveness_probe) both.spawn(probe_liveness(slot));
  co_await both.drained();
}

// Returns once the container has started; a container that never does is killed, which ends this.
Task<> PodWorker::probe_startup(Slot& slot) {
  const api::Probe& probe = *slot.spec.startup_probe;
  ProbeState state = state_of(probe, false);
  co_await sleep_for(std::chrono::seconds(probe.initial_delay_seconds));
  while (true) {
    const Result<> result = co_await probe_once(slot, probe);
    if (!result) probe_failed(slot, "Startup", result.error());
    const bool decided = state.add(result.has_value());
    if (state.passing()) co_return;
    if (decided) {
      const std::int64_t grace = probe.termination_grace_period_seconds.value_or(
          pod_.spec.termination_grace_period_seconds.value_or(30));
      co_await kill(
          slot, std::chrono::seconds(grace),
          fmt::format("Container {} failed startup probe, will be restarted", slot.spec.name));
    }
    co_await sleep_for(period_of(probe));
  }
}

Task<> PodWorker::probe_readiness(Slot& slot) {
  const api::Probe& probe = *slot.spec.readiness_probe;
  ProbeState state = state_of(probe, slot.record.ready);
  bool was_ready = slot.record.ready;
  std::chrono::nanoseconds eager = kEagerProbeMin;
  co_await sleep_for(std::chrono::seconds(probe.initial_delay_seconds));
  while (true) {
    const Result<> result = co_await probe_once(slot, probe);
    if (!result && was_ready) probe_failed(slot, "Readiness", result.error());
    state.add(result.has_value());
    if (slot.record.ready != state.passing()) {
      slot.record.ready = state.passing();
      changed();
    }
    was_ready = was_ready || state.passing();
    const std::chrono::nanoseconds period = period_of(probe);
    if (was_ready) {
      co_await sleep_for(period);
      continue;
    }
    co_await sleep_for(std::min(eager, period));
    eager *= 2;
    if (eager >= period && !result) probe_failed(slot, "Readiness", result.error());
  }
}

Task<> PodWorker::probe_liveness(Slot& slot) {
  const api::Probe& probe = *slot.spec.liveness_probe;
  ProbeState state = state_of(probe, true);
  co_await sleep_for(std::chrono::seconds(probe.initial_delay_seconds));
  while (true) {
    const Result<> result = co_await probe_once(slot, probe);
    if (!result) probe_failed(slot, "Liveness", result.error());
    const bool decided = state.add(result.has_value());
    if (decided && !state.passing()) {
      const std::int64_t grace = probe.termination_grace_period_seconds.value_or(
          pod_.spec.termination_grace_period_seconds.value_or(30));
      co_await kill(
          slot, std::chrono::seconds(grace),
          fmt::format("Container {} failed liveness probe, will be restarted", slot.spec.name));
    }
    co_await sleep_for(period_of(probe));
  }
}

}  // namespace insula::node
