#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "node/capabilities.h"
#include "node/namespaces.h"
#include "node/runtime.h"

namespace insula::node {

/// A character device.
struct DeviceNode {
  std::string path;
  unsigned major = 0;
  unsigned minor = 0;
};

/// What a config.json says besides plan and sandbox.
struct OciSettings {
  NamespacePaths namespaces;  // network: empty for the machine's; user: meant only with a base
  std::string pid_namespace;  // empty: one of its own
  std::string ipc_namespace;  // likewise
  std::string cgroup_path;    // below the root of each hierarchy
  std::vector<Mount> mounts;  // all but the kernel's file systems, in order
  std::vector<DeviceNode> devices;
  CapabilitySet machine_capabilities;  // what "ALL" and privileged containers get
  bool unified_cgroups = false;        // version 2: containers get a cgroup namespace
};

/// The configuration of one container for runc or crun.
///
/// Deny by default where Kubernetes leaves it to the runtime: Docker's set of capabilities, a
/// filter against system calls that only administrators need, no devices but the harmless and the
/// granted masked and read-only parts of /proc. Spec: OCI runtime-spec 1.0.2, "Configuration".
[[nodiscard]] std::string oci_config(const ContainerPlan& plan,
                                     const Sandbox& sandbox,
                                     const OciSettings& settings);

/// For `runc exec --process` and `crun exec --process`: another program in a container, as who and
/// with what its own one runs (user, groups, capabilities, no_new_privs, variables, folder).
/// `config`: the container's config.json. Errors: kInternal when that is not one.
[[nodiscard]] Result<std::string> oci_process(std::string_view config,
                                              const std::vector<std::string>& argv,
                                              bool tty);

/// The limits alone, as `runc update` and `crun update` read them.
[[nodiscard]] std::string oci_resources(const Limits& limits);

}  // namespace insula::node
