#include "api/columns/apiextensions.h"

#include "api/columns/columns.h"

namespace insula::api {

namespace {

constexpr Column kColumns[] = {
    kNameColumn,
    {"Created At", "date", "", "When the definition was made."},
};

}  // namespace

std::span<const Column> custom_resource_definition_columns() {
  return kColumns;
}

std::vector<Cell> cells(const CustomResourceDefinition& object, WallTime /*now*/) {
  return {object.metadata.name, object.metadata.creation_timestamp.text()};
}

}  // namespace insula::api
