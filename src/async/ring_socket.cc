#include "async/ring_socket.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <liburing.h>
#include <sys/socket.h>
#include <unistd.h>

#include "async/loop.h"
#include "async/ring.h"
#include "async/socket_calls.h"

namespace insula {

RingSocket::~RingSocket() {
  ::close(fd_);
}

ssize_t RingSocket::receive(std::span<char> buffer) {
  if (!looked_at_.empty()) {
    const std::size_t taken = looked_at_.copy(buffer.data(), buffer.size());
    looked_at_.erase(0, taken);
    return static_cast<ssize_t>(taken);
  }
  if (!input_.empty()) {
    const std::size_t taken = std::min(input_.size(), buffer.size());
    std::memcpy(buffer.data(), input_.data(), taken);
    input_ = input_.subspan(taken);
    if (input_.empty()) ring_.give_back(buffer_);
    return static_cast<ssize_t>(taken);
  }
  if (ended_) return 0;
  errno = receive_error_;
  if (receive_error_ != 0) return -1;
  if (!receiving_ && watch_->readable) {
    const ssize_t n = receive_now(fd_, buffer);
    // A short read has emptied the socket.
    const bool drained = n > 0 && static_cast<std::size_t>(n) < buffer.size() && !watch_->hung_up;
    if (drained || (n < 0 && errno == EAGAIN)) watch_->readable = false;
    if (n >= 0 || errno != EAGAIN) return n;
  }
  wait_for_input();
  errno = EAGAIN;
  return -1;
}

ssize_t RingSocket::peek(std::span<char> buffer) {
  // Aside, so that more can be waited for.
  if (!input_.empty()) {
    looked_at_.append(input_.data(), input_.size());
    input_ = {};
    ring_.give_back(buffer_);
  }
  while (looked_at_.size() < buffer.size() && !receiving_ && !ended_ && receive_error_ == 0) {
    const ssize_t n = receive_now(fd_, buffer.subspan(looked_at_.size()));
    if (n > 0) {
      looked_at_.append(buffer.data() + looked_at_.size(), static_cast<std::size_t>(n));
    } else if (n == 0) {
      ended_ = true;
    } else if (errno == EAGAIN) {
      wait_for_input();
    } else {
      receive_error_ = errno;
    }
  }
  const std::size_t seen = looked_at_.copy(buffer.data(), buffer.size());
  if (seen > 0 || ended_) return static_cast<ssize_t>(seen);
  errno = receive_error_ != 0 ? receive_error_ : EAGAIN;
  return -1;
}

void RingSocket::wait_for_input() {
  if (!receiving_) ring_.start_receive(*this);
}

void RingSocket::end_receive(int result, std::uint32_t flags) {
  receiving_ = false;
  if ((flags & IORING_CQE_F_BUFFER) != 0) {
    buffer_ = static_cast<std::uint16_t>(flags >> IORING_CQE_BUFFER_SHIFT);
    if (watch_ == nullptr || result <= 0) ring_.give_back(buffer_);
  }
  if (watch_ == nullptr) return;
  FdWatch& watch = *watch_;
  if (result > 0) {
    input_ = ring_.buffer(buffer_).first(static_cast<std::size_t>(result));
    watch.readable = watch.hung_up || input_.size() == Ring::kBufferBytes ||
                     (flags & IORING_CQE_F_SOCK_NONEMPTY) != 0;
  } else if (result == 0) {
    ended_ = true;
  } else if (result == -ENOBUFS || result == -EAGAIN || result == -EINTR) {
    watch.readable = true;  // The reader asks the socket itself.
  } else {
    receive_error_ = -result;
  }
  watch.wake_readers(ended_ || receive_error_ != 0);
}

ssize_t RingSocket::send(std::string_view first, std::string_view second) {
  errno = send_error_;
  if (send_error_ != 0) return -1;
  const std::size_t bytes = first.size() + second.size();
  if (bytes == 0) return 0;
  if (bytes > kKeptMax && output_.empty()) {
    errno = EAGAIN;
    if (!watch_->writable) return -1;
    const ssize_t n = send_now(fd_, first, second);
    if (n < 0 && errno == EAGAIN) watch_->writable = false;
    return n;
  }
  std::string& output = sending_ ? more_ : output_;
  if (bytes > kKeptMax || output_.size() + more_.size() + bytes > kOutputMax) {
    errno = EAGAIN;
    return -1;
  }
  if (output.empty()) output = ring_.take_text(bytes);
  output.append(first).append(second);
  if (!sending_ && !queued_) ring_.queue_written(*this);
  return static_cast<ssize_t>(bytes);
}

void RingSocket::end_send(int result) {
  sending_ = false;
  if (dropped_ || (result < 0 && result != -EINTR)) {
    send_error_ = -result;
    output_.clear();
    more_.clear();
  } else {
    output_.erase(0, result > 0 ? static_cast<std::size_t>(result) : 0);
  }
  if (output_.empty()) return output_sent();
  ring_.queue(*this);
}

/// output_ is with the kernel, or lost.
void RingSocket::output_sent() {
  ring_.keep_text(std::exchange(output_, std::exchange(more_, {})));
  if (!output_.empty()) {
    ring_.queue(*this);
  } else if (shuts_) {
    ::shutdown(fd_, SHUT_WR);
  }
  if (watch_ != nullptr) watch_->wake_writers();
}

/// Hands over what the kernel takes at once, for those who cannot wait for the end of the turn.
void RingSocket::flush() {
  if (sending_ || output_.empty()) return;
  const ssize_t n = send_now(fd_, output_);
  if (n < 0 && errno != EAGAIN) send_error_ = errno;
  if (n > 0) output_.erase(0, static_cast<std::size_t>(n));
  if (send_error_ != 0) output_.clear();
  if (output_.empty()) output_sent();
}

void RingSocket::shutdown_write() {
  flush();
  shuts_ = true;
  if (output_.empty()) ::shutdown(fd_, SHUT_WR);
}

void RingSocket::shutdown() {
  flush();
  ::shutdown(fd_, SHUT_RDWR);
}

void RingSocket::release(bool drop) {
  watch_ = nullptr;
  if (!input_.empty()) ring_.give_back(buffer_);
  input_ = {};
  if (drop) {
    flush();
    dropped_ = true;
    more_.clear();
    if (sending_) {
      ring_.cancel_send(*this);
    } else {
      output_.clear();
    }
  }
  if (receiving_) ring_.cancel_receive(*this);
  if (is_idle()) {
    delete this;
  } else {
    ring_.linger(*this);
  }
}

}  // namespace insula
