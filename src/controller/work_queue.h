#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <optional>
#include <set>

#include "base/clock.h"
#include "controller/key.h"

namespace insula::controller {

struct Backoff {
  std::chrono::nanoseconds first = std::chrono::milliseconds(5);
  std::chrono::nanoseconds max = std::chrono::seconds(60);

  /// Doubles with every failure. `failures` counts from 1.
  [[nodiscard]] std::chrono::nanoseconds delay(int failures) const;
};

/// The keys that need work.
///
/// Fair: keys come out in the order they went in. Stingy: a key is in the queue once, however often
/// it was added. Never twice at once: a key added while it is being worked on waits until done().
///
/// No I/O and no waiting: pop() says what is due now, next_due() when to ask again. Bounded by its
/// nature: one entry for each live object.
///
/// Threads: one loop. Lifetime: the clock outlives the queue.
class WorkQueue {
 public:
  explicit WorkQueue(const Clock& clock, Backoff backoff = {}) : clock_(clock), backoff_(backoff) {}

  void add(const Key& key);
  /// Adds at `now + delay`; when it is already to be added earlier, the earlier time stays.
  void add_after(const Key& key, std::chrono::nanoseconds delay);
  /// Adds after a delay that doubles with every call since forget().
  void add_after_failure(const Key& key);

  /// The key succeeded: its next failure starts with the first delay again.
  void forget(const Key& key) { failures_.erase(key); }

  /// The next key that is due; it counts as being worked on until done().
  std::optional<Key> pop();
  /// Requires: the key came from pop().
  void done(const Key& key);

  /// When the earliest delayed key becomes due; nullopt when none is delayed.
  [[nodiscard]] std::optional<SteadyTime> next_due() const;

  /// Keys that pop() would give now or once they are done.
  [[nodiscard]] std::size_t depth() const { return waiting_.size() + dirty_while_working_.size(); }

  [[nodiscard]] std::size_t working() const { return working_.size(); }

  [[nodiscard]] std::size_t delayed() const { return due_of_.size(); }

  [[nodiscard]] int failures(const Key& key) const;

 private:
  void take_due();

  const Clock& clock_;
  Backoff backoff_;
  std::deque<Key> order_;
  std::set<Key> waiting_;  // what order_ holds
  std::set<Key> working_;
  std::set<Key> dirty_while_working_;
  std::set<std::pair<SteadyTime, Key>> delayed_;
  std::map<Key, SteadyTime> due_of_;
  std::map<Key, int> failures_;
};

}  // namespace insula::controller
