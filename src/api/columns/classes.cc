#include "api/columns/classes.h"

#include "api/columns/columns.h"

namespace insula::api {

namespace {

constexpr Column kPriorityColumns[] = {
    kNameColumn,
    {"Value", "integer", "", "The priority."},
    {"Global-Default", "boolean", "", "Whether pods without a class have this one."},
    kAgeColumn,
    {"PreemptionPolicy", "string", "", "Whether less important pods may be evicted."},
};

constexpr Column kRuntimeColumns[] = {
    kNameColumn,
    {"Handler", "string", "", "Name of the runtime's configuration on the nodes."},
    kAgeColumn,
};

}  // namespace

std::span<const Column> priority_class_columns() {
  return kPriorityColumns;
}

std::vector<Cell> cells(const PriorityClass& object, WallTime now) {
  return {
      object.metadata.name,
      std::int64_t{object.value},
      object.global_default,
      age(object.metadata.creation_timestamp, now),
      object.preemption_policy.value_or(""),
  };
}

std::span<const Column> runtime_class_columns() {
  return kRuntimeColumns;
}

std::vector<Cell> cells(const RuntimeClass& object, WallTime now) {
  return {object.metadata.name, object.handler, age(object.metadata.creation_timestamp, now)};
}

}  // namespace insula::api
