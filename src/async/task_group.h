#pragma once

#include <cstddef>
#include <list>
#include <optional>
#include <utility>
#include <vector>

#include "async/event.h"
#include "async/task.h"
#include "async/waiter.h"

namespace insula {

/// Owns a set of running tasks, so that no task outlives the object whose members it uses.
///
/// Declare it as the last member of its owner: destruction cancels every task first. A task of the
/// group must not destroy the group.
class TaskGroup {
 public:
  TaskGroup();
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;
  ~TaskGroup();

  /// Starts `body` in the loop's next turn.
  void spawn(Task<> body);

  /// Resolves when no task is left; at once if there is none.
  Task<> drained();

  /// Destroys every task that has not finished. Not from inside one of them.
  void cancel();

  [[nodiscard]] std::size_t size() const { return running_.size(); }

 private:
  struct Running {
    std::optional<Task<>> task;
    Waiter start;
  };

  Task<> supervise(Task<> body, std::list<Running>::iterator self);
  static bool reap(Waiter& waiter);

  // A task cannot free its own frame, so the finished wait here for the reaper.
  struct Reaper : Waiter {
    explicit Reaper(TaskGroup& owner) : Waiter(&TaskGroup::reap), group(owner) {}

    TaskGroup& group;
  };

  std::list<Running> running_;
  std::list<Running> finished_;
  Event empty_;
  Reaper reaper_{*this};
};

namespace detail {

template <class T>
Task<> store(Task<T> task, std::optional<T>* result) {
  result->emplace(co_await std::move(task));
}

}  // namespace detail

/// Runs all tasks side by side; the results are in the order of the tasks.
template <class T>
Task<std::vector<T>> all(std::vector<Task<T>> tasks) {
  std::vector<std::optional<T>> results(tasks.size());
  TaskGroup group;
  for (std::size_t i = 0; i < tasks.size(); ++i)
    group.spawn(detail::store(std::move(tasks[i]), &results[i]));
  co_await group.drained();
  std::vector<T> values;
  values.reserve(results.size());
  for (auto& result : results)
    values.push_back(*std::move(result));
  co_return values;
}

}  // namespace insula
