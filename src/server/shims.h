#pragma once

#include <chrono>
#include <string>
#include <vector>

#include <sys/types.h>

#include "server/data_dir.h"

namespace insula::server {

/// One container's shim, which outlives the node agent; see node/shim.h.
struct Shim {
  pid_t pid = 0;
  std::string folder;  // where it leaves its records
};

/// The shims of this data directory's pods, by pid.
[[nodiscard]] std::vector<Shim> find_shims(const Layout& layout);

/// Ends every container: SIGTERM, and SIGKILL for those that still run after `grace`. Their shims
/// note the exit and end as well. Requires: no node agent, or it would start them again.
void stop_containers(const Layout& layout, std::chrono::milliseconds grace);

}  // namespace insula::server
