#include "api/defaulting/flow_control.h"

#include "api/defaulting/set.h"

namespace insula::api {

namespace {

constexpr std::int32_t kMatchingPrecedence = 1000;
constexpr std::int32_t kConcurrencyShares = 30;
constexpr std::int32_t kQueues = 64;
constexpr std::int32_t kHandSize = 8;
constexpr std::int32_t kQueueLengthLimit = 50;

}  // namespace

void set_defaults(FlowSchema& object) {
  set_if_zero(object.spec.matching_precedence, kMatchingPrecedence);
}

void set_defaults(PriorityLevelConfiguration& object) {
  if (object.spec.exempt) {
    set_if_absent(object.spec.exempt->nominal_concurrency_shares, 0);
    set_if_absent(object.spec.exempt->lendable_percent, 0);
  }
  if (!object.spec.limited) return;
  LimitedPriorityLevelConfiguration& limited = *object.spec.limited;
  set_if_absent(limited.nominal_concurrency_shares, kConcurrencyShares);
  set_if_absent(limited.lendable_percent, 0);
  if (!limited.limit_response.queuing) return;
  QueuingConfiguration& queuing = *limited.limit_response.queuing;
  set_if_zero(queuing.queues, kQueues);
  set_if_zero(queuing.hand_size, kHandSize);
  set_if_zero(queuing.queue_length_limit, kQueueLengthLimit);
}

}  // namespace insula::api
