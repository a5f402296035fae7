#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "api/columns/columns.h"

namespace insula::api {

namespace {

constexpr std::size_t kListedMax = 3;  // addresses and ports that a cell shows

constexpr Column kServiceColumns[] = {
    kNameColumn,
    {"Type", "string", "", "How the Service is reached."},
    {"Cluster-IP", "string", "", "Address inside the cluster."},
    {"External-IP", "string", "", "Addresses from outside."},
    {"Port(s)", "string", "", "Ports, with the port of the nodes after a colon."},
    kAgeColumn,
    {"Selector", "string", "", "Labels of the pods.", 1},
};

constexpr Column kEndpointsColumns[] = {
    kNameColumn,
    {"Endpoints", "string", "", "Addresses that are ready."},
    kAgeColumn,
};

constexpr Column kEndpointSliceColumns[] = {
    kNameColumn,
    {"AddressType", "string", "", "Kind of the addresses."},
    {"Ports", "string", "", "Ports of the endpoints."},
    {"Endpoints", "string", "", "Addresses of the endpoints."},
    kAgeColumn,
};

constexpr Column kNetworkPolicyColumns[] = {
    kNameColumn,
    {"Pod-Selector", "string", "", "Labels of the pods that it holds for."},
    kAgeColumn,
};

constexpr Column kIngressColumns[] = {
    kNameColumn,
    {"Class", "string", "", "IngressClass that is to serve it."},
    {"Hosts", "string", "", "Hosts of its rules."},
    {"Address", "string", "", "Where it can be reached."},
    {"Ports", "string", "", "Ports that are open for it."},
    kAgeColumn,
};

constexpr Column kIngressClassColumns[] = {
    kNameColumn,
    {"Controller", "string", "", "Who serves its Ingresses."},
    {"Parameters", "string", "", "An object with settings for the controller."},
    kAgeColumn,
};

/// As listed(), but only the first rules are looked at, and those without a host are left out.
std::string hosts_text(const std::vector<IngressRule>& rules) {
  std::string text;
  std::size_t shown = 0;
  bool more = false;
  for (const IngressRule& rule : rules) {
    if (shown == kListedMax) more = true;
    if (more || rule.host.empty()) continue;
    if (!text.empty()) text += ',';
    text += rule.host;
    ++shown;
  }
  if (text.empty()) return "*";
  return more ? text + fmt::format(" + {} more...", rules.size() - kListedMax) : text;
}

std::string addresses_text(const IngressLoadBalancerStatus& status) {
  std::set<std::string> addresses;
  for (const IngressLoadBalancerIngress& ingress : status.ingress) {
    const std::string& address = ingress.ip.empty() ? ingress.hostname : ingress.ip;
    if (!address.empty()) addresses.insert(address);
  }
  return fmt::format("{}", fmt::join(addresses, ","));
}

std::string parameters_text(const Box<IngressClassParametersReference>& parameters) {
  if (!parameters) return "<none>";
  const std::string group = parameters->api_group ? "." + *parameters->api_group : std::string();
  return parameters->kind + group + "/" + parameters->name;
}

std::string balancer_text(const LoadBalancerStatus& status) {
  std::set<std::string> addresses;
  for (const LoadBalancerIngress& ingress : status.ingress) {
    const std::string& address = ingress.ip.empty() ? ingress.hostname : ingress.ip;
    if (!address.empty()) addresses.insert(address);
  }
  return fmt::format("{}", fmt::join(addresses, ","));
}

std::string external_text(const Service& service) {
  const ServiceSpec& spec = service.spec;
  if (spec.type == "ExternalName") return spec.external_name;
  const std::string external = fmt::format("{}", fmt::join(spec.external_ips, ","));
  if (spec.type == "LoadBalancer") {
    const std::string balancer = balancer_text(service.status.load_balancer);
    if (balancer.empty()) return external.empty() ? "<pending>" : external;
    return external.empty() ? balancer : balancer + "," + external;
  }
  if (spec.type != "ClusterIP" && spec.type != "NodePort") return "<unknown>";
  return external.empty() ? "<none>" : external;
}

std::string ports_text(const std::vector<ServicePort>& ports) {
  std::string text;
  for (const ServicePort& port : ports) {
    if (!text.empty()) text += ',';
    text += port.node_port > 0 ? fmt::format("{}:{}/{}", port.port, port.node_port, port.protocol)
                               : fmt::format("{}/{}", port.port, port.protocol);
  }
  return text.empty() ? "<none>" : text;
}

/// `a,b,c + 2 more...`
std::string listed(const std::vector<std::string>& items, std::string_view none) {
  if (items.empty()) return std::string(none);
  const std::span<const std::string> shown(items.data(), std::min(items.size(), kListedMax));
  std::string text = fmt::format("{}", fmt::join(shown, ","));
  if (items.size() > shown.size())
    text += fmt::format(" + {} more...", items.size() - shown.size());
  return text;
}

std::string host_port(const std::string& host, std::int32_t port) {
  return host.contains(':') ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

}  // namespace

std::span<const Column> service_columns() {
  return kServiceColumns;
}

std::vector<Cell> cells(const Service& object, WallTime now) {
  return {
      object.metadata.name,
      object.spec.type,
      object.spec.cluster_ips.empty() ? "<none>" : object.spec.cluster_ips.front(),
      external_text(object),
      ports_text(object.spec.ports),
      age(object.metadata.creation_timestamp, now),
      label_text(object.spec.selector),
  };
}

std::span<const Column> endpoints_columns() {
  return kEndpointsColumns;
}

std::vector<Cell> cells(const Endpoints& object, WallTime now) {
  std::vector<std::string> items;
  for (const EndpointSubset& subset : object.subsets) {
    if (subset.ports.empty()) {
      for (const EndpointAddress& address : subset.addresses)
        items.push_back(address.ip);
    }
    for (const EndpointPort& port : subset.ports) {
      for (const EndpointAddress& address : subset.addresses) {
        items.push_back(host_port(address.ip, port.port));
      }
    }
  }
  // Subsets whose addresses are all not ready leave the cell empty.
  return {object.metadata.name, listed(items, object.subsets.empty() ? "<none>" : ""),
          age(object.metadata.creation_timestamp, now)};
}

std::span<const Column> endpoint_slice_columns() {
  return kEndpointSliceColumns;
}

std::vector<Cell> cells(const EndpointSlice& object, WallTime now) {
  std::vector<std::string> ports;
  ports.reserve(object.ports.size());
  for (const EndpointSlicePort& port : object.ports) {
    ports.push_back(port.port ? fmt::format("{}", *port.port) : port.name.value_or("*"));
  }
  std::vector<std::string> addresses;
  for (const Endpoint& endpoint : object.endpoints) {
    addresses.insert(addresses.end(), endpoint.addresses.begin(), endpoint.addresses.end());
  }
  return {object.metadata.name, object.address_type, listed(ports, "<unset>"),
          listed(addresses, "<unset>"), age(object.metadata.creation_timestamp, now)};
}

std::span<const Column> network_policy_columns() {
  return kNetworkPolicyColumns;
}

std::vector<Cell> cells(const NetworkPolicy& object, WallTime now) {
  const std::string selector = selector_text(object.spec.pod_selector);
  return {object.metadata.name, selector.empty() ? "<none>" : selector,
          age(object.metadata.creation_timestamp, now)};
}

std::span<const Column> ingress_columns() {
  return kIngressColumns;
}

std::vector<Cell> cells(const Ingress& object, WallTime now) {
  return {
      object.metadata.name,
      object.spec.ingress_class_name.value_or("<none>"),
      hosts_text(object.spec.rules),
      addresses_text(object.status.load_balancer),
      object.spec.tls.empty() ? "80" : "80, 443",
      age(object.metadata.creation_timestamp, now),
  };
}

std::span<const Column> ingress_class_columns() {
  return kIngressClassColumns;
}

std::vector<Cell> cells(const IngressClass& object, WallTime now) {
  return {
      name_of_class(object.metadata, "ingressclass.kubernetes.io/is-default-class"),
      object.spec.controller,
      parameters_text(object.spec.parameters),
      age(object.metadata.creation_timestamp, now),
  };
}

}  // namespace insula::api
