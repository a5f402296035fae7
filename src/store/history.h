#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/entry.h"

namespace insula::store {

/// All versions of all keys since the compaction floor, in memory: what is, and what changed.
///
/// Versions are appended in order of revision. A read names the revision it wants to see; any
/// revision from floor() on can be read. Compaction drops the oldest changes and the versions they
/// replaced.
///
/// Threads: one loop.
class History {
 public:
  /// The version of `key` as of revision `at`; null if it did not exist then.
  [[nodiscard]] EntryPtr find(std::string_view key, Revision at) const;

  /// Requires: entry->revision is above every revision so far.
  void append(EntryPtr entry);

  /// Takes back every version above `to`. Requires: to >= floor().
  void rollback(Revision to);

  /// Puts back a version from at or below the floor, when loading, before the first append().
  /// Returns what it replaces: normally nothing, but a failed commit can have left versions behind.
  EntryPtr restore(EntryPtr entry);

  /// Visits keys that begin with `prefix` and sort after `after`, in order, as of revision `at`,
  /// until the visitor returns false.
  void scan(std::string_view prefix,
            std::string_view after,
            Revision at,
            const std::function<bool(const EntryPtr&)>& visit) const;

  /// Visits the changes with after < revision <= upto, in order.
  void replay(Revision after, Revision upto, const std::function<void(const Change&)>& visit) const;

  /// Drops the oldest changes at or below `upto` until at most `changes_max` remain and the
  /// versions kept only for history weigh at most `bytes_max`. Returns the versions that are gone.
  std::vector<EntryPtr> compact(Revision upto, std::size_t changes_max, std::size_t bytes_max);

  /// Reads and watches below this revision are no longer possible.
  [[nodiscard]] Revision floor() const { return floor_; }

  void set_floor(Revision floor) { floor_ = floor; }

  [[nodiscard]] std::size_t changes() const { return log_.size(); }

 private:
  // Nearly every key has one version; only recently changed ones have more, a counter that every
  // write moves as many as there were writes.
  struct Versions {
    EntryPtr newest;
    std::vector<EntryPtr> older;  // ascending revision
    std::size_t dropped = 0;      // of `older`, in front: taken away by compaction, null

    [[nodiscard]] std::span<const EntryPtr> kept() const {
      return std::span(older).subspan(dropped);
    }
  };

  using Keys = std::map<std::string, Versions, std::less<>>;

  struct Logged {
    Change change;
    Keys::iterator key;
  };

  /// The first key after those that begin with `prefix`.
  [[nodiscard]] Keys::const_iterator end_of(std::string_view prefix) const;
  [[nodiscard]] static const EntryPtr* version_at(const Versions& versions, Revision at);
  static std::size_t weight(const Change& change);
  void drop_before(Keys::iterator key, const Entry& change, std::vector<EntryPtr>& gone);

  Keys keys_;
  std::deque<Logged> log_;
  std::size_t superseded_bytes_ = 0;
  Revision floor_ = 0;
};

}  // namespace insula::store
