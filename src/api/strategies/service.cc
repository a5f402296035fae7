#include <algorithm>

#include "api/columns/columns.h"
#include "api/defaults.h"
#include "api/strategies/erased.h"
#include "api/strategies/strategies.h"
#include "api/validation/kinds.h"

namespace insula::api {

namespace {

constexpr SelectableField kFields[] = {
    {"spec.clusterIP",
     [](const void* object) { return static_cast<const Service*>(object)->spec.cluster_ip; }},
    {"spec.type",
     [](const void* object) { return static_cast<const Service*>(object)->spec.type; }},
};

bool has_address(const ServiceSpec& spec) {
  return spec.type != "ExternalName";
}

bool has_node_ports(const ServiceSpec& spec) {
  return spec.type == "NodePort" || spec.type == "LoadBalancer";
}

/// Addresses that were assigned stay when a client sends the object without them.
void keep_addresses(ServiceSpec& spec, const ServiceSpec& old) {
  if (!has_address(spec)) {
    if (spec.cluster_ip == old.cluster_ip) spec.cluster_ip.clear();
    if (spec.cluster_ips == old.cluster_ips) spec.cluster_ips.clear();
    if (spec.ip_families == old.ip_families) spec.ip_families.clear();
    if (spec.ip_family_policy == old.ip_family_policy) spec.ip_family_policy.reset();
    return;
  }
  if (!has_address(old)) return;
  if (spec.cluster_ip.empty() && spec.cluster_ips.empty()) {
    spec.cluster_ip = old.cluster_ip;
    spec.cluster_ips = old.cluster_ips;
  } else if (spec.cluster_ip != old.cluster_ip && spec.cluster_ips == old.cluster_ips) {
    // Only the older of the two fields was changed; the list follows it.
    spec.cluster_ips.clear();
    if (!spec.cluster_ip.empty()) spec.cluster_ips = {spec.cluster_ip};
  }
}

std::int32_t node_port_of(const std::vector<ServicePort>& ports, const ServicePort& port) {
  const auto found = std::ranges::find_if(ports, [&](const ServicePort& it) {
    return it.port == port.port && it.protocol == port.protocol;
  });
  return found == ports.end() ? 0 : found->node_port;
}

/// Ports of the nodes stay as well, and go with the type that needed them.
void keep_node_ports(ServiceSpec& spec, const ServiceSpec& old) {
  for (ServicePort& port : spec.ports) {
    const std::int32_t before = node_port_of(old.ports, port);
    if (has_node_ports(spec)) {
      if (port.node_port == 0) port.node_port = before;
    } else if (port.node_port == before) {
      port.node_port = 0;
    }
  }
}

/// Fields of a type that the Service no longer has.
void drop_unused(ServiceSpec& spec, const ServiceSpec& old) {
  if (spec.type != "LoadBalancer") {
    if (spec.allocate_load_balancer_node_ports == old.allocate_load_balancer_node_ports) {
      spec.allocate_load_balancer_node_ports.reset();
    }
    if (spec.load_balancer_class == old.load_balancer_class) spec.load_balancer_class.reset();
  }
  if (spec.type == "ExternalName" && spec.internal_traffic_policy == old.internal_traffic_policy) {
    spec.internal_traffic_policy.reset();
  }
  if (!has_node_ports(spec) && spec.external_ips.empty() &&
      spec.external_traffic_policy == old.external_traffic_policy) {
    spec.external_traffic_policy.clear();
  }
  if (spec.type != "ExternalName" && spec.external_name == old.external_name)
    spec.external_name.clear();
}

void prepare_for_update(Service& object, const Service& old, std::string_view subresource) {
  if (subresource == "status") {
    object.spec = old.spec;
    return;
  }
  object.status = old.status;
  keep_addresses(object.spec, old.spec);
  keep_node_ports(object.spec, old.spec);
  drop_unused(object.spec, old.spec);
  if (object.spec.type != "LoadBalancer") object.status.load_balancer = {};
}

constexpr KindStrategy kStrategy{
    .kind = kind_of<Service>,
    .name_rule = NameRule::kDnsLabel,
    .set_defaults = erased::change<Service, set_defaults>,
    .prepare_for_create = erased::drop_status<Service>,
    .prepare_for_update = erased::change_from<Service, prepare_for_update>,
    .validate = erased::check<Service, validate>,
    .validate_update = erased::check_from<Service, validate_update>,
    .columns = service_columns,
    .cells = erased::row<Service, cells>,
    .selectable_fields = kFields,
    .create_on_update = true,
    .returns_deleted = true,
};

}  // namespace

const KindStrategy& service_strategy() {
  return kStrategy;
}

}  // namespace insula::api
