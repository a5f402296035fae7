#include "api/defaulting/set.h"
#include "api/defaults.h"

namespace insula::api {

void set_volume_spec_defaults(PersistentVolumeSpec& spec) {
  PersistentVolumeSource& source = spec.persistent_volume_source;
  if (source.host_path) set_if_absent(source.host_path->type, "");
  if (source.iscsi) set_if_empty(source.iscsi->iscsi_interface, "default");
  if (source.rbd) {
    set_if_empty(source.rbd->pool, "rbd");
    set_if_empty(source.rbd->user, "admin");
    set_if_empty(source.rbd->keyring, "/etc/ceph/keyring");
  }
  if (source.scale_io) {
    set_if_empty(source.scale_io->storage_mode, "ThinProvisioned");
    set_if_empty(source.scale_io->fs_type, "xfs");
  }
}

void set_defaults(PersistentVolume& object) {
  set_if_empty(object.status.phase, "Pending");
  set_if_empty(object.spec.persistent_volume_reclaim_policy, "Retain");
  set_if_absent(object.spec.volume_mode, "Filesystem");
  set_volume_spec_defaults(object.spec);
}

void set_defaults(PersistentVolumeClaim& object) {
  set_if_empty(object.status.phase, "Pending");
  set_if_absent(object.spec.volume_mode, "Filesystem");
}

}  // namespace insula::api
