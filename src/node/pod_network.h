#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "node/ip_pool.h"
#include "node/namespaces.h"

namespace insula::node {

/// A network namespace with one address for each pod, routed: no bridge, no address translation.
///
/// The pod has `eth0` with its address as a /32 and a default route over 169.254.1.1, the same in
/// every pod. Its other end on the node carries that gateway address, and the node has a /32 route
/// to the pod. All traffic between pods is thus forwarded by the node's kernel, where rules see it.
///
/// A namespace is a file, `<dir>/<uid>`, held by a bind mount; so it outlives the agent. `ip netns`
/// sees it when `dir` is /run/netns. Blocking; a few milliseconds. See docs/decisions/0012.
class PodNetwork {
 public:
  /// `dir`: where the namespaces' files are.
  explicit PodNetwork(std::string dir) : dir_(std::move(dir)) {}

  /// Makes the directory and lets the kernel forward packets.
  /// Errors: kForbidden without the right to make namespaces.
  Result<> prepare() const;

  /// Makes namespace, interfaces, addresses and routes. What an agent that died left half made
  /// under the same uid is made anew, so this is not for a pod that runs. Errors: kAlreadyExists
  /// when something else on this machine has a route to `address`. With `user_base` the namespace
  /// belongs to a new user namespace, see make_namespaces().
  Result<> add(const std::string& pod_uid,
               Ipv4 address,
               std::optional<std::uint32_t> user_base) const;

  /// Removes all of it; fine when it is gone.
  Result<> remove(const std::string& pod_uid) const;

  /// remove() for every pod that has one here. For a node whose pods have all stopped.
  Result<> remove_all() const;

  /// For the OCI configuration.
  [[nodiscard]] NamespacePaths namespaces(const std::string& pod_uid) const {
    return {dir_ + "/" + pod_uid, dir_ + "/" + pod_uid + ".user"};
  }

 private:
  std::string dir_;
};

/// Where an agent with this data directory keeps them.
[[nodiscard]] inline std::string network_folder(const std::string& data_dir) {
  return data_dir + "/netns";
}

/// The node's name of a pod's interface: `ins` and eleven digits that depend on the pod's uid.
[[nodiscard]] std::string host_link_name(std::string_view pod_uid);

}  // namespace insula::node
