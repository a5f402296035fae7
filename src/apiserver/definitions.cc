#include "apiserver/definitions.h"

#include <memory>
#include <string>
#include <vector>

#include "api/custom/custom_kind.h"
#include "api/custom/definition.h"
#include "apiserver/admission.h"
#include "apiserver/object.h"
#include "apiserver/refusals.h"

namespace insula::apiserver {

namespace {

using api::CustomResourceDefinition;
using DefinitionPtr = std::shared_ptr<const CustomResourceDefinition>;

bool is_definition(const api::Kind& kind) {
  return &kind == &api::kind_of<CustomResourceDefinition>();
}

/// All definitions of a group as the transaction sees them.
std::vector<DefinitionPtr> definitions_of(const store::Transaction& transaction,
                                          const std::string& group) {
  std::vector<DefinitionPtr> out;
  transaction.scan(store_key(api::kind_of<CustomResourceDefinition>(), "", ""),
                   [&](const store::EntryPtr& entry) {
                     auto definition = object_of<CustomResourceDefinition>(*entry);
                     if (definition->spec.group == group) out.push_back(std::move(definition));
                     return true;
                   });
  return out;
}

std::vector<const CustomResourceDefinition*> pointers(const std::vector<DefinitionPtr>& all) {
  std::vector<const CustomResourceDefinition*> out;
  out.reserve(all.size());
  for (const DefinitionPtr& each : all)
    out.push_back(each.get());
  return out;
}

}  // namespace

Result<> definition_lifecycle(const store::Transaction& transaction,
                              const api::Kind& kind,
                              std::string_view name) {
  const api::CustomKind* custom = api::custom_kind(kind);
  if (custom == nullptr) return {};
  const store::EntryPtr entry = transaction.find(
      store_key(api::kind_of<CustomResourceDefinition>(), "", custom->definition_name()));
  if (!entry) return no_resource();
  if (!object_of<CustomResourceDefinition>(*entry)->metadata.deletion_timestamp) return {};
  return forbidden(kind, name,
                   "create not allowed while custom resource definition is terminating");
}

void name_definition(const store::Transaction& transaction,
                     const api::Kind& kind,
                     void* object,
                     WallTime now) {
  if (!is_definition(kind)) return;
  auto& definition = *static_cast<CustomResourceDefinition*>(object);
  const std::vector<DefinitionPtr> all = definitions_of(transaction, definition.spec.group);
  api::accept_names(definition, pointers(all), api::Time::from(now));
}

void name_other_definitions(store::Transaction& transaction,
                            const api::Kind& kind,
                            const void* object,
                            WallTime now) {
  if (!is_definition(kind)) return;
  const auto& written = *static_cast<const CustomResourceDefinition*>(object);
  for (const DefinitionPtr& other : definitions_of(transaction, written.spec.group)) {
    if (other->metadata.name == written.metadata.name ||
        api::has_condition(*other, api::kNamesAccepted))
      continue;
    auto next = std::make_shared<CustomResourceDefinition>(*other);
    // Anew for each: the one before it may have taken a name.
    const std::vector<DefinitionPtr> all = definitions_of(transaction, written.spec.group);
    api::accept_names(*next, pointers(all), api::Time::from(now));
    if (*next == *other) continue;
    transaction.put(store_key(kind, "", next->metadata.name), [&](store::Revision revision) {
      next->metadata.resource_version = std::to_string(revision);
      return store::Encoded{encode(kind, next.get()), next};
    });
  }
}

}  // namespace insula::apiserver
