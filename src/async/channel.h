#pragma once

#include <deque>
#include <optional>
#include <utility>

#include "async/event.h"
#include "async/task.h"

namespace insula {

/// A bounded queue between tasks of one loop, in order, many senders, many receivers.
template <class T>
class Channel {
 public:
  explicit Channel(std::size_t capacity) : capacity_(capacity) {}

  /// False when full or closed; `value` is then dropped.
  bool try_send(T value) {
    if (closed_ || items_.size() >= capacity_) return false;
    items_.push_back(std::move(value));
    not_empty_.set();
    return true;
  }

  /// Waits for room. False when the channel was closed; `value` is then dropped.
  Task<bool> send(T value) {
    while (!closed_ && items_.size() >= capacity_) {
      not_full_.reset();
      co_await not_full_.wait();
    }
    co_return try_send(std::move(value));
  }

  /// The next item; nullopt once the channel is closed and empty.
  Task<std::optional<T>> receive() {
    while (items_.empty() && !closed_) {
      not_empty_.reset();
      co_await not_empty_.wait();
    }
    if (items_.empty()) co_return std::nullopt;
    T item = std::move(items_.front());
    items_.pop_front();
    not_full_.set();
    co_return std::move(item);
  }

  /// What was sent can still be received.
  void close() {
    closed_ = true;
    not_empty_.set();
    not_full_.set();
  }

  [[nodiscard]] bool closed() const { return closed_; }

  [[nodiscard]] std::size_t size() const { return items_.size(); }

 private:
  std::size_t capacity_;
  bool closed_ = false;
  std::deque<T> items_;
  Event not_empty_;
  Event not_full_;
};

}  // namespace insula
