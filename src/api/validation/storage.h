#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "api/field_errors.h"
#include "api/gen/core_v1.h"
#include "api/gen/storage_v1.h"

/// The rules of volumes, claims and the kinds of storage.k8s.io, as kinds.h has those of other
/// kinds. Spec: Kubernetes 1.36, pkg/apis/{core,storage}/validation (behaviour and texts).
namespace insula::api {

void validate(const PersistentVolume& object, FieldErrors& errors);
void validate_update(const PersistentVolume& object,
                     const PersistentVolume& old,
                     std::string_view subresource,
                     FieldErrors& errors);

void validate(const PersistentVolumeClaim& object, FieldErrors& errors);
void validate_update(const PersistentVolumeClaim& object,
                     const PersistentVolumeClaim& old,
                     std::string_view subresource,
                     FieldErrors& errors);

void validate(const StorageClass& object, FieldErrors& errors);
void validate_update(const StorageClass& object,
                     const StorageClass& old,
                     std::string_view subresource,
                     FieldErrors& errors);

void validate(const CSIDriver& object, FieldErrors& errors);
void validate_update(const CSIDriver& object,
                     const CSIDriver& old,
                     std::string_view subresource,
                     FieldErrors& errors);

void validate(const CSINode& object, FieldErrors& errors);
void validate_update(const CSINode& object,
                     const CSINode& old,
                     std::string_view subresource,
                     FieldErrors& errors);

void validate(const CSIStorageCapacity& object, FieldErrors& errors);
void validate_update(const CSIStorageCapacity& object,
                     const CSIStorageCapacity& old,
                     std::string_view subresource,
                     FieldErrors& errors);

void validate(const VolumeAttributesClass& object, FieldErrors& errors);
void validate_update(const VolumeAttributesClass& object,
                     const VolumeAttributesClass& old,
                     std::string_view subresource,
                     FieldErrors& errors);

void validate(const VolumeAttachment& object, FieldErrors& errors);
void validate_update(const VolumeAttachment& object,
                     const VolumeAttachment& old,
                     std::string_view subresource,
                     FieldErrors& errors);

/// A volume of its own, or one that came with a pod and is named by an attachment only.
enum class VolumeUse : std::uint8_t { kOwnObject, kInline };

void validate_volume_spec(const PersistentVolumeSpec& spec,
                          VolumeUse use,
                          const FieldPath& path,
                          FieldErrors& errors);

/// `spec` of a claim, or of the template of one.
void validate_claim_spec(const PersistentVolumeClaimSpec& spec,
                         const FieldPath& path,
                         FieldErrors& errors);

/// The name of a storage driver.
void validate_driver_name(const std::string& name, const FieldPath& path, FieldErrors& errors);

}  // namespace insula::api
