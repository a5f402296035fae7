#include "apiserver/flowcontrol/request_dispatcher.h"

#include <algorithm>
#include <coroutine>
#include <span>
#include <utility>

#include "api/flow_control.h"
#include "apiserver/flowcontrol/flow_match.h"
#include "apiserver/flowcontrol/shuffle_sharding.h"
#include "async/deadline.h"
#include "async/loop.h"
#include "base/check.h"

namespace insula::apiserver {

namespace {

constexpr const char* kTooManyRequests = "Too many requests, please try again later.";

/// Waits in a list until somebody takes the first of it.
class InList {
 public:
  explicit InList(WaiterList& list) : list_(list) {}

  [[nodiscard]] bool await_ready() const noexcept { return false; }

  void await_suspend(std::coroutine_handle<> handle) {
    waiter_.set_handle(handle);
    list_.push_back(waiter_);
  }

  void await_resume() const noexcept {}

 private:
  WaiterList& list_;
  Waiter waiter_;
};

Task<> wait_in(WaiterList& list) {
  co_await InList(list);
}

Task<Result<>> wait_for(Event& event) {
  co_await event.wait();
  co_return Result<>{};
}

bool fits(std::span<const LevelSeats> levels, std::size_t index, std::size_t wanted) {
  const std::size_t in_use = levels[index].in_use;
  const std::size_t limit = seat_limit(levels, index);
  // What is wider than its level is served when it is alone there.
  return in_use + wanted <= limit || (in_use == 0 && limit > 0);
}

void resume_first(WaiterList& list) {
  if (Waiter* first = list.pop_front()) Loop::current().make_ready(*first);
}

}  // namespace

FlowTicket::~FlowTicket() {
  if (state_ == State::kWaiting) {
    dispatcher_.leave(*this);
    dispatcher_.refuse(*this, FlowRejection::kCancelled);
  }
  release();
}

void FlowTicket::release() {
  if (state_ == State::kExecuting) dispatcher_.end(*this);
}

Task<> FlowTicket::release_slowly() {
  co_await sleep_for(kClientPatience);
  release();
  Event never;
  co_await never.wait();
}

Task<> FlowTicket::give_way() {
  if (dispatcher_.turn_has_room() && dispatcher_.paused_.empty()) co_return;
  if (flow_->level->is_exempt()) {
    co_await yield();
    co_return;
  }
  dispatcher_.wake_.set();
  co_await InList(dispatcher_.paused_.list_of(flow_->schema->metadata.name + "/" + distinguisher_));
}

RequestDispatcher::RequestDispatcher(store::Store& store,
                                     MetricsRegistry& metrics,
                                     std::size_t seats)
    : store_(store), index_(store), metrics_(metrics), server_seats_(seats) {
  refresh();
  limits_ = metrics.on_collect([this](Exposition& out) { collect(out); });
  tasks_.spawn(run_turns());
}

void RequestDispatcher::refresh() {
  if (!index_.refresh()) return;
  for (auto& [name, level] : levels_)
    level->is_quiescing = true;
  for (const auto& [name, object] : index_.levels()) {
    auto& level = levels_[name];
    if (!level) level = std::make_shared<PriorityLevel>();
    level->is_quiescing = false;
    level->configure(object);
  }
  forget_idle();
  std::map<std::string, std::shared_ptr<const Flow>> known;
  for (auto& flow : std::exchange(flows_, {}))
    known.emplace(flow->schema->metadata.name, flow);
  for (const FlowIndex::SchemaPtr& schema : index_.schemas()) {
    const auto& level = levels_.at(schema->spec.priority_level_configuration.name);
    const auto it = known.find(schema->metadata.name);
    auto series =
        it != known.end() && it->second->level == level
            ? it->second->series
            : std::make_shared<FlowSeries>(metrics_, level->name(), schema->metadata.name);
    flows_.push_back(std::make_shared<const Flow>(schema, level, std::move(series)));
  }
  wake_.set();
}

/// Levels that are not there any more and have nothing to finish, and what that leaves to the
/// others.
void RequestDispatcher::forget_idle() {
  std::erase_if(levels_, [](const auto& item) {
    return item.second->is_quiescing && item.second->is_idle();
  });
  std::size_t all_shares = 0;
  for (const auto& [name, level] : levels_)
    all_shares += shares_of(level->object->spec);
  for (const auto& [name, level] : levels_) {
    LevelSeats seats = seats_of(level->object->spec, server_seats_, all_shares);
    seats.in_use = level->seats.in_use;
    level->seats = seats;
  }
}

std::shared_ptr<const Flow> RequestDispatcher::flow_of(const FlowTicket& ticket) const {
  const auto is_catch_all = [](const auto& flow) {
    return flow->schema->metadata.name == api::kCatchAll;
  };
  const auto it = std::ranges::find_if(flows_, [&](const auto& flow) {
    return matches(flow->schema->spec, ticket.user_, ticket.info_);
  });
  return it != flows_.end() ? *it : *std::ranges::find_if(flows_, is_catch_all);
}

std::vector<LevelSeats> RequestDispatcher::all_seats() const {
  std::vector<LevelSeats> out;
  out.reserve(levels_.size());
  for (const auto& [name, level] : levels_) {
    LevelSeats& seats = out.emplace_back(level->seats);
    seats.waiting = level->queues.seats_waiting();
    // What is not limited takes nothing from the others but what is set aside for it.
    if (level->is_exempt()) seats.in_use = std::min(seats.in_use, seats.nominal);
  }
  return out;
}

bool RequestDispatcher::has_seats(const PriorityLevel& level, std::size_t wanted) const {
  std::vector<LevelSeats> seats = all_seats();
  const auto index = std::distance(levels_.begin(), levels_.find(level.name()));
  LevelSeats& own = seats[static_cast<std::size_t>(index)];
  own.in_use += std::exchange(own.waiting, 0);  // they have theirs, and wait for their turn
  return fits(seats, static_cast<std::size_t>(index), wanted);
}

bool RequestDispatcher::turn_has_room() {
  const SteadyTime now = Loop::current().now();
  if (!turn_began_) {
    turn_began_ = now;
    wake_.set();
  }
  return now - *turn_began_ < kTurnBudget;
}

FlowTicket* RequestDispatcher::next() const {
  std::vector<LevelSeats> seats;
  PriorityLevel* best = nullptr;
  std::size_t index = 0;
  for (const auto& [name, level] : levels_) {
    const std::size_t own = index++;
    if (level->queues.waiting() == 0) continue;
    if (best != nullptr && best->virtual_start <= level->virtual_start) continue;
    if (seats.empty()) seats = all_seats();
    if (fits(seats, own, level->queues.next()->work.seats_max())) best = level.get();
  }
  return best == nullptr ? nullptr : static_cast<FlowTicket*>(best->queues.next());
}

void RequestDispatcher::enter(FlowTicket& ticket, const EstimatedRequest& request) {
  INSULA_CHECK(ticket.state_ == FlowTicket::State::kNew);
  refresh();
  ticket.flow_ = flow_of(ticket);
  PriorityLevel& level = *ticket.flow_->level;
  ticket.work = estimate_work(request, level.request_seats_max(), store_, watches_);
  ticket.arrived = Loop::current().now();
  const bool has_room = turn_has_room();
  if (!level.is_exempt() && !level.has_queues() && !has_seats(level, ticket.work.seats_max())) {
    refuse(ticket, FlowRejection::kConcurrencyLimit);
    return;
  }
  const auto& spec = ticket.flow_->schema->spec;
  ticket.distinguisher_ = flow_distinguisher(spec, ticket.user_, ticket.info_);
  if (!level.queues.enqueue(
          ticket, flow_hash(ticket.flow_->schema->metadata.name, ticket.distinguisher_))) {
    refuse(ticket, FlowRejection::kQueueFull);
    return;
  }
  queue(ticket);
  if (level.is_exempt() || (has_room && next() == &ticket))
    begin(ticket);
  else
    wake_.set();
}

void RequestDispatcher::queue(FlowTicket& ticket) const {
  PriorityLevel& level = *ticket.flow_->level;
  ticket.state_ = FlowTicket::State::kWaiting;
  ticket.flow_->series->queued();
  if (level.queues.waiting() == 1)
    level.virtual_start = std::max(level.virtual_start, virtual_time_);
}

void RequestDispatcher::begin(FlowTicket& ticket) {
  PriorityLevel& level = *ticket.flow_->level;
  const SteadyTime now = Loop::current().now();
  const std::size_t seats = ticket.work.seats_max();
  level.queues.start(ticket, now);
  level.seats.in_use += seats;
  ++level.dispatched;
  if (!level.is_exempt()) {
    virtual_time_ = std::max(virtual_time_, level.virtual_start);
    level.virtual_start += static_cast<double>(seats) /
                           static_cast<double>(std::max<std::size_t>(level.seats.nominal, 1));
  }
  ticket.state_ = FlowTicket::State::kExecuting;
  ticket.flow_->series->unqueued(now - ticket.arrived, true);
  ticket.flow_->series->began(seats);
  ticket.begun_.set();
}

void RequestDispatcher::end(FlowTicket& ticket) {
  PriorityLevel& level = *ticket.flow_->level;
  const SteadyTime now = Loop::current().now();
  const std::size_t seats = ticket.work.seats_max();
  ticket.state_ = FlowTicket::State::kDone;
  level.queues.finish(ticket, now);
  level.seats.in_use -= seats;
  ticket.flow_->series->ended(seats, now - ticket.began, ticket.info_.verb == "watch");
  if (ticket.work.final_seats > 0) {
    level.seats.in_use += ticket.work.final_seats;
    tasks_.spawn(keep_final_seats(ticket.flow_, ticket.work));
  }
  if (level.is_quiescing && level.is_idle()) forget_idle();
  wake_.set();
}

Task<> RequestDispatcher::keep_final_seats(std::shared_ptr<const Flow> flow, WorkEstimate work) {
  const auto seats = static_cast<double>(work.final_seats);
  flow->series->keep_seats(seats);
  co_await sleep_for(work.additional_latency);
  flow->series->keep_seats(-seats);
  flow->level->seats.in_use -= work.final_seats;
  if (flow->level->is_quiescing && flow->level->is_idle()) forget_idle();
  wake_.set();
}

void RequestDispatcher::leave(FlowTicket& ticket) {
  PriorityLevel& level = *ticket.flow_->level;
  level.queues.leave(ticket);
  ticket.flow_->series->unqueued(Loop::current().now() - ticket.arrived, false);
  if (level.is_quiescing && level.is_idle()) forget_idle();
}

void RequestDispatcher::refuse(FlowTicket& ticket, FlowRejection reason) {
  PriorityLevel& level = *ticket.flow_->level;
  ++level.rejected.at(static_cast<std::size_t>(reason));
  ticket.flow_->series->rejected(reason);
  ticket.state_ = FlowTicket::State::kRefused;
  ticket.retry_after_ = level.retry_after.refuse(Loop::current().now());
}

Task<Result<>> RequestDispatcher::wait(FlowTicket& ticket, Deadline until, Task<> gone) {
  using State = FlowTicket::State;
  if (ticket.state_ == State::kWaiting) {
    const auto first =
        co_await race(with_deadline(until, wait_for(ticket.begun_)), std::move(gone));
    if (ticket.state_ == State::kWaiting) {
      leave(ticket);
      refuse(ticket, first.index() == 1 ? FlowRejection::kCancelled : FlowRejection::kTimeOut);
    }
  } else if (ticket.state_ == State::kRefused && (!turn_has_room() || !refused_.empty())) {
    wake_.set();
    co_await race(wait_in(refused_), std::move(gone));
  }
  if (ticket.state_ == State::kExecuting) co_return Result<>{};
  co_return fail(ErrorCode::kTooManyRequests, kTooManyRequests);
}

Task<> RequestDispatcher::run_turns() {
  for (;;) {
    // What is woken now runs in the next turn, and so does this.
    if (next() == nullptr && paused_.empty() && refused_.empty()) {
      wake_.reset();
      co_await wake_.wait();
    } else {
      co_await yield();
    }
    turn_began_.reset();
    FlowTicket* ticket = next();
    // What runs now counts for the turn in which it does.
    if (ticket != nullptr || !paused_.empty()) turn_began_ = Loop::current().now();
    if (ticket != nullptr) begin(*ticket);
    paused_.resume_next();
    resume_first(refused_);
  }
}

const PriorityLevels& RequestDispatcher::levels() {
  refresh();
  return levels_;
}

void RequestDispatcher::collect(Exposition& out) const {
  const std::vector<LevelSeats> seats = all_seats();
  const auto family = [&](const char* name, const char* help, const auto& value) {
    out.family(name, help, "gauge");
    std::size_t index = 0;
    for (const auto& [level, state] : levels_)
      out.sample(name, {{"priority_level", level}}, static_cast<double>(value(index++)));
  };
  family("apiserver_flowcontrol_nominal_limit_seats",
         "Seats of each priority level; shares of PriorityLevelConfigurations change them.",
         [&](std::size_t index) { return seats[index].nominal; });
  family("apiserver_flowcontrol_current_limit_seats",
         "Seats that each priority level may use now, with what it borrows and without what it "
         "lends.",
         [&](std::size_t index) { return seat_limit(seats, index); });
}

}  // namespace insula::apiserver
