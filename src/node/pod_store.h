#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "gpu/dcgm.h"
#include "node/runtime.h"

namespace insula::node {

/// What the agent must still know of a pod after it was restarted, in the pod's directory:
///
///   sandbox          address and user namespace
///   gpus             devices by container
///   volumes/NAME     the pod's volumes
///   containers/NAME/N   the run number N of a container: shim, exit, the runtime's bundle
///   logs/NAME/N.log  its output

/// Devices that a container holds.
struct HeldGpus {
  gpu::Holder holder;
  std::vector<std::string> uuids;
};

Result<> save_sandbox(const Sandbox& sandbox);
/// Fills ip and user_base of a sandbox whose dir is set. Errors: kNotFound before the first save.
Result<> load_sandbox(Sandbox& sandbox);

Result<> save_gpus(const std::string& pod_dir, const std::vector<HeldGpus>& held);
[[nodiscard]] std::vector<HeldGpus> load_gpus(const std::string& pod_dir);

/// The number of a container's newest run; -1 when there is none.
[[nodiscard]] int newest_run(const std::string& container_dir);

}  // namespace insula::node
