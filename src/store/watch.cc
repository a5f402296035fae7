#include "store/watch.h"

#include <algorithm>
#include <utility>

#include "store/store.h"

namespace insula::store {

namespace {

/// Bookkeeping of one version beside its key and value.
constexpr std::size_t kEntryOverheadBytes = 256;

std::size_t weight(const EntryPtr& entry) {
  return entry ? kEntryOverheadBytes + entry->key.size() + entry->value.size() : 0;
}

std::size_t weight(const Change& change) {
  return weight(change.entry) + weight(change.previous);
}

}  // namespace

void Watch::State::push(const Change& change) {
  for (const EntryPtr& entry : {change.entry, change.previous}) {
    if (entry && entry->queued++ == 0) store->queued_bytes_ += weight(entry);
  }
  bytes += weight(change);
  queue.push_back(change);
}

Change Watch::State::pop() {
  Change change = std::move(queue.front());
  queue.pop_front();
  bytes -= weight(change);
  for (const EntryPtr& entry : {change.entry, change.previous}) {
    if (entry && --entry->queued == 0) store->queued_bytes_ -= weight(entry);
  }
  return change;
}

void Watch::State::expire() {
  while (!queue.empty())
    pop();
  queue.shrink_to_fit();
  expired = true;
  ready.set();
}

Watch::~Watch() {
  if (!state_) return;
  while (!state_->queue.empty())
    state_->pop();
  auto& watches = state_->store->watches_;
  const auto it = watches.find(state_->prefix);
  std::erase(it->second, state_.get());
  if (it->second.empty()) watches.erase(it);
}

Result<std::vector<Change>> Watch::take(std::size_t max, std::size_t bytes_max) {
  if (state_->expired)
    return fail(ErrorCode::kExpired,
                "the watch fell too far behind; list again and watch from there");
  std::vector<Change> out;
  const auto& queue = state_->queue;
  std::size_t bytes = 0;
  while (!queue.empty() && out.size() < max && bytes < bytes_max) {
    out.push_back(state_->pop());
    bytes += weight(out.back());
  }
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
