#include <algorithm>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "api/validation/kinds.h"
#include "api/validation/metadata.h"
#include "api/validation/names.h"
#include "api/validation/pod.h"
#include "api/validation/shown.h"

namespace insula::api {

namespace {

constexpr std::int32_t kAffinitySecondsMax = 86400;
constexpr std::size_t kAddressesMax = 2;

bool is_headless(const ServiceSpec& spec) {
  return spec.cluster_ips.size() == 1 && spec.cluster_ips.front() == "None";
}

void validate_port(const ServicePort& port,
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
  validate_port_number_or_name(port.target_port, path.child("targetPort"), errors);
  if (port.app_protocol) {
    errors.invalid_each(path.child("appProtocol"), *port.app_protocol,
                        check_qualified_name(*port.app_protocol));
  }
}

void validate_ports(const ServiceSpec& spec, FieldErrors& errors) {
  const FieldPath path("spec.ports");
  if (spec.ports.empty() && !is_headless(spec) && spec.type != "ExternalName")
    errors.required(path);
  std::set<std::string_view> names;
  std::set<std::tuple<std::string_view, std::int32_t>> ports;
  std::set<std::tuple<std::string_view, std::int32_t>> node_ports;
  for (std::size_t i = 0; i < spec.ports.size(); ++i) {
    const ServicePort& port = spec.ports[i];
    const FieldPath at = path.index(i);
    validate_port(port, spec.ports.size() > 1, at, errors);
    if (!port.name.empty() && !names.insert(port.name).second)
      errors.duplicate(at.child("name"), port.name);
    if (!ports.emplace(port.protocol, port.port).second) {
      errors.duplicate(at, ShownValue::json(fmt::format(R"({{"port":{},"protocol":"{}"}})",
                                                        port.port, port.protocol)));
    }
    if (port.node_port == 0) continue;
    if (spec.type == "ClusterIP") {
      errors.forbidden(at.child("nodePort"), "may not be used when `type` is 'ClusterIP'");
    }
    if (!node_ports.emplace(port.protocol, port.node_port).second) {
      errors.duplicate(at.child("nodePort"), port.node_port);
    }
  }
}

void validate_external_name(const ServiceSpec& spec, FieldErrors& errors) {
  const FieldPath path("spec");
  constexpr std::string_view kNot = "may not be set for ExternalName services";
  if (!spec.cluster_ips.empty()) errors.forbidden(path.child("clusterIPs"), kNot);
  if (!spec.ip_families.empty()) errors.forbidden(path.child("ipFamilies"), kNot);
  if (spec.ip_family_policy) errors.forbidden(path.child("ipFamilyPolicy"), kNot);
  std::string_view name = spec.external_name;
  if (name.ends_with('.')) name.remove_suffix(1);
  if (name.empty()) {
    errors.required(path.child("externalName"));
  } else {
    errors.invalid_each(path.child("externalName"), name, check_dns1123_subdomain(name));
  }
}

void validate_families(const ServiceSpec& spec, const FieldPath& path, FieldErrors& errors) {
  std::set<std::string_view> families;
  for (std::size_t i = 0; i < spec.ip_families.size(); ++i) {
    const std::string& family = spec.ip_families[i];
    const FieldPath at = path.child("ipFamilies").index(i);
    if (family != "IPv4" && family != "IPv6") errors.not_supported(at, family, {"IPv4", "IPv6"});
    if (!families.insert(family).second) errors.duplicate(at, family);
  }
  if (spec.ip_family_policy && *spec.ip_family_policy != "SingleStack" &&
      *spec.ip_family_policy != "PreferDualStack" && *spec.ip_family_policy != "RequireDualStack") {
    errors.not_supported(path.child("ipFamilyPolicy"), *spec.ip_family_policy,
                         {"PreferDualStack", "RequireDualStack", "SingleStack"});
  }
}

void validate_addresses(const ServiceSpec& spec, FieldErrors& errors) {
  const FieldPath path("spec");
  const FieldPath ips = path.child("clusterIPs");
  if (spec.cluster_ip.empty()) {
    if (!spec.cluster_ips.empty()) {
      errors.invalid(ips, shown_list(spec.cluster_ips),
                     "must be empty when `clusterIP` is not specified");
    }
  } else if (spec.cluster_ips.empty()) {
    errors.required(ips);
  } else if (spec.cluster_ips.front() != spec.cluster_ip) {
    errors.invalid(ips, shown_list(spec.cluster_ips), "first value must match `clusterIP`");
  }
  validate_families(spec, path, errors);
  for (std::size_t i = 0; i < spec.cluster_ips.size(); ++i) {
    const std::string& ip = spec.cluster_ips[i];
    if (i == 0 && ip == "None") {
      if (spec.cluster_ips.size() > 1) {
        errors.invalid(ips, shown_list(spec.cluster_ips),
                       "'None' must be the first and only value");
      }
      continue;
    }
    const Complaints complaints = check_ip(ip);
    errors.invalid_each(ips.index(i), ip, complaints);
    if (!complaints.empty() || i >= spec.ip_families.size()) continue;
    const std::string& family = spec.ip_families[i];
    if ((family == "IPv4" && is_ipv6(ip)) || (family == "IPv6" && is_ipv4(ip))) {
      errors.invalid(
          ips.index(i), ip,
          fmt::format("expected an {} value as indicated by `ipFamilies[{}]`", family, i));
    }
  }
  if (spec.cluster_ips.size() > kAddressesMax) {
    errors.invalid(ips, shown_list(spec.cluster_ips), "may only hold up to 2 values");
  }
  for (std::size_t i = 0; i < spec.external_ips.size(); ++i) {
    errors.invalid_each(path.child("externalIPs").index(i), spec.external_ips[i],
                        check_ip(spec.external_ips[i]));
  }
}

void validate_affinity(const ServiceSpec& spec, FieldErrors& errors) {
  const FieldPath config("spec.sessionAffinityConfig");
  if (spec.session_affinity == "ClientIP") {
    // Defaults have filled in the whole path down to the time.
    const std::int32_t seconds =
        spec.session_affinity_config->client_ip->timeout_seconds.value_or(0);
    if (seconds <= 0 || seconds > kAffinitySecondsMax) {
      errors.invalid(config.child("clientIP").child("timeoutSeconds"), seconds,
                     fmt::format("must be greater than 0 and less than {}", kAffinitySecondsMax));
    }
  } else if (spec.session_affinity != "None") {
    errors.not_supported(FieldPath("spec.sessionAffinity"), spec.session_affinity,
                         {"ClientIP", "None"});
  }
}

void validate_traffic(const ServiceSpec& spec, FieldErrors& errors) {
  const FieldPath path("spec");
  const bool external = spec.type == "LoadBalancer" || spec.type == "NodePort" ||
                        (spec.type == "ClusterIP" && !spec.external_ips.empty());
  const std::string& policy = spec.external_traffic_policy;
  if (!external) {
    if (!policy.empty()) {
      errors.invalid(path.child("externalTrafficPolicy"), policy,
                     "may only be set for externally-accessible services");
    }
  } else if (policy.empty()) {
    errors.required(path.child("externalTrafficPolicy"));
  } else if (policy != "Cluster" && policy != "Local") {
    errors.not_supported(path.child("externalTrafficPolicy"), policy, {"Cluster", "Local"});
  }
  if (!spec.internal_traffic_policy) {
    if (spec.type != "ExternalName") errors.required(path.child("internalTrafficPolicy"));
  } else if (*spec.internal_traffic_policy != "Cluster" &&
             *spec.internal_traffic_policy != "Local") {
    errors.not_supported(path.child("internalTrafficPolicy"), *spec.internal_traffic_policy,
                         {"Cluster", "Local"});
  }
  if (spec.traffic_distribution && *spec.traffic_distribution != "PreferClose" &&
      *spec.traffic_distribution != "PreferSameZone" &&
      *spec.traffic_distribution != "PreferSameNode") {
    errors.not_supported(path.child("trafficDistribution"), *spec.traffic_distribution,
                         {"PreferClose", "PreferSameZone", "PreferSameNode"});
  }
  constexpr std::string_view kBalancerOnly = "may only be used when `type` is 'LoadBalancer'";
  if (spec.type != "LoadBalancer") {
    if (!spec.load_balancer_source_ranges.empty()) {
      errors.forbidden(path.child("LoadBalancerSourceRanges"), kBalancerOnly);
    }
    if (spec.allocate_load_balancer_node_ports) {
      errors.forbidden(path.child("allocateLoadBalancerNodePorts"), kBalancerOnly);
    }
    if (spec.load_balancer_class) errors.forbidden(path.child("loadBalancerClass"), kBalancerOnly);
  }
  for (std::size_t i = 0; i < spec.load_balancer_source_ranges.size(); ++i) {
    errors.invalid_each(path.child("LoadBalancerSourceRanges").index(i),
                        spec.load_balancer_source_ranges[i],
                        check_cidr(spec.load_balancer_source_ranges[i]));
  }
}

}  // namespace

void validate(const Service& object, FieldErrors& errors) {
  const ServiceSpec& spec = object.spec;
  const FieldPath path("spec");
  if (spec.type.empty()) {
    errors.required(path.child("type"));
  } else if (spec.type != "ClusterIP" && spec.type != "NodePort" && spec.type != "LoadBalancer" &&
             spec.type != "ExternalName") {
    errors.not_supported(path.child("type"), spec.type,
                         {"ClusterIP", "ExternalName", "LoadBalancer", "NodePort"});
  }
  if (is_headless(spec) && (spec.type == "LoadBalancer" || spec.type == "NodePort")) {
    errors.invalid(path.child("clusterIPs").index(0), "None",
                   fmt::format("may not be set to 'None' for {} services", spec.type));
  }
  validate_ports(spec, errors);
  validate_labels(spec.selector, path.child("selector"), errors);
  validate_affinity(spec, errors);
  if (spec.type == "ExternalName") {
    validate_external_name(spec, errors);
  } else {
    validate_addresses(spec, errors);
  }
  validate_traffic(spec, errors);
}

void validate_update(const Service& object,
                     const Service& old,
                     std::string_view subresource,
                     FieldErrors& errors) {
  if (subresource == "status") return;
  const ServiceSpec& spec = object.spec;
  if (spec.type == "ExternalName" || old.spec.type == "ExternalName") return;
  const FieldPath path("spec.clusterIPs");
  const std::vector<std::string>& now = spec.cluster_ips;
  const std::vector<std::string>& before = old.spec.cluster_ips;
  if (!before.empty() && now.empty()) {
    errors.invalid(path.index(0), shown_list(now), "primary clusterIP can not be unset");
  }
  for (std::size_t i = 0; i < std::min(now.size(), before.size()); ++i) {
    if (now[i] != before[i])
      errors.invalid(path.index(i), shown_list(now), "may not change once set");
  }
}

}  // namespace insula::api
