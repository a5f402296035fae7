#include "scheduler/cluster_state.h"

#include <algorithm>
#include <utility>

namespace insula::scheduler {

namespace {

void add_to(Resources& sum, const Resources& more) {
  for (const auto& [name, amount] : more) sum[name] += amount;
}

void raise_to(Resources& peak, const Resources& other) {
  for (const auto& [name, amount] : other) {
    api::Quantity& highest = peak[name];
    if (amount > highest) highest = amount;
  }
}

bool counts(const api::Pod& pod) {
  return !pod.spec.node_name.empty() && pod.status.phase != "Succeeded" && pod.status.phase != "Failed";
}

}  // namespace

Resources requests_of(const api::Pod& pod) {
  Resources running;
  for (const api::Container& container : pod.spec.containers) add_to(running, container.resources.requests);
  // Sidecars stay; an ordinary init container needs its share beside the sidecars started before it.
  Resources peak;
  Resources sidecars;
  for (const api::Container& container : pod.spec.init_containers) {
    Resources now = sidecars;
    add_to(now, container.resources.requests);
    raise_to(peak, now);
    if (container.restart_policy == "Always") sidecars = std::move(now);
  }
  add_to(running, sidecars);
  raise_to(running, peak);
  if (pod.spec.resources) {
    for (const auto& [name, amount] : pod.spec.resources->requests) running[name] = amount;
  }
  add_to(running, pod.spec.overhead);
  return running;
}

std::set<HostPort> host_ports_of(const api::Pod& pod) {
  std::set<HostPort> ports;
  for (const api::Container& container : pod.spec.containers) {
    for (const api::ContainerPort& port : container.ports) {
      const std::int32_t number = pod.spec.host_network ? port.container_port : port.host_port;
      if (number > 0) ports.emplace(port.protocol.empty() ? "TCP" : port.protocol, port.host_ip, number);
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
  Placed placed{after->spec.node_name, requests_of(*after), host_ports_of(*after)};
  add(placed);
  placed_.emplace(key, std::move(placed));
}

void ClusterState::assume(const api::Pod& pod, const std::string& node) {
  const controller::Key key = controller::key_of(pod);
  forget(key);
  Placed placed{node, requests_of(pod), host_ports_of(pod)};
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
  for (const auto& [name, amount] : placed.requests) it->second.used[name] -= amount;
  --it->second.pods;
  for (const HostPort& port : placed.host_ports) it->second.host_ports.extract(port);
  if (!it->second.node && it->second.pods == 0) nodes_.erase(it);
}

}  // namespace insula::scheduler
