#include "api/columns/policy.h"

#include "api/columns/columns.h"

namespace insula::api {

namespace {

constexpr Column kBudgetColumns[] = {
    kNameColumn,
    {"Min Available", "string", "", "Pods that must stay."},
    {"Max Unavailable", "string", "", "Pods that may be missing."},
    {"Allowed Disruptions", "integer", "", "Pods that may be taken away now."},
    kAgeColumn,
};

}  // namespace

std::span<const Column> pod_disruption_budget_columns() {
  return kBudgetColumns;
}

std::vector<Cell> cells(const PodDisruptionBudget& object, WallTime now) {
  const auto text = [](const std::optional<IntOrString>& value) {
    return value ? value->text() : std::string("N/A");
  };
  return {
      object.metadata.name,
      text(object.spec.min_available),
      text(object.spec.max_unavailable),
      std::int64_t{object.status.disruptions_allowed},
      age(object.metadata.creation_timestamp, now),
  };
}

}  // namespace insula::api
