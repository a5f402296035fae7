#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

#include "async/frame_pool.h"

namespace insula {

template <class T = void>
class Task;

namespace detail {

struct PromiseCore {
  std::coroutine_handle<> continuation = std::noop_coroutine();

  struct FinalAwaiter {
    [[nodiscard]] bool await_ready() const noexcept { return false; }

    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> handle) const noexcept {
      return handle.promise().continuation;
    }

    void await_resume() const noexcept {}
  };

  static void* operator new(std::size_t size) { return frame_pool::allocate(size); }

  static void operator delete(void* frame, std::size_t size) { frame_pool::release(frame, size); }

  [[nodiscard]] std::suspend_always initial_suspend() const noexcept { return {}; }

  [[nodiscard]] FinalAwaiter final_suspend() const noexcept { return {}; }

  // Our code does not throw; what still arrives here (bad_alloc, a bug) must not be swallowed.
  [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
};

template <class T>
struct Promise : PromiseCore {
  std::optional<T> value;

  Task<T> get_return_object();

  template <class U>
  void return_value(U&& result) {
    value.emplace(std::forward<U>(result));
  }

  T take() { return *std::move(value); }
};

template <>
struct Promise<void> : PromiseCore {
  Task<void> get_return_object();

  void return_void() const noexcept {}

  void take() const noexcept {}
};

}  // namespace detail

/// A coroutine that starts when it is awaited or spawned into a TaskGroup.
///
/// Destroying a suspended Task cancels it: its frame goes, its locals' destructors run, and
/// whatever it waited for forgets it; tasks it awaits go with it. Nothing is thrown and nobody is
/// told, so what must happen on cancellation belongs in a destructor. (The model of KJ's promises.)
///
/// Parameters are taken by value, or by reference to objects that outlive the task.
///
/// Threads: one loop; never resume or destroy a task from another thread. A task must not destroy
/// itself while it runs; resumptions go through the loop's ready list, so waking another task never
/// runs it on top of the caller.
template <class T>
class [[nodiscard]] Task {
 public:
  // NOLINTNEXTLINE(readability-identifier-naming): the language demands this name
  using promise_type = detail::Promise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  explicit Task(Handle handle) : handle_(handle) {}

  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}

  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      destroy();
      handle_ = std::exchange(other.handle_, {});
    }
    return *this;
  }

  ~Task() { destroy(); }

  [[nodiscard]] bool await_ready() const noexcept { return false; }

  std::coroutine_handle<> await_suspend(std::coroutine_handle<> parent) noexcept {
    handle_.promise().continuation = parent;
    return handle_;
  }

  T await_resume() { return handle_.promise().take(); }

  /// For combinators: the frame itself.
  [[nodiscard]] Handle handle() const { return handle_; }

  [[nodiscard]] bool done() const { return handle_.done(); }

  /// Cancels, as destruction does.
  void destroy() {
    if (handle_) std::exchange(handle_, {}).destroy();
  }

 private:
  Handle handle_;
};

template <class T>
Task<T> detail::Promise<T>::get_return_object() {
  return Task<T>(std::coroutine_handle<Promise>::from_promise(*this));
}

inline Task<void> detail::Promise<void>::get_return_object() {
  return Task<void>(std::coroutine_handle<Promise>::from_promise(*this));
}

}  // namespace insula
