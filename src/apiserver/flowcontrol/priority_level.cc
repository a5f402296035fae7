#include "apiserver/flowcontrol/priority_level.h"

#include <algorithm>
#include <utility>

namespace insula::apiserver {

namespace {

// What one request may have of its level, so that it neither waits for all others nor keeps all
// others waiting: 15 %.
constexpr std::size_t kRequestPercent = 15;
constexpr std::size_t kPercent = 100;

}  // namespace

void PriorityLevel::configure(FlowIndex::LevelPtr next) {
  object = std::move(next);
  QueueSet::Config config;
  if (!is_exempt() && object->spec.limited->limit_response.queuing) {
    const api::QueuingConfiguration& queuing = *object->spec.limited->limit_response.queuing;
    config.queues = static_cast<std::uint32_t>(queuing.queues);
    config.hand_size = static_cast<std::uint32_t>(queuing.hand_size);
    config.queue_length_max = static_cast<std::size_t>(queuing.queue_length_limit);
  }
  queues.configure(config);
}

std::size_t PriorityLevel::request_seats_max() const {
  if (!has_queues()) return std::max<std::size_t>(seats.nominal, 1);
  const std::size_t part = (seats.nominal * kRequestPercent + kPercent - 1) / kPercent;
  return std::max<std::size_t>(1, std::min(part, seats.nominal / queues.config().hand_size));
}

}  // namespace insula::apiserver
