#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "node/runtime.h"

namespace insula::node {

/// Parts of volumes. Whoever can write to a volume can also put links into it at any moment, so a
/// part is opened once, and what was opened is mounted; its path is never followed again.

/// Opens `mount.sub_path` below `mount.source`; a path without `..`. What is missing is made, as
/// directories with owner and mode of the volume's own.
///
/// Links are followed inside volumes that no container can write to (`mount.own_links`), elsewhere
/// not at all; nothing is opened or made outside the volume. Blocking.
/// Errors: kInvalid when the path leaves its volume.
[[nodiscard]] Result<Fd> open_sub_path(const Mount& mount);

/// Replaces the parts of volumes among `mounts` by whole sources: each part is mounted on a file or
/// directory below `dir`. Requires: the right to mount. Blocking.
Result<> mount_sub_paths(const std::string& dir, std::vector<Mount>& mounts);

/// Unmounts them; the files go with the directory. Fine when there are none.
void release_sub_paths(const std::string& dir);

}  // namespace insula::node
