#include "apiserver/service_address.h"

#include <optional>
#include <set>

#include <arpa/inet.h>
#include <fmt/format.h>

#include "api/gen/core_v1.h"
#include "api/invalid.h"
#include "apiserver/object.h"

namespace insula::apiserver {

namespace {

constexpr std::string_view kHeadless = "None";

std::optional<std::uint32_t> parse_ipv4(const std::string& text) {
  in_addr address{};
  if (::inet_pton(AF_INET, text.c_str(), &address) != 1) return std::nullopt;
  return ntohl(address.s_addr);
}

std::string ipv4_text(std::uint32_t address) {
  return fmt::format("{}.{}.{}.{}", address >> 24, (address >> 16) & 255, (address >> 8) & 255,
                     address & 255);
}

/// What the other Services hold.
struct Taken {
  std::set<std::uint32_t> addresses;
  std::set<std::int32_t> node_ports;
};

Taken taken_by_others(const store::Transaction& transaction, const api::Service& service) {
  Taken out;
  transaction.scan(store_key(api::kind_of<api::Service>(), "", ""),
                   [&](const store::EntryPtr& entry) {
                     const auto other = object_of<api::Service>(*entry);
                     if (other->metadata.uid == service.metadata.uid) return true;
                     if (const auto address = parse_ipv4(other->spec.cluster_ip))
                       out.addresses.insert(*address);
                     for (const auto& port : other->spec.ports)
                       out.node_ports.insert(port.node_port);
                     return true;
                   });
  return out;
}

std::unexpected<Error> refuse(const api::Service& service, std::string field, std::string message) {
  return std::unexpected(
      api::invalid("Service", "", service.metadata.name,
                   {{std::move(field), "FieldValueInvalid", std::move(message)}}));
}

Result<> assign_cluster_ip(api::Service& service, const ServiceRange& range, const Taken& taken) {
  std::string& ip = service.spec.cluster_ip;
  if (ip.empty()) {
    // The network's own address and the API server's are not given away, nor is the last.
    for (std::uint32_t offset = 2; ip.empty() && offset + 1 < range.size; ++offset) {
      if (!taken.addresses.contains(range.first + offset)) ip = ipv4_text(range.first + offset);
    }
    if (ip.empty())
      return refuse(service, "spec.clusterIP", "failed to allocate a serviceIP: range is full");
  } else if (ip != kHeadless) {
    const auto address = parse_ipv4(ip);
    auto why = [&](std::string_view reason) {
      return refuse(
          service, "spec.clusterIPs",
          fmt::format("Invalid value: [\"{}\"]: failed to allocate IP {}: {}", ip, ip, reason));
    };
    if (!address) {
      return refuse(service, "spec.clusterIPs[0]",
                    fmt::format("Invalid value: \"{}\": must be a valid IP address, (e.g. 10.9.8.7 "
                                "or 2001:db8::ffff)",
                                ip));
    }
    if (*address < range.first || *address - range.first >= range.size)
      return why("the provided network does not match the current range");
    if (taken.addresses.contains(*address)) return why("provided IP is already allocated");
  }
  service.spec.cluster_ips = {ip};
  return {};
}

Result<> assign_node_ports(api::Service& service, const ServiceRange& range, Taken& taken) {
  for (std::size_t i = 0; i < service.spec.ports.size(); ++i) {
    std::int32_t& port = service.spec.ports[i].node_port;
    const std::string field = fmt::format("spec.ports[{}].nodePort", i);
    if (port != 0) {
      if (port < range.node_port_first || port > range.node_port_last) {
        return refuse(
            service, field,
            fmt::format(
                "Invalid value: {}: provided port is not in the valid range. The range of valid "
                "ports is {}-{}",
                port, range.node_port_first, range.node_port_last));
      }
      if (taken.node_ports.contains(port))
        return refuse(service, field,
                      fmt::format("Invalid value: {}: provided port is already allocated", port));
    } else {
      port = range.node_port_first;
      while (port <= range.node_port_last && taken.node_ports.contains(port))
        ++port;
      if (port > range.node_port_last)
        return refuse(service, field, "failed to allocate a nodePort: range is full");
    }
    taken.node_ports.insert(port);
  }
  return {};
}

}  // namespace

std::string cidr_text(const ServiceRange& range) {
  return fmt::format("{}/{}", ipv4_text(range.first), 32 - __builtin_ctz(range.size));
}

std::string api_server_ip(const ServiceRange& range) {
  return ipv4_text(range.first + 1);
}

Result<> assign_addresses(const store::Transaction& transaction,
                          const ServiceRange& range,
                          const api::Kind& kind,
                          void* object) {
  if (&kind != &api::kind_of<api::Service>()) return {};
  auto& service = *static_cast<api::Service*>(object);
  if (service.spec.type == "ExternalName") return {};
  const bool with_ports = service.spec.type == "NodePort" ||
                          (service.spec.type == "LoadBalancer" &&
                           service.spec.allocate_load_balancer_node_ports.value_or(true));
  Taken taken = taken_by_others(transaction, service);
  INSULA_TRY_VOID(assign_cluster_ip(service, range, taken));
  if (with_ports) INSULA_TRY_VOID(assign_node_ports(service, range, taken));
  return {};
}

}  // namespace insula::apiserver
