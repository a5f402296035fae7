#include "scheduler/placement.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "api/pod_resources.h"
#include "base/number.h"

namespace insula::scheduler {

namespace {

bool tolerates(const api::Toleration& toleration, const api::Taint& taint) {
  if (!toleration.effect.empty() && toleration.effect != taint.effect) return false;
  if (!toleration.key.empty() && toleration.key != taint.key) return false;
  if (toleration.operator_ == "Exists") return true;
  return !toleration.key.empty() && toleration.value == taint.value;
}

const api::Taint* untolerated(const api::Pod& pod, const api::Node& node) {
  for (const api::Taint& taint : node.spec.taints) {
    if (taint.effect != "NoSchedule" && taint.effect != "NoExecute") continue;
    const bool tolerated = std::ranges::any_of(
        pod.spec.tolerations,
        [&taint](const api::Toleration& toleration) { return tolerates(toleration, taint); });
    if (!tolerated) return &taint;
  }
  return nullptr;
}

bool holds(const api::NodeSelectorRequirement& requirement, const std::string* value) {
  const std::vector<std::string>& wanted = requirement.values;
  const bool listed = value != nullptr && std::ranges::find(wanted, *value) != wanted.end();
  if (requirement.operator_ == "In") return listed;
  if (requirement.operator_ == "NotIn") return !listed;
  if (requirement.operator_ == "Exists") return value != nullptr;
  if (requirement.operator_ == "DoesNotExist") return value == nullptr;
  const auto actual = value == nullptr ? std::nullopt : parse_whole<std::int64_t>(*value);
  const auto bound = wanted.size() == 1 ? parse_whole<std::int64_t>(wanted.front()) : std::nullopt;
  if (!actual || !bound) return false;
  if (requirement.operator_ == "Gt") return *actual > *bound;
  return requirement.operator_ == "Lt" && *actual < *bound;
}

bool matches_term(const api::NodeSelectorTerm& term, const api::Node& node) {
  if (term.match_expressions.empty() && term.match_fields.empty()) return false;
  const auto& labels = node.metadata.labels;
  for (const api::NodeSelectorRequirement& requirement : term.match_expressions) {
    const auto label = labels.find(requirement.key);
    if (!holds(requirement, label == labels.end() ? nullptr : &label->second)) return false;
  }
  for (const api::NodeSelectorRequirement& requirement : term.match_fields) {
    if (requirement.key != "metadata.name" || !holds(requirement, &node.metadata.name))
      return false;
  }
  return true;
}

bool matches_selectors(const api::Pod& pod, const api::Node& node) {
  for (const auto& [name, value] : pod.spec.node_selector) {
    const auto label = node.metadata.labels.find(name);
    if (label == node.metadata.labels.end() || label->second != value) return false;
  }
  if (!pod.spec.affinity || !pod.spec.affinity->node_affinity) return true;
  const auto& required =
      pod.spec.affinity->node_affinity->required_during_scheduling_ignored_during_execution;
  if (!required) return true;
  return std::ranges::any_of(
      required->node_selector_terms,
      [&node](const api::NodeSelectorTerm& term) { return matches_term(term, node); });
}

bool is_ready(const api::Node& node) {
  const auto ready = std::ranges::find(node.status.conditions, "Ready", &api::NodeCondition::type);
  return ready != node.status.conditions.end() && ready->status == "True";
}

bool conflicts(const HostPort& a, const HostPort& b) {
  const auto any = [](const std::string& address) {
    return address.empty() || address == "0.0.0.0";
  };
  return std::get<0>(a) == std::get<0>(b) && std::get<2>(a) == std::get<2>(b) &&
         (std::get<1>(a) == std::get<1>(b) || any(std::get<1>(a)) || any(std::get<1>(b)));
}

// Rules between pods are refused rather than ignored: the pod waits and its condition says why.
bool needs_pod_rules(const api::Pod& pod) {
  if (std::ranges::any_of(pod.spec.topology_spread_constraints, [](const auto& constraint) {
        return constraint.when_unsatisfiable == "DoNotSchedule";
      })) {
    return true;
  }
  if (!pod.spec.affinity) return false;
  const auto& near = pod.spec.affinity->pod_affinity;
  const auto& apart = pod.spec.affinity->pod_anti_affinity;
  return (near && !near->required_during_scheduling_ignored_during_execution.empty()) ||
         (apart && !apart->required_during_scheduling_ignored_during_execution.empty());
}

void add_resource_misfits(const api::Pod& pod,
                          const NodeState& state,
                          std::vector<std::string>& reasons) {
  const auto& allocatable = state.node->status.allocatable;
  if (const auto most = allocatable.find("pods");
      most != allocatable.end() && state.pods >= most->second.value()) {
    reasons.emplace_back("Too many pods");
  }
  for (const auto& [name, wanted] : api::pod_requests(pod.spec)) {
    if (wanted.is_zero()) continue;
    const auto has = allocatable.find(name);
    const auto used = state.used.find(name);
    api::Quantity left = has == allocatable.end() ? api::Quantity() : has->second;
    if (used != state.used.end()) left -= used->second;
    if (wanted > left) reasons.push_back("Insufficient " + name);
  }
}

// Free share of CPU and memory after the pod, 0 to 1 each, averaged.
double room(const api::Pod& pod, const NodeState& state) {
  const Resources wanted = api::pod_requests(pod.spec);
  double sum = 0;
  for (const char* name : {"cpu", "memory"}) {
    const auto has = state.node->status.allocatable.find(name);
    if (has == state.node->status.allocatable.end() || has->second.is_zero()) continue;
    api::Quantity left = has->second;
    if (const auto used = state.used.find(name); used != state.used.end()) left -= used->second;
    if (const auto more = wanted.find(name); more != wanted.end()) left -= more->second;
    sum += left.as_double() / has->second.as_double();
  }
  return sum / 2;
}

}  // namespace

std::vector<std::string> misfits(const api::Pod& pod, const NodeState& state) {
  const api::Node& node = *state.node;
  if (needs_pod_rules(pod)) {
    return {
        "node(s) didn't match pod affinity or topology spread rules, which Insula does not "
        "evaluate"};
  }
  if (node.spec.unschedulable) {
    const bool tolerated =
        std::ranges::any_of(pod.spec.tolerations, [](const api::Toleration& toleration) {
          api::Taint taint;
          taint.key = "node.kubernetes.io/unschedulable";
          taint.effect = "NoSchedule";
          return tolerates(toleration, taint);
        });
    if (!tolerated) return {"node(s) were unschedulable"};
  }
  if (const api::Taint* taint = untolerated(pod, node)) {
    return {fmt::format("node(s) had untolerated taint {{{}: {}}}", taint->key, taint->value)};
  }
  if (!is_ready(node)) return {"node(s) were not ready"};
  if (!matches_selectors(pod, node)) return {"node(s) didn't match Pod's node affinity/selector"};
  for (const HostPort& wanted : host_ports_of(pod)) {
    if (std::ranges::any_of(state.host_ports,
                            [&wanted](const HostPort& used) { return conflicts(wanted, used); })) {
      return {"node(s) didn't have free ports for the requested pod ports"};
    }
  }
  std::vector<std::string> reasons;
  add_resource_misfits(pod, state, reasons);
  return reasons;
}

Placement place(const api::Pod& pod, const ClusterState& cluster) {
  const std::map<std::string, const NodeState*> nodes = cluster.nodes();
  if (nodes.empty()) return {{}, "no nodes available to schedule pods"};
  std::map<std::string, int> reasons;
  std::string best;
  double most = 0;
  for (const auto& [name, state] : nodes) {
    const std::vector<std::string> why = misfits(pod, *state);
    for (const std::string& reason : why)
      ++reasons[reason];
    if (!why.empty()) continue;
    const double left = room(pod, *state);
    if (best.empty() || left > most) {
      best = name;
      most = left;
    }
  }
  if (!best.empty()) return {best, {}};
  std::vector<std::string> parts;
  for (const auto& [reason, count] : reasons)
    parts.push_back(fmt::format("{} {}", count, reason));
  return {{}, fmt::format("0/{} nodes are available: {}.", nodes.size(), fmt::join(parts, ", "))};
}

}  // namespace insula::scheduler
