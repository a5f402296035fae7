#include "apiserver/store_mirror.h"

#include <string>

#include "apiserver/object.h"
#include "base/check.h"

namespace insula::apiserver {

namespace {

constexpr std::size_t kTakeMax = 500;

}  // namespace

bool StoreMirror::refresh() {
  if (watches_.empty()) {
    rebuild();
    return true;
  }
  bool changed = false;
  for (auto& [kind, watch] : watches_) {
    while (watch.ready().is_set()) {
      changed = true;
      const auto changes = watch.take(kTakeMax);
      if (!changes) {
        rebuild();
        return true;
      }
      for (const store::Change& change : *changes)
        index_.apply(*kind, *change.entry);
    }
  }
  return changed;
}

void StoreMirror::rebuild() {
  watches_.clear();
  index_.clear();
  for (const api::Kind* kind : kinds_) {
    const std::string prefix = store_key(*kind, "", "");
    const auto read = store_.scan(prefix, "", 0, [&](const store::EntryPtr& entry) {
      index_.apply(*kind, *entry);
      return true;
    });
    INSULA_CHECK(read, "the newest state can always be read");
    auto watch = store_.watch(prefix, *read);
    INSULA_CHECK(watch, "what was just read can be watched");
    watches_.emplace_back(kind, *std::move(watch));
  }
}

}  // namespace insula::apiserver
