#include "store/watch.h"

#include <algorithm>
#include <iterator>

#include "store/store.h"

namespace insula::store {

Watch::~Watch() {
  if (!state_) return;
  auto& watches = state_->store->watches_;
  const auto it = watches.find(state_->prefix);
  std::erase(it->second, state_.get());
  if (it->second.empty()) watches.erase(it);
}

Result<std::vector<Change>> Watch::take(std::size_t max) {
  if (state_->expired)
    return fail(ErrorCode::kExpired,
                "the watch fell too far behind; list again and watch from there");
  std::vector<Change> out;
  auto& queue = state_->queue;
  const auto count = static_cast<std::ptrdiff_t>(std::min(max, queue.size()));
  out.assign(std::make_move_iterator(queue.begin()),
             std::make_move_iterator(queue.begin() + count));
  queue.erase(queue.begin(), queue.begin() + count);
  if (!out.empty()) state_->taken = out.back().entry->revision;
  if (queue.empty()) {
    // Every matching change shown so far was in the queue.
    state_->taken = std::max(state_->taken, state_->store->revision());
    state_->ready.reset();
  }
  return out;
}

Revision Watch::revision() const {
  return state_->queue.empty() && !state_->expired
             ? std::max(state_->taken, state_->store->revision())
             : state_->taken;
}

}  // namespace insula::store
