#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>

#include "api/gen/core_v1.h"
#include "api/quantity.h"
#include "controller/key.h"

namespace insula::scheduler {

/// Amounts by resource name: `cpu`, `memory`, `nvidia.com/gpu`.
using Resources = std::map<std::string, api::Quantity>;

/// A port of the node itself that a container asks for: protocol, address, number.
using HostPort = std::tuple<std::string, std::string, std::int32_t>;
[[nodiscard]] std::set<HostPort> host_ports_of(const api::Pod& pod);

/// A node and what is placed on it.
struct NodeState {
  std::shared_ptr<const api::Node> node;  // null: pods are bound to it, but it is not registered
  Resources used;
  std::int64_t pods = 0;
  std::multiset<HostPort> host_ports;
};

/// What every node has left, kept up to date pod by pod. A placement that was decided and not seen
/// in the mirror yet counts, so that two decisions never share the same room.
class ClusterState {
 public:
  void node_changed(const std::string& name, std::shared_ptr<const api::Node> node);
  /// As an Informer's handler tells it.
  void pod_changed(const api::Pod* before, const api::Pod* after);

  /// Counts the pod on the node until the mirror shows it there or it is forgotten.
  void assume(const api::Pod& pod, const std::string& node);
  void forget(const controller::Key& pod);

  [[nodiscard]] bool is_assumed(const controller::Key& pod) const { return assumed_.contains(pod); }

  /// By name; registered nodes only.
  [[nodiscard]] std::map<std::string, const NodeState*> nodes() const;

 private:
  struct Placed {
    std::string node;
    Resources requests;
    std::set<HostPort> host_ports;
  };

  void add(const Placed& placed);
  void subtract(const Placed& placed);

  std::map<std::string, NodeState> nodes_;
  std::map<controller::Key, Placed> placed_;   // as the mirror shows it
  std::map<controller::Key, Placed> assumed_;  // not in placed_
};

}  // namespace insula::scheduler
