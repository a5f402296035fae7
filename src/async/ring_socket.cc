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
  if (!input_.empty()) {
    const std::size_t seen = std::min(input_.size(), buffer.size());
    std::memcpy(buffer.data(), input_.data(), seen);
    return static_cast<ssize_t>(seen);
  }
  if (ended_) return 0;
  const ssize_t n = peek_now(fd_, buffer);
  if (n < 0 && errno == EAGAIN) {
    wait_for_input();
    errno = EAGAIN;
  }
  return n;
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
  if (bytes > kKeptMax && output_.empty()) {
    errno = EAGAIN;
    if (!watch_->writable) return -1;
    const ssize_t n = send_now(fd_, first, second);
    if (n < 0 && errno == EAGAIN) watch_->writable = false;
    return n;
  }
  std::string& output = sending_ ? more_ : output_;
  if (bytes > kKeptMax || output.size() + bytes > kOutputMax) {
    errno = EAGAIN;
    return -1;
  }
  if (output.empty()) output = ring_.take_text(bytes);
  output.append(first).append(second);
  if (!sending_ && !queued_) ring_.queue(*this);
  return static_cast<ssize_t>(bytes);
}

void RingSocket::end_send(int result) {
  sending_ = false;
  if (result < 0 && result != -EINTR) {
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
  if (n > 0) output_.erase(0, static_cast<std::size_t>(n));
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
