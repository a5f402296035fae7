#pragma once

#include <set>
#include <string>

#include "node/runtime.h"

namespace insula::node {

/// Names of capabilities(7) without CAP_.
using CapabilitySet = std::set<std::string>;

/// Those that this process may pass on: its bounding set, which a container manager or systemd may
/// have made smaller than the kernel's.
[[nodiscard]] CapabilitySet machine_capabilities();

/// What a container may have at most. Unless it asks for others, Docker's default set. `ALL`, and
/// privileged containers, get what the machine has to give; one that is named is there in any case,
/// so that a container whose capability cannot be had fails rather than runs without it. As with
/// containerd: what is added by name counts after `ALL` is dropped, and what is dropped by name
/// counts last.
[[nodiscard]] CapabilitySet container_capabilities(const Security& security,
                                                   const CapabilitySet& machine);

}  // namespace insula::node
