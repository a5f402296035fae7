#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "async/event.h"
#include "async/task_group.h"
#include "base/error.h"
#include "controller/informer.h"
#include "controller/key.h"
#include "controller/work_queue.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

namespace insula::controller {

/// What a reconcile that did not fail wants next.
struct Outcome {
  std::optional<std::chrono::nanoseconds> again_after;  // nullopt: nothing until something changes
};

inline constexpr Outcome kDone{};

[[nodiscard]] inline Outcome again_after(std::chrono::nanoseconds delay) {
  return {delay};
}

/// Brings one object's world to what the object asks for.
///
/// Gets a key, not an event: reads the current state, works out what is missing, does it, and may
/// be called again at any time with nothing to do. Keeps nothing in members that the API could not
/// give back. Never sleeps: it returns kDone, again_after(d), or an error, which is tried again
/// after a growing delay.
class Reconciler {
 public:
  virtual ~Reconciler() = default;
  virtual Task<Result<Outcome>> reconcile(Key key) = 0;
};

struct ControllerOptions {
  std::string name;  // label of the metrics, component of the log
  std::size_t workers = 4;
  Backoff backoff = {};
};

/// What every controller is given. Lifetime: all of it outlives the controller.
struct Runtime {
  const Clock& clock;
  MetricsRegistry& metrics;
  Log log;
};

/// Series of one controller's queue, under the names that Kubernetes' components use.
struct ControllerMetrics {
  ControllerMetrics(MetricsRegistry& registry, const std::string& controller);

  Counter& succeeded;
  Counter& failed;
  Counter& requeued;
  Counter& added;
  Gauge& depth;
  Histogram& seconds;
};

/// Runs a Reconciler over a WorkQueue: never two workers on one key, failures with backoff, and
/// nothing before the mirrors that it reads are in sync.
///
/// Lifetime: the reconciler and the mirrors outlive the controller. Threads: one loop.
class Controller {
 public:
  Controller(ControllerOptions options, const Runtime& runtime, Reconciler& reconciler);

  void enqueue(const Key& key);
  void enqueue_after(const Key& key, std::chrono::nanoseconds delay);

  /// Begins to work once every mirror is in sync.
  void start(std::vector<Mirror*> mirrors);

  /// Nothing waits, nothing is worked on; delayed keys do not count.
  [[nodiscard]] bool idle() const { return queue_.depth() == 0 && queue_.working() == 0; }

 private:
  Task<> dispatch(std::vector<Mirror*> mirrors);
  Task<> work(Key key);
  Task<> wait_for_work();

  ControllerOptions options_;
  const Clock& clock_;
  Log log_;
  Reconciler& reconciler_;
  ControllerMetrics metrics_;
  WorkQueue queue_;
  Event wake_;
  TaskGroup tasks_;
};

}  // namespace insula::controller
