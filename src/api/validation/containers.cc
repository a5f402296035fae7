#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "api/validation/names.h"
#include "api/validation/pod.h"
#include "api/validation/resources.h"
#include "api/validation/shown.h"

namespace insula::api {

namespace {

constexpr std::size_t kRestartRulesMax = 20;

void validate_ports(const std::vector<ContainerPort>& ports,
                    const FieldPath& path,
                    FieldErrors& errors) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < ports.size(); ++i) {
    const ContainerPort& port = ports[i];
    const FieldPath at = path.index(i);
    if (!port.name.empty()) {
      const Complaints complaints = check_port_name(port.name);
      errors.invalid_each(at.child("name"), port.name, complaints);
      if (complaints.empty() && !names.insert(port.name).second) {
        errors.duplicate(at.child("name"), port.name);
      }
    }
    if (port.container_port == 0) {
      errors.required(at.child("containerPort"));
    } else {
      errors.invalid_each(at.child("containerPort"), port.container_port,
                          check_port_number(port.container_port));
    }
    if (port.host_port != 0) {
      errors.invalid_each(at.child("hostPort"), port.host_port, check_port_number(port.host_port));
    }
    validate_protocol(port.protocol, at.child("protocol"), errors);
  }
}

void validate_mount_options(const VolumeMount& mount,
                            const Container& container,
                            const FieldPath& at,
                            FieldErrors& errors) {
  if (!mount.sub_path.empty()) validate_inner_path(mount.sub_path, at.child("subPath"), errors);
  if (!mount.sub_path_expr.empty()) {
    if (!mount.sub_path.empty()) {
      errors.invalid(at.child("subPathExpr"), mount.sub_path_expr,
                     "subPathExpr and subPath are mutually exclusive");
    }
    validate_inner_path(mount.sub_path_expr, at.child("subPathExpr"), errors);
  }
  if (mount.mount_propagation) {
    const std::string& mode = *mount.mount_propagation;
    if (mode != "None" && mode != "HostToContainer" && mode != "Bidirectional") {
      errors.not_supported(at.child("mountPropagation"), mode,
                           {"Bidirectional", "HostToContainer", "None"});
    }
    const bool privileged =
        container.security_context && container.security_context->privileged.value_or(false);
    if (mode == "Bidirectional" && !privileged) {
      errors.forbidden(
          at.child("mountPropagation"),
          "Bidirectional mount propagation is available only to privileged containers");
    }
  }
  if (mount.recursive_read_only && *mount.recursive_read_only != "Disabled") {
    const FieldPath path = at.child("recursiveReadOnly");
    if (*mount.recursive_read_only != "Enabled" && *mount.recursive_read_only != "IfPossible") {
      errors.not_supported(path, *mount.recursive_read_only, {"Disabled", "Enabled", "IfPossible"});
    } else if (!mount.read_only) {
      errors.forbidden(path, "may only be specified when readOnly is true");
    }
  }
}

const Volume* find_volume(const PodContext& pod, std::string_view name) {
  const auto found = std::ranges::find(pod.spec.volumes, name, &Volume::name);
  return found == pod.spec.volumes.end() ? nullptr : &*found;
}

void validate_mounts(const Container& container,
                     const PodContext& pod,
                     const FieldPath& path,
                     FieldErrors& errors) {
  std::set<std::string_view> paths;
  for (std::size_t i = 0; i < container.volume_mounts.size(); ++i) {
    const VolumeMount& mount = container.volume_mounts[i];
    const FieldPath at = path.index(i);
    if (mount.name.empty()) errors.required(at.child("name"));
    if (find_volume(pod, mount.name) == nullptr) errors.not_found(at.child("name"), mount.name);
    if (mount.mount_path.empty()) errors.required(at.child("mountPath"));
    if (!paths.insert(mount.mount_path).second) {
      errors.invalid(at.child("mountPath"), mount.mount_path, "must be unique");
    }
    for (const VolumeDevice& device : container.volume_devices) {
      if (device.name == mount.name) {
        errors.invalid(at.child("name"), mount.name, "must not already exist in volumeDevices");
      }
      if (device.device_path == mount.mount_path) {
        errors.invalid(at.child("mountPath"), mount.mount_path,
                       "must not already exist as a path in volumeDevices");
      }
    }
    validate_mount_options(mount, container, at, errors);
  }
}

void validate_devices(const Container& container,
                      const PodContext& pod,
                      const FieldPath& path,
                      FieldErrors& errors) {
  std::set<std::string_view> names;
  std::set<std::string_view> paths;
  for (std::size_t i = 0; i < container.volume_devices.size(); ++i) {
    const VolumeDevice& device = container.volume_devices[i];
    const FieldPath at = path.index(i);
    if (device.name.empty()) errors.required(at.child("name"));
    if (!names.insert(device.name).second)
      errors.invalid(at.child("name"), device.name, "must be unique");
    const Volume* volume = find_volume(pod, device.name);
    if (volume == nullptr) {
      errors.not_found(at.child("name"), device.name);
    } else if (!volume->volume_source.persistent_volume_claim && !volume->volume_source.ephemeral) {
      errors.invalid(
          at.child("name"), device.name,
          "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode");
    }
    if (device.device_path.empty()) {
      errors.required(at.child("devicePath"));
    } else if (!paths.insert(device.device_path).second) {
      errors.invalid(at.child("devicePath"), device.device_path, "must be unique");
    }
  }
}

void validate_policies(const Container& container,
                       const PodContext& pod,
                       const FieldPath& path,
                       FieldErrors& errors) {
  if (container.termination_message_policy.empty()) {
    errors.required(path.child("terminationMessagePolicy"));
  } else if (container.termination_message_policy != "File" &&
             container.termination_message_policy != "FallbackToLogsOnError") {
    errors.not_supported(path.child("terminationMessagePolicy"),
                         container.termination_message_policy, {"File", "FallbackToLogsOnError"});
  }
  const std::string& pull = container.image_pull_policy;
  if (pull.empty()) {
    errors.required(path.child("imagePullPolicy"));
  } else if (pull != "Always" && pull != "IfNotPresent" && pull != "Never") {
    errors.not_supported(path.child("imagePullPolicy"), pull, {"Always", "IfNotPresent", "Never"});
  }
  std::set<std::string_view> resized;
  const FieldPath at = path.child("resizePolicy");
  for (std::size_t i = 0; i < container.resize_policy.size(); ++i) {
    const ContainerResizePolicy& policy = container.resize_policy[i];
    if (!resized.insert(policy.resource_name).second)
      errors.duplicate(at.index(i), policy.resource_name);
    if (policy.resource_name != "cpu" && policy.resource_name != "memory") {
      errors.not_supported(at, policy.resource_name, {"cpu", "memory"});
    }
    if (policy.restart_policy != "NotRequired" && policy.restart_policy != "RestartContainer") {
      errors.not_supported(at, policy.restart_policy, {"NotRequired", "RestartContainer"});
    }
    if (pod.spec.restart_policy == "Never" && policy.restart_policy != "NotRequired") {
      errors.invalid(at, policy.restart_policy,
                     "must be 'NotRequired' when `restartPolicy` is 'Never'");
    }
  }
}

void validate_claims(const Container& container,
                     const PodContext& pod,
                     const FieldPath& path,
                     FieldErrors& errors) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < container.resources.claims.size(); ++i) {
    const ResourceClaim& claim = container.resources.claims[i];
    if (claim.name.empty()) {
      errors.required(path.index(i));
      continue;
    }
    const std::string key = claim.request.empty() ? claim.name : claim.name + "/" + claim.request;
    if (!names.insert(key).second) errors.duplicate(path.index(i), key);
    if (std::ranges::find(pod.spec.resource_claims, claim.name, &PodResourceClaim::name) ==
        pod.spec.resource_claims.end()) {
      std::string known;
      for (const PodResourceClaim& each : pod.spec.resource_claims) {
        known += (known.empty() ? ": " : ", ") + each.name;
      }
      errors.not_found(path.index(i), claim.name,
                       "must be one of the names in pod.spec.resourceClaims" +
                           (known.empty() ? std::string(" which is empty") : known));
    }
  }
}

void validate_restart_policy(const Container& container,
                             const FieldPath& path,
                             FieldErrors& errors) {
  const FieldPath at = path.child("restartPolicy");
  if (!container.restart_policy) {
    if (!container.restart_policy_rules.empty()) {
      errors.required(at, "must specify restartPolicy when restart rules are used");
    }
  } else if (*container.restart_policy != "Always" && *container.restart_policy != "OnFailure" &&
             *container.restart_policy != "Never") {
    errors.not_supported(at, *container.restart_policy, {"Always", "Never", "OnFailure"});
  }
  const FieldPath rules = path.child("restartPolicyRules");
  if (container.restart_policy_rules.size() > kRestartRulesMax)
    errors.too_long(rules, kRestartRulesMax);
  for (std::size_t i = 0; i < container.restart_policy_rules.size(); ++i) {
    const ContainerRestartRule& rule = container.restart_policy_rules[i];
    if (rule.action != "Restart" && rule.action != "RestartAllContainers") {
      errors.not_supported(rules.index(i).child("action"), rule.action,
                           {"Restart", "RestartAllContainers"});
    }
    if (!rule.exit_codes) {
      errors.required(rules.index(i).child("exitCodes"), "must be specified");
    } else if (rule.exit_codes->operator_ != "In" && rule.exit_codes->operator_ != "NotIn") {
      errors.not_supported(rules.index(i).child("exitCodes").child("operator"),
                           rule.exit_codes->operator_, {"In", "NotIn"});
    }
  }
}

void validate_init_container(const Container& container,
                             const PodContext& pod,
                             const FieldPath& path,
                             FieldErrors& errors) {
  validate_restart_policy(container, path, errors);
  if (container.restart_policy == "Always") {
    if (!container.restart_policy_rules.empty()) {
      errors.forbidden(
          path.child("restartPolicyRules"),
          "restartPolicyRules are not allowed for init containers with restart policy Always");
    }
    if (container.lifecycle) {
      validate_lifecycle(*container.lifecycle, pod, path.child("lifecycle"), errors);
    }
    validate_probes(container, path, errors);
    return;
  }
  constexpr std::string_view kSidecarOnly =
      "may not be set for init containers without restartPolicy=Always";
  if (container.lifecycle) errors.forbidden(path.child("lifecycle"), kSidecarOnly);
  if (container.liveness_probe) errors.forbidden(path.child("livenessProbe"), kSidecarOnly);
  if (container.readiness_probe) errors.forbidden(path.child("readinessProbe"), kSidecarOnly);
  if (container.startup_probe) errors.forbidden(path.child("startupProbe"), kSidecarOnly);
}

void validate_host_ports(const std::vector<Container>& containers,
                         const FieldPath& path,
                         FieldErrors& errors) {
  std::set<std::string> taken;
  for (std::size_t i = 0; i < containers.size(); ++i) {
    for (std::size_t j = 0; j < containers[i].ports.size(); ++j) {
      const ContainerPort& port = containers[i].ports[j];
      if (port.host_port == 0) continue;
      const std::string key = fmt::format("{}/{}/{}", port.protocol, port.host_ip, port.host_port);
      if (!taken.insert(key).second) {
        errors.duplicate(path.index(i).child("ports").index(j).child("hostPort"), key);
      }
    }
  }
}

}  // namespace

void validate_container(const Container& container,
                        const PodContext& pod,
                        const FieldPath& path,
                        FieldErrors& errors) {
  if (container.name.empty()) {
    errors.required(path.child("name"));
  } else {
    errors.invalid_each(path.child("name"), container.name, check_dns1123_label(container.name));
  }
  if (container.image.empty()) {
    errors.required(path.child("image"));
  } else if (container.image.find_first_of(" \t\r\n") == 0 ||
             container.image.find_last_of(" \t\r\n") == container.image.size() - 1) {
    errors.invalid(path.child("image"), container.image,
                   "must not have leading or trailing whitespace");
  }
  validate_policies(container, pod, path, errors);
  validate_ports(container.ports, path.child("ports"), errors);
  validate_env(container.env, path.child("env"), errors);
  validate_env_from(container.env_from, path.child("envFrom"), errors);
  validate_mounts(container, pod, path.child("volumeMounts"), errors);
  validate_devices(container, pod, path.child("volumeDevices"), errors);
  validate_requirements(container.resources, path.child("resources"), errors);
  validate_claims(container, pod, path.child("resources").child("claims"), errors);
  if (container.security_context) {
    validate_container_security(*container.security_context, pod, path.child("securityContext"),
                                errors);
  }
}

void validate_protocol(const std::string& protocol, const FieldPath& path, FieldErrors& errors) {
  if (protocol.empty()) {
    errors.required(path);
  } else if (protocol != "TCP" && protocol != "UDP" && protocol != "SCTP") {
    errors.not_supported(path, protocol, {"SCTP", "TCP", "UDP"});
  }
}

void validate_containers(const PodContext& pod, const FieldPath& spec_path, FieldErrors& errors) {
  const PodSpec& spec = pod.spec;
  const FieldPath path = spec_path.child("containers");
  std::set<std::string_view> names;
  if (spec.containers.empty()) errors.required(path);
  for (std::size_t i = 0; i < spec.containers.size(); ++i) {
    const Container& container = spec.containers[i];
    const FieldPath at = path.index(i);
    validate_container(container, pod, at, errors);
    if (!names.insert(container.name).second) errors.duplicate(at.child("name"), container.name);
    if (container.lifecycle)
      validate_lifecycle(*container.lifecycle, pod, at.child("lifecycle"), errors);
    validate_probes(container, at, errors);
    validate_restart_policy(container, at, errors);
  }
  validate_host_ports(spec.containers, path, errors);

  const FieldPath init_path = spec_path.child("initContainers");
  for (std::size_t i = 0; i < spec.init_containers.size(); ++i) {
    const Container& container = spec.init_containers[i];
    const FieldPath at = init_path.index(i);
    validate_container(container, pod, at, errors);
    if (!names.insert(container.name).second) errors.duplicate(at.child("name"), container.name);
    validate_init_container(container, pod, at, errors);
  }
}

}  // namespace insula::api
