#include "scheduler/cluster_state.h"

#include <utility>

#include "api/pod_resources.h"

namespace insula::scheduler {

namespace {

void add_to(Resources& sum, const Resources& more) {
  for (const auto& [name, amount] : more)
    sum[name] += amount;
}

bool counts(const api::Pod& pod) {
  return !pod.spec.node_name.empty() && pod.status.phase != "Succeeded" &&
         pod.status.phase != "Failed";
}

}  // namespace

std::set<HostPort> host_ports_of(const api::Pod& pod) {
  std::set<HostPort> ports;
  for (const api::Container& container : pod.spec.containers) {
    for (const api::ContainerPort& port : container.ports) {
      const std::int32_t number = pod.spec.host_network ? port.container_port : port.host_port;
      if (number > 0)
        ports.emplace(port.protocol.empty() ? "TCP" : port.protocol, port.host_ip, number);
    }
  }
  return ports;
}

void ClusterState::node_changed(const std::string& name, std::shared_ptr<const api::Node> node) {
  NodeState& state = nodes_[name];
  state.node = std::move(node);
  if (!state.node && state.pods == 0) nodes_.erase(name);
}

void ClusterState::pod_changed(const api::Pod* before, const api::Pod* after) {
  const controller::Key key = controller::key_of(after != nullptr ? *after : *before);
  if (after == nullptr || counts(*after)) forget(key);
  if (const auto it = placed_.find(key); it != placed_.end()) {
    subtract(it->second);
    placed_.erase(it);
  }
  if (after == nullptr || !counts(*after)) return;
  Placed placed{after->spec.node_name, api::pod_requests(*after, api::InfeasibleResize::kLeftOut),
                host_ports_of(*after)};
  add(placed);
  placed_.emplace(key, std::move(placed));
}

void ClusterState::assume(const api::Pod& pod, const std::string& node) {
  const controller::Key key = controller::key_of(pod);
  forget(key);
  Placed placed{node, api::pod_requests(pod.spec), host_ports_of(pod)};
  add(placed);
  assumed_.emplace(key, std::move(placed));
}

void ClusterState::forget(const controller::Key& pod) {
  const auto it = assumed_.find(pod);
  if (it == assumed_.end()) return;
  subtract(it->second);
  assumed_.erase(it);
}

std::map<std::string, const NodeState*> ClusterState::nodes() const {
  std::map<std::string, const NodeState*> found;
  for (const auto& [name, state] : nodes_) {
    if (state.node) found.emplace(name, &state);
  }
  return found;
}

void ClusterState::add(const Placed& placed) {
  NodeState& state = nodes_[placed.node];
  add_to(state.used, placed.requests);
  ++state.pods;
  state.host_ports.insert(placed.host_ports.begin(), placed.host_ports.end());
}

void ClusterState::subtract(const Placed& placed) {
  const auto it = nodes_.find(placed.node);
  if (it == nodes_.end()) return;
  for (const auto& [name, amount] : placed.requests)
    it->second.used[name] -= amount;
  --it->second.pods;
  for (const HostPort& port : placed.host_ports)
    it->second.host_ports.extract(port);
  if (!it->second.node && it->second.pods == 0) nodes_.erase(it);
}

}  // namespace insula::scheduler
