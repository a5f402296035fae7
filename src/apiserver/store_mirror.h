#pragma once

#include <initializer_list>
#include <utility>
#include <vector>

#include "api/kind.h"
#include "store/store.h"

namespace insula::apiserver {

/// Keeps an index over the stored objects of some kinds: watches of them are read before each use,
/// so that what a write changes holds from the moment that the write is visible. A watch that fell
/// too far behind makes the index read everything anew.
///
/// Cost of a use with nothing new: a look at each watch. Lifetime: store and index outlive it.
/// Threads: the store's loop.
class StoreMirror {
 public:
  /// What is kept of the objects.
  class Index {
   public:
    virtual void clear() = 0;
    /// `entry`: an object of the kind as it is now, or the last of one that was deleted.
    virtual void apply(const api::Kind& kind, const store::Entry& entry) = 0;

   protected:
    ~Index() = default;
  };

  StoreMirror(store::Store& store, std::initializer_list<const api::Kind*> kinds, Index& index)
      : store_(store), kinds_(kinds), index_(index) {}

  StoreMirror(const StoreMirror&) = delete;
  StoreMirror& operator=(const StoreMirror&) = delete;

  /// Brings the index up to date. Returns whether it was not; true the first time.
  bool refresh();

 private:
  void rebuild();

  store::Store& store_;
  std::vector<const api::Kind*> kinds_;
  Index& index_;
  /// One for each kind; empty before the first use.
  std::vector<std::pair<const api::Kind*, store::Watch>> watches_;
};

}  // namespace insula::apiserver
