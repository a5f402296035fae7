#include <algorithm>

#include "api/columns/columns.h"

namespace insula::api {

namespace {

constexpr Column kVolumeColumns[] = {
    kNameColumn,
    {"Capacity", "string", "", "How much it holds."},
    {"Access Modes", "string", "", "How it can be mounted."},
    {"Reclaim Policy", "string", "", "What happens when its claim is deleted."},
    {"Status", "string", "", "What became of it."},
    {"Claim", "string", "", "The claim that it is bound to."},
    {"StorageClass", "string", "", "Class of the storage."},
    {"VolumeAttributesClass", "string", "", "Class of its attributes."},
    {"Reason", "string", "", "Why it failed."},
    kAgeColumn,
    {"VolumeMode", "string", "", "Filesystem or Block.", 1},
};

constexpr Column kClaimColumns[] = {
    kNameColumn,
    {"Status", "string", "", "Whether a volume is bound."},
    {"Volume", "string", "", "The volume that is bound."},
    {"Capacity", "string", "", "How much the volume holds."},
    {"Access Modes", "string", "", "How the volume can be mounted."},
    {"StorageClass", "string", "", "Class of the storage."},
    {"VolumeAttributesClass", "string", "", "Class of the volume's attributes."},
    kAgeColumn,
    {"VolumeMode", "string", "", "Filesystem or Block.", 1},
};

/// `RWO,ROX`: each mode once, in the order in which Kubernetes lists them.
std::string mode_text(const std::vector<std::string>& modes) {
  constexpr std::pair<std::string_view, std::string_view> kShort[] = {
      {"ReadWriteOnce", "RWO"},
      {"ReadOnlyMany", "ROX"},
      {"ReadWriteMany", "RWX"},
      {"ReadWriteOncePod", "RWOP"},
  };
  std::string text;
  for (const auto& [mode, name] : kShort) {
    if (std::ranges::find(modes, mode) == modes.end()) continue;
    if (!text.empty()) text += ',';
    text += name;
  }
  return text;
}

std::string storage(const std::map<std::string, Quantity>& amounts) {
  const auto found = amounts.find("storage");
  return found == amounts.end() ? "0" : found->second.text();
}

std::string or_unset(const std::optional<std::string>& text) {
  return text.value_or("<unset>");
}

/// The class, which an annotation of old times overrides.
std::string class_of(const ObjectMeta& metadata, const std::string& name) {
  const auto found = metadata.annotations.find("volume.beta.kubernetes.io/storage-class");
  return found == metadata.annotations.end() ? name : found->second;
}

std::string phase_text(const ObjectMeta& metadata, const std::string& phase) {
  return metadata.deletion_timestamp ? "Terminating" : phase;
}

}  // namespace

std::span<const Column> persistent_volume_columns() {
  return kVolumeColumns;
}

std::vector<Cell> cells(const PersistentVolume& object, WallTime now) {
  const PersistentVolumeSpec& spec = object.spec;
  return {
      object.metadata.name,
      storage(spec.capacity),
      mode_text(spec.access_modes),
      spec.persistent_volume_reclaim_policy,
      phase_text(object.metadata, object.status.phase),
      spec.claim_ref ? spec.claim_ref->namespace_ + "/" + spec.claim_ref->name : std::string(),
      class_of(object.metadata, spec.storage_class_name),
      or_unset(spec.volume_attributes_class_name),
      object.status.reason,
      age(object.metadata.creation_timestamp, now),
      or_unset(spec.volume_mode),
  };
}

std::span<const Column> persistent_volume_claim_columns() {
  return kClaimColumns;
}

std::vector<Cell> cells(const PersistentVolumeClaim& object, WallTime now) {
  const PersistentVolumeClaimSpec& spec = object.spec;
  const bool bound = !spec.volume_name.empty();
  return {
      object.metadata.name,
      phase_text(object.metadata, object.status.phase),
      spec.volume_name,
      bound ? storage(object.status.capacity) : std::string(),
      bound ? mode_text(object.status.access_modes) : std::string(),
      class_of(object.metadata, spec.storage_class_name.value_or("")),
      or_unset(spec.volume_attributes_class_name),
      age(object.metadata.creation_timestamp, now),
      or_unset(spec.volume_mode),
  };
}

}  // namespace insula::api
