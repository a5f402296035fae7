#include "api/defaulting/storage.h"

#include "api/defaulting/set.h"
#include "api/defaults.h"

namespace insula::api {

void set_defaults(StorageClass& object) {
  set_if_absent(object.reclaim_policy, "Delete");
  set_if_absent(object.volume_binding_mode, "Immediate");
}

void set_defaults(CSIDriver& object) {
  CSIDriverSpec& spec = object.spec;
  set_if_absent(spec.attach_required, true);
  set_if_absent(spec.pod_info_on_mount, false);
  set_if_absent(spec.storage_capacity, false);
  set_if_absent(spec.fs_group_policy, "ReadWriteOnceWithFSType");
  if (spec.volume_lifecycle_modes.empty()) spec.volume_lifecycle_modes = {"Persistent"};
  set_if_absent(spec.requires_republish, false);
  set_if_absent(spec.se_linux_mount, false);
}

void set_defaults(VolumeAttachment& object) {
  if (object.spec.source.inline_volume_spec)
    set_volume_spec_defaults(*object.spec.source.inline_volume_spec);
}

}  // namespace insula::api
