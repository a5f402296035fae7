#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "api/field_errors.h"
#include "api/gen/core_v1.h"

/// The parts of a pod's rules, for validate(const Pod&) and for templates.
namespace insula::api {

/// What the rules on one container must know of its pod.
struct PodContext {
  const PodSpec& spec;
  bool host_users = true;
};

/// `spec` of a pod or of a template.
void validate_pod_spec(const PodSpec& spec, const FieldPath& path, FieldErrors& errors);
void validate_pod_template(const PodTemplateSpec& pods, const FieldPath& path, FieldErrors& errors);
/// What may change in a pod that exists.
void validate_pod_spec_update(const PodSpec& spec, const PodSpec& old, FieldErrors& errors);
/// That ephemeral containers are only added.
void validate_ephemeral_containers_update(const PodSpec& spec,
                                          const PodSpec& old,
                                          FieldErrors& errors);
/// That only amounts of cpu and memory change, and the quality of service does not.
/// Spec: Kubernetes, "Resize CPU and Memory Resources assigned to Containers".
void validate_pod_resize(const Pod& object, const Pod& old, FieldErrors& errors);

void validate_volumes(const std::vector<Volume>& volumes,
                      const FieldPath& path,
                      FieldErrors& errors);
/// That exactly one member of a struct of volume sources (its `type`) is set.
void validate_one_source(const TypeInfo& type,
                         const void* source,
                         const FieldPath& path,
                         FieldErrors& errors);
/// Sources that pods and PersistentVolumes have in common.
void validate_host_path(const HostPathVolumeSource& source,
                        const FieldPath& path,
                        FieldErrors& errors);
void validate_nfs(const NFSVolumeSource& source, const FieldPath& path, FieldErrors& errors);
void validate_containers(const PodContext& pod, const FieldPath& spec_path, FieldErrors& errors);
/// What all sorts of containers have in common.
void validate_container(const Container& container,
                        const PodContext& pod,
                        const FieldPath& path,
                        FieldErrors& errors);
void validate_ephemeral_containers(const PodContext& pod,
                                   const FieldPath& path,
                                   FieldErrors& errors);
void validate_env(const std::vector<EnvVar>& variables, const FieldPath& path, FieldErrors& errors);
void validate_env_from(const std::vector<EnvFromSource>& sources,
                       const FieldPath& path,
                       FieldErrors& errors);
void validate_field_ref(const ObjectFieldSelector& selector,
                        std::span<const std::string_view> supported,
                        const FieldPath& path,
                        FieldErrors& errors);
enum class ResourceFieldUse : bool { kEnvironment, kVolume };
void validate_resource_field_ref(const ResourceFieldSelector& selector,
                                 ResourceFieldUse use,
                                 const FieldPath& path,
                                 FieldErrors& errors);

/// Probes and lifecycle handlers of one container.
void validate_probes(const Container& container, const FieldPath& path, FieldErrors& errors);
void validate_lifecycle(const Lifecycle& lifecycle,
                        const PodContext& pod,
                        const FieldPath& path,
                        FieldErrors& errors);
void validate_port_number_or_name(const IntOrString& port,
                                  const FieldPath& path,
                                  FieldErrors& errors);

/// Security contexts.
void validate_pod_security(const PodSecurityContext& security,
                           const FieldPath& path,
                           FieldErrors& errors);
void validate_container_security(const SecurityContext& security,
                                 const PodContext& pod,
                                 const FieldPath& path,
                                 FieldErrors& errors);

/// Node selectors, affinity, tolerations, spreading, gates.
void validate_scheduling(const PodSpec& spec, const FieldPath& path, FieldErrors& errors);
void validate_node_selector(const NodeSelector& selector,
                            const FieldPath& path,
                            FieldErrors& errors);
void validate_tolerations(const std::vector<Toleration>& tolerations,
                          const FieldPath& path,
                          FieldErrors& errors);
void validate_taint_effect(const std::string& effect, const FieldPath& path, FieldErrors& errors);

void validate_protocol(const std::string& protocol, const FieldPath& path, FieldErrors& errors);

/// A path without "..".
void validate_no_backsteps(const std::string& value, const FieldPath& path, FieldErrors& errors);
/// A relative path without "..".
void validate_inner_path(const std::string& value, const FieldPath& path, FieldErrors& errors);

}  // namespace insula::api
