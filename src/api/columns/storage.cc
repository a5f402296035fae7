#include "api/columns/storage.h"

#include <fmt/format.h>

#include "api/columns/columns.h"

namespace insula::api {

namespace {

constexpr Column kClassColumns[] = {
    kNameColumn,
    {"Provisioner", "string", "", "Who makes the volumes."},
    {"ReclaimPolicy", "string", "", "What happens to a volume when its claim is deleted."},
    {"VolumeBindingMode", "string", "", "When volumes are made."},
    {"AllowVolumeExpansion", "string", "", "Whether claims may be enlarged."},
    kAgeColumn,
};

constexpr Column kDriverColumns[] = {
    kNameColumn,
    {"AttachRequired", "boolean", "", "Whether volumes must be attached to the node first."},
    {"PodInfoOnMount", "boolean", "", "Whether the driver is told of the pod."},
    {"StorageCapacity", "boolean", "", "Whether pods wait until the driver has room."},
    {"TokenRequests", "string", "", "Tokens that the driver is given."},
    {"RequiresRepublish", "boolean", "", "Whether mounts are called again from time to time."},
    {"Modes", "string", "", "Kinds of volumes that the driver has."},
    kAgeColumn,
};

constexpr Column kNodeColumns[] = {
    kNameColumn,
    {"Drivers", "integer", "", "Storage drivers of the node."},
    kAgeColumn,
};

constexpr Column kCapacityColumns[] = {
    kNameColumn,
    {"StorageClassName", "string", "", "Class of the volumes."},
    {"Capacity", "string", "", "Room that is left."},
};

constexpr Column kAttributesColumns[] = {
    kNameColumn,
    {"DriverName", "string", "", "Storage driver that knows the parameters."},
    kAgeColumn,
};

constexpr Column kAttachmentColumns[] = {
    kNameColumn,
    {"Attacher", "string", "name", "Driver that attaches it."},
    {"PV", "string", "", "The volume."},
    {"Node", "string", "", "The node."},
    {"Attached", "boolean", "", "Whether the volume is attached."},
    kAgeColumn,
};

std::string audiences_text(const std::vector<CSITokenRequest>& tokens) {
  if (tokens.empty()) return "<unset>";
  std::string text;
  for (const CSITokenRequest& token : tokens)
    text += text.empty() ? token.audience : "," + token.audience;
  return text;
}

}  // namespace

std::span<const Column> storage_class_columns() {
  return kClassColumns;
}

std::vector<Cell> cells(const StorageClass& object, WallTime now) {
  return {
      name_of_class(object.metadata, "storageclass.kubernetes.io/is-default-class"),
      object.provisioner,
      object.reclaim_policy.value_or("Delete"),
      object.volume_binding_mode.value_or("Immediate"),
      object.allow_volume_expansion.value_or(false),
      age(object.metadata.creation_timestamp, now),
  };
}

std::span<const Column> csi_driver_columns() {
  return kDriverColumns;
}

std::vector<Cell> cells(const CSIDriver& object, WallTime now) {
  const CSIDriverSpec& spec = object.spec;
  const std::string modes = fmt::format("{}", fmt::join(spec.volume_lifecycle_modes, ","));
  return {
      object.metadata.name,
      spec.attach_required.value_or(true),
      spec.pod_info_on_mount.value_or(false),
      spec.storage_capacity.value_or(false),
      audiences_text(spec.token_requests),
      spec.requires_republish.value_or(false),
      modes.empty() ? "<none>" : modes,
      age(object.metadata.creation_timestamp, now),
  };
}

std::span<const Column> csi_node_columns() {
  return kNodeColumns;
}

std::vector<Cell> cells(const CSINode& object, WallTime now) {
  return {object.metadata.name, static_cast<std::int64_t>(object.spec.drivers.size()),
          age(object.metadata.creation_timestamp, now)};
}

std::span<const Column> csi_storage_capacity_columns() {
  return kCapacityColumns;
}

std::vector<Cell> cells(const CSIStorageCapacity& object, WallTime) {
  return {object.metadata.name, object.storage_class_name,
          object.capacity ? object.capacity->text() : std::string("<unset>")};
}

std::span<const Column> volume_attributes_class_columns() {
  return kAttributesColumns;
}

std::vector<Cell> cells(const VolumeAttributesClass& object, WallTime now) {
  return {object.metadata.name, object.driver_name, age(object.metadata.creation_timestamp, now)};
}

std::span<const Column> volume_attachment_columns() {
  return kAttachmentColumns;
}

std::vector<Cell> cells(const VolumeAttachment& object, WallTime now) {
  return {
      object.metadata.name,
      object.spec.attacher,
      object.spec.source.persistent_volume_name.value_or(""),
      object.spec.node_name,
      object.status.attached,
      age(object.metadata.creation_timestamp, now),
  };
}

}  // namespace insula::api
