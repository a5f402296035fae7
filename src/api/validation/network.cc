#include <algorithm>
#include <charconv>
#include <set>

#include "api/validation/kinds.h"
#include "api/validation/metadata.h"
#include "api/validation/names.h"
#include "api/validation/pod.h"
#include "api/validation/shown.h"

namespace insula::api {

namespace {

constexpr std::size_t kEndpointsMax = 1000;
constexpr std::size_t kAddressesMax = 100;
constexpr std::size_t kPortsMax = 100;

/// Addresses that no endpoint can have. Unlike Kubernetes, loopback is allowed: without root the
/// node gives pods loopback addresses of their own.
void validate_endpoint_ip(const std::string& ip, const FieldPath& path, FieldErrors& errors) {
  const Complaints complaints = check_ip(ip);
  errors.invalid_each(path, ip, complaints);
  if (!complaints.empty()) return;
  if (ip == "0.0.0.0" || ip == "::") {
    errors.invalid(path, ip, "may not be unspecified (" + ip + ")");
  } else if (ip.starts_with("169.254.") || ip.starts_with("fe80:")) {
    errors.invalid(path, ip, "may not be in the link-local range (169.254.0.0/16, fe80::/10)");
  } else if (ip.starts_with("224.0.0.") || ip.starts_with("ff02:")) {
    errors.invalid(path, ip,
                   "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)");
  }
}

void validate_address(const EndpointAddress& address, const FieldPath& path, FieldErrors& errors) {
  validate_endpoint_ip(address.ip, path.child("ip"), errors);
  if (!address.hostname.empty()) {
    errors.invalid_each(path.child("hostname"), address.hostname,
                        check_dns1123_label(address.hostname));
  }
  if (address.node_name) {
    errors.invalid_each(path.child("nodeName"), *address.node_name,
                        check_dns1123_subdomain(*address.node_name));
  }
}

void validate_port(const EndpointPort& port,
                   bool name_required,
                   const FieldPath& path,
                   FieldErrors& errors) {
  if (!port.name.empty()) {
    errors.invalid_each(path.child("name"), port.name, check_dns1123_label(port.name));
  } else if (name_required) {
    errors.required(path.child("name"));
  }
  errors.invalid_each(path.child("port"), port.port, check_port_number(port.port));
  validate_protocol(port.protocol, path.child("protocol"), errors);
}

void validate_endpoint(const Endpoint& endpoint,
                       const std::string& address_type,
                       const FieldPath& path,
                       FieldErrors& errors) {
  const FieldPath addresses = path.child("addresses");
  if (endpoint.addresses.empty()) {
    errors.required(addresses, "must contain at least 1 address");
  } else if (endpoint.addresses.size() > kAddressesMax) {
    errors.too_many(addresses, endpoint.addresses.size(), kAddressesMax);
  }
  for (std::size_t i = 0; i < endpoint.addresses.size(); ++i) {
    const std::string& address = endpoint.addresses[i];
    if (address_type == "FQDN") {
      errors.invalid_each(addresses.index(i), address, check_dns1123_subdomain(address));
    } else if (address_type == "IPv4" && !is_ipv4(address)) {
      errors.invalid(addresses.index(i), address, "must be an IPv4 address");
    } else if (address_type == "IPv6" && !is_ipv6(address)) {
      errors.invalid(addresses.index(i), address, "must be an IPv6 address");
    } else {
      validate_endpoint_ip(address, addresses.index(i), errors);
    }
  }
  if (endpoint.hostname) {
    errors.invalid_each(path.child("hostname"), *endpoint.hostname,
                        check_dns1123_label(*endpoint.hostname));
  }
  if (endpoint.node_name) {
    errors.invalid_each(path.child("nodeName"), *endpoint.node_name,
                        check_dns1123_subdomain(*endpoint.node_name));
  }
}

unsigned prefix_bits(std::string_view cidr) {
  unsigned bits = 0;
  const std::string_view text = cidr.substr(cidr.find('/') + 1);
  std::from_chars(text.data(), text.data() + text.size(), bits);
  return bits;
}

void validate_ip_block(const IPBlock& block, const FieldPath& path, FieldErrors& errors) {
  if (block.cidr.empty()) {
    errors.required(path.child("cidr"));
    return;
  }
  const Complaints complaints = check_cidr(block.cidr);
  errors.invalid_each(path.child("cidr"), block.cidr, complaints);
  for (std::size_t i = 0; i < block.except.size(); ++i) {
    const FieldPath at = path.child("except").index(i);
    const Complaints inner = check_cidr(block.except[i]);
    errors.invalid_each(at, block.except[i], inner);
    if (complaints.empty() && inner.empty() &&
        (!cidr_contains(block.cidr, block.except[i]) ||
         prefix_bits(block.cidr) >= prefix_bits(block.except[i]))) {
      errors.invalid(at, block.except[i], "must be a strict subset of `cidr`");
    }
  }
}

void validate_peer(const NetworkPolicyPeer& peer, const FieldPath& path, FieldErrors& errors) {
  if (peer.pod_selector)
    validate_label_selector(*peer.pod_selector, path.child("podSelector"), errors);
  if (peer.namespace_selector) {
    validate_label_selector(*peer.namespace_selector, path.child("namespaceSelector"), errors);
  }
  if (peer.ip_block) validate_ip_block(*peer.ip_block, path.child("ipBlock"), errors);
  if (!peer.pod_selector && !peer.namespace_selector && !peer.ip_block) {
    errors.required(path, "must specify a peer");
  } else if (peer.ip_block && (peer.pod_selector || peer.namespace_selector)) {
    errors.forbidden(path, "may not specify both ipBlock and another peer");
  }
}

void validate_port(const NetworkPolicyPort& port, const FieldPath& path, FieldErrors& errors) {
  if (port.protocol) {
    if (*port.protocol != "TCP" && *port.protocol != "UDP" && *port.protocol != "SCTP") {
      errors.not_supported(path.child("protocol"), *port.protocol, {"TCP", "UDP", "SCTP"});
    }
  }
  const FieldPath end = path.child("endPort");
  if (!port.port) {
    if (port.end_port)
      errors.invalid(end, *port.end_port, "may not be specified when `port` is not specified");
    return;
  }
  validate_port_number_or_name(*port.port, path.child("port"), errors);
  if (!port.end_port) return;
  if (port.port->is_string()) {
    errors.invalid(end, *port.end_port, "may not be specified when `port` is non-numeric");
    return;
  }
  if (*port.end_port < port.port->number()) {
    errors.invalid(end, *port.end_port, "must be greater than or equal to `port`");
  }
  errors.invalid_each(end, *port.end_port, check_port_number(*port.end_port));
}

}  // namespace

void validate(const Endpoints& object, FieldErrors& errors) {
  const FieldPath path("subsets");
  for (std::size_t i = 0; i < object.subsets.size(); ++i) {
    const EndpointSubset& subset = object.subsets[i];
    const FieldPath at = path.index(i);
    if (subset.addresses.empty() && subset.not_ready_addresses.empty()) {
      errors.required(at, "must specify `addresses` or `notReadyAddresses`");
    }
    for (std::size_t j = 0; j < subset.addresses.size(); ++j) {
      validate_address(subset.addresses[j], at.child("addresses").index(j), errors);
    }
    for (std::size_t j = 0; j < subset.not_ready_addresses.size(); ++j) {
      validate_address(subset.not_ready_addresses[j], at.child("notReadyAddresses").index(j),
                       errors);
    }
    for (std::size_t j = 0; j < subset.ports.size(); ++j) {
      validate_port(subset.ports[j], subset.ports.size() > 1, at.child("ports").index(j), errors);
    }
  }
}

void validate(const EndpointSlice& object, FieldErrors& errors) {
  const FieldPath type("addressType");
  if (object.address_type.empty()) {
    errors.required(type);
  } else if (object.address_type != "IPv4" && object.address_type != "IPv6" &&
             object.address_type != "FQDN") {
    errors.not_supported(type, object.address_type, {"FQDN", "IPv4", "IPv6"});
  }
  const FieldPath endpoints("endpoints");
  if (object.endpoints.size() > kEndpointsMax) {
    errors.too_many(endpoints, object.endpoints.size(), kEndpointsMax);
  } else {
    for (std::size_t i = 0; i < object.endpoints.size(); ++i) {
      validate_endpoint(object.endpoints[i], object.address_type, endpoints.index(i), errors);
    }
  }
  const FieldPath ports("ports");
  if (object.ports.size() > kPortsMax) {
    errors.too_many(ports, object.ports.size(), kPortsMax);
    return;
  }
  std::set<std::string> names;
  for (std::size_t i = 0; i < object.ports.size(); ++i) {
    const EndpointSlicePort& port = object.ports[i];
    const FieldPath at = ports.index(i);
    const std::string name = port.name.value_or("");
    if (!name.empty()) errors.invalid_each(at.child("name"), name, check_dns1123_label(name));
    if (!names.insert(name).second) errors.duplicate(at.child("name"), name);
    validate_protocol(port.protocol.value_or(""), at.child("protocol"), errors);
    if (port.port) errors.invalid_each(at.child("port"), *port.port, check_port_number(*port.port));
  }
}

void validate_update(const EndpointSlice& object,
                     const EndpointSlice& old,
                     std::string_view,
                     FieldErrors& errors) {
  if (object.address_type != old.address_type) {
    errors.invalid(FieldPath("addressType"), object.address_type, kFieldImmutable);
  }
}

void validate(const NetworkPolicy& object, FieldErrors& errors) {
  const NetworkPolicySpec& spec = object.spec;
  const FieldPath path("spec");
  validate_label_selector(spec.pod_selector, path.child("podSelector"), errors);
  const auto rule = [&](const std::vector<NetworkPolicyPort>& ports,
                        const std::vector<NetworkPolicyPeer>& peers, std::string_view peers_field,
                        const FieldPath& at) {
    for (std::size_t i = 0; i < ports.size(); ++i)
      validate_port(ports[i], at.child("ports").index(i), errors);
    for (std::size_t i = 0; i < peers.size(); ++i)
      validate_peer(peers[i], at.child(peers_field).index(i), errors);
  };
  for (std::size_t i = 0; i < spec.ingress.size(); ++i) {
    rule(spec.ingress[i].ports, spec.ingress[i].from, "from", path.child("ingress").index(i));
  }
  for (std::size_t i = 0; i < spec.egress.size(); ++i) {
    rule(spec.egress[i].ports, spec.egress[i].to, "to", path.child("egress").index(i));
  }
  const FieldPath types = path.child("policyTypes");
  if (spec.policy_types.size() > 2) {
    errors.invalid(types, shown_list(spec.policy_types),
                   "may not specify more than two policyTypes");
    return;
  }
  for (std::size_t i = 0; i < spec.policy_types.size(); ++i) {
    if (spec.policy_types[i] != "Ingress" && spec.policy_types[i] != "Egress") {
      errors.not_supported(types.index(i), spec.policy_types[i], {"Ingress", "Egress"});
    }
  }
}

}  // namespace insula::api
