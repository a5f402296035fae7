#include "api/validation/pod.h"

#include <algorithm>
#include <limits>
#include <set>

#include <fmt/format.h>

#include "api/validation/kinds.h"
#include "api/validation/metadata.h"
#include "api/validation/names.h"
#include "api/validation/resources.h"
#include "api/validation/shown.h"

namespace insula::api {

namespace {

constexpr std::int64_t kDeadlineMax = std::numeric_limits<std::int32_t>::max();
constexpr std::size_t kNameserversMax = 3;
constexpr std::size_t kSearchesMax = 32;
constexpr std::size_t kHostnameOverrideMax = 64;

void validate_policies(const PodSpec& spec, const FieldPath& path, FieldErrors& errors) {
  const std::string& restart = spec.restart_policy;
  if (restart.empty()) {
    errors.required(path.child("restartPolicy"));
  } else if (restart != "Always" && restart != "OnFailure" && restart != "Never") {
    errors.not_supported(path.child("restartPolicy"), restart, {"Always", "OnFailure", "Never"});
  }
  const std::string& dns = spec.dns_policy;
  if (dns.empty()) {
    errors.required(path.child("dnsPolicy"));
  } else if (dns != "ClusterFirstWithHostNet" && dns != "ClusterFirst" && dns != "Default" &&
             dns != "None") {
    errors.not_supported(path.child("dnsPolicy"), dns,
                         {"ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"});
  }
  if (spec.preemption_policy && *spec.preemption_policy != "PreemptLowerPriority" &&
      *spec.preemption_policy != "Never") {
    errors.not_supported(path.child("preemptionPolicy"), *spec.preemption_policy,
                         {"PreemptLowerPriority", "Never"});
  }
  if (!spec.termination_grace_period_seconds)
    errors.required(path.child("terminationGracePeriodSeconds"));
  if (spec.active_deadline_seconds &&
      (*spec.active_deadline_seconds < 1 || *spec.active_deadline_seconds > kDeadlineMax)) {
    errors.invalid(path.child("activeDeadlineSeconds"), *spec.active_deadline_seconds,
                   range_complaint(1, kDeadlineMax));
  }
  if (spec.os && spec.os->name != "linux" && spec.os->name != "windows") {
    if (spec.os->name.empty()) {
      errors.required(path.child("os").child("name"), "cannot be empty");
    } else {
      errors.not_supported(path.child("os").child("name"), spec.os->name, {"linux", "windows"});
    }
  }
}

void validate_dns(const PodSpec& spec, const FieldPath& path, FieldErrors& errors) {
  const FieldPath at = path.child("dnsConfig");
  if (spec.dns_policy == "None") {
    if (!spec.dns_config) {
      errors.required(at, "must provide `dnsConfig` when `dnsPolicy` is None");
    } else if (spec.dns_config->nameservers.empty()) {
      errors.required(at.child("nameservers"),
                      "must provide at least one DNS nameserver when `dnsPolicy` is None");
    }
  }
  if (!spec.dns_config) return;
  const PodDNSConfig& dns = *spec.dns_config;
  if (dns.nameservers.size() > kNameserversMax) {
    errors.invalid(at.child("nameservers"), shown_list(dns.nameservers),
                   fmt::format("must not have more than {} nameservers", kNameserversMax));
  }
  for (std::size_t i = 0; i < dns.nameservers.size(); ++i) {
    errors.invalid_each(at.child("nameservers").index(i), dns.nameservers[i],
                        check_ip(dns.nameservers[i]));
  }
  if (dns.searches.size() > kSearchesMax) {
    errors.invalid(at.child("searches"), shown_list(dns.searches),
                   fmt::format("must not have more than {} search paths", kSearchesMax));
  }
  for (std::size_t i = 0; i < dns.options.size(); ++i) {
    if (dns.options[i].name.empty())
      errors.required(at.child("options").index(i), "must not be empty");
  }
}

void validate_names(const PodSpec& spec, const FieldPath& path, FieldErrors& errors) {
  const auto subdomain = [&](const std::string& name, std::string_view field) {
    if (!name.empty()) errors.invalid_each(path.child(field), name, check_dns1123_subdomain(name));
  };
  const auto label = [&](const std::string& name, std::string_view field) {
    if (!name.empty()) errors.invalid_each(path.child(field), name, check_dns1123_label(name));
  };
  subdomain(spec.service_account_name, "serviceAccountName");
  subdomain(spec.node_name, "nodeName");
  subdomain(spec.priority_class_name, "priorityClassName");
  subdomain(spec.runtime_class_name.value_or(""), "runtimeClassName");
  subdomain(spec.scheduler_name, "schedulerName");
  label(spec.hostname, "hostname");
  label(spec.subdomain, "subdomain");
  if (spec.hostname_override) {
    const FieldPath at = path.child("hostnameOverride");
    if (spec.set_hostname_as_fqdn.value_or(false)) {
      errors.forbidden(at, "may not be specified when setHostnameAsFQDN is true");
    }
    if (spec.host_network) errors.forbidden(at, "may not be specified when hostNetwork is true");
    if (spec.hostname_override->size() > kHostnameOverrideMax)
      errors.too_long(at, kHostnameOverrideMax);
    errors.invalid_each(at, *spec.hostname_override,
                        check_dns1123_subdomain(*spec.hostname_override));
  }
  for (std::size_t i = 0; i < spec.host_aliases.size(); ++i) {
    const HostAlias& alias = spec.host_aliases[i];
    const FieldPath at = path.child("hostAliases").index(i);
    errors.invalid_each(at.child("ip"), alias.ip, check_ip(alias.ip));
    for (std::size_t j = 0; j < alias.hostnames.size(); ++j) {
      errors.invalid_each(at.child("hostnames").index(j), alias.hostnames[j],
                          check_dns1123_subdomain(alias.hostnames[j]));
    }
  }
  for (std::size_t i = 0; i < spec.readiness_gates.size(); ++i) {
    const std::string& type = spec.readiness_gates[i].condition_type;
    errors.invalid_each(path.child("readinessGates").index(i).child("conditionType"), type,
                        check_qualified_name(type));
  }
}

void validate_host_sharing(const PodSpec& spec, const FieldPath& path, FieldErrors& errors) {
  if (!spec.host_users.value_or(true)) {
    constexpr std::string_view kWhy = "when `hostUsers` is false";
    if (spec.host_network) errors.forbidden(path.child("hostNetwork"), kWhy);
    if (spec.host_pid) errors.forbidden(path.child("HostPID"), kWhy);
    if (spec.host_ipc) errors.forbidden(path.child("HostIPC"), kWhy);
  }
  if (spec.host_pid && spec.share_process_namespace.value_or(false)) {
    errors.invalid(path.child("securityContext").child("shareProcessNamespace"), true,
                   "ShareProcessNamespace and HostPID cannot both be enabled");
  }
  if (!spec.host_network) return;
  for (std::size_t i = 0; i < spec.containers.size(); ++i) {
    for (std::size_t j = 0; j < spec.containers[i].ports.size(); ++j) {
      const ContainerPort& port = spec.containers[i].ports[j];
      if (port.host_port != port.container_port) {
        errors.invalid(path.child("containers").index(i).child("ports").index(j).child("hostPort"),
                       port.host_port, "must match `containerPort` when `hostNetwork` is true");
      }
    }
  }
}

void validate_claims(const std::vector<PodResourceClaim>& claims,
                     const FieldPath& path,
                     FieldErrors& errors) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < claims.size(); ++i) {
    const PodResourceClaim& claim = claims[i];
    const FieldPath at = path.index(i);
    if (claim.name.empty()) {
      errors.required(at.child("name"));
    } else if (!names.insert(claim.name).second) {
      errors.duplicate(at.child("name"), claim.name);
    } else {
      errors.invalid_each(at.child("name"), claim.name, check_dns1123_label(claim.name));
    }
    if (claim.resource_claim_name && claim.resource_claim_template_name) {
      errors.invalid(
          at, shown(claim),
          "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified");
    } else if (!claim.resource_claim_name && !claim.resource_claim_template_name) {
      errors.invalid(at, shown(claim),
                     "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`");
    }
  }
}

bool same_but_seconds(const Toleration& a, const Toleration& b) {
  return a.key == b.key && a.operator_ == b.operator_ && a.value == b.value && a.effect == b.effect;
}

void validate_deadline_update(const PodSpec& spec, const PodSpec& old, FieldErrors& errors) {
  const FieldPath path("spec.activeDeadlineSeconds");
  if (!old.active_deadline_seconds) return;
  if (!spec.active_deadline_seconds) {
    errors.invalid(path, ShownValue::json("null"),
                   "must not update from a positive integer to nil value");
  } else if (*spec.active_deadline_seconds > *old.active_deadline_seconds) {
    errors.invalid(path, *spec.active_deadline_seconds,
                   "must be less than or equal to previous value");
  }
}

/// Images may change; the rest of a container may not.
void take_images(std::vector<Container>& containers, const std::vector<Container>& old) {
  for (std::size_t i = 0; i < containers.size(); ++i)
    containers[i].image = old[i].image;
}

}  // namespace

void validate_pod_spec(const PodSpec& spec, const FieldPath& path, FieldErrors& errors) {
  const PodContext pod{spec, spec.host_users.value_or(true)};
  validate_volumes(spec.volumes, path.child("volumes"), errors);
  validate_containers(pod, path, errors);
  validate_ephemeral_containers(pod, path.child("ephemeralContainers"), errors);
  validate_policies(spec, path, errors);
  validate_scheduling(spec, path, errors);
  if (spec.security_context) {
    validate_pod_security(*spec.security_context, path.child("securityContext"), errors);
  }
  validate_host_sharing(spec, path, errors);
  validate_dns(spec, path, errors);
  validate_names(spec, path, errors);
  validate_claims(spec.resource_claims, path.child("resourceClaims"), errors);
  if (spec.resources) validate_requirements(*spec.resources, path.child("resources"), errors);
  for (const auto& [name, amount] : spec.overhead) {
    validate_container_resource_name(name, path.child("overhead").key(name), errors);
    validate_amount(name, amount, path.child("overhead").key(name), errors);
  }
}

void validate_pod_template(const PodTemplateSpec& pods,
                           const FieldPath& path,
                           FieldErrors& errors) {
  validate_template_metadata(pods.metadata, path, errors);
  validate_pod_spec(pods.spec, path.child("spec"), errors);
  if (!pods.spec.ephemeral_containers.empty()) {
    errors.forbidden(path.child("spec").child("ephemeralContainers"),
                     "ephemeral containers not allowed in pod template");
  }
}

void validate_pod_spec_update(const PodSpec& spec, const PodSpec& old, FieldErrors& errors) {
  constexpr std::string_view kFixedContainers = "pod updates may not add or remove containers";
  if (spec.containers.size() != old.containers.size()) {
    errors.forbidden(FieldPath("spec.containers"), kFixedContainers);
    return;
  }
  if (spec.init_containers.size() != old.init_containers.size()) {
    errors.forbidden(FieldPath("spec.initContainers"), kFixedContainers);
    return;
  }
  validate_deadline_update(spec, old, errors);
  for (const Toleration& before : old.tolerations) {
    if (std::ranges::none_of(spec.tolerations, [&](const Toleration& now) {
          return same_but_seconds(now, before);
        })) {
      errors.forbidden(FieldPath("spec.tolerations"),
                       "existing toleration can not be modified except its tolerationSeconds");
      break;
    }
  }
  for (std::size_t i = 0; i < spec.scheduling_gates.size(); ++i) {
    const PodSchedulingGate& gate = spec.scheduling_gates[i];
    if (std::ranges::find(old.scheduling_gates, gate.name, &PodSchedulingGate::name) ==
        old.scheduling_gates.end()) {
      errors.forbidden(
          FieldPath("spec.schedulingGates").index(i).child("name"),
          fmt::format("only deletion is allowed, but found new scheduling gate '{}'", gate.name));
    }
  }
  // Everything that may change is set back; what differs then may not.
  PodSpec fixed = spec;
  take_images(fixed.containers, old.containers);
  take_images(fixed.init_containers, old.init_containers);
  fixed.active_deadline_seconds = old.active_deadline_seconds;
  fixed.tolerations = old.tolerations;
  fixed.scheduling_gates = old.scheduling_gates;
  if (old.termination_grace_period_seconds.value_or(0) < 0 &&
      spec.termination_grace_period_seconds == 1) {
    fixed.termination_grace_period_seconds = old.termination_grace_period_seconds;
  }
  if (fixed == old) return;
  errors.forbidden(
      FieldPath("spec"),
      "pod updates may not change fields other than "
      "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,"
      "`spec.tolerations` (only additions to existing "
      "tolerations),`spec.terminationGracePeriodSeconds` "
      "(allow it to be set to 1 if it was previously negative)\nchanged: " +
          changed_members(fixed, old, FieldPath("spec")));
}

void validate(const Pod& object, FieldErrors& errors) {
  validate_pod_spec(object.spec, FieldPath("spec"), errors);
}

void validate_create(const Pod& object, FieldErrors& errors) {
  if (!object.spec.ephemeral_containers.empty()) {
    errors.forbidden(FieldPath("spec.ephemeralContainers"), "cannot be set on create");
  }
  if (!object.spec.node_name.empty() && !object.spec.scheduling_gates.empty()) {
    errors.forbidden(FieldPath("spec.nodeName"),
                     "cannot be set until all schedulingGates have been cleared");
  }
}

void validate_update(const Pod& object,
                     const Pod& old,
                     std::string_view subresource,
                     FieldErrors& errors) {
  // Subresources with a purpose of their own change what a plain update may not.
  if (subresource == "status" || subresource == "binding") return;
  if (subresource == "resize") return validate_pod_resize(object, old, errors);
  if (subresource == "ephemeralcontainers")
    return validate_ephemeral_containers_update(object.spec, old.spec, errors);
  validate_pod_spec_update(object.spec, old.spec, errors);
}

}  // namespace insula::api
