#pragma once

#include <cstddef>
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
/// A reader more than StoreOptions::watch_backlog_max changes behind is dropped: take() fails with
/// kExpired from then on and the reader must list again, so one slow client cannot hold memory.
///
/// Lifetime: the store outlives the watch. Threads: the store's loop only.
class Watch {
 public:
  Watch(Watch&&) noexcept = default;
  Watch& operator=(Watch&&) = delete;
  ~Watch();

  /// Set while take() has something to say.
  [[nodiscard]] Event& ready() { return state_->ready; }

  /// Up to `max` changes that have not been taken yet; empty if there are none.
  Result<std::vector<Change>> take(std::size_t max);

  /// Every change up to here that matches has been taken: what a bookmark may claim.
  [[nodiscard]] Revision revision() const;

 private:
  friend class Store;

  struct State {
    Store* store = nullptr;
    std::string prefix;
    std::deque<Change> queue;
    std::size_t queue_max = 0;
    Revision taken = 0;
    bool expired = false;
    Event ready;
  };

  explicit Watch(std::unique_ptr<State> state) : state_(std::move(state)) {}

  std::unique_ptr<State> state_;
};

}  // namespace insula::store
