#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace insula::store {

/// Position of a write in the one order of all writes. Starts at 1, only grows, has gaps, and is
/// never used twice, not even across a crash. 0 means "none" or "the newest", as said where used.
using Revision = std::int64_t;

/// One version of one key. Immutable and shared: lists, watches and caches point at the same bytes.
struct Entry {
  std::string key;
  Revision revision = 0;
  std::string value;  // of a deletion: the last state, as watchers should see it
  bool deleted = false;
  /// What the owner of the bytes made of them, so that it is made once. Not stored on disk, empty
  /// after a restart. Threads: the store's loop only, unlike everything else here.
  mutable std::shared_ptr<const void> decoded;
  /// How often it waits in the queues of watches; the store's own count. Threads: as `decoded`.
  mutable std::uint32_t queued = 0;
};

using EntryPtr = std::shared_ptr<const Entry>;

/// What a watcher sees: the new version (a deletion when `entry->deleted`) and the one before it,
/// null when the key did not exist.
struct Change {
  EntryPtr entry;
  EntryPtr previous;
};

}  // namespace insula::store
