#pragma once

#include <string>

namespace insula::node {

/// Unmounts whatever is mounted below a pod's directory: root file systems and layers of its
/// containers, parts of volumes, volumes in memory, whose content is lost. Does not depend on what
/// the agent knows of the pod. Requires: none of its containers runs.
void release_pod_mounts(const std::string& dir);

}  // namespace insula::node
