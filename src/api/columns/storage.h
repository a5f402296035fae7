#pragma once

#include <span>
#include <vector>

#include "api/gen/storage_v1.h"
#include "api/strategy.h"

namespace insula::api {

/// As columns.h has them for other kinds.
[[nodiscard]] std::span<const Column> storage_class_columns();
[[nodiscard]] std::vector<Cell> cells(const StorageClass& object, WallTime now);
[[nodiscard]] std::span<const Column> csi_driver_columns();
[[nodiscard]] std::vector<Cell> cells(const CSIDriver& object, WallTime now);
[[nodiscard]] std::span<const Column> csi_node_columns();
[[nodiscard]] std::vector<Cell> cells(const CSINode& object, WallTime now);
[[nodiscard]] std::span<const Column> csi_storage_capacity_columns();
[[nodiscard]] std::vector<Cell> cells(const CSIStorageCapacity& object, WallTime now);
[[nodiscard]] std::span<const Column> volume_attributes_class_columns();
[[nodiscard]] std::vector<Cell> cells(const VolumeAttributesClass& object, WallTime now);
[[nodiscard]] std::span<const Column> volume_attachment_columns();
[[nodiscard]] std::vector<Cell> cells(const VolumeAttachment& object, WallTime now);

}  // namespace insula::api
