#include <fmt/format.h>

#include "api/columns/columns.h"

namespace insula::api {

namespace {

constexpr Column kContainers{"Containers", "string", "", "Names of the template's containers.", 1};
constexpr Column kImages{"Images", "string", "", "Images of the template's containers.", 1};
constexpr Column kSelector{"Selector", "string", "", "Labels of the pods.", 1};

constexpr Column kDeploymentColumns[] = {
    kNameColumn,
    {"Ready", "string", "", "Pods that are ready, of all that should run."},
    {"Up-to-date", "string", "", "Pods made from the current template."},
    {"Available", "string", "", "Pods that have been ready for long enough."},
    kAgeColumn,
    kContainers,
    kImages,
    kSelector,
};

constexpr Column kReplicaSetColumns[] = {
    kNameColumn,
    {"Desired", "integer", "", "Pods that should run."},
    {"Current", "integer", "", "Pods that are there."},
    {"Ready", "integer", "", "Pods that are ready."},
    kAgeColumn,
    kContainers,
    kImages,
    kSelector,
};

/// One member of each container of a template, with commas between them.
std::string joined(const PodTemplateSpec& pods, std::string Container::* member) {
  std::string text;
  for (const Container& container : pods.spec.containers) {
    if (!text.empty()) text += ',';
    text += container.*member;
  }
  return text;
}

}  // namespace

std::span<const Column> deployment_columns() {
  return kDeploymentColumns;
}

std::vector<Cell> cells(const Deployment& object, WallTime now) {
  return {
      object.metadata.name,
      fmt::format("{}/{}", object.status.ready_replicas, object.spec.replicas.value_or(0)),
      std::int64_t{object.status.updated_replicas},
      std::int64_t{object.status.available_replicas},
      age(object.metadata.creation_timestamp, now),
      joined(object.spec.template_, &Container::name),
      joined(object.spec.template_, &Container::image),
      object.spec.selector ? selector_text(*object.spec.selector) : std::string(),
  };
}

std::span<const Column> replica_set_columns() {
  return kReplicaSetColumns;
}

std::vector<Cell> cells(const ReplicaSet& object, WallTime now) {
  const std::string selector =
      object.spec.selector ? selector_text(*object.spec.selector) : std::string();
  return {
      object.metadata.name,
      std::int64_t{object.spec.replicas.value_or(0)},
      std::int64_t{object.status.replicas},
      std::int64_t{object.status.ready_replicas},
      age(object.metadata.creation_timestamp, now),
      joined(object.spec.template_, &Container::name),
      joined(object.spec.template_, &Container::image),
      selector.empty() ? "<none>" : selector,
  };
}

}  // namespace insula::api
