#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "apiserver/flowcontrol/flow_index.h"
#include "apiserver/flowcontrol/flow_metrics.h"
#include "apiserver/flowcontrol/queue_set.h"
#include "apiserver/flowcontrol/retry_after.h"
#include "apiserver/flowcontrol/seat_limits.h"

namespace insula::apiserver {

/// What is under way and what waits of one priority level.
///
/// Threads: one loop.
struct PriorityLevel {
  FlowIndex::LevelPtr object;
  QueueSet queues;
  LevelSeats seats;
  /// Of the levels' order, see RequestDispatcher.
  double virtual_start = 0;
  RetryAfter retry_after;
  /// Its object is gone; what there is of it is finished.
  bool is_quiescing = false;
  std::uint64_t dispatched = 0;
  std::array<std::uint64_t, kFlowRejections> rejected{};

  [[nodiscard]] const std::string& name() const { return object->metadata.name; }

  [[nodiscard]] bool is_exempt() const { return !object->spec.limited.has_value(); }

  [[nodiscard]] bool has_queues() const { return queues.config().queues > 0; }

  [[nodiscard]] bool is_idle() const {
    return queues.waiting() + queues.executing() + seats.in_use == 0;
  }

  /// Takes over a new state of the object.
  void configure(FlowIndex::LevelPtr next);

  /// Seats that one request may have.
  [[nodiscard]] std::size_t request_seats_max() const;
};

/// By name.
using PriorityLevels = std::map<std::string, std::shared_ptr<PriorityLevel>>;

/// A flow schema in force, with its level.
struct Flow {
  FlowIndex::SchemaPtr schema;
  std::shared_ptr<PriorityLevel> level;
  std::shared_ptr<FlowSeries> series;
};

}  // namespace insula::apiserver
