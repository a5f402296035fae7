#include <memory>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "gateway/exchange.h"
#include "gateway/waiting_room.h"
#include "gateway/worker.h"

namespace insula::gateway {
namespace {

/// A wait that ends with this, also when nobody waits for it any more: a seat that was given
/// meanwhile is given back.
class Wait {
 public:
  Wait(WaitingRoom& room, const TenantMetrics& metrics, std::shared_ptr<WaitingTicket> ticket)
      : room_(room), metrics_(metrics), ticket_(std::move(ticket)) {
    metrics_.queued->add(1);
    room_.enter(ticket_);
  }

  Wait(const Wait&) = delete;
  Wait& operator=(const Wait&) = delete;

  ~Wait() { static_cast<void>(end()); }

  /// The seat that was given, if one was; at most once.
  Visit end() {
    const std::shared_ptr<WaitingTicket> ticket = std::move(ticket_);
    if (ticket == nullptr) return {};
    metrics_.queued->add(-1);
    const Seat* seat = room_.leave(ticket);
    return seat == nullptr ? Visit() : Visit(*seat->endpoint, false);
  }

 private:
  WaitingRoom& room_;
  const TenantMetrics& metrics_;
  std::shared_ptr<WaitingTicket> ticket_;
};

}  // namespace

/// Waits until one of the endpoints that may answer has room. Nothing when that took too long, or
/// too many wait: then there is a reason in `queue_end_`.
Task<Visit> Exchange::wait_for_seat(Request& request) {
  const Tenant& tenant = *request.tenant;
  std::vector<Seat> seats;
  for (const Backend* backend : candidates_.list()) {
    for (const auto& endpoint : backend->endpoints)
      seats.push_back({endpoint, backend->in_flight_max, backend});
  }
  WaitingRoom& room = *worker_.settings().waiting_room;
  const auto ticket = room.make_ticket(
      {.tenant = tenant.name, .weight = tenant.queue.weight, .input = request.demand.prompt},
      static_cast<std::size_t>(tenant.queue.requests), std::move(seats));
  const SteadyTime began = worker_.settings().clock.now();
  Wait wait(room, *tenant.metrics, ticket);
  ticket_ = ticket.get();
  deadline_ = worker_.coarse_now() + std::chrono::seconds(tenant.queue.wait_seconds);
  co_await ticket->event().wait();
  deadline_.reset();
  ticket_ = nullptr;
  queue_end_ = ticket->end();
  Visit visit = wait.end();
  tenant.metrics->queue_time->observe(
      std::chrono::duration<double>(worker_.settings().clock.now() - began).count());
  if (!visit || client_gone_) co_return Visit();
  request.backend = ticket->seat().backend;
  request.queued = true;
  co_return visit;
}

/// Refuses a request that waited in vain.
Task<bool> Exchange::refuse_unseated(Request& request) {
  const Tenant& tenant = *request.tenant;
  const QueueConfig& queue = tenant.queue;
  request.refusal_code = ApiError::kOverloaded;
  if (queue_end_ == WaitEnd::kTenantFull) {
    tenant.metrics->queue_refused[0]->add();
    request.refusal_code = ApiError::kQueueFull;
    own_headers_.append("Retry-After: 1\r\n");
    co_return co_await refuse(
        request, Error(ErrorCode::kTooManyRequests,
                       fmt::format("the tenant has {} requests waiting, as many as it may",
                                   queue.requests)));
  }
  if (queue_end_ == WaitEnd::kFull) {
    tenant.metrics->queue_refused[1]->add();
    co_return co_await refuse(
        request, Error(ErrorCode::kUnavailable, "as many requests wait as the gateway can hold"));
  }
  tenant.metrics->queue_refused[2]->add();
  co_return co_await refuse(
      request,
      Error(ErrorCode::kUnavailable,
            worker_.draining()
                ? std::string("the gateway is stopping, and the request was still waiting")
                : fmt::format("no endpoint of {} had room for the request within {} seconds",
                              request.backend->service_host, queue.wait_seconds)));
}

/// Whether the request waits when there is no place for it. Those of sites are nobody's models, and
/// count against no bound.
bool Exchange::may_wait(const Request& request) {
  return request.site_route == nullptr && request.tenant->queue.requests > 0;
}

/// Others wait for an endpoint of this backend: who comes now comes after them.
bool Exchange::is_awaited(const Backend& backend) {
  for (const auto& endpoint : backend.endpoints) {
    if (endpoint->waiting.load() > 0) return true;
  }
  return false;
}

/// What the tenant was served counts where tenants wait for their turn.
void Exchange::charge_for(const Request& request) {
  WaitingRoom* room = worker_.settings().waiting_room;
  if (room == nullptr || request.tenant == nullptr) return;
  const llm::Usage& used = request.usage;
  const std::int64_t charged = request.queued ? request.demand.prompt : 0;
  room->charge(request.tenant->name, request.tenant->queue.weight,
               FairQueue::kInputWeight * (used.prompt_tokens - charged) +
                   FairQueue::kOutputWeight * used.completion_tokens);
}

}  // namespace insula::gateway
