#include "apiserver/flowcontrol/flow_metrics.h"

#include <span>
#include <utility>

namespace insula::apiserver {

namespace {

/// Seconds.
constexpr double kBounds[] = {0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30};

constexpr std::string_view kWaitHelp =
    "Time that requests waited in their queue; when it grows for a level, its clients ask for more "
    "than its share.";
constexpr std::string_view kExecutionHelp =
    "Time that requests held their seats, of a watch until it had sent what there was.";

Labels labels_of(const std::string& level, const std::string& schema) {
  return {{"priority_level", level}, {"flow_schema", schema}};
}

Labels with(Labels labels, const char* name, std::string_view value) {
  labels.emplace_back(name, value);
  return labels;
}

double seconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

std::string_view name_of(FlowRejection reason) {
  switch (reason) {
    case FlowRejection::kQueueFull:
      return "queue-full";
    case FlowRejection::kConcurrencyLimit:
      return "concurrency-limit";
    case FlowRejection::kTimeOut:
      return "time-out";
    case FlowRejection::kCancelled:
      return "cancelled";
  }
  return "";
}

FlowSeries::FlowSeries(MetricsRegistry& registry,
                       const std::string& level,
                       const std::string& schema)
    : dispatched_(registry.counter("apiserver_flowcontrol_dispatched_requests_total",
                                   "Requests that were served, by what they belong to.",
                                   labels_of(level, schema))),
      in_queue_(registry.gauge("apiserver_flowcontrol_current_inqueue_requests",
                               "Requests that wait in queues now.",
                               labels_of(level, schema))),
      executing_(registry.gauge("apiserver_flowcontrol_current_executing_requests",
                                "Requests that are served now, of watches those that begin.",
                                labels_of(level, schema))),
      seats_(registry.gauge("apiserver_flowcontrol_current_executing_seats",
                            "Seats that are taken now.",
                            labels_of(level, schema))),
      waited_executed_(registry.histogram("apiserver_flowcontrol_request_wait_duration_seconds",
                                          kWaitHelp,
                                          kBounds,
                                          with(labels_of(level, schema), "execute", "true"))),
      waited_rejected_(registry.histogram("apiserver_flowcontrol_request_wait_duration_seconds",
                                          kWaitHelp,
                                          kBounds,
                                          with(labels_of(level, schema), "execute", "false"))),
      executed_(registry.histogram("apiserver_flowcontrol_request_execution_seconds",
                                   kExecutionHelp,
                                   kBounds,
                                   with(labels_of(level, schema), "type", "regular"))),
      executed_watch_(registry.histogram("apiserver_flowcontrol_request_execution_seconds",
                                         kExecutionHelp,
                                         kBounds,
                                         with(labels_of(level, schema), "type", "watch"))) {
  for (std::size_t i = 0; i < kFlowRejections; ++i) {
    rejected_.at(i) = &registry.counter(
        "apiserver_flowcontrol_rejected_requests_total",
        "Requests that were refused with 429; look at dump_requests for whose they are.",
        with(labels_of(level, schema), "reason", name_of(static_cast<FlowRejection>(i))));
  }
}

void FlowSeries::unqueued(std::chrono::nanoseconds waited, bool executed) {
  in_queue_.add(-1);
  (executed ? waited_executed_ : waited_rejected_).observe(seconds(waited));
}

void FlowSeries::began(std::size_t seats) {
  dispatched_.add();
  executing_.add(1);
  seats_.add(static_cast<double>(seats));
}

void FlowSeries::ended(std::size_t seats, std::chrono::nanoseconds took, bool is_watch) {
  executing_.add(-1);
  seats_.add(-static_cast<double>(seats));
  (is_watch ? executed_watch_ : executed_).observe(seconds(took));
}

}  // namespace insula::apiserver
