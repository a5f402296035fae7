#include "apiserver/kind_index.h"

#include <utility>

#include "apiserver/object.h"
#include "base/check.h"

namespace insula::apiserver {

namespace {

constexpr std::size_t kTakeMax = 500;

const api::Kind& definition_kind() {
  return api::kind_of<api::CustomResourceDefinition>();
}

}  // namespace

std::span<const api::Kind* const> KindIndex::served() {
  refresh();
  return kinds_.served();
}

std::span<const api::Kind* const> KindIndex::stored() {
  refresh();
  return kinds_.stored();
}

std::uint64_t KindIndex::generation() {
  refresh();
  return kinds_.generation();
}

void KindIndex::refresh() {
  if (!watch_) return rebuild();
  while (watch_->ready().is_set()) {
    const auto changes = watch_->take(kTakeMax);
    if (!changes) return rebuild();
    for (const store::Change& change : *changes)
      apply(*change.entry);
  }
}

void KindIndex::rebuild() {
  watch_.reset();
  kinds_.clear();
  const std::string prefix = store_key(definition_kind(), "", "");
  const auto read = store_.scan(prefix, "", 0, [&](const store::EntryPtr& entry) {
    apply(*entry);
    return true;
  });
  INSULA_CHECK(read, "the newest state can always be read");
  auto watch = store_.watch(prefix, *read);
  INSULA_CHECK(watch, "what was just read can be watched");
  watch_.emplace(*std::move(watch));
}

void KindIndex::apply(const store::Entry& entry) {
  const auto definition = object_of<api::CustomResourceDefinition>(entry);
  if (entry.deleted)
    kinds_.erase(definition->metadata.name);
  else
    kinds_.put(*definition);
}

}  // namespace insula::apiserver
