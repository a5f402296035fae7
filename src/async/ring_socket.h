#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <span>
#include <string>
#include <string_view>

#include <sys/types.h>

#include "base/clock.h"

namespace insula {

class FdWatch;
class Ring;

/// A connected socket whose bytes go through its loop's ring. Output is kept until the end of the
/// loop's turn and then handed to the kernel together with that of all others; input is waited for
/// and received in one step.
///
/// What was taken for output reaches the kernel also when the owner has released the socket since,
/// unless the peer has not taken it after kLingerTime, or many others are in the same state.
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

  /// Ends both sides at once, after the output that the kernel takes at once.
  void shutdown();

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

  void wait_for_input();
  void flush();
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

  std::string looked_at_;  // input that peek() has taken out, before all other

  bool queued_ = false;   // in the ring's list of those with output
  bool sending_ = false;  // an operation of the ring sends output_
  bool shuts_ = false;
  bool dropped_ = false;  // nothing more is to be sent
  int send_error_ = 0;
  std::string output_;
  std::string more_;  // what came while output_ is being sent

  std::list<RingSocket*>::iterator lingering_;  // once released: where the ring has it
  SteadyTime linger_end_;
};

}  // namespace insula
