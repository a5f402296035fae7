#include "async/ring.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <liburing.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "async/ring_socket.h"
#include "async/socket_calls.h"
#include "base/check.h"

namespace insula {
namespace {

constexpr unsigned kSubmissions = 1024;
constexpr unsigned kCompletions = 8192;
constexpr unsigned kBuffers = 256;
/// A few sends are cheaper by themselves than by a turn that only learns of their end.
constexpr std::size_t kFewSends = 2;
/// With little to do, the other side is better served by so many sends at a time than by the loop's
/// saving: it can begin with them while the turn goes on.
constexpr std::size_t kEarlySends = 4;
/// Little to do: fewer completions in a window than this, some 10,000 requests a second.
constexpr unsigned kLightLoad = 2000;
constexpr std::chrono::milliseconds kLoadWindow{50};
constexpr std::size_t kLingeringMax = 256;
/// A loop that ends waits so long at once for what is on its way.
constexpr std::chrono::milliseconds kEndWait{100};
constexpr std::size_t kTextsMax = 64;
constexpr std::size_t kTextBytes = 2048;
constexpr std::size_t kTextBytesMax = std::size_t{20} << 10U;

/// What a completion is of: the low bits of its user data; the others are the socket's address.
enum Operation : std::uint64_t { kEpoll = 0, kReceive = 1, kSend = 2, kCancel = 3 };

constexpr std::uint64_t kOperationMask = 3;

std::uint64_t tag(const RingSocket* socket, Operation operation) {
  return reinterpret_cast<std::uint64_t>(socket) | operation;
}

}  // namespace

/// What the kernel and we share.
struct Ring::Native {
  using Buffer = std::array<char, kBufferBytes>;

  io_uring ring{};
  bool made = false;
  /// The ring of free buffers, on pages of its own as the kernel wants it.
  std::unique_ptr<io_uring_buf_ring, decltype(&std::free)> free_buffers{nullptr, &std::free};
  std::unique_ptr<std::array<Buffer, kBuffers>> buffers;

  ~Native() {
    if (made) io_uring_queue_exit(&ring);
  }

  int make_ring() {
    io_uring_params parameters{};
    parameters.flags =
        IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE;
    parameters.cq_entries = kCompletions;
    const int rc = io_uring_queue_init_params(kSubmissions, &ring, &parameters);
    made = rc == 0;
    return rc;
  }

  int share_buffers() {
    constexpr std::size_t kPage = 4096;
    static_assert(kBuffers * sizeof(io_uring_buf) % kPage == 0);
    void* pages = std::aligned_alloc(kPage, kBuffers * sizeof(io_uring_buf));
    INSULA_CHECK(pages != nullptr);
    free_buffers.reset(static_cast<io_uring_buf_ring*>(pages));
    buffers = std::make_unique_for_overwrite<std::array<Buffer, kBuffers>>();
    io_uring_buf_ring_init(free_buffers.get());
    for (std::size_t i = 0; i < kBuffers; ++i)
      give(static_cast<std::uint16_t>(i));
    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<std::uint64_t>(pages);
    registration.ring_entries = kBuffers;
    return io_uring_register_buf_ring(&ring, &registration, 0);
  }

  void give(std::uint16_t buffer) const {
    io_uring_buf_ring_add(free_buffers.get(), (*buffers)[buffer].data(), kBufferBytes, buffer,
                          io_uring_buf_ring_mask(kBuffers), 0);
    io_uring_buf_ring_advance(free_buffers.get(), 1);
  }

  /// To be filled in.
  io_uring_sqe& submission() {
    io_uring_sqe* entry = io_uring_get_sqe(&ring);
    while (entry == nullptr) {
      check(io_uring_submit(&ring));
      entry = io_uring_get_sqe(&ring);
    }
    return *entry;
  }

  void cancel(std::uint64_t operation) {
    io_uring_sqe& entry = submission();
    io_uring_prep_cancel64(&entry, operation, 0);
    io_uring_sqe_set_data64(&entry, tag(nullptr, kCancel));
  }

  /// Submits what is prepared and waits until something has completed.
  void enter(std::chrono::nanoseconds wait) {
    if (wait <= std::chrono::nanoseconds(0)) return check(io_uring_submit_and_get_events(&ring));
    io_uring_cqe* first = nullptr;
    __kernel_timespec timeout{.tv_sec = wait.count() / 1'000'000'000,
                              .tv_nsec = wait.count() % 1'000'000'000};
    check(io_uring_submit_and_wait_timeout(&ring, &first, 1, &timeout, nullptr));
  }

  /// What passes is tried again in the next turn; a loop that the kernel refuses for good is lost.
  static void check(int rc) {
    const bool passes = rc == -ETIME || rc == -EINTR || rc == -EAGAIN || rc == -EBUSY;
    INSULA_CHECK(rc >= 0 || passes, fail_errno("io_uring_enter", -rc).error().message());
  }
};

Ring::Ring(const Clock& clock)
    : clock_(clock), native_(std::make_unique<Native>()), load_since_(clock.now()) {}

Result<std::unique_ptr<Ring>> Ring::make(const Clock& clock) {
  std::unique_ptr<Ring> ring(new Ring(clock));
  const auto refused = [](std::string_view what, int rc) {
    return fail(ErrorCode::kUnavailable, fail_errno(what, -rc).error().message());
  };
  if (const int rc = ring->native_->make_ring(); rc != 0) return refused("io_uring_setup", rc);
  if (const int rc = ring->native_->share_buffers(); rc != 0)
    return refused("io_uring_register", rc);
  return ring;
}

Ring::~Ring() {
  for (RingSocket* socket : lingering_) {
    socket->flush();
    ::shutdown(socket->fd_, SHUT_RDWR);
  }
  // What is on its way has ended then, and tells so.
  with_output_.swap(sending_);
  for (RingSocket* socket : std::exchange(sending_, {})) {
    socket->queued_ = false;
    finish_if_released(*socket);
  }
  while (!lingering_.empty())
    complete(kEndWait);
}

RingSocket* Ring::open(FdWatch& watch, int fd) {
  return new RingSocket(*this, watch, fd);
}

void Ring::watch_epoll(int epoll_fd) {
  epoll_fd_ = epoll_fd;
  io_uring_sqe& entry = native_->submission();
  io_uring_prep_poll_multishot(&entry, epoll_fd, POLLIN);
  io_uring_sqe_set_data64(&entry, tag(nullptr, kEpoll));
}

void Ring::start_receive(RingSocket& socket) {
  socket.receiving_ = true;
  io_uring_sqe& entry = native_->submission();
  io_uring_prep_recv(&entry, socket.fd_, nullptr, 0, 0);
  entry.flags |= IOSQE_BUFFER_SELECT;
  entry.buf_group = 0;
  entry.ioprio |= IORING_RECVSEND_POLL_FIRST;  // It is known to be empty.
  io_uring_sqe_set_data64(&entry, tag(&socket, kReceive));
}

void Ring::start_send(RingSocket& socket) {
  socket.sending_ = true;
  io_uring_sqe& entry = native_->submission();
  io_uring_prep_send(&entry, socket.fd_, socket.output_.data(), socket.output_.size(),
                     MSG_NOSIGNAL | MSG_WAITALL);
  io_uring_sqe_set_data64(&entry, tag(&socket, kSend));
}

void Ring::cancel_receive(RingSocket& socket) {
  native_->cancel(tag(&socket, kReceive));
}

void Ring::cancel_send(RingSocket& socket) {
  native_->cancel(tag(&socket, kSend));
}

void Ring::queue(RingSocket& socket) {
  socket.queued_ = true;
  with_output_.push_back(&socket);
}

/// Of a socket that its owner has just written to.
void Ring::queue_written(RingSocket& socket) {
  queue(socket);
  if (!light_load_ || with_output_.size() < kEarlySends) return;
  submit_output();
  Native::check(io_uring_submit(&native_->ring));
}

void Ring::submit_output() {
  // What becomes ready to send meanwhile is for the next turn.
  sending_.swap(with_output_);
  const bool few = sending_.size() <= kFewSends;
  for (RingSocket* socket : sending_) {
    socket->queued_ = false;
    if (few) socket->flush();
    if (!socket->output_.empty() && !socket->queued_) {
      start_send(*socket);
    } else {
      finish_if_released(*socket);
    }
  }
  sending_.clear();
}

bool Ring::turn(std::chrono::nanoseconds wait) {
  if (!lingering_.empty()) {
    end_lingering();
    const std::chrono::nanoseconds left = lingering_.front()->linger_end_ - clock_.now();
    wait = std::clamp(left, std::chrono::nanoseconds(0), wait);
  }
  return complete(wait);
}

/// Waits until something has completed, and tells the sockets. Returns whether epoll has events.
bool Ring::complete(std::chrono::nanoseconds wait) {
  native_->enter(wait);
  bool epoll_has_events = false;
  unsigned head = 0;
  unsigned seen = 0;
  io_uring_cqe* completion = nullptr;
  io_uring_for_each_cqe(&native_->ring, head, completion) {
    ++seen;
    // NOLINTNEXTLINE(performance-no-int-to-ptr): tag() made it of one
    auto* socket = reinterpret_cast<RingSocket*>(completion->user_data & ~kOperationMask);
    switch (completion->user_data & kOperationMask) {
      case kEpoll:
        epoll_has_events = true;
        if ((completion->flags & IORING_CQE_F_MORE) == 0) watch_epoll(epoll_fd_);
        break;
      case kReceive:
        socket->end_receive(completion->res, completion->flags);
        finish_if_released(*socket);
        break;
      case kSend:
        socket->end_send(completion->res);
        finish_if_released(*socket);
        break;
      default:
        break;  // What was cancelled says so itself.
    }
  }
  io_uring_cq_advance(&native_->ring, seen);
  note_load(seen);
  return epoll_has_events;
}

void Ring::note_load(unsigned completions) {
  completions_ += completions;
  const SteadyTime now = clock_.now();
  if (now < load_since_ + kLoadWindow) return;
  light_load_ = completions_ < kLightLoad;
  load_since_ = now;
  completions_ = 0;
}

void Ring::linger(RingSocket& socket) {
  socket.linger_end_ = clock_.now() + RingSocket::kLingerTime;
  socket.lingering_ = lingering_.insert(lingering_.end(), &socket);
  // Each has a descriptor that nobody counts.
  if (lingering_.size() > kLingeringMax) stop_lingering(*lingering_.front());
}

/// Gives up on those whose peers take nothing.
void Ring::end_lingering() {
  const SteadyTime now = clock_.now();
  while (now >= lingering_.front()->linger_end_)
    stop_lingering(*lingering_.front());
}

/// Its operations end soon after.
void Ring::stop_lingering(RingSocket& socket) {
  socket.dropped_ = true;
  socket.linger_end_ = SteadyTime::max();
  lingering_.splice(lingering_.end(), lingering_, socket.lingering_);
  ::shutdown(socket.fd_, SHUT_RDWR);
}

void Ring::finish_if_released(RingSocket& socket) {
  if (socket.watch_ != nullptr || !socket.is_idle()) return;
  lingering_.erase(socket.lingering_);
  delete &socket;
}

std::span<const char> Ring::buffer(std::uint16_t number) const {
  return (*native_->buffers)[number];
}

void Ring::give_back(std::uint16_t buffer) {
  native_->give(buffer);
}

std::string Ring::take_text(std::size_t bytes) {
  std::string text;
  if (!texts_.empty()) {
    text = std::move(texts_.back());
    texts_.pop_back();
  }
  text.reserve(std::max(bytes, kTextBytes));
  return text;
}

void Ring::keep_text(std::string text) {
  if (texts_.size() >= kTextsMax || text.capacity() > kTextBytesMax) return;
  text.clear();
  texts_.push_back(std::move(text));
}

}  // namespace insula
