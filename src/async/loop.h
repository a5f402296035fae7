#pragma once

#include <atomic>
#include <chrono>
#include <coroutine>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "async/task.h"
#include "async/waiter.h"
#include "base/clock.h"
#include "base/error.h"

struct epoll_event;  // NOLINT(readability-identifier-naming): the kernel's

namespace insula {

class Loop;
class Ring;

/// What a watch is told of by epoll. kOutputAndEnd: of input its ring tells.
enum class FdEvents : std::uint8_t { kAll, kOutputAndEnd };

/// How a loop moves the bytes of its streams. kAuto: by io_uring where there is one for us.
enum class IoEngine : std::uint8_t { kEpoll, kIoUring, kAuto };

/// Reads `auto`, `epoll` or `io_uring`. Errors: kInvalid.
Result<IoEngine> parse_io_engine(std::string_view text);

/// What epoll said about one file descriptor, and who waits for it. Edge-triggered: a flag stays
/// set until the operation says "would block". Owned by the object that owns the descriptor.
class FdWatch {
 public:
  /// Registers `fd`, which must be non-blocking and outlive the watch.
  FdWatch(Loop& loop, int fd, FdEvents events = FdEvents::kAll);
  FdWatch(const FdWatch&) = delete;
  FdWatch& operator=(const FdWatch&) = delete;
  ~FdWatch();

  [[nodiscard]] int fd() const { return fd_; }

  [[nodiscard]] Loop& loop() const { return loop_; }

  bool readable = false;
  bool writable = false;
  bool hung_up = false;  // the peer closed its side, or the connection is broken
  /// TLS may need to read in order to write: any event wakes both directions.
  bool crossed = false;
  WaiterList readers;
  WaiterList writers;
  WaiterList hangup_waiters;

  /// Has those who wait try again. `end`: there is no more to come.
  void wake_readers(bool end);
  void wake_writers();

 private:
  friend class Loop;
  void wake(WaiterList& list);
  void on_events(std::uint32_t events);

  Loop& loop_;
  int fd_;
  std::uint32_t generation_;
};

/// An entry in the loop's timer heap; part of an awaiter, as Waiter is.
class Timer {
 public:
  Timer() = default;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer();

  /// Resumes `handle` at `deadline`, unless the timer is destroyed or cancelled before.
  void start(Loop& loop, Deadline deadline, std::coroutine_handle<> handle);
  void cancel();

 private:
  friend class Loop;
  static constexpr std::size_t kNotQueued = static_cast<std::size_t>(-1);

  Waiter waiter_;
  Loop* loop_ = nullptr;
  Deadline deadline_;
  std::size_t index_ = kNotQueued;
};

/// An event loop: ready coroutines, timers, file descriptors. One per thread.
///
/// Threads: everything but post() and stop() belongs to the thread that calls run().
/// Lifetime: outlives every task, watch and timer that uses it.
class Loop {
 public:
  explicit Loop(const Clock& clock = system_clock());
  /// Errors: kUnavailable, when `engine` is kIoUring and this kernel or sandbox has none for us.
  static Result<std::unique_ptr<Loop>> make(const Clock& clock, IoEngine engine);
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  ~Loop();

  /// Turns until stop(). While it runs, and from construction on, it is current() for its thread.
  void run();

  /// Any thread. Makes run() return after the present turn.
  void stop();

  /// Any thread. Runs `call` on the loop, in order of posting. Dropped unrun if the loop ends
  /// first.
  void post(std::move_only_function<void()> call);

  /// The loop of this thread. Requires: there is one.
  [[nodiscard]] static Loop& current();

  [[nodiscard]] const Clock& clock() const { return clock_; }

  [[nodiscard]] SteadyTime now() const { return clock_.now(); }

  /// Null when epoll does everything.
  [[nodiscard]] Ring* ring() { return ring_.get(); }

  /// Queues a waiter to be resumed in this or the next turn.
  void make_ready(Waiter& waiter) { ready_.push_back(waiter); }

 private:
  friend class FdWatch;
  friend class Timer;

  void turn();
  void poll(int milliseconds);
  void tell(const epoll_event& event);
  void run_ready();
  void run_posted();
  void fire_timers();
  [[nodiscard]] std::chrono::nanoseconds wait() const;
  void sift_up(std::size_t index);
  void sift_down(std::size_t index);
  void place(std::size_t index, Timer* timer);

  struct Slot {
    FdWatch* watch = nullptr;
    std::uint32_t generation = 0;
  };

  const Clock& clock_;
  Loop* outer_;
  int epoll_fd_;
  int wake_fd_;
  std::unique_ptr<Ring> ring_;
  WaiterList ready_;
  std::vector<Timer*> timers_;
  std::vector<Slot> slots_;  // by file descriptor
  std::mutex posted_mutex_;
  std::vector<std::move_only_function<void()>> posted_;
  std::atomic<bool> stopped_ = false;
};

/// Suspends until `deadline` by the loop's clock.
Task<> sleep_until(Deadline deadline);
Task<> sleep_for(std::chrono::nanoseconds duration);

/// Lets everything that is ready run first.
Task<> yield();

/// Runs `loop` until `task` has finished. For main functions and tests.
void run_until_complete(Loop& loop, Task<> task);

}  // namespace insula
