#include "controller/work_queue.h"

#include <algorithm>

#include "base/check.h"

namespace insula::controller {

std::chrono::nanoseconds Backoff::delay(int failures) const {
  std::chrono::nanoseconds delay = first;
  for (int i = 1; i < failures && delay < max; ++i)
    delay *= 2;
  return std::min(delay, max);
}

void WorkQueue::add(const Key& key) {
  if (working_.contains(key)) {
    dirty_while_working_.insert(key);
    return;
  }
  if (waiting_.insert(key).second) order_.push_back(key);
}

void WorkQueue::add_after(const Key& key, std::chrono::nanoseconds delay) {
  if (delay <= std::chrono::nanoseconds::zero()) return add(key);
  const SteadyTime due = clock_.now() + delay;
  auto [it, fresh] = due_of_.try_emplace(key, due);
  if (!fresh) {
    if (it->second <= due) return;
    delayed_.erase({it->second, key});
    it->second = due;
  }
  delayed_.emplace(due, key);
}

void WorkQueue::add_after_failure(const Key& key) {
  const int failures = ++failures_[key];
  add_after(key, backoff_.delay(failures));
}

std::optional<Key> WorkQueue::pop() {
  take_due();
  if (order_.empty()) return std::nullopt;
  Key key = std::move(order_.front());
  order_.pop_front();
  waiting_.erase(key);
  working_.insert(key);
  return key;
}

void WorkQueue::done(const Key& key) {
  INSULA_CHECK(working_.erase(key) == 1, key.text());
  if (dirty_while_working_.erase(key) == 1) add(key);
}

std::optional<SteadyTime> WorkQueue::next_due() const {
  if (delayed_.empty()) return std::nullopt;
  return delayed_.begin()->first;
}

int WorkQueue::failures(const Key& key) const {
  const auto it = failures_.find(key);
  return it == failures_.end() ? 0 : it->second;
}

void WorkQueue::take_due() {
  const SteadyTime now = clock_.now();
  while (!delayed_.empty() && delayed_.begin()->first <= now) {
    const Key key = delayed_.begin()->second;
    delayed_.erase(delayed_.begin());
    due_of_.erase(key);
    add(key);
  }
}

}  // namespace insula::controller
