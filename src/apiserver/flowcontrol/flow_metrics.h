#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "telemetry/metrics.h"

namespace insula::apiserver {

/// Why a request is not served.
enum class FlowRejection : std::uint8_t { kQueueFull, kConcurrencyLimit, kTimeOut, kCancelled };

inline constexpr std::size_t kFlowRejections = 4;

/// As metrics call it.
[[nodiscard]] std::string_view name_of(FlowRejection reason);

/// The series of one flow schema and its priority level, under the names of kube-apiserver.
///
/// Lifetime: that of the registry. Threads: one loop.
class FlowSeries {
 public:
  FlowSeries(MetricsRegistry& registry, const std::string& level, const std::string& schema);

  void queued() { in_queue_.add(1); }

  /// It is not queued any more; `executed`: it is served now.
  void unqueued(std::chrono::nanoseconds waited, bool executed);

  void rejected(FlowRejection reason) { rejected_.at(static_cast<std::size_t>(reason))->add(); }

  void began(std::size_t seats);
  /// `is_watch`: the time was that until it had begun.
  void ended(std::size_t seats, std::chrono::nanoseconds took, bool is_watch);

  /// Seats that are kept after a request, or given back.
  void keep_seats(double seats) { seats_.add(seats); }

 private:
  Counter& dispatched_;
  std::array<Counter*, kFlowRejections> rejected_{};
  Gauge& in_queue_;
  Gauge& executing_;
  Gauge& seats_;
  Histogram& waited_executed_;
  Histogram& waited_rejected_;
  Histogram& executed_;
  Histogram& executed_watch_;
};

}  // namespace insula::apiserver
