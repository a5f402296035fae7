#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "async/event.h"
#include "base/error.h"
#include "store/entry.h"

namespace insula::store {

class Store;

/// Streams every change under one prefix, in order and without gaps. Made by Store::watch().
///
///   while (true) {
///     co_await watch.ready().wait();
///     INSULA_CO_TRY(auto changes, watch.take(kBatch));
///     ...
///   }
///
/// A reader that is too far behind is dropped: take() fails with kExpired from then on and the
/// reader must list again, so slow clients cannot hold memory. Too far is more than
/// StoreOptions::watch_backlog_max changes or watch_backlog_bytes_max bytes, or the largest backlog
/// while all of them together keep more than watch_backlogs_bytes_max alive.
///
/// Lifetime: the store outlives the watch. Threads: the store's loop only.
class Watch {
 public:
  Watch(Watch&&) noexcept = default;
  Watch& operator=(Watch&&) = delete;
  ~Watch();

  /// Set while take() has something to say.
  [[nodiscard]] Event& ready() { return state_->ready; }

  /// Up to `max` changes that have not been taken yet, fewer once they weigh `bytes_max`; empty if
  /// there are none.
  Result<std::vector<Change>> take(std::size_t max, std::size_t bytes_max = SIZE_MAX);

  /// Every change up to here that matches has been taken: what a bookmark may claim.
  [[nodiscard]] Revision revision() const;

 private:
  friend class Store;

  struct State {
    Store* store = nullptr;
    std::string prefix;
    std::deque<Change> queue;
    std::size_t queue_max = 0;
    // Of the queue, per change: a version that is the new one of a change and the old one of the
    // next counts twice.
    std::size_t bytes = 0;
    std::size_t bytes_max = 0;
    Revision taken = 0;
    bool expired = false;
    Event ready;

    void push(const Change& change);
    Change pop();
    /// Drops the backlog and the reader with it.
    void expire();
  };

  explicit Watch(std::unique_ptr<State> state) : state_(std::move(state)) {}

  std::unique_ptr<State> state_;
};

}  // namespace insula::store
