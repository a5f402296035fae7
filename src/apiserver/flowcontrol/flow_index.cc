#include "apiserver/flowcontrol/flow_index.h"

#include <algorithm>
#include <tuple>

#include "api/flow_control.h"
#include "apiserver/object.h"

namespace insula::apiserver {

namespace {

/// The stored objects, and of the mandatory ones those that are missing.
template <class T>
std::map<std::string, std::shared_ptr<const T>> completed(
    std::map<std::string, std::shared_ptr<const T>> objects, const std::vector<T>& mandatory) {
  for (const T& object : mandatory)
    objects.try_emplace(object.metadata.name, std::make_shared<const T>(object));
  return objects;
}

template <class T>
void keep(std::map<std::string, std::shared_ptr<const T>>& objects, const store::Entry& entry) {
  auto object = object_of<T>(entry);
  const std::string name = object->metadata.name;
  if (entry.deleted)
    objects.erase(name);
  else
    objects.insert_or_assign(name, std::move(object));
}

}  // namespace

FlowIndex::FlowIndex(store::Store& store)
    : mirror_(store,
              {&api::kind_of<api::FlowSchema>(), &api::kind_of<api::PriorityLevelConfiguration>()},
              *this) {}

bool FlowIndex::refresh() {
  if (!mirror_.refresh()) return false;
  derive();
  return true;
}

void FlowIndex::derive() {
  levels_ = completed(stored_levels_, api::mandatory_priority_levels());
  in_force_.clear();
  for (const auto& [name, schema] : completed(stored_schemas_, api::mandatory_flow_schemas())) {
    if (levels_.contains(schema->spec.priority_level_configuration.name))
      in_force_.push_back(schema);
  }
  std::ranges::sort(in_force_, {}, [](const SchemaPtr& schema) {
    return std::tie(schema->spec.matching_precedence, schema->metadata.name);
  });
}

void FlowIndex::clear() {
  stored_schemas_.clear();
  stored_levels_.clear();
}

void FlowIndex::apply(const api::Kind& kind, const store::Entry& entry) {
  if (&kind == &api::kind_of<api::FlowSchema>())
    keep(stored_schemas_, entry);
  else
    keep(stored_levels_, entry);
}

}  // namespace insula::apiserver
