#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "node/runtime.h"

namespace insula::node {

/// Whose files they are inside: root of the machine, or of a pod's user namespace.
struct RootOwner {
  std::optional<std::uint32_t> base;
  std::string user_namespace;  // path; meant only with a base
};

/// The root file system of one container, at `<bundle>/rootfs`.
///
/// HostRoot: an own, writable directory into which the machine's programs are mounted read-only:
/// /usr and its links, /opt, and of /etc only what programs need and no secret is in. BinaryRoot:
/// the same with nothing but this binary and its libraries. ImageRoot: an overlay over the layers,
/// with their owners shifted into the pod's user namespace.
///
/// Blocking. Errors: kNotFound for a path that a mapping names and that is not there; else the
/// system's.
/// Returns the mounts that belong to the root, to be made before the pod's volumes.
Result<std::vector<Mount>> make_rootfs(const std::string& bundle,
                                       const RootSource& source,
                                       const std::string& binary,
                                       const RootOwner& owner);

/// Unmounts what make_rootfs() mounted; the files go with the bundle.
void release_rootfs(const std::string& bundle);

}  // namespace insula::node
