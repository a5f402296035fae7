#include "apiserver/flowcontrol/queue_set.h"

#include <algorithm>
#include <limits>

#include "apiserver/flowcontrol/shuffle_sharding.h"
#include "base/check.h"

namespace insula::apiserver {

namespace {

// Below it idle queues are not worth a look.
constexpr std::size_t kQueuesKept = 64;

double seconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

double QueueSet::guess(const WorkEstimate& work) {
  return static_cast<double>(work.seats) * seconds(kServiceGuess) +
         static_cast<double>(work.final_seats) * seconds(work.additional_latency);
}

std::uint32_t QueueSet::choose(std::uint64_t hash) const {
  if (config_.queues == 0) return 0;
  std::uint32_t best = 0;
  double least = std::numeric_limits<double>::infinity();
  for (const std::uint32_t number : deal_hand(hash, config_.queues, config_.hand_size)) {
    const auto it = queues_.find(number);
    const double work = it == queues_.end() ? 0 : it->second.work_waiting;
    if (it == queues_.end() || it->second.is_idle()) return number;
    if (work >= least) continue;
    least = work;
    best = number;
  }
  return best;
}

bool QueueSet::enqueue(Request& request, std::uint64_t hash) {
  if (queues_.size() > kQueuesKept) forget_idle();
  request.queue = choose(hash);
  Queue& queue = queues_[request.queue];
  if (config_.queues > 0 && queue.waiting.size() >= config_.queue_length_max) return false;
  if (queue.is_idle()) queue.virtual_start = std::max(queue.virtual_start, virtual_time_);
  request.position_ = queue.waiting.insert(queue.waiting.end(), &request);
  queue.work_waiting += guess(request.work);
  ++waiting_;
  seats_waiting_ += request.work.seats_max();
  return true;
}

QueueSet::Request* QueueSet::next() {
  Queue* best = nullptr;
  // Of equals the one after the one that was served last.
  const auto look = [&](auto from, auto to) {
    for (auto it = from; it != to; ++it) {
      Queue& queue = it->second;
      if (!queue.waiting.empty() && (best == nullptr || queue.virtual_start < best->virtual_start))
        best = &queue;
    }
  };
  const auto after = queues_.upper_bound(last_);
  look(after, queues_.end());
  look(queues_.begin(), after);
  return best == nullptr ? nullptr : best->waiting.front();
}

void QueueSet::start(Request& request, SteadyTime now) {
  Queue& queue = queues_.at(request.queue);
  INSULA_CHECK(waiting_ > 0);
  queue.executing.splice(queue.executing.end(), queue.waiting, request.position_);
  virtual_time_ = std::max(virtual_time_, queue.virtual_start);
  const double work = guess(request.work);
  queue.virtual_start += work;
  queue.work_waiting -= work;
  queue.seats_in_use += request.work.seats_max();
  request.began = now;
  last_ = request.queue;
  --waiting_;
  seats_waiting_ -= request.work.seats_max();
  ++executing_;
}

void QueueSet::finish(Request& request, SteadyTime now) {
  Queue& queue = queues_.at(request.queue);
  queue.executing.erase(request.position_);
  queue.seats_in_use -= request.work.seats_max();
  --executing_;
  const auto took = now - request.began;
  queue.virtual_start += static_cast<double>(request.work.seats) * seconds(took - kServiceGuess);
}

void QueueSet::leave(Request& request) {
  Queue& queue = queues_.at(request.queue);
  queue.waiting.erase(request.position_);
  queue.work_waiting -= guess(request.work);
  --waiting_;
  seats_waiting_ -= request.work.seats_max();
  end_busy_period();
}

void QueueSet::end_busy_period() {
  if (waiting_ + executing_ == 0) queues_.clear();
}

void QueueSet::forget_idle() {
  std::erase_if(queues_, [this](const auto& item) {
    return item.second.is_idle() && item.second.virtual_start <= virtual_time_;
  });
}

std::map<std::uint32_t, QueueSet::QueueState> QueueSet::state() const {
  std::map<std::uint32_t, QueueState> out;
  for (const auto& [number, queue] : queues_) {
    if (queue.is_idle()) continue;
    out.emplace(number, QueueState{.waiting = {queue.waiting.begin(), queue.waiting.end()},
                                   .executing = {queue.executing.begin(), queue.executing.end()},
                                   .virtual_start = queue.virtual_start,
                                   .seats_in_use = queue.seats_in_use});
  }
  return out;
}

}  // namespace insula::apiserver
