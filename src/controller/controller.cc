#include "controller/controller.h"

#include <utility>

#include "async/deadline.h"
#include "async/loop.h"

namespace insula::controller {

namespace {

// Failures in a row after which a key's error is worth a warning; conflicts and races pass by
// before.
constexpr int kFailuresBeforeWarning = 5;

Task<> wait(Event& event) {
  co_await event.wait();
}

Labels named(const std::string& controller) {
  return {{"controller", controller}};
}

Counter& reconciles(MetricsRegistry& registry,
                    const std::string& controller,
                    std::string_view result) {
  Labels labels = named(controller);
  labels.emplace_back("result", result);
  return registry.counter(
      "controller_runtime_reconcile_total",
      "Reconciles by result; a rising error rate means that a controller cannot do its work, "
      "see its log.",
      labels);
}

}  // namespace

ControllerMetrics::ControllerMetrics(MetricsRegistry& registry, const std::string& controller)
    : succeeded(reconciles(registry, controller, "success")),
      failed(reconciles(registry, controller, "error")),
      requeued(reconciles(registry, controller, "requeue_after")),
      added(registry.counter(
          "workqueue_adds_total", "Keys given to a controller's queue.", {{"name", controller}})),
      depth(registry.gauge(
          "workqueue_depth",
          "Keys that wait for a controller; a number that stays high means it cannot keep up.",
          {{"name", controller}})),
      seconds(registry.histogram("controller_runtime_reconcile_time_seconds",
                                 "Duration of a reconcile; when it rises, the API server is slow.",
                                 latency_bounds(),
                                 named(controller))) {}

Controller::Controller(ControllerOptions options, const Runtime& runtime, Reconciler& reconciler)
    : options_(std::move(options)),
      clock_(runtime.clock),
      log_(runtime.log.with("controller", options_.name)),
      reconciler_(reconciler),
      metrics_(runtime.metrics, options_.name),
      queue_(runtime.clock, options_.backoff) {}

void Controller::enqueue(const Key& key) {
  queue_.add(key);
  metrics_.added.add();
  metrics_.depth.set(static_cast<double>(queue_.depth()));
  wake_.set();
}

void Controller::enqueue_after(const Key& key, std::chrono::nanoseconds delay) {
  queue_.add_after(key, delay);
  metrics_.added.add();
  wake_.set();
}

void Controller::start(std::vector<Mirror*> mirrors) {
  tasks_.spawn(dispatch(std::move(mirrors)));
}

Task<> Controller::dispatch(std::vector<Mirror*> mirrors) {
  for (Mirror* mirror : mirrors)
    co_await mirror->synced().wait();
  for (;;) {
    wake_.reset();
    while (queue_.working() < options_.workers) {
      std::optional<Key> key = queue_.pop();
      if (!key) break;
      tasks_.spawn(work(*std::move(key)));
    }
    metrics_.depth.set(static_cast<double>(queue_.depth()));
    co_await wait_for_work();
  }
}

// Ends when a key was added, a worker became free or a delayed key is due.
Task<> Controller::wait_for_work() {
  const std::optional<SteadyTime> due = queue_.next_due();
  if (!due || queue_.working() >= options_.workers) {
    co_await wake_.wait();
  } else {
    co_await race(wait(wake_), sleep_until(*due));
  }
}

Task<> Controller::work(Key key) {
  const SteadyTime begin = clock_.now();
  const Result<Outcome> outcome = co_await reconciler_.reconcile(key);
  metrics_.seconds.observe(std::chrono::duration<double>(clock_.now() - begin).count());
  if (!outcome) {
    metrics_.failed.add();
    queue_.add_after_failure(key);
    const int failures = queue_.failures(key);
    // What the server refuses for the user's reasons (a quota) is told in events and conditions.
    const bool ours = outcome.error().origin() != ErrorOrigin::kClient;
    if (ours && failures >= kFailuresBeforeWarning) {
      log_.warn("reconcile failed", "key", key.text(), "failures", failures, "err",
                outcome.error());
    } else {
      log_.debug("reconcile failed", "key", key.text(), "failures", failures, "err",
                 outcome.error());
    }
  } else if (outcome->again_after) {
    metrics_.requeued.add();
    queue_.forget(key);
    queue_.add_after(key, *outcome->again_after);
  } else {
    metrics_.succeeded.add();
    queue_.forget(key);
  }
  queue_.done(key);
  wake_.set();
}

}  // namespace insula::controller
