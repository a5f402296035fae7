#pragma once

#include <coroutine>

namespace insula {

/// One suspended coroutine in a list of those that wait for something, or that are ready to run.
///
/// Lives inside the awaiter, hence inside the coroutine's frame; unlinks itself when the frame is
/// destroyed. That is the whole of cancellation: a destroyed frame is in no list any more.
///
/// Threads: the loop's own.
class Waiter {
 public:
  /// Tries the operation again before the coroutine is resumed; false leaves it waiting.
  using Attempt = bool (*)(Waiter&);

  explicit Waiter(Attempt attempt = nullptr) : attempt_(attempt) {}

  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  ~Waiter() { unlink(); }

  void set_handle(std::coroutine_handle<> handle) { handle_ = handle; }

  [[nodiscard]] bool linked() const { return next_ != nullptr; }

  void unlink() {
    if (next_ == nullptr) return;
    prev_->next_ = next_;
    next_->prev_ = prev_;
    prev_ = next_ = nullptr;
  }

 private:
  friend class WaiterList;
  friend class Loop;

  Waiter* prev_ = nullptr;
  Waiter* next_ = nullptr;
  std::coroutine_handle<> handle_;
  Attempt attempt_;
};

/// Intrusive first-in first-out list; allocates nothing. Must not move while it holds waiters.
class WaiterList {
 public:
  WaiterList() { root_.prev_ = root_.next_ = &root_; }

  WaiterList(const WaiterList&) = delete;
  WaiterList& operator=(const WaiterList&) = delete;

  ~WaiterList() {
    while (pop_front() != nullptr) {
    }
    root_.prev_ = root_.next_ = nullptr;
  }

  [[nodiscard]] bool empty() const { return root_.next_ == &root_; }

  /// Requires: `waiter` is in no other list, or is taken out of it.
  void push_back(Waiter& waiter) {
    waiter.unlink();
    waiter.prev_ = root_.prev_;
    waiter.next_ = &root_;
    root_.prev_->next_ = &waiter;
    root_.prev_ = &waiter;
  }

  [[nodiscard]] Waiter* pop_front() {
    if (empty()) return nullptr;
    Waiter* first = root_.next_;
    first->unlink();
    return first;
  }

 private:
  Waiter root_;
};

}  // namespace insula
