#include "api/strategies/custom_resource_definition.h"

#include <algorithm>

#include "api/columns/apiextensions.h"
#include "api/custom/definition.h"
#include "api/defaulting/apiextensions.h"
#include "api/strategies/erased.h"
#include "api/validation/apiextensions.h"

namespace insula::api {

namespace {

/// Objects are stored in this version from now on, and may be for long after it has changed.
void remember_storage(CustomResourceDefinition& object) {
  auto& stored = object.status.stored_versions;
  for (const CustomResourceDefinitionVersion& version : object.spec.versions) {
    if (version.storage && std::ranges::find(stored, version.name) == stored.end())
      stored.push_back(version.name);
  }
}

void prepare_for_create(CustomResourceDefinition& object) {
  object.status = {};
  remember_storage(object);
}

void prepare_for_update(CustomResourceDefinition& object,
                        const CustomResourceDefinition& old,
                        std::string_view subresource) {
  if (subresource == "status") {
    object.spec = old.spec;
    return;
  }
  object.status = old.status;
  remember_storage(object);
}

std::vector<std::string> warnings(const void* object) {
  const auto& definition = *static_cast<const CustomResourceDefinition*>(object);
  if (!converts_by_webhook(definition)) return {};
  return {
      "spec.conversion.strategy: conversion webhooks are not called by this server yet: only "
      "the version that is stored is served"};
}

constexpr KindStrategy kStrategy{
    .kind = kind_of<CustomResourceDefinition>,
    .set_defaults = erased::change<CustomResourceDefinition, set_defaults>,
    .prepare_for_create = erased::change<CustomResourceDefinition, prepare_for_create>,
    .prepare_for_update = erased::change_from<CustomResourceDefinition, prepare_for_update>,
    .spec_changed = erased::spec_changed<CustomResourceDefinition>,
    .validate = erased::check<CustomResourceDefinition, validate>,
    .validate_create = erased::check<CustomResourceDefinition, validate_create>,
    .validate_update = erased::check_from<CustomResourceDefinition, validate_update>,
    .warnings = warnings,
    .columns = custom_resource_definition_columns,
    .cells = erased::row<CustomResourceDefinition, cells>,
    .unconditional_update = false,
};

}  // namespace

const KindStrategy& custom_resource_definition_strategy() {
  return kStrategy;
}

}  // namespace insula::api
