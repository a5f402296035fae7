#include "api/custom/custom_kinds.h"

#include <algorithm>
#include <utility>

#include "api/codec.h"
#include "api/custom/definition.h"

namespace insula::api {

CustomKinds::CustomKinds() {
  rebuild();
}

const CustomKinds::Versions& CustomKinds::versions_of(const CustomResourceDefinition& definition) {
  std::string content = definition.metadata.name + "\n" + encode_json(definition.spec) + "\n" +
                        encode_json(definition.status.accepted_names);
  const auto [it, is_new] = made_.try_emplace(std::move(content));
  if (!is_new) return it->second;
  const auto& versions = definition.spec.versions;
  const auto storage =
      std::ranges::find_if(versions, [](const auto& version) { return version.storage; });
  if (storage == versions.end()) return it->second;
  it->second.push_back(std::make_unique<CustomKind>(definition, *storage, nullptr));
  const CustomKind* stored = it->second.front().get();
  for (const CustomResourceDefinitionVersion& version : versions) {
    if (&version != &*storage)
      it->second.push_back(std::make_unique<CustomKind>(definition, version, stored));
  }
  return it->second;
}

void CustomKinds::put(const CustomResourceDefinition& definition) {
  const std::string& name = definition.metadata.name;
  if (!is_established(definition)) return erase(name);
  const Versions& versions = versions_of(definition);
  if (std::exchange(by_name_[name], &versions) != &versions) rebuild();
}

void CustomKinds::erase(const std::string& name) {
  if (by_name_.erase(name) > 0) rebuild();
}

void CustomKinds::clear() {
  by_name_.clear();
  rebuild();
}

void CustomKinds::rebuild() {
  served_.assign(kinds().begin(), kinds().end());
  stored_.assign(stored_kinds().begin(), stored_kinds().end());
  for (const auto& [name, versions] : by_name_) {
    for (const auto& version : *versions) {
      // What is built in is served by its own table, whatever else is said of it.
      if (find_kind(version->group, version->version, version->plural) != nullptr) continue;
      if (version->stored_as == nullptr) stored_.push_back(version.get());
      if (version->is_served()) served_.push_back(version.get());
    }
  }
  ++generation_;
}

}  // namespace insula::api
