#include "api/columns/storage.h"

#include "api/defaulting/storage.h"
#include "api/strategies/erased.h"
#include "api/strategies/further.h"
#include "api/strategies/strategies.h"
#include "api/validation/storage.h"

namespace insula::api {

namespace {

constexpr KindStrategy kStorageClass{
    .kind = kind_of<StorageClass>,
    .set_defaults = erased::change<StorageClass, set_defaults>,
    .validate = erased::check<StorageClass, validate>,
    .validate_update = erased::check_from<StorageClass, validate_update>,
    .warnings =
        [](const void*) {
          return erased::not_acted_on("StorageClass", "no volumes are made of it");
        },
    .columns = storage_class_columns,
    .cells = erased::row<StorageClass, cells>,
    .returns_deleted = true,
};

constexpr KindStrategy kCSIDriver{
    .kind = kind_of<CSIDriver>,
    .set_defaults = erased::change<CSIDriver, set_defaults>,
    .validate = erased::check<CSIDriver, validate>,
    .validate_update = erased::check_from<CSIDriver, validate_update>,
    .warnings =
        [](const void*) {
          return erased::not_acted_on("CSIDriver", "the node calls no storage drivers");
        },
    .columns = csi_driver_columns,
    .cells = erased::row<CSIDriver, cells>,
    .unconditional_update = false,
    .returns_deleted = true,
};

constexpr KindStrategy kCSINode{
    .kind = kind_of<CSINode>,
    .validate = erased::check<CSINode, validate>,
    .validate_update = erased::check_from<CSINode, validate_update>,
    .warnings =
        [](const void*) {
          return erased::not_acted_on("CSINode", "the node calls no storage drivers");
        },
    .columns = csi_node_columns,
    .cells = erased::row<CSINode, cells>,
    .unconditional_update = false,
    .returns_deleted = true,
};

constexpr KindStrategy kCSIStorageCapacity{
    .kind = kind_of<CSIStorageCapacity>,
    .validate = erased::check<CSIStorageCapacity, validate>,
    .validate_update = erased::check_from<CSIStorageCapacity, validate_update>,
    .warnings =
        [](const void*) {
          return erased::not_acted_on("CSIStorageCapacity", "pods are placed without regard to it");
        },
    .columns = csi_storage_capacity_columns,
    .cells = erased::row<CSIStorageCapacity, cells>,
    .unconditional_update = false,
};

constexpr KindStrategy kVolumeAttributesClass{
    .kind = kind_of<VolumeAttributesClass>,
    .validate = erased::check<VolumeAttributesClass, validate>,
    .validate_update = erased::check_from<VolumeAttributesClass, validate_update>,
    .warnings =
        [](const void*) {
          return erased::not_acted_on("VolumeAttributesClass", "no volumes are made or changed");
        },
    .columns = volume_attributes_class_columns,
    .cells = erased::row<VolumeAttributesClass, cells>,
    .returns_deleted = true,
};

constexpr KindStrategy kVolumeAttachment{
    .kind = kind_of<VolumeAttachment>,
    .set_defaults = erased::change<VolumeAttachment, set_defaults>,
    .prepare_for_create = erased::drop_status<VolumeAttachment>,
    .prepare_for_update = erased::keep_all_but_half<VolumeAttachment>,
    .validate = erased::check<VolumeAttachment, validate>,
    .validate_update = erased::check_from<VolumeAttachment, validate_update>,
    .warnings =
        [](const void*) {
          return erased::not_acted_on("VolumeAttachment", "no volumes are attached");
        },
    .columns = volume_attachment_columns,
    .cells = erased::row<VolumeAttachment, cells>,
    .unconditional_update = false,
    .returns_deleted = true,
};

}  // namespace

const KindStrategy& storage_class_strategy() {
  return kStorageClass;
}

const KindStrategy& csi_driver_strategy() {
  return kCSIDriver;
}

const KindStrategy& csi_node_strategy() {
  return kCSINode;
}

const KindStrategy& csi_storage_capacity_strategy() {
  return kCSIStorageCapacity;
}

const KindStrategy& volume_attributes_class_strategy() {
  return kVolumeAttributesClass;
}

const KindStrategy& volume_attachment_strategy() {
  return kVolumeAttachment;
}

}  // namespace insula::api
