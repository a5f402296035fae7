#pragma once

#include <condition_variable>
#include <coroutine>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "async/loop.h"
#include "async/task.h"
#include "async/waiter.h"

namespace insula {

/// A few threads for calls that block: fsync, getaddrinfo, waitpid, large compressions.
///
/// `co_await pool.run(call)` runs `call` on one of them and brings its result back to the calling
/// loop. A cancelled caller does not stop the call; its result is dropped, so `call` must own what
/// it uses. The destructor finishes what is queued.
class BlockingPool {
 public:
  explicit BlockingPool(unsigned threads);
  BlockingPool(const BlockingPool&) = delete;
  BlockingPool& operator=(const BlockingPool&) = delete;
  ~BlockingPool();

  /// Runs `call` on one of them, for whoever needs no answer. Threads: any.
  void post(std::move_only_function<void()> call) { submit(std::move(call)); }

  template <class F>
  Task<std::invoke_result_t<F>> run(F call) {
    using Value = std::invoke_result_t<F>;
    static_assert(!std::is_void_v<Value>, "return a Result<>, so that failure has a way out");
    auto exchange = std::make_shared<Exchange<Value>>();
    Loop& loop = Loop::current();
    submit([exchange, &loop, call = std::move(call)]() mutable {
      exchange->value.emplace(call());
      loop.post([exchange] {
        if (exchange->waiter != nullptr) Loop::current().make_ready(*exchange->waiter);
      });
    });
    co_await Awaiter<Value>(*exchange);
    co_return *std::move(exchange->value);
  }

 private:
  template <class T>
  struct Exchange {
    std::optional<T> value;    // written by the pool, read after the post
    Waiter* waiter = nullptr;  // the loop's thread only; null when the caller is gone
  };

  template <class T>
  class Awaiter {
   public:
    explicit Awaiter(Exchange<T>& exchange) : exchange_(exchange) {}

    Awaiter(const Awaiter&) = delete;
    Awaiter& operator=(const Awaiter&) = delete;

    ~Awaiter() { exchange_.waiter = nullptr; }

    [[nodiscard]] bool await_ready() const noexcept { return false; }

    void await_suspend(std::coroutine_handle<> handle) {
      waiter_.set_handle(handle);
      exchange_.waiter = &waiter_;
    }

    void await_resume() const noexcept {}

   private:
    Exchange<T>& exchange_;
    Waiter waiter_;
  };

  void submit(std::move_only_function<void()> call);
  void work();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::move_only_function<void()>> queue_;
  bool stopping_ = false;
  std::vector<std::jthread> threads_;
};

}  // namespace insula
