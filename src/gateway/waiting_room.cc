#include "gateway/waiting_room.h"

#include <utility>

namespace insula::gateway {

/// What belongs to the room's loop.
struct WaitingRoom::Home {
  explicit Home(std::size_t waiting_max) : queue(waiting_max) {}

  void admit(const std::shared_ptr<WaitingTicket>& ticket);
  void seat_all();
  static bool take_seat(WaitingTicket& ticket);
  static void tell(const std::shared_ptr<WaitingTicket>& ticket);

  FairQueue queue;
  std::unordered_map<std::uint64_t, std::shared_ptr<WaitingTicket>> tickets;
  std::atomic<bool> turn_is_due{false};
  /// The loops of the requests may be gone.
  bool closed = false;
};

WaitingTicket::WaitingTicket(FairQueue::Waiting request,
                             std::size_t tenant_max,
                             std::vector<Seat> seats)
    : request_(std::move(request)),
      tenant_max_(tenant_max),
      seats_(std::move(seats)),
      loop_(Loop::current()) {}

std::optional<WaitEnd> WaitingTicket::end() const {
  switch (state_.load()) {
    case State::kWaiting:
      return std::nullopt;
    case State::kSeated:
      return WaitEnd::kSeated;
    case State::kTenantFull:
      return WaitEnd::kTenantFull;
    case State::kFull:
      return WaitEnd::kFull;
    case State::kLeft:
      break;
  }
  return WaitEnd::kLeft;
}

/// Wakes the request, whose loop has the event.
void WaitingRoom::Home::tell(const std::shared_ptr<WaitingTicket>& ticket) {
  ticket->loop_.post([ticket] { ticket->event_.set(); });
}

/// The one with the fewest requests of those that have room; those that failed lately only when
/// there is no other.
bool WaitingRoom::Home::take_seat(WaitingTicket& ticket) {
  const SteadyTime now = Loop::current().now();
  std::vector<char> tried(ticket.seats_.size());
  for (;;) {
    std::optional<std::size_t> best;
    std::pair<bool, std::int64_t> least;
    for (std::size_t i = 0; i < ticket.seats_.size(); ++i) {
      const Seat& seat = ticket.seats_[i];
      const std::int64_t in_flight = seat.endpoint->in_flight.load();
      if (tried[i] != 0 || in_flight >= seat.in_flight_max) continue;
      const std::pair load{seat.endpoint->health.ejected_until() > now, in_flight};
      if (best && load >= least) continue;
      best = i;
      least = load;
    }
    if (!best) return false;
    const Seat& seat = ticket.seats_[*best];
    if (seat.endpoint->in_flight.fetch_add(1) < seat.in_flight_max) {
      ticket.seated_ = *best;
      return true;
    }
    seat.endpoint->in_flight.fetch_sub(1);
    tried[*best] = 1;
  }
}

void WaitingRoom::Home::seat_all() {
  for (;;) {
    const auto request = queue.next([this](const FairQueue::Waiting& each) {
      return take_seat(*tickets.find(each.number)->second);
    });
    if (!request) return;
    const auto found = tickets.find(request->number);
    const std::shared_ptr<WaitingTicket> ticket = std::move(found->second);
    tickets.erase(found);
    auto waiting = WaitingTicket::State::kWaiting;
    if (ticket->state_.compare_exchange_strong(waiting, WaitingTicket::State::kSeated)) {
      tell(ticket);
    } else {
      // It left while its message was on its way.
      ticket->seats_[ticket->seated_].endpoint->in_flight.fetch_sub(1);
    }
  }
}

void WaitingRoom::Home::admit(const std::shared_ptr<WaitingTicket>& ticket) {
  if (closed || ticket->state_ == WaitingTicket::State::kLeft) return;
  const auto added = queue.add(ticket->request_, ticket->tenant_max_);
  if (added == FairQueue::Added::kYes) {
    tickets.emplace(ticket->request_.number, ticket);
    seat_all();
    return;
  }
  auto waiting = WaitingTicket::State::kWaiting;
  const auto full = added == FairQueue::Added::kTenantFull ? WaitingTicket::State::kTenantFull
                                                           : WaitingTicket::State::kFull;
  if (ticket->state_.compare_exchange_strong(waiting, full)) tell(ticket);
}

WaitingRoom::WaitingRoom(Loop& home, std::size_t waiting_max)
    : home_(home), queue_(std::make_shared<Home>(waiting_max)) {}

WaitingRoom::~WaitingRoom() {
  queue_->closed = true;
  queue_->tickets.clear();
}

std::shared_ptr<WaitingTicket> WaitingRoom::make_ticket(FairQueue::Waiting request,
                                                        std::size_t tenant_max,
                                                        std::vector<Seat> seats) {
  request.number = numbers_.fetch_add(1, std::memory_order_relaxed);
  return std::make_shared<WaitingTicket>(std::move(request), tenant_max, std::move(seats));
}

void WaitingRoom::enter(const std::shared_ptr<WaitingTicket>& ticket) {
  waiting_.fetch_add(1);
  // Before the message: a place that gets free from here on is told to the room.
  for (const Seat& seat : ticket->seats_) {
    seat.endpoint->room.store(this);
    seat.endpoint->waiting.fetch_add(1);
  }
  home_.post([queue = queue_, ticket] { queue->admit(ticket); });
}

const Seat* WaitingRoom::leave(const std::shared_ptr<WaitingTicket>& ticket) {
  waiting_.fetch_sub(1);
  for (const Seat& seat : ticket->seats_)
    seat.endpoint->waiting.fetch_sub(1);
  const auto before = ticket->state_.exchange(WaitingTicket::State::kLeft);
  if (before == WaitingTicket::State::kSeated) return &ticket->seat();
  if (before == WaitingTicket::State::kWaiting) {
    home_.post([queue = queue_, ticket] {
      if (queue->closed) return;
      if (queue->queue.remove(ticket->request_.tenant, ticket->request_.number))
        queue->tickets.erase(ticket->request_.number);
    });
  }
  return nullptr;
}

void WaitingRoom::place_is_free() {
  if (queue_->turn_is_due.exchange(true)) return;
  home_.post([queue = queue_] {
    queue->turn_is_due = false;
    if (!queue->closed) queue->seat_all();
  });
}

void WaitingRoom::charge(const std::string& tenant, std::int64_t weight, std::int64_t tokens) {
  if (waiting_.load() == 0) return;
  home_.post([queue = queue_, tenant, weight, tokens] {
    if (!queue->closed) queue->queue.charge(tenant, weight, tokens);
  });
}

}  // namespace insula::gateway
