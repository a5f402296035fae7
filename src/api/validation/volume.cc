#include <algorithm>
#include <cctype>

#include "api/validation/metadata.h"
#include "api/validation/names.h"
#include "api/validation/pod.h"
#include "api/validation/resources.h"
#include "api/validation/shown.h"
#include "api/validation/storage.h"
#include "api/validation/volume_modes.h"

namespace insula::api {

namespace {

constexpr std::size_t kDriverNameMax = 63;

void validate_secret(const Box<SecretReference>& secret,
                     const FieldPath& path,
                     FieldErrors& errors) {
  if (!secret) return;
  if (secret->name.empty()) errors.required(path.child("name"));
  if (secret->namespace_.empty()) errors.required(path.child("namespace"));
}

void validate_csi(const CSIPersistentVolumeSource& source,
                  const FieldPath& path,
                  FieldErrors& errors) {
  validate_driver_name(source.driver, path.child("driver"), errors);
  if (source.volume_handle.empty()) errors.required(path.child("volumeHandle"));
  validate_secret(source.controller_publish_secret_ref, path.child("controllerPublishSecretRef"),
                  errors);
  validate_secret(source.controller_expand_secret_ref, path.child("controllerExpandSecretRef"),
                  errors);
  validate_secret(source.node_publish_secret_ref, path.child("nodePublishSecretRef"), errors);
  validate_secret(source.node_expand_secret_ref, path.child("nodeExpandSecretRef"), errors);
}

/// Sources with rules of their own here, as in a pod's volumes.
void validate_source(const PersistentVolumeSpec& spec, const FieldPath& path, FieldErrors& errors) {
  const PersistentVolumeSource& source = spec.persistent_volume_source;
  validate_one_source(type_of<PersistentVolumeSource>(), &source, path, errors);
  if (source.host_path) {
    validate_host_path(*source.host_path, path.child("hostPath"), errors);
    const bool root = source.host_path->path.find_first_not_of('/') == std::string::npos;
    if (root && spec.persistent_volume_reclaim_policy == "Recycle") {
      errors.forbidden(path.child("persistentVolumeReclaimPolicy"),
                       "may not be 'recycle' for a hostPath mount of '/'");
    }
  }
  if (source.nfs) validate_nfs(*source.nfs, path.child("nfs"), errors);
  if (source.csi) validate_csi(*source.csi, path.child("csi"), errors);
  if (source.local) {
    const FieldPath at = path.child("local").child("path");
    if (source.local->path.empty()) {
      errors.required(at);
    } else {
      validate_no_backsteps(source.local->path, at, errors);
    }
    if (!spec.node_affinity)
      errors.required(path.child("nodeAffinity"), "Local volume requires node affinity");
  }
}

void validate_capacity(const Resources& capacity, const FieldPath& path, FieldErrors& errors) {
  if (capacity.empty()) errors.required(path);
  if (!capacity.contains("storage") || capacity.size() > 1) {
    std::map<std::string, std::string> texts;
    for (const auto& [name, amount] : capacity)
      texts.emplace(name, amount.text());
    errors.not_supported(path, shown_map(texts), {"storage"});
  }
  for (const auto& [name, amount] : capacity) {
    validate_amount(name, amount, path.key(name), errors);
    if (amount <= Quantity()) errors.invalid(path.key(name), amount.text(), kNotPositive);
  }
}

/// What only a volume of its own has.
void validate_own(const PersistentVolumeSpec& spec, const FieldPath& path, FieldErrors& errors) {
  validate_capacity(spec.capacity, path.child("capacity"), errors);
  const std::string& policy = spec.persistent_volume_reclaim_policy;
  if (!policy.empty() && policy != "Delete" && policy != "Recycle" && policy != "Retain") {
    errors.not_supported(path.child("persistentVolumeReclaimPolicy"), policy,
                         {"Delete", "Recycle", "Retain"});
  }
  if (spec.node_affinity) {
    const FieldPath at = path.child("nodeAffinity").child("required");
    if (spec.node_affinity->required) {
      validate_node_selector(*spec.node_affinity->required, at, errors);
    } else {
      errors.required(at, "must specify required node constraints");
    }
  }
  validate_class_name(spec.storage_class_name, path.child("storageClassName"), errors);
  validate_volume_mode(spec.volume_mode, path.child("volumeMode"), errors);
}

void validate_inline(const PersistentVolumeSpec& spec, const FieldPath& path, FieldErrors& errors) {
  const auto refuse = [&](bool set, std::string_view field) {
    if (set)
      errors.forbidden(path.child(field), "may not be specified in the context of inline volumes");
  };
  refuse(spec.claim_ref.has_value(), "claimRef");
  refuse(!spec.capacity.empty(), "capacity");
  refuse(spec.node_affinity.has_value(), "nodeAffinity");
  refuse(!spec.storage_class_name.empty(), "storageClassName");
  if (!spec.persistent_volume_source.csi)
    errors.required(path.child("csi"), "has to be specified in the context of inline volumes");
  const std::string& policy = spec.persistent_volume_reclaim_policy;
  if (!policy.empty() && policy != "Retain") {
    errors.forbidden(path.child("persistentVolumeReclaimPolicy"),
                     "may only be Retain in the context of inline volumes");
  }
  if (spec.volume_mode && *spec.volume_mode != "Filesystem") {
    errors.forbidden(path.child("volumeMode"),
                     "may not specify volumeMode other than Filesystem in the context of inline "
                     "volumes");
  }
}

}  // namespace

void validate_driver_name(const std::string& name, const FieldPath& path, FieldErrors& errors) {
  if (name.empty()) {
    errors.required(path);
    return;
  }
  if (name.size() > kDriverNameMax) errors.too_long(path, kDriverNameMax);
  std::string lower = name;
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  errors.invalid_each(path, name, check_dns1123_subdomain(lower));
}

void validate_volume_spec(const PersistentVolumeSpec& spec,
                          VolumeUse use,
                          const FieldPath& path,
                          FieldErrors& errors) {
  const FieldPath modes = path.child("accessModes");
  if (spec.access_modes.empty()) errors.required(modes);
  validate_access_modes(spec.access_modes, modes, errors);
  if (use == VolumeUse::kInline) {
    validate_inline(spec, path, errors);
  } else {
    validate_own(spec, path, errors);
  }
  validate_source(spec, path, errors);
  if (spec.volume_attributes_class_name) {
    const FieldPath at = path.child("volumeAttributesClassName");
    if (spec.volume_attributes_class_name->empty())
      errors.required(at, "an empty string is disallowed");
    validate_class_name(spec.volume_attributes_class_name, at, errors);
    if (!spec.persistent_volume_source.csi) {
      errors.required(path.child("csi"),
                      "has to be specified when using volumeAttributesClassName");
    }
  }
}

void validate(const PersistentVolume& object, FieldErrors& errors) {
  validate_volume_spec(object.spec, VolumeUse::kOwnObject, FieldPath("spec"), errors);
}

void validate_update(const PersistentVolume& object,
                     const PersistentVolume& old,
                     std::string_view subresource,
                     FieldErrors& errors) {
  if (subresource == "status") return;
  PersistentVolumeSource source = object.spec.persistent_volume_source;
  const PersistentVolumeSource& before = old.spec.persistent_volume_source;
  // The Secret for enlarging may be added to a volume that had none.
  if (source.csi && before.csi && !before.csi->controller_expand_secret_ref)
    source.csi->controller_expand_secret_ref.reset();
  if (!(source == before)) {
    errors.forbidden(FieldPath("spec.persistentvolumesource"),
                     "spec.persistentvolumesource is immutable after creation\nchanged: " +
                         changed_members(source, before, FieldPath("spec")));
  }
  if (object.spec.volume_mode != old.spec.volume_mode) {
    errors.invalid(FieldPath("volumeMode"), object.spec.volume_mode.value_or(""), kFieldImmutable);
  }
  if (old.spec.node_affinity && !(object.spec.node_affinity == old.spec.node_affinity)) {
    errors.invalid(
        FieldPath("nodeAffinity"),
        object.spec.node_affinity ? shown(*object.spec.node_affinity) : ShownValue::json("null"),
        "field is immutable, except for updating from beta label to GA");
  }
  if (old.spec.volume_attributes_class_name && !object.spec.volume_attributes_class_name) {
    errors.forbidden(FieldPath("spec.volumeAttributesClassName"),
                     "update from non-nil value to nil is forbidden");
  }
}

}  // namespace insula::api
