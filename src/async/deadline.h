#pragma once

#include <coroutine>
#include <type_traits>
#include <utility>
#include <variant>

#include "async/loop.h"
#include "async/task.h"
#include "base/clock.h"
#include "base/error.h"

namespace insula {

namespace detail {

// Whoever finishes first, the operation or the timer, resumes the parent; await_resume then sees
// which it was. The loser is suspended at that moment, so destroying it is safe.
template <class T>
class DeadlineAwaiter {
 public:
  DeadlineAwaiter(Deadline deadline, Task<Result<T>> operation)
      : deadline_(deadline), operation_(std::move(operation)) {}

  [[nodiscard]] bool await_ready() const noexcept { return false; }

  std::coroutine_handle<> await_suspend(std::coroutine_handle<> parent) {
    timer_.start(Loop::current(), deadline_, parent);
    return operation_.await_suspend(parent);
  }

  Result<T> await_resume() {
    timer_.cancel();
    if (operation_.done()) return operation_.await_resume();
    operation_.destroy();
    return fail(ErrorCode::kTimeout, "deadline exceeded");
  }

 private:
  Deadline deadline_;
  Task<Result<T>> operation_;
  Timer timer_;
};

template <class T>
using NonVoid = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

template <class T>
NonVoid<T> take(Task<T>& task) {
  if constexpr (std::is_void_v<T>) {
    return {};
  } else {
    return task.await_resume();
  }
}

template <class A, class B>
class RaceAwaiter {
 public:
  RaceAwaiter(Task<A> a, Task<B> b) : a_(std::move(a)), b_(std::move(b)) {}

  [[nodiscard]] bool await_ready() const noexcept { return false; }

  std::coroutine_handle<> await_suspend(std::coroutine_handle<> parent) {
    // A runs first with nobody to resume: finishing at once must not run the parent on top of us.
    a_.handle().resume();
    if (a_.done()) return parent;
    a_.handle().promise().continuation = parent;
    return b_.await_suspend(parent);
  }

  std::variant<NonVoid<A>, NonVoid<B>> await_resume() {
    if (a_.done()) {
      b_.destroy();
      return std::variant<NonVoid<A>, NonVoid<B>>(std::in_place_index<0>, take(a_));
    }
    a_.destroy();
    return std::variant<NonVoid<A>, NonVoid<B>>(std::in_place_index<1>, take(b_));
  }

 private:
  Task<A> a_;
  Task<B> b_;
};

}  // namespace detail

/// Runs `operation` until `deadline`, then cancels it and returns kTimeout.
///
/// The operation has unwound before this returns, so it may use the caller's locals. If both end in
/// the same turn, the operation's result counts.
template <class T>
Task<Result<T>> with_deadline(Deadline deadline, Task<Result<T>> operation) {
  co_return co_await detail::DeadlineAwaiter<T>(deadline, std::move(operation));
}

/// Runs both until one has finished, cancels the other, and returns the first's result (index 0 or
/// 1; void becomes std::monostate). If both end in the same turn, A's result counts and B's is
/// lost.
template <class A, class B>
Task<std::variant<detail::NonVoid<A>, detail::NonVoid<B>>> race(Task<A> a, Task<B> b) {
  co_return co_await detail::RaceAwaiter<A, B>(std::move(a), std::move(b));
}

}  // namespace insula
