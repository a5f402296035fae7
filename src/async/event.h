#pragma once

#include <coroutine>

#include "async/loop.h"
#include "async/waiter.h"

namespace insula {

/// A flag that tasks of one loop can wait for. set() wakes every waiter; it stays set until
/// reset().
class Event {
 public:
  class Awaiter {
   public:
    explicit Awaiter(Event& event) : event_(event) {}

    [[nodiscard]] bool await_ready() const { return event_.set_; }

    void await_suspend(std::coroutine_handle<> handle) {
      waiter_.set_handle(handle);
      event_.waiters_.push_back(waiter_);
    }

    void await_resume() const noexcept {}

   private:
    Event& event_;
    Waiter waiter_;
  };

  void set() {
    set_ = true;
    while (Waiter* waiter = waiters_.pop_front())
      Loop::current().make_ready(*waiter);
  }

  void reset() { set_ = false; }

  [[nodiscard]] bool is_set() const { return set_; }

  /// `co_await event.wait()`. The event outlives the wait.
  [[nodiscard]] Awaiter wait() { return Awaiter(*this); }

 private:
  bool set_ = false;
  WaiterList waiters_;
};

}  // namespace insula
