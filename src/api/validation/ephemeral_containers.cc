#include "api/ephemeral_containers.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "api/validation/pod.h"
#include "api/validation/shown.h"

namespace insula::api {

namespace {

constexpr std::string_view kNotAllowed = "cannot be set for an Ephemeral Container";

/// A pod must not come to depend on them.
void validate_allowed(const Container& container, const FieldPath& path, FieldErrors& errors) {
  const auto forbid = [&](bool set, std::string_view field) {
    if (set) errors.forbidden(path.child(field), kNotAllowed);
  };
  forbid(!container.ports.empty(), "ports");
  forbid(container.resources != ResourceRequirements(), "resources");
  forbid(!container.resize_policy.empty(), "resizePolicy");
  forbid(container.restart_policy.has_value(), "restartPolicy");
  forbid(!container.restart_policy_rules.empty(), "restartPolicyRules");
  forbid(container.liveness_probe.has_value(), "livenessProbe");
  forbid(container.readiness_probe.has_value(), "readinessProbe");
  forbid(container.startup_probe.has_value(), "startupProbe");
  forbid(container.lifecycle.has_value(), "lifecycle");
  for (std::size_t i = 0; i < container.volume_mounts.size(); ++i) {
    const FieldPath at = path.child("volumeMounts").index(i);
    if (!container.volume_mounts[i].sub_path.empty())
      errors.forbidden(at.child("subPath"), kNotAllowed);
    if (!container.volume_mounts[i].sub_path_expr.empty())
      errors.forbidden(at.child("subPathExpr"), kNotAllowed);
  }
}

}  // namespace

void validate_ephemeral_containers(const PodContext& pod,
                                   const FieldPath& path,
                                   FieldErrors& errors) {
  std::set<std::string_view> others;
  for (const auto* list : {&pod.spec.containers, &pod.spec.init_containers}) {
    for (const Container& container : *list)
      others.insert(container.name);
  }
  std::set<std::string_view> names = others;
  for (std::size_t i = 0; i < pod.spec.ephemeral_containers.size(); ++i) {
    const EphemeralContainer& ephemeral = pod.spec.ephemeral_containers[i];
    const FieldPath at = path.index(i);
    const Container container = as_container(ephemeral);
    validate_container(container, pod, at, errors);
    const std::string& name = ephemeral.ephemeral_container_common.name;
    if (!names.insert(name).second) errors.duplicate(at.child("name"), name);
    const std::string& target = ephemeral.target_container_name;
    if (!target.empty() && !others.contains(target))
      errors.not_found(at.child("targetContainerName"), target);
    validate_allowed(container, at, errors);
  }
}

void validate_ephemeral_containers_update(const PodSpec& spec,
                                          const PodSpec& old,
                                          FieldErrors& errors) {
  const FieldPath path("spec.ephemeralContainers");
  const auto name_of = [](const EphemeralContainer& container) -> const std::string& {
    return container.ephemeral_container_common.name;
  };
  for (const EphemeralContainer& before : old.ephemeral_containers) {
    // A patch may change their order.
    const auto now = std::ranges::find(spec.ephemeral_containers, name_of(before), name_of);
    if (now == spec.ephemeral_containers.end()) {
      errors.forbidden(path,
                       fmt::format("existing ephemeral containers \"{}\" may not be removed\n",
                                   name_of(before)));
    } else if (*now != before) {
      errors.forbidden(path, fmt::format("existing ephemeral containers \"{}\" may not be changed\n"
                                         "changed: {}",
                                         name_of(before), changed_members(*now, before, path)));
    }
  }
}

}  // namespace insula::api
