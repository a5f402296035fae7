#include "async/task_group.h"

#include <iterator>

#include "async/loop.h"

namespace insula {

TaskGroup::TaskGroup() {
  empty_.set();
}

TaskGroup::~TaskGroup() {
  cancel();
}

void TaskGroup::spawn(Task<> body) {
  const auto self = running_.emplace(running_.end());
  empty_.reset();
  self->task.emplace(supervise(std::move(body), self));
  self->start.set_handle(self->task->handle());
  Loop::current().make_ready(self->start);
}

Task<> TaskGroup::supervise(Task<> body, std::list<Running>::iterator self) {
  co_await std::move(body);
  finished_.splice(finished_.end(), running_, self);
  Loop::current().make_ready(reaper_);
  if (running_.empty()) empty_.set();
}

bool TaskGroup::reap(Waiter& waiter) {
  static_cast<Reaper&>(waiter).group.finished_.clear();
  return false;
}

Task<> TaskGroup::drained() {
  co_await empty_.wait();
}

void TaskGroup::cancel() {
  // One at a time: a destructor may spawn or wake others of this group.
  while (!running_.empty()) {
    std::list<Running> victim;
    victim.splice(victim.begin(), running_, running_.begin());
  }
  finished_.clear();
  empty_.set();
}

}  // namespace insula
