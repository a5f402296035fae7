#include "apiserver/kind_index.h"

#include <algorithm>

#include "api/schema_tables.h"
#include "apiserver/object.h"

namespace insula::apiserver {

bool is_of_built_in_group(std::string_view path) {
  path.remove_prefix(std::string_view("/apis/").size());
  const std::string_view group = path.substr(0, path.find('/'));
  return std::ranges::any_of(api::gen::all_kinds(),
                             [&](const api::Kind* kind) { return kind->group == group; });
}

KindIndex::KindIndex(store::Store& store)
    : mirror_(store, {&api::kind_of<api::CustomResourceDefinition>()}, *this) {}

std::span<const api::Kind* const> KindIndex::served() {
  mirror_.refresh();
  return kinds_.served();
}

std::span<const api::Kind* const> KindIndex::stored() {
  mirror_.refresh();
  return kinds_.stored();
}

std::uint64_t KindIndex::generation() {
  mirror_.refresh();
  return kinds_.generation();
}

void KindIndex::apply(const api::Kind& /*kind*/, const store::Entry& entry) {
  const auto definition = object_of<api::CustomResourceDefinition>(entry);
  if (entry.deleted)
    kinds_.erase(definition->metadata.name);
  else
    kinds_.put(*definition);
}

}  // namespace insula::apiserver
