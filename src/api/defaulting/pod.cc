#include <string_view>

#include "api/defaulting/set.h"
#include "api/defaults.h"

namespace insula::api {

namespace {

constexpr std::int32_t kFileMode = 0644;
constexpr std::int64_t kGracePeriodSeconds = 30;
constexpr std::int64_t kTokenSeconds = 3600;

/// Images are pulled always when their tag is `latest`, which they have when neither tag nor digest
/// is written.
bool has_moving_tag(std::string_view image) {
  const std::size_t at = image.find('@');
  const std::string_view name = image.substr(0, at);
  const std::size_t slash = name.rfind('/');
  const std::size_t colon = name.find(':', slash == std::string_view::npos ? 0 : slash);
  if (colon == std::string_view::npos) return at == std::string_view::npos;
  return name.substr(colon + 1) == "latest";
}

std::string_view pull_policy(std::string_view image) {
  return has_moving_tag(image) ? "Always" : "IfNotPresent";
}

void set_defaults(HTTPGetAction& action) {
  set_if_empty(action.path, "/");
  set_if_empty(action.scheme, "HTTP");
}

void set_defaults(Box<Probe>& probe) {
  if (!probe) return;
  set_if_zero(probe->timeout_seconds, 1);
  set_if_zero(probe->period_seconds, 10);
  set_if_zero(probe->success_threshold, 1);
  set_if_zero(probe->failure_threshold, 3);
  if (probe->handler.http_get) set_defaults(*probe->handler.http_get);
  if (probe->handler.grpc) set_if_absent(probe->handler.grpc->service, "");
}

void set_defaults(Box<LifecycleHandler>& handler) {
  if (handler && handler->http_get) set_defaults(*handler->http_get);
}

void set_defaults(Box<ObjectFieldSelector>& selector) {
  if (selector) set_if_empty(selector->api_version, "v1");
}

void take_requests_from_limits(ResourceRequirements& resources) {
  // insert() keeps what is there already.
  resources.requests.insert(resources.limits.begin(), resources.limits.end());
}

/// For Container and EphemeralContainerCommon, which have the same members.
template <class C>
void set_container_defaults(C& container) {
  set_if_empty(container.image_pull_policy, pull_policy(container.image));
  set_if_empty(container.termination_message_path, "/dev/termination-log");
  set_if_empty(container.termination_message_policy, "File");
  for (ContainerPort& port : container.ports)
    set_if_empty(port.protocol, "TCP");
  for (EnvVar& variable : container.env) {
    if (variable.value_from) set_defaults(variable.value_from->field_ref);
  }
  set_defaults(container.liveness_probe);
  set_defaults(container.readiness_probe);
  set_defaults(container.startup_probe);
  if (container.lifecycle) {
    set_defaults(container.lifecycle->post_start);
    set_defaults(container.lifecycle->pre_stop);
  }
}

void set_defaults(std::vector<DownwardAPIVolumeFile>& files) {
  for (DownwardAPIVolumeFile& file : files)
    set_defaults(file.field_ref);
}

void set_defaults(ProjectedVolumeSource& projected) {
  set_if_absent(projected.default_mode, kFileMode);
  for (VolumeProjection& source : projected.sources) {
    if (source.downward_api) set_defaults(source.downward_api->items);
    if (source.service_account_token) {
      set_if_absent(source.service_account_token->expiration_seconds, kTokenSeconds);
    }
  }
}

void set_defaults(VolumeSource& source) {
  // A volume with a name and nothing else is an emptyDir.
  if (source == VolumeSource{}) source.empty_dir.emplace();
  if (source.secret) set_if_absent(source.secret->default_mode, kFileMode);
  if (source.config_map) set_if_absent(source.config_map->default_mode, kFileMode);
  if (source.downward_api) {
    set_if_absent(source.downward_api->default_mode, kFileMode);
    set_defaults(source.downward_api->items);
  }
  if (source.projected) set_defaults(*source.projected);
  if (source.host_path) set_if_absent(source.host_path->type, "");
  if (source.image) set_if_empty(source.image->pull_policy, pull_policy(source.image->reference));
  if (source.iscsi) set_if_empty(source.iscsi->iscsi_interface, "default");
  if (source.rbd) {
    set_if_empty(source.rbd->pool, "rbd");
    set_if_empty(source.rbd->user, "admin");
    set_if_empty(source.rbd->keyring, "/etc/ceph/keyring");
  }
  if (source.ephemeral && source.ephemeral->volume_claim_template) {
    set_if_absent(source.ephemeral->volume_claim_template->spec.volume_mode, "Filesystem");
  }
}

/// On the node's network a container port is the node's port.
void set_host_ports(std::vector<Container>& containers) {
  for (Container& container : containers) {
    for (ContainerPort& port : container.ports)
      set_if_zero(port.host_port, port.container_port);
  }
}

}  // namespace

void set_pod_spec_defaults(PodSpec& spec, RequestsFromLimits requests) {
  set_if_empty(spec.dns_policy, "ClusterFirst");
  set_if_empty(spec.restart_policy, "Always");
  set_if_empty(spec.scheduler_name, "default-scheduler");
  set_if_absent(spec.termination_grace_period_seconds, kGracePeriodSeconds);
  (void)spec.security_context.ensure();
  // The old name is accepted and kept in step with the new one.
  set_if_empty(spec.service_account_name, spec.service_account);
  spec.service_account = spec.service_account_name;
  for (Volume& volume : spec.volumes)
    set_defaults(volume.volume_source);
  for (std::vector<Container>* list : {&spec.init_containers, &spec.containers}) {
    for (Container& container : *list) {
      set_container_defaults(container);
      if (requests == RequestsFromLimits::kYes) take_requests_from_limits(container.resources);
    }
  }
  for (EphemeralContainer& container : spec.ephemeral_containers) {
    set_container_defaults(container.ephemeral_container_common);
  }
}

void set_defaults(Pod& object) {
  set_pod_spec_defaults(object.spec, RequestsFromLimits::kYes);
  // Not in templates, whose pods get them.
  if (object.spec.host_network) {
    set_host_ports(object.spec.init_containers);
    set_host_ports(object.spec.containers);
  }
  set_if_absent(object.spec.enable_service_links, true);
}

}  // namespace insula::api
