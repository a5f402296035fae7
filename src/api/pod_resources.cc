#include "api/pod_resources.h"

#include <algorithm>
#include <optional>

#include "api/resize_hold.h"

namespace insula::api {

namespace {

using Amounts = std::map<std::string, Quantity>;
using List = Amounts ResourceRequirements::*;

void add(Amounts& sum, const Amounts& more) {
  for (const auto& [name, amount] : more) {
    const auto [at, fresh] = sum.try_emplace(name, amount);
    if (!fresh) at->second += amount;
  }
}

void raise(Amounts& peak, const Amounts& other) {
  for (const auto& [name, amount] : other) {
    const auto [at, fresh] = peak.try_emplace(name, amount);
    if (!fresh) at->second = std::max(at->second, amount);
  }
}

Amounts total(const PodSpec& spec, List list) {
  Amounts running;
  for (const Container& container : spec.containers)
    add(running, container.resources.*list);
  Amounts sidecars;
  Amounts starting;
  for (const Container& container : spec.init_containers) {
    if (container.restart_policy == "Always") {
      // From its turn on a sidecar runs beside everything that comes later.
      add(sidecars, container.resources.*list);
      add(running, container.resources.*list);
      raise(starting, sidecars);
    } else {
      Amounts now = sidecars;
      add(now, container.resources.*list);
      raise(starting, now);
    }
  }
  raise(running, starting);
  if (spec.resources) {
    for (const auto& [name, amount] : (*spec.resources).*list) {
      if (list != &ResourceRequirements::limits || is_limited(spec.resources->limits, name))
        running.insert_or_assign(name, amount);
    }
  }
  return running;
}

bool is_infeasible(const PodStatus& status) {
  return std::ranges::any_of(status.conditions, [](const PodCondition& condition) {
    return condition.type == "PodResizePending" && condition.reason == "Infeasible";
  });
}

/// False when nothing differs from what is asked for, as with nearly all pods.
bool differs(const Container& container, const ContainerStatus& status) {
  return status.resources && (status.allocated_resources != container.resources.requests ||
                              *status.resources != container.resources);
}

void take_status(std::vector<Container>& containers,
                 const std::vector<ContainerStatus>& statuses,
                 bool only_status) {
  for (Container& container : containers) {
    const auto status = std::ranges::find(statuses, container.name, &ContainerStatus::name);
    if (status == statuses.end() || !status->resources) continue;
    if (only_status) container.resources = *status->resources;
    raise(container.resources.requests, status->resources->requests);
    raise(container.resources.requests, status->allocated_resources);
    raise(container.resources.limits, status->resources->limits);
  }
}

bool is_changing(const std::vector<Container>& containers,
                 const std::vector<ContainerStatus>& statuses) {
  return std::ranges::any_of(containers, [&](const Container& container) {
    const auto status = std::ranges::find(statuses, container.name, &ContainerStatus::name);
    return status != statuses.end() && differs(container, *status);
  });
}

/// The specification by which a pod is counted; nothing when it is its own.
std::optional<PodSpec> counted_spec(const Pod& pod, InfeasibleResize infeasible) {
  const PodStatus& status = pod.status;
  const bool held = infeasible == InfeasibleResize::kCounts &&
                    pod.metadata.annotations.contains(kResizeHoldAnnotation);
  if (!held && !is_changing(pod.spec.containers, status.container_statuses) &&
      !is_changing(pod.spec.init_containers, status.init_container_statuses))
    return std::nullopt;
  const bool only_status = infeasible == InfeasibleResize::kLeftOut && is_infeasible(status);
  PodSpec out = pod.spec;
  take_status(out.containers, status.container_statuses, only_status);
  take_status(out.init_containers, status.init_container_statuses, only_status);
  if (held) take_resize_hold(out, pod);
  return out;
}

}  // namespace

std::map<std::string, Quantity> pod_requests(const PodSpec& spec) {
  Amounts sum = total(spec, &ResourceRequirements::requests);
  add(sum, spec.overhead);
  return sum;
}

std::map<std::string, Quantity> pod_limits(const PodSpec& spec) {
  Amounts sum = total(spec, &ResourceRequirements::limits);
  // The overhead raises limits that exist and makes no new ones.
  for (const auto& [name, amount] : spec.overhead) {
    if (const auto found = sum.find(name); found != sum.end()) found->second += amount;
  }
  return sum;
}

std::map<std::string, Quantity> pod_requests(const Pod& pod, InfeasibleResize infeasible) {
  const std::optional<PodSpec> changing = counted_spec(pod, infeasible);
  return pod_requests(changing ? *changing : pod.spec);
}

std::map<std::string, Quantity> pod_limits(const Pod& pod, InfeasibleResize infeasible) {
  const std::optional<PodSpec> changing = counted_spec(pod, infeasible);
  return pod_limits(changing ? *changing : pod.spec);
}

bool is_limited(const std::map<std::string, Quantity>& limits, const std::string& resource) {
  const auto found = limits.find(resource);
  if (found == limits.end()) return false;
  return !found->second.is_zero() || (resource != "cpu" && resource != "memory");
}

std::string_view qos_class(const PodSpec& spec) {
  bool some = false;
  bool all_equal = true;
  const auto look = [&](const ResourceRequirements& resources) {
    for (const char* name : {"cpu", "memory"}) {
      const auto request = resources.requests.find(name);
      const auto limit = resources.limits.find(name);
      const bool has_request = request != resources.requests.end() && !request->second.is_zero();
      const bool has_limit = limit != resources.limits.end() && !limit->second.is_zero();
      some = some || has_request || has_limit;
      // A request that is left out is the limit.
      all_equal = all_equal && has_limit && (!has_request || request->second == limit->second);
    }
  };
  if (spec.resources) {
    look(*spec.resources);
  } else {
    for (const Container& container : spec.init_containers)
      look(container.resources);
    for (const Container& container : spec.containers)
      look(container.resources);
  }
  if (!some) return "BestEffort";
  return all_equal ? "Guaranteed" : "Burstable";
}

}  // namespace insula::api
