#include "controllers/endpoints/plan.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

#include "controller/owner.h"
#include "controllers/pods.h"

namespace insula::controllers {

namespace {

struct Port {
  std::string name;
  std::string protocol;
  std::int32_t port = 0;
  std::optional<std::string> app_protocol;

  auto operator<=>(const Port&) const = default;
};

using Ports = std::vector<Port>;

std::optional<std::int32_t> named_port(const api::Pod& pod,
                                       const std::string& name,
                                       const std::string& protocol) {
  for (const api::Container& container : pod.spec.containers) {
    for (const api::ContainerPort& port : container.ports) {
      const std::string& carries = port.protocol.empty() ? std::string("TCP") : port.protocol;
      if (port.name == name && carries == protocol) return port.container_port;
    }
  }
  return std::nullopt;
}

// A named target port may be another number in every pod, so the ports are a pod's, not the
// Service's.
Ports ports_of(const api::Service& service, const api::Pod& pod) {
  Ports ports;
  for (const api::ServicePort& wanted : service.spec.ports) {
    const std::string protocol = wanted.protocol.empty() ? "TCP" : wanted.protocol;
    std::optional<std::int32_t> number = wanted.port;
    if (wanted.target_port.is_string()) {
      number = named_port(pod, wanted.target_port.name(), protocol);
    } else if (!wanted.target_port.is_zero()) {
      number = wanted.target_port.number();
    }
    if (number) ports.push_back({wanted.name, protocol, *number, wanted.app_protocol});
  }
  std::ranges::sort(ports);
  return ports;
}

bool is_ipv6(std::string_view address) {
  return address.find(':') != std::string_view::npos;
}

bool wants_ipv6(const api::Service& service) {
  return !service.spec.ip_families.empty() && service.spec.ip_families.front() == "IPv6";
}

std::string address_of(const api::Pod& pod, bool ipv6) {
  for (const api::PodIP& ip : pod.status.pod_ips) {
    if (!ip.ip.empty() && is_ipv6(ip.ip) == ipv6) return ip.ip;
  }
  const std::string& first = pod.status.pod_ip;
  return !first.empty() && is_ipv6(first) == ipv6 ? first : std::string();
}

struct Member {
  PodPtr pod;
  std::string address;
};

// By ports, and by name within: the same pods always give the same slices.
std::map<Ports, std::vector<Member>> members_of(const api::Service& service,
                                                std::vector<PodPtr> pods) {
  std::ranges::sort(pods, {},
                    [](const PodPtr& pod) { return std::string_view(pod->metadata.name); });
  std::map<Ports, std::vector<Member>> groups;
  for (PodPtr& pod : pods) {
    std::string address = address_of(*pod, wants_ipv6(service));
    if (address.empty() || is_finished(*pod)) continue;
    groups[ports_of(service, *pod)].push_back({std::move(pod), std::move(address)});
  }
  return groups;
}

api::ObjectReference reference_to_pod(const api::Pod& pod) {
  api::ObjectReference reference;
  reference.kind = "Pod";
  reference.namespace_ = pod.metadata.namespace_;
  reference.name = pod.metadata.name;
  reference.uid = pod.metadata.uid;
  return reference;
}

std::string hostname_of(const api::Service& service, const api::Pod& pod) {
  const bool named = !pod.spec.hostname.empty() && pod.spec.subdomain == service.metadata.name;
  return named ? pod.spec.hostname : std::string();
}

api::Endpoint endpoint_of(const api::Service& service, const Member& member) {
  const api::Pod& pod = *member.pod;
  const bool serving = is_ready(pod);
  const bool terminating = pod.metadata.deletion_timestamp.has_value();
  api::Endpoint endpoint;
  endpoint.addresses = {member.address};
  endpoint.conditions.ready = service.spec.publish_not_ready_addresses || (serving && !terminating);
  endpoint.conditions.serving = serving;
  endpoint.conditions.terminating = terminating;
  if (std::string hostname = hostname_of(service, pod); !hostname.empty())
    endpoint.hostname = std::move(hostname);
  if (!pod.spec.node_name.empty()) endpoint.node_name = pod.spec.node_name;
  endpoint.target_ref = reference_to_pod(pod);
  return endpoint;
}

api::EndpointSlice empty_slice(const api::Service& service,
                               const Ports& ports,
                               std::size_t number) {
  api::EndpointSlice slice;
  slice.metadata.namespace_ = service.metadata.namespace_;
  slice.metadata.name = slice_name(service.metadata, number);
  slice.metadata.labels = service.metadata.labels;
  slice.metadata.labels[std::string(kServiceNameLabel)] = service.metadata.name;
  slice.metadata.labels[std::string(kSliceManagedByLabel)] = kSliceManager;
  if (service.spec.cluster_ip == "None")
    slice.metadata.labels["service.kubernetes.io/headless"] = "";
  slice.metadata.owner_references.push_back(controller::controlled_by(service));
  slice.address_type = wants_ipv6(service) ? "IPv6" : "IPv4";
  for (const Port& port : ports) {
    api::EndpointSlicePort out;
    out.name = port.name;
    out.protocol = port.protocol;
    out.port = port.port;
    out.app_protocol = port.app_protocol;
    slice.ports.push_back(std::move(out));
  }
  return slice;
}

bool same_slice(const api::EndpointSlice& wanted, const api::EndpointSlice& there) {
  return wanted.endpoints == there.endpoints && wanted.ports == there.ports &&
         wanted.metadata.labels == there.metadata.labels;
}

api::EndpointAddress address_entry(const api::Service& service, const Member& member) {
  api::EndpointAddress address;
  address.ip = member.address;
  address.hostname = hostname_of(service, *member.pod);
  if (!member.pod->spec.node_name.empty()) address.node_name = member.pod->spec.node_name;
  address.target_ref = reference_to_pod(*member.pod);
  return address;
}

}  // namespace

bool selects_pods(const api::Service& service) {
  return !service.spec.selector.empty() && service.spec.type != "ExternalName";
}

std::vector<api::EndpointSlice> desired_slices(const api::Service& service,
                                               const std::vector<PodPtr>& pods) {
  std::vector<api::EndpointSlice> slices;
  for (const auto& [ports, members] : members_of(service, pods)) {
    for (std::size_t i = 0; i < members.size(); ++i) {
      if (i % kEndpointsPerSliceMax == 0)
        slices.push_back(empty_slice(service, ports, slices.size()));
      slices.back().endpoints.push_back(endpoint_of(service, members[i]));
    }
  }
  // A Service without pods has one empty slice, so that readers can tell "none" from "not yet".
  if (slices.empty()) slices.push_back(empty_slice(service, {}, 0));
  return slices;
}

api::Endpoints desired_endpoints(const api::Service& service, const std::vector<PodPtr>& pods) {
  api::Endpoints endpoints;
  endpoints.metadata.namespace_ = service.metadata.namespace_;
  endpoints.metadata.name = service.metadata.name;
  endpoints.metadata.labels = service.metadata.labels;
  endpoints.metadata.labels[std::string(kEndpointsManagedByLabel)] = "endpoint-controller";
  if (service.spec.cluster_ip == "None")
    endpoints.metadata.labels["service.kubernetes.io/headless"] = "";
  std::size_t count = 0;
  for (const auto& [ports, members] : members_of(service, pods)) {
    api::EndpointSubset subset;
    for (const Member& member : members) {
      const bool publish = service.spec.publish_not_ready_addresses;
      if (member.pod->metadata.deletion_timestamp && !publish) continue;
      if (++count > kEndpointsAddressesMax) {
        endpoints.metadata.annotations["endpoints.kubernetes.io/over-capacity"] = "truncated";
        break;
      }
      auto& list = publish || is_ready(*member.pod) ? subset.addresses : subset.not_ready_addresses;
      list.push_back(address_entry(service, member));
    }
    if (subset.addresses.empty() && subset.not_ready_addresses.empty()) continue;
    for (const Port& port : ports) {
      api::EndpointPort out;
      out.name = port.name;
      out.port = port.port;
      out.protocol = port.protocol;
      out.app_protocol = port.app_protocol;
      subset.ports.push_back(std::move(out));
    }
    endpoints.subsets.push_back(std::move(subset));
  }
  return endpoints;
}

std::string slice_name(const api::ObjectMeta& owner, std::size_t number) {
  constexpr std::string_view kLetters = "bcdfghjklmnpqrstvwxz2456789";
  std::uint32_t hash = 2166136261;
  for (const char c : owner.uid + "/" + std::to_string(number)) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 16777619;
  }
  std::string name = owner.name + "-";
  for (int i = 0; i < 5; ++i, hash /= 27)
    name += kLetters[hash % kLetters.size()];
  return name;
}

SlicePlan plan_slices(std::vector<api::EndpointSlice> desired,
                      const std::vector<SlicePtr>& existing) {
  SlicePlan plan;
  std::map<std::string, SlicePtr> left;
  for (const SlicePtr& slice : existing)
    left[slice->metadata.name] = slice;
  for (api::EndpointSlice& slice : desired) {
    const auto it = left.find(slice.metadata.name);
    if (it == left.end()) {
      plan.create.push_back(std::move(slice));
      continue;
    }
    const SlicePtr there = it->second;
    left.erase(it);
    if (there->address_type != slice.address_type) {
      // Immutable: removed now, created by the reconcile that the removal causes.
      plan.remove.push_back(there);
    } else if (!same_slice(slice, *there)) {
      api::EndpointSlice next = *there;
      next.metadata.labels = std::move(slice.metadata.labels);
      next.endpoints = std::move(slice.endpoints);
      next.ports = std::move(slice.ports);
      plan.update.push_back(std::move(next));
    }
  }
  for (auto& [name, slice] : left)
    plan.remove.push_back(std::move(slice));
  return plan;
}

}  // namespace insula::controllers
