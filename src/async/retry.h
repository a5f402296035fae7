#pragma once

#include <coroutine>
#include <type_traits>
#include <utility>

#include "async/waiter.h"

namespace insula {

/// `co_await retry_on(list, attempt)`: calls `attempt` until it returns a filled optional, and
/// gives what is in it. Between two tries the coroutine waits in `list`. The loop makes the tries,
/// so a coroutine that is woken too early costs no switch.
template <class F>
class [[nodiscard]] RetryAwaiter {
 public:
  RetryAwaiter(WaiterList& list, F attempt)
      : wait_(*this), list_(list), attempt_(std::move(attempt)) {}

  RetryAwaiter(const RetryAwaiter&) = delete;
  RetryAwaiter& operator=(const RetryAwaiter&) = delete;

  bool await_ready() {
    result_ = attempt_();
    return result_.has_value();
  }

  void await_suspend(std::coroutine_handle<> handle) {
    wait_.set_handle(handle);
    list_.push_back(wait_);
  }

  auto await_resume() { return *std::move(result_); }

 private:
  struct Wait : Waiter {
    explicit Wait(RetryAwaiter& awaiter) : Waiter(&RetryAwaiter::retry), owner(awaiter) {}

    RetryAwaiter& owner;
  };

  static bool retry(Waiter& waiter) {
    RetryAwaiter& self = static_cast<Wait&>(waiter).owner;
    if (self.await_ready()) return true;
    self.list_.push_back(waiter);
    return false;
  }

  Wait wait_;
  WaiterList& list_;
  F attempt_;
  std::invoke_result_t<F&> result_;
};

template <class F>
RetryAwaiter<F> retry_on(WaiterList& list, F attempt) {
  return {list, std::move(attempt)};
}

}  // namespace insula
