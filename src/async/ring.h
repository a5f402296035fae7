#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"

namespace insula {

class FdWatch;
class RingSocket;

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

  /// Waits up to `wait` until something has happened, and tells the sockets. Returns whether epoll
  /// has events.
  bool turn(std::chrono::nanoseconds wait);

  /// Hands over what was written. Whoever waited to write more may be ready then, so this comes
  /// before it is known how long a turn may wait.
  void submit_output();

 private:
  friend class RingSocket;

  /// What one receive takes at most; more that has come is then read directly.
  static constexpr std::size_t kBufferBytes = 4096;

  struct Native;

  explicit Ring(const Clock& clock);

  void queue(RingSocket& socket);
  void queue_written(RingSocket& socket);
  void note_load(unsigned completions);
  void start_send(RingSocket& socket);
  void start_receive(RingSocket& socket);
  void cancel_receive(RingSocket& socket);
  void cancel_send(RingSocket& socket);
  void end_lingering();
  void stop_lingering(RingSocket& socket);
  bool complete(std::chrono::nanoseconds wait);
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
  std::vector<RingSocket*> sending_;  // of those, this turn's
  bool light_load_ = true;
  SteadyTime load_since_;
  unsigned completions_ = 0;          // since then
  std::list<RingSocket*> lingering_;  // released and not yet closed, by their ends
  std::vector<std::string> texts_;    // memory for output
};

}  // namespace insula
