#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "apiserver/flowcontrol/flow_index.h"
#include "apiserver/flowcontrol/flow_metrics.h"
#include "apiserver/flowcontrol/flow_ticket.h"
#include "apiserver/flowcontrol/paused_answers.h"
#include "apiserver/flowcontrol/priority_level.h"
#include "apiserver/flowcontrol/seat_limits.h"
#include "apiserver/flowcontrol/work_estimate.h"
#include "async/event.h"
#include "async/task.h"
#include "async/task_group.h"
#include "async/waiter.h"
#include "base/clock.h"
#include "base/error.h"
#include "store/store.h"
#include "telemetry/metrics.h"

namespace insula::apiserver {

/// Which request is served next, and how many at a time: API priority and fairness on one loop.
///
/// Each request belongs to a flow of a priority level (FlowIndex). A level has seats for what is
/// under way, and queues for what waits (PriorityLevel, QueueSet). Most requests never wait for
/// anything but the processor, and would be done in the turn of the loop in which they come,
/// however many come: so seats alone protect nobody. Therefore a turn of the loop begins requests
/// only for kTurnBudget; what comes later waits in its queue, also while seats are free. As long as
/// somebody waits, each turn begins one request, goes on with one long answer
/// (FlowTicket::give_way(), flow by flow) and lets one refusal out. Between two turns everything
/// else on the loop has its own, so that controllers, watches, timers and new requests wait for a
/// few requests at most, and a client that repeats what is refused gets its refusals no faster than
/// others get served.
///
/// The level whose request is next is found as QueueSet finds a queue, by seats begun for nominal
/// seats.
///
/// Lifetime: the store and the metrics outlive it; it outlives its tickets. Threads: the store's
/// loop.
class RequestDispatcher {
 public:
  /// For how long a turn of the loop begins requests.
  static constexpr std::chrono::milliseconds kTurnBudget{1};

  /// `seats`: of all priority levels together.
  RequestDispatcher(store::Store& store, MetricsRegistry& metrics, std::size_t seats);
  RequestDispatcher(const RequestDispatcher&) = delete;
  RequestDispatcher& operator=(const RequestDispatcher&) = delete;

  /// Finds the request's flow. It has its seats then, or wait() says what becomes of it.
  /// Requires: the ticket is new.
  void enter(FlowTicket& ticket, const EstimatedRequest& request);

  /// Until the request has its seats, but no longer than `until` or until `gone` returns.
  /// Requires: it has entered. Errors: kTooManyRequests.
  Task<Result<>> wait(FlowTicket& ticket, Deadline until, Task<> gone);

  [[nodiscard]] WatchCounts& watches() { return watches_; }

  /// As they are now.
  [[nodiscard]] const PriorityLevels& levels();

 private:
  friend class FlowTicket;

  void refresh();
  void forget_idle();
  [[nodiscard]] std::shared_ptr<const Flow> flow_of(const FlowTicket& ticket) const;
  [[nodiscard]] std::vector<LevelSeats> all_seats() const;
  /// For a level whose requests do not wait for seats.
  [[nodiscard]] bool has_seats(const PriorityLevel& level, std::size_t wanted) const;
  /// Whether this turn may begin something more. The first to ask begins the turn.
  [[nodiscard]] bool turn_has_room();
  /// The request that can begin next; null when none can.
  [[nodiscard]] FlowTicket* next() const;
  void queue(FlowTicket& ticket) const;
  void begin(FlowTicket& ticket);
  void end(FlowTicket& ticket);
  void leave(FlowTicket& ticket);
  void refuse(FlowTicket& ticket, FlowRejection reason);
  Task<> keep_final_seats(std::shared_ptr<const Flow> flow, WorkEstimate work);
  Task<> run_turns();
  void collect(Exposition& out) const;

  store::Store& store_;
  FlowIndex index_;
  MetricsRegistry& metrics_;
  std::size_t server_seats_;
  WatchCounts watches_;
  PriorityLevels levels_;
  std::vector<std::shared_ptr<const Flow>> flows_;
  double virtual_time_ = 0;               // of the levels
  std::optional<SteadyTime> turn_began_;  // nothing: this turn has begun no request yet
  Event wake_;                            // there is something to do in the next turn
  PausedAnswers paused_;
  WaiterList refused_;  // requests that are to be told so
  MetricsRegistry::Registration limits_;
  TaskGroup tasks_;
};

}  // namespace insula::apiserver
