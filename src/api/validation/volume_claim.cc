#include <algorithm>
#include <array>

#include "api/resource_names.h"
#include "api/validation/metadata.h"
#include "api/validation/names.h"
#include "api/validation/resources.h"
#include "api/validation/shown.h"
#include "api/validation/storage.h"
#include "api/validation/volume_modes.h"

namespace insula::api {

namespace {

void validate_data_source(const TypedLocalObjectReference& source,
                          const FieldPath& path,
                          FieldErrors& errors) {
  if (source.name.empty()) errors.required(path.child("name"));
  if (source.kind.empty()) errors.required(path.child("kind"));
  const std::string group = source.api_group.value_or("");
  if (!group.empty()) {
    errors.invalid_each(path.child("apiGroup"), group, check_dns1123_subdomain(group));
  } else if (source.kind != "PersistentVolumeClaim") {
    errors.invalid(path, source.kind,
                   "must be 'PersistentVolumeClaim' when referencing the default apiGroup");
  }
}

/// The part of dataSourceRef that dataSource has, too.
TypedLocalObjectReference local(const TypedObjectReference& source) {
  return {.api_group = source.api_group, .kind = source.kind, .name = source.name};
}

void validate_data_sources(const PersistentVolumeClaimSpec& spec,
                           const FieldPath& path,
                           FieldErrors& errors) {
  if (spec.data_source) validate_data_source(*spec.data_source, path.child("dataSource"), errors);
  if (!spec.data_source_ref) return;
  const FieldPath at = path.child("dataSourceRef");
  validate_data_source(local(*spec.data_source_ref), at, errors);
  const std::string name_space = spec.data_source_ref->namespace_.value_or("");
  if (!name_space.empty())
    errors.invalid_each(at.child("namespace"), name_space, check_dns1123_label(name_space));
  if (!spec.data_source) return;
  // Kubernetes shows the path of the field where others show a value.
  const std::string shown_path = path.child("dataSource").text();
  if (!name_space.empty()) {
    errors.invalid(path, shown_path,
                   "may not be specified when dataSourceRef.namespace is specified");
  } else if (!(*spec.data_source == local(*spec.data_source_ref))) {
    errors.invalid(path, shown_path, "must match dataSourceRef");
  }
}

const Quantity* find(const Resources& resources, const std::string& name) {
  const auto found = resources.find(name);
  return found == resources.end() ? nullptr : &found->second;
}

/// Claims are fixed, so that quota and limits hold: the volume may be filled in once, and what is
/// bound may grow.
void validate_spec_update(const PersistentVolumeClaim& object,
                          const PersistentVolumeClaim& old,
                          FieldErrors& errors) {
  PersistentVolumeClaimSpec fixed = object.spec;
  if (old.spec.volume_name.empty()) fixed.volume_name.clear();
  // A class may be given to a claim that was made before there was one.
  if (!old.spec.storage_class_name) fixed.storage_class_name.reset();
  if (object.status.phase == "Bound") {
    if (const Quantity* held = find(old.spec.resources.requests, "storage"))
      fixed.resources.requests["storage"] = *held;
    fixed.volume_attributes_class_name = old.spec.volume_attributes_class_name;
  }
  if (!(fixed == old.spec)) {
    errors.forbidden(FieldPath("spec"),
                     "spec is immutable after creation except resources.requests and "
                     "volumeAttributesClassName for bound claims\nchanged: " +
                         changed_members(fixed, old.spec, FieldPath("spec")));
  }
  const Quantity* now = find(object.spec.resources.requests, "storage");
  const Quantity* before = find(old.spec.resources.requests, "storage");
  const Quantity* held = find(old.status.capacity, "storage");
  const Quantity none;
  const auto or_none = [&](const Quantity* it) { return it == nullptr ? none : *it; };
  if (or_none(now) < or_none(before) && or_none(now) <= or_none(held)) {
    errors.forbidden(FieldPath("spec.resources.requests.storage"),
                     "field can not be less than status.capacity");
  }
  if (object.spec.volume_mode != old.spec.volume_mode) {
    errors.invalid(FieldPath("volumeMode"), object.spec.volume_mode.value_or(""), kFieldImmutable);
  }
  if (old.status.current_volume_attributes_class_name) {
    const FieldPath path("spec.volumeAttributesClassName");
    const auto& name = object.spec.volume_attributes_class_name;
    if (!name) {
      errors.forbidden(path,
                       "update to nil is forbidden when "
                       "status.currentVolumeAttributesClassName is not nil");
    } else if (name->empty()) {
      errors.forbidden(path,
                       "update to empty string is forbidden when "
                       "status.currentVolumeAttributesClassName is not nil");
    }
  }
}

void validate_status_resource(const std::string& name, const FieldPath& path, FieldErrors& errors) {
  const Complaints complaints = check_qualified_name(name);
  errors.invalid_each(path, name, complaints);
  if (complaints.empty() && is_native_resource(name) && name != "storage")
    errors.not_supported(path, name, {"storage"});
}

void validate_status(const PersistentVolumeClaimStatus& status, FieldErrors& errors) {
  constexpr std::array<std::string_view, 5> kStates = {
      "ControllerResizeInProgress", "ControllerResizeInfeasible", "NodeResizeInProgress",
      "NodeResizeInfeasible", "NodeResizePending"};
  for (const auto& [name, amount] : status.capacity)
    validate_amount(name, amount, FieldPath("status.capacity").key(name), errors);
  const FieldPath states("status.allocatedResourceStatuses");
  for (const auto& [name, state] : status.allocated_resource_statuses) {
    validate_status_resource(name, states, errors);
    if (std::ranges::find(kStates, state) == kStates.end()) {
      errors.not_supported(states, name,
                           {"ControllerResizeInProgress", "ControllerResizeInfeasible",
                            "NodeResizeInProgress", "NodeResizeInfeasible", "NodeResizePending"});
    }
  }
  const FieldPath allocated("status.allocatedResources");
  for (const auto& [name, amount] : status.allocated_resources) {
    validate_status_resource(name, allocated, errors);
    validate_amount(name, amount, allocated.key(name), errors);
  }
}

}  // namespace

void validate_claim_spec(const PersistentVolumeClaimSpec& spec,
                         const FieldPath& path,
                         FieldErrors& errors) {
  if (spec.access_modes.empty())
    errors.required(path.child("accessModes"), "at least 1 access mode is required");
  if (spec.selector) validate_label_selector(*spec.selector, path.child("selector"), errors);
  validate_access_modes(spec.access_modes, path.child("accessModes"), errors);
  const FieldPath storage = path.child("resources").key("storage");
  const Quantity* amount = find(spec.resources.requests, "storage");
  if (amount == nullptr) {
    errors.required(storage);
  } else if (*amount <= Quantity()) {
    errors.invalid(storage, amount->text(), kNotPositive);
  }
  validate_class_name(spec.storage_class_name, path.child("storageClassName"), errors);
  validate_volume_mode(spec.volume_mode, path.child("volumeMode"), errors);
  validate_data_sources(spec, path, errors);
  validate_class_name(spec.volume_attributes_class_name, path.child("volumeAttributesClassName"),
                      errors);
}

void validate(const PersistentVolumeClaim& object, FieldErrors& errors) {
  validate_claim_spec(object.spec, FieldPath("spec"), errors);
}

void validate_update(const PersistentVolumeClaim& object,
                     const PersistentVolumeClaim& old,
                     std::string_view subresource,
                     FieldErrors& errors) {
  if (subresource == "status") {
    validate_status(object.status, errors);
  } else {
    validate_spec_update(object, old, errors);
  }
}

}  // namespace insula::api
