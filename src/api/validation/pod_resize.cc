#include <algorithm>
#include <string_view>

#include "api/pod_resources.h"
#include "api/validation/pod.h"
#include "api/validation/shown.h"

namespace insula::api {

namespace {

using Amounts = std::map<std::string, Quantity>;
using Containers = std::vector<Container>;

constexpr std::string_view kResizable[] = {"cpu", "memory"};
constexpr std::string_view kMutable = "only cpu and memory resources are mutable";

bool is_sidecar(const Container& container) {
  return container.restart_policy == "Always";
}

bool lacks(const Amounts& now, const Amounts& before) {
  return std::ranges::any_of(before, [&](const auto& entry) { return !now.contains(entry.first); });
}

void set_back(Amounts& now, const Amounts& before) {
  for (const std::string_view name : kResizable) {
    now.erase(std::string(name));
    if (const auto old = before.find(std::string(name)); old != before.end()) now.insert(*old);
  }
}

/// The container with everything that may change as it was.
Container with_old_amounts(Container container, const Container& old) {
  set_back(container.resources.requests, old.resources.requests);
  set_back(container.resources.limits, old.resources.limits);
  return container;
}

/// False when they cannot be compared one by one.
bool validate_order(const Containers& now,
                    const Containers& old,
                    std::string_view field,
                    FieldErrors& errors) {
  const FieldPath path = FieldPath("spec").child(field);
  if (now.size() != old.size()) {
    errors.forbidden(path, std::string(field) + " may not be added or removed on resize");
    return false;
  }
  bool same = true;
  for (std::size_t i = 0; i < old.size(); ++i) {
    if (now[i].name == old[i].name) continue;
    errors.forbidden(path.index(i).child("name"),
                     std::string(field) + " may not be renamed or reordered on resize");
    same = false;
  }
  return same;
}

/// Amounts can be added, not taken away.
void validate_kept(const Container& now,
                   const Container& old,
                   const FieldPath& path,
                   FieldErrors& errors) {
  const FieldPath at = path.child("resources");
  if (lacks(now.resources.requests, old.resources.requests))
    errors.forbidden(at.child("requests"), "resource requests cannot be removed");
  if (lacks(now.resources.limits, old.resources.limits))
    errors.forbidden(at.child("limits"), "resource limits cannot be removed");
}

void validate_init_container(const Container& now,
                             const Container& old,
                             const FieldPath& path,
                             FieldErrors& errors) {
  if (now == old) return;
  if (with_old_amounts(now, old) != old) {
    errors.forbidden(path,
                     "only cpu and memory resources for init or sidecar containers are mutable");
  }
  if (is_sidecar(now)) return;
  for (const ContainerResizePolicy& policy : now.resize_policy) {
    if (policy.restart_policy != "RestartContainer") continue;
    errors.forbidden(path,
                     "non-sidecar init containers with a resize policy of RestartContainer cannot "
                     "be resized");
  }
}

/// A node that reports no resources of what runs does not know how to change them.
bool node_resizes(const PodStatus& status) {
  const auto running = std::ranges::find_if(
      status.container_statuses, [](const auto& each) { return each.state.running.has_value(); });
  return running == status.container_statuses.end() || running->resources.has_value();
}

bool has_own_resources(const PodSpec& spec) {
  return spec.resources && !(spec.resources->requests.empty() && spec.resources->limits.empty());
}

}  // namespace

void validate_pod_resize(const Pod& object, const Pod& old, FieldErrors& errors) {
  const FieldPath spec("spec");
  if (qos_class(old.spec) != qos_class(object.spec)) {
    errors.invalid(spec, object.status.qos_class,
                   "Pod QOS Class may not change as a result of resizing");
  }
  if (!node_resizes(old.status))
    errors.forbidden(spec, "Pod running on node without support for resize");
  if (has_own_resources(old.spec) || has_own_resources(object.spec)) {
    errors.forbidden(spec.child("resources"),
                     "resize of pods with pod-level resources is not supported by this server");
    return;
  }
  const bool same_containers =
      validate_order(object.spec.containers, old.spec.containers, "containers", errors);
  const bool same_init_containers = validate_order(
      object.spec.init_containers, old.spec.init_containers, "initContainers", errors);
  if (!same_containers || !same_init_containers) return;

  PodSpec rest = object.spec;
  rest.containers = old.spec.containers;
  rest.init_containers = old.spec.init_containers;
  for (std::size_t i = 0; i < old.spec.init_containers.size(); ++i) {
    const FieldPath path = spec.child("initContainers").index(i);
    validate_kept(object.spec.init_containers[i], old.spec.init_containers[i], path, errors);
    validate_init_container(object.spec.init_containers[i], old.spec.init_containers[i], path,
                            errors);
  }
  for (std::size_t i = 0; i < old.spec.containers.size(); ++i) {
    const Container& before = old.spec.containers[i];
    const Container& now = object.spec.containers[i];
    validate_kept(now, before, spec.child("containers").index(i), errors);
    if (with_old_amounts(now, before) != before) errors.forbidden(spec, kMutable);
  }
  if (errors.empty() && rest != old.spec) errors.forbidden(spec, kMutable);
}

}  // namespace insula::api
