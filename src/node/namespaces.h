#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/error.h"

namespace insula::node {

/// Kernel namespaces that live as long as a file: the file is a bind mount of the namespace. They
/// need no process, so they outlive the agent, and every container of a pod can join them.

/// Where a pod's namespaces are kept.
struct NamespacePaths {
  std::string network;
  std::string user;  // meant only with a base
};

/// Makes a network namespace; with `user_base` first a user namespace whose ids 0 to 65535 are
/// those from the base on, and the network namespace inside it, so that root of the pod rules its
/// own network and may look at it through /sys. Requires: nothing is kept there. Blocking.
///
/// Errors: kForbidden or kUnavailable when the kernel does not let us.
Result<> make_namespaces(const NamespacePaths& paths, std::optional<std::uint32_t> user_base);

/// Lets go of one; the kernel frees it when nobody is in it. Fine when it is gone.
Result<> drop_namespace(const std::string& path);

[[nodiscard]] bool is_namespace(const std::string& path);

}  // namespace insula::node
