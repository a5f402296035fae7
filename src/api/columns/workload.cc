#include <algorithm>
#include <cctype>

#include <fmt/format.h>

#include "api/columns/columns.h"
#include "api/columns/templates.h"

namespace insula::api {

namespace {

constexpr Column kDeploymentColumns[] = {
    kNameColumn,
    {"Ready", "string", "", "Pods that are ready, of all that should run."},
    {"Up-to-date", "string", "", "Pods made from the current template."},
    {"Available", "string", "", "Pods that have been ready for long enough."},
    kAgeColumn,
    kContainersColumn,
    kImagesColumn,
    kSelectorColumn,
};

constexpr Column kReplicaSetColumns[] = {
    kNameColumn,
    {"Desired", "integer", "", "Pods that should run."},
    {"Current", "integer", "", "Pods that are there."},
    {"Ready", "integer", "", "Pods that are ready."},
    kAgeColumn,
    kContainersColumn,
    kImagesColumn,
    kSelectorColumn,
};

constexpr Column kStatefulSetColumns[] = {
    kNameColumn,   {"Ready", "string", "", "Pods that are ready, of all that should run."},
    kAgeColumn,    kContainersColumn,
    kImagesColumn,
};

constexpr Column kDaemonSetColumns[] = {
    kNameColumn,
    {"Desired", "integer", "", "Nodes that should have the pod."},
    {"Current", "integer", "", "Nodes that have the pod."},
    {"Ready", "integer", "", "Nodes where the pod is ready."},
    {"Up-to-date", "integer", "", "Nodes where the pod is of the current template."},
    {"Available", "integer", "", "Nodes where the pod has been ready for long enough."},
    {"Node Selector", "string", "", "Labels of the nodes that should have the pod."},
    kAgeColumn,
    kContainersColumn,
    kImagesColumn,
    kSelectorColumn,
};

constexpr Column kControllerRevisionColumns[] = {
    kNameColumn,
    {"Controller", "string", "", "Whose state it is."},
    {"Revision", "string", "", "Number of the state."},
    kAgeColumn,
};

constexpr Column kPodTemplateColumns[] = {
    kNameColumn,
    {"Containers", "string", "", "Names of the template's containers."},
    {"Images", "string", "", "Images of the template's containers."},
    {"Pod Labels", "string", "", "Labels of the template."},
};

/// One member of each container, with commas between them.
std::string joined(const PodSpec& pods, std::string Container::* member) {
  std::string text;
  for (const Container& container : pods.containers) {
    if (!text.empty()) text += ',';
    text += container.*member;
  }
  return text;
}

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

/// `statefulset.apps/web`: the owner that is the controller.
std::string controller_text(const ObjectMeta& metadata) {
  for (const OwnerReference& owner : metadata.owner_references) {
    if (!owner.controller.value_or(false)) continue;
    const std::size_t slash = owner.api_version.find('/');
    const std::string group =
        slash == std::string::npos ? std::string() : "." + owner.api_version.substr(0, slash);
    return lower(owner.kind + group) + "/" + owner.name;
  }
  return "<none>";
}

}  // namespace

std::string container_names(const PodSpec& pods) {
  return joined(pods, &Container::name);
}

std::string container_images(const PodSpec& pods) {
  return joined(pods, &Container::image);
}

std::string selector_cell(const Box<LabelSelector>& selector) {
  const std::string text = selector ? selector_text(*selector) : std::string();
  return text.empty() ? "<none>" : text;
}

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
      container_names(object.spec.template_.spec),
      container_images(object.spec.template_.spec),
      object.spec.selector ? selector_text(*object.spec.selector) : std::string(),
  };
}

std::span<const Column> replica_set_columns() {
  return kReplicaSetColumns;
}

std::vector<Cell> cells(const ReplicaSet& object, WallTime now) {
  return {
      object.metadata.name,
      std::int64_t{object.spec.replicas.value_or(0)},
      std::int64_t{object.status.replicas},
      std::int64_t{object.status.ready_replicas},
      age(object.metadata.creation_timestamp, now),
      container_names(object.spec.template_.spec),
      container_images(object.spec.template_.spec),
      selector_cell(object.spec.selector),
  };
}

std::span<const Column> stateful_set_columns() {
  return kStatefulSetColumns;
}

std::vector<Cell> cells(const StatefulSet& object, WallTime now) {
  const PodSpec& pods = object.spec.template_.spec;
  return {
      object.metadata.name,
      fmt::format("{}/{}", object.status.ready_replicas, object.spec.replicas.value_or(0)),
      age(object.metadata.creation_timestamp, now),
      container_names(pods),
      container_images(pods),
  };
}

std::span<const Column> daemon_set_columns() {
  return kDaemonSetColumns;
}

std::vector<Cell> cells(const DaemonSet& object, WallTime now) {
  const PodSpec& pods = object.spec.template_.spec;
  const DaemonSetStatus& status = object.status;
  return {
      object.metadata.name,
      std::int64_t{status.desired_number_scheduled},
      std::int64_t{status.current_number_scheduled},
      std::int64_t{status.number_ready},
      std::int64_t{status.updated_number_scheduled},
      std::int64_t{status.number_available},
      label_text(pods.node_selector),
      age(object.metadata.creation_timestamp, now),
      container_names(pods),
      container_images(pods),
      selector_cell(object.spec.selector),
  };
}

std::span<const Column> controller_revision_columns() {
  return kControllerRevisionColumns;
}

std::vector<Cell> cells(const ControllerRevision& object, WallTime now) {
  return {object.metadata.name, controller_text(object.metadata), object.revision,
          age(object.metadata.creation_timestamp, now)};
}

// The columns are those of a ReplicaSet, whose forerunner it is.
std::span<const Column> replication_controller_columns() {
  return kReplicaSetColumns;
}

std::vector<Cell> cells(const ReplicationController& object, WallTime now) {
  const PodSpec none;
  const PodSpec& pods = object.spec.template_ ? object.spec.template_->spec : none;
  return {
      object.metadata.name,
      std::int64_t{object.spec.replicas.value_or(0)},
      std::int64_t{object.status.replicas},
      std::int64_t{object.status.ready_replicas},
      age(object.metadata.creation_timestamp, now),
      container_names(pods),
      container_images(pods),
      label_text(object.spec.selector),
  };
}

std::span<const Column> pod_template_columns() {
  return kPodTemplateColumns;
}

std::vector<Cell> cells(const PodTemplate& object, WallTime) {
  const PodSpec& pods = object.template_.spec;
  return {object.metadata.name, container_names(pods), container_images(pods),
          label_text(object.template_.metadata.labels)};
}

}  // namespace insula::api
