#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "base/clock.h"
#include "base/error.h"

namespace insula {

class FdWatch;
class Loop;
class Ring;

/// A connected socket whose bytes go through its loop's ring. Output is kept until the end of the
/// loop's turn and then handed to the kernel together with that of all others; input is waited for
/// and received in one step.
///
/// What was taken for output reaches the kernel also when the owner has released the socket since,
/// unless the peer takes nothing for kLingerTime.
///
/// Threads: the loop's own. Lifetime: from Ring::open() to release(); the watch outlives that.
class RingSocket {
 public:
  static constexpr std::chrono::seconds kLingerTime{30};

  RingSocket(const RingSocket&) = delete;
  RingSocket& operator=(const RingSocket&) = delete;

  /// As recv(2) on a non-blocking socket. After EAGAIN the watch's readers are woken once there is
  /// something.
  ssize_t receive(std::span<char> buffer);

  /// The same, and what is returned is there to be received again.
  ssize_t peek(std::span<char> buffer);

  /// As a send(2) of both, one after the other. After EAGAIN the watch's writers are woken once
  /// there is room. An error may be of output that was taken earlier.
  ssize_t send(std::string_view first, std::string_view second);

  /// Ends our side once all output is with the kernel.
  void shutdown_write();

  /// Gives the socket up; it is closed once its operations have ended. `drop`: what the kernel has
  /// not got is of no use any more.
  void release(bool drop);

 private:
  friend class Ring;

  /// More in one call goes to the kernel at once, since it would have to be copied.
  static constexpr std::size_t kKeptMax = std::size_t{17} << 10U;
  static constexpr std::size_t kOutputMax = std::size_t{64} << 10U;

  RingSocket(Ring& ring, FdWatch& watch, int fd) : ring_(ring), watch_(&watch), fd_(fd) {}

  ~RingSocket();

  ssize_t receive_now(std::span<char> buffer, int flags);
  ssize_t send_now(std::string_view first, std::string_view second);
  void wait_for_input();
  void end_receive(int result, std::uint32_t flags);
  void end_send(int result);
  void output_sent();

  [[nodiscard]] bool is_idle() const { return !receiving_ && !sending_ && !queued_; }

  Ring& ring_;
  FdWatch* watch_;  // null once released
  int fd_;

  bool receiving_ = false;  // an operation of the ring is on its way
  bool ended_ = false;
  int receive_error_ = 0;
  std::span<const char> input_;  // within the ring's buffer number buffer_
  std::uint16_t buffer_ = 0;

  bool queued_ = false;   // in the ring's list of those with output
  bool sending_ = false;  // an operation of the ring sends output_
  bool shuts_ = false;
  int send_error_ = 0;
  std::string output_;
  std::string more_;  // what came while output_ is being sent

  std::size_t linger_index_ = 0;  // once released: where the ring has it
  SteadyTime linger_end_;
};

/// A loop's io_uring: sockets hand many sends to the kernel in one system call, and get what they
/// receive without one of their own.
///
/// Needs Linux 6.1 and a sandbox that allows io_uring_setup(2).
///
/// Threads: the one that made it. Lifetime: the loop's; outlives its sockets.
class Ring {
 public:
  /// Errors: kUnavailable with the reason when this kernel or sandbox has none for us.
  static Result<std::unique_ptr<Ring>> make(const Clock& clock);

  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  ~Ring();

  /// Takes over a connected, non-blocking socket.
  [[nodiscard]] RingSocket* open(FdWatch& watch, int fd);

  /// Wakes turn() whenever epoll has events.
  void watch_epoll(int epoll_fd);

  /// Hands the output of this turn to the kernel, waits up to `wait` until something has happened,
  /// and tells the sockets. Returns whether epoll has events.
  bool turn(std::chrono::nanoseconds wait);

 private:
  friend class RingSocket;
  struct Native;

  explicit Ring(const Clock& clock);

  void queue(RingSocket& socket);
  void submit_output();
  void start_send(RingSocket& socket);
  void start_receive(RingSocket& socket);
  void cancel(RingSocket& socket, std::uint64_t operation);
  void end_lingering();
  void linger(RingSocket& socket);
  void finish_if_released(RingSocket& socket);
  [[nodiscard]] std::span<const char> buffer(std::uint16_t number) const;
  void give_back(std::uint16_t buffer);
  [[nodiscard]] std::string take_text(std::size_t bytes);
  void keep_text(std::string text);

  const Clock& clock_;
  std::unique_ptr<Native> native_;
  int epoll_fd_ = -1;
  std::vector<RingSocket*> with_output_;
  std::vector<RingSocket*> sending_;    // of those, this turn's
  std::vector<RingSocket*> lingering_;  // released, and not yet closed
  std::vector<std::string> texts_;      // memory for output
};

}  // namespace insula
