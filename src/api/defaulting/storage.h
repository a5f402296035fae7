#pragma once

#include "api/gen/storage_v1.h"

namespace insula::api {

/// As defaults.h has them for other kinds.
void set_defaults(StorageClass& object);
void set_defaults(CSIDriver& object);
void set_defaults(VolumeAttachment& object);

}  // namespace insula::api
