#include "async/loop.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <utility>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "async/ring.h"
#include "base/check.h"

namespace insula {
namespace {

constexpr int kEventsPerTurn = 256;
// Between two looks at the clock when the next timer is far away or the clock is not the machine's.
constexpr auto kWaitMax = std::chrono::seconds(60);

thread_local Loop* current_loop = nullptr;

std::string last_error() {
  return fail_errno("event loop").error().message();
}

std::uint64_t token_of(int fd, std::uint32_t generation) {
  return static_cast<std::uint64_t>(generation) << 32 | static_cast<std::uint32_t>(fd);
}

}  // namespace

Result<IoEngine> parse_io_engine(std::string_view text) {
  if (text == "auto") return IoEngine::kAuto;
  if (text == "epoll") return IoEngine::kEpoll;
  if (text == "io_uring") return IoEngine::kIoUring;
  return fail(ErrorCode::kInvalid,
              "there is no I/O engine \"" + std::string(text) + "\"; use auto, epoll or io_uring");
}

FdWatch::FdWatch(Loop& loop, int fd, FdEvents events) : loop_(loop), fd_(fd) {
  const auto index = static_cast<std::size_t>(fd);
  if (loop.slots_.size() <= index) loop.slots_.resize(index + 1);
  Loop::Slot& slot = loop.slots_[index];
  slot.watch = this;
  generation_ = ++slot.generation;
  epoll_event event{};
  event.events = EPOLLOUT | EPOLLRDHUP | EPOLLET;
  if (events == FdEvents::kAll) event.events |= EPOLLIN;
  event.data.u64 = token_of(fd, generation_);
  const int rc = ::epoll_ctl(loop.epoll_fd_, EPOLL_CTL_ADD, fd, &event);
  INSULA_CHECK(rc == 0, last_error());
}

FdWatch::~FdWatch() {
  loop_.slots_[static_cast<std::size_t>(fd_)].watch = nullptr;
  ::epoll_ctl(loop_.epoll_fd_, EPOLL_CTL_DEL, fd_, nullptr);
}

void FdWatch::wake(WaiterList& list) {
  while (Waiter* waiter = list.pop_front())
    loop_.make_ready(*waiter);
}

void FdWatch::wake_readers(bool end) {
  wake(readers);
  if (crossed) wake(writers);
  hung_up = hung_up || end;
  if (end) wake(hangup_waiters);
}

void FdWatch::wake_writers() {
  wake(writers);
  if (crossed) wake(readers);
}

void FdWatch::on_events(std::uint32_t events) {
  const bool broken = (events & (EPOLLHUP | EPOLLERR)) != 0;
  const bool closed = broken || (events & EPOLLRDHUP) != 0;
  const bool in = closed || (events & EPOLLIN) != 0;
  const bool out = broken || (events & EPOLLOUT) != 0;
  hung_up = hung_up || closed;
  readable = readable || in;
  writable = writable || out;
  if (in || crossed) wake(readers);
  if (out || crossed) wake(writers);
  if (closed) wake(hangup_waiters);
}

Timer::~Timer() {
  cancel();
}

void Timer::start(Loop& loop, Deadline deadline, std::coroutine_handle<> handle) {
  INSULA_CHECK(index_ == kNotQueued && !waiter_.linked());
  loop_ = &loop;
  deadline_ = deadline;
  waiter_.set_handle(handle);
  loop.timers_.push_back(this);
  index_ = loop.timers_.size() - 1;
  loop.sift_up(index_);
}

void Timer::cancel() {
  waiter_.unlink();
  if (index_ == kNotQueued) return;
  const std::size_t hole = std::exchange(index_, kNotQueued);
  Timer* last = loop_->timers_.back();
  loop_->timers_.pop_back();
  if (last == this) return;
  loop_->place(hole, last);
  loop_->sift_up(hole);
  loop_->sift_down(last->index_);
}

Loop::Loop(const Clock& clock)
    : clock_(clock),
      outer_(std::exchange(current_loop, this)),
      epoll_fd_(::epoll_create1(EPOLL_CLOEXEC)),
      wake_fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  INSULA_CHECK(epoll_fd_ >= 0 && wake_fd_ >= 0, last_error());
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = token_of(wake_fd_, 0);
  INSULA_CHECK(::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, wake_fd_, &event) == 0, last_error());
}

Result<std::unique_ptr<Loop>> Loop::make(const Clock& clock, IoEngine engine) {
  auto loop = std::make_unique<Loop>(clock);
  if (engine == IoEngine::kEpoll) return loop;
  auto ring = Ring::make(clock);
  if (ring) {
    loop->ring_ = *std::move(ring);
    loop->ring_->watch_epoll(loop->epoll_fd_);
  } else if (engine == IoEngine::kIoUring) {
    return std::unexpected(std::move(ring).error());
  }
  return loop;
}

Loop::~Loop() {
  ring_.reset();
  current_loop = outer_;
  ::close(wake_fd_);
  ::close(epoll_fd_);
}

Loop& Loop::current() {
  INSULA_CHECK(current_loop != nullptr, "no loop on this thread");
  return *current_loop;
}

void Loop::run() {
  Loop* outer = std::exchange(current_loop, this);
  while (!stopped_.load(std::memory_order_acquire))
    turn();
  stopped_.store(false, std::memory_order_release);
  current_loop = outer;
}

void Loop::stop() {
  stopped_.store(true, std::memory_order_release);
  const std::uint64_t one = 1;
  (void)!::write(wake_fd_, &one, sizeof one);
}

void Loop::post(std::move_only_function<void()> call) {
  {
    const std::scoped_lock lock(posted_mutex_);
    posted_.push_back(std::move(call));
    if (posted_.size() > 1) return;  // already woken
  }
  const std::uint64_t one = 1;
  (void)!::write(wake_fd_, &one, sizeof one);
}

void Loop::turn() {
  if (ring_ == nullptr) {
    // Rounded up: waking a fraction early would spin until the deadline.
    poll(static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(wait()).count()));
  } else {
    ring_->submit_output();
    if (ring_->turn(wait())) poll(0);
  }
  run_posted();
  fire_timers();
  run_ready();
}

void Loop::poll(int milliseconds) {
  std::array<epoll_event, kEventsPerTurn> events;  // NOLINT(*-member-init): the kernel fills it
  int count = 0;
  do {
    count = ::epoll_wait(epoll_fd_, events.data(), kEventsPerTurn, milliseconds);
    INSULA_CHECK(count >= 0 || errno == EINTR, last_error());
    for (int i = 0; i < count; ++i)
      tell(events[static_cast<std::size_t>(i)]);
    // The ring tells of new events only.
  } while (count == kEventsPerTurn && ring_ != nullptr);
}

/// Only fills lists; no watch can go away before poll() ends.
void Loop::tell(const epoll_event& event) {
  const auto fd = static_cast<int>(event.data.u64 & 0xffffffff);
  if (fd == wake_fd_) {
    std::uint64_t count_unused = 0;
    (void)!::read(wake_fd_, &count_unused, sizeof count_unused);
    return;
  }
  const Slot& slot = slots_[static_cast<std::size_t>(fd)];
  if (slot.watch != nullptr && token_of(fd, slot.generation) == event.data.u64)
    slot.watch->on_events(event.events);
}

void Loop::run_posted() {
  std::vector<std::move_only_function<void()>> calls;
  {
    const std::scoped_lock lock(posted_mutex_);
    calls.swap(posted_);
  }
  for (auto& call : calls)
    call();
}

void Loop::run_ready() {
  // A batch at a time: what becomes ready meanwhile waits for the descriptors' turn.
  WaiterList batch;
  while (Waiter* waiter = ready_.pop_front())
    batch.push_back(*waiter);
  while (Waiter* waiter = batch.pop_front()) {
    if (waiter->attempt_ == nullptr || waiter->attempt_(*waiter)) waiter->handle_.resume();
  }
}

void Loop::fire_timers() {
  if (timers_.empty()) return;
  const SteadyTime now = clock_.now();
  while (!timers_.empty() && timers_.front()->deadline_ <= now) {
    Timer* timer = timers_.front();
    timer->cancel();
    make_ready(timer->waiter_);
  }
}

std::chrono::nanoseconds Loop::wait() const {
  if (!ready_.empty()) return std::chrono::nanoseconds(0);
  if (timers_.empty()) return kWaitMax;
  const auto until = timers_.front()->deadline_ - clock_.now();
  return std::clamp<std::chrono::nanoseconds>(until, std::chrono::nanoseconds(0), kWaitMax);
}

void Loop::place(std::size_t index, Timer* timer) {
  timers_[index] = timer;
  timer->index_ = index;
}

void Loop::sift_up(std::size_t index) {
  Timer* timer = timers_[index];
  while (index > 0) {
    const std::size_t parent = (index - 1) / 2;
    if (timers_[parent]->deadline_ <= timer->deadline_) break;
    place(index, timers_[parent]);
    index = parent;
  }
  place(index, timer);
}

void Loop::sift_down(std::size_t index) {
  Timer* timer = timers_[index];
  for (;;) {
    std::size_t child = 2 * index + 1;
    if (child >= timers_.size()) break;
    if (child + 1 < timers_.size() && timers_[child + 1]->deadline_ < timers_[child]->deadline_)
      ++child;
    if (timer->deadline_ <= timers_[child]->deadline_) break;
    place(index, timers_[child]);
    index = child;
  }
  place(index, timer);
}

namespace {

struct SleepAwaiter {
  Loop& loop;
  Deadline deadline;
  Timer timer;

  [[nodiscard]] bool await_ready() const { return deadline <= loop.now(); }

  void await_suspend(std::coroutine_handle<> handle) { timer.start(loop, deadline, handle); }

  void await_resume() const noexcept {}
};

class YieldAwaiter {
 public:
  [[nodiscard]] bool await_ready() const noexcept { return false; }

  void await_suspend(std::coroutine_handle<> handle) {
    waiter_.set_handle(handle);
    Loop::current().make_ready(waiter_);
  }

  void await_resume() const noexcept {}

 private:
  Waiter waiter_;
};

Task<> then_stop(Task<> task, Loop* loop) {
  co_await std::move(task);
  loop->stop();
}

}  // namespace

Task<> sleep_until(Deadline deadline) {
  co_await SleepAwaiter{Loop::current(), deadline, {}};
}

Task<> sleep_for(std::chrono::nanoseconds duration) {
  Loop& loop = Loop::current();
  co_await SleepAwaiter{loop, loop.now() + duration, {}};
}

Task<> yield() {
  co_await YieldAwaiter{};
}

void run_until_complete(Loop& loop, Task<> task) {
  const Task<> root = then_stop(std::move(task), &loop);
  loop.post([&root] { root.handle().resume(); });
  loop.run();
}

}  // namespace insula
