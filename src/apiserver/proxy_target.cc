#include "apiserver/proxy_target.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "api/gen/core_v1.h"
#include "apiserver/object.h"
#include "apiserver/service_endpoints.h"
#include "base/number.h"
#include "net/network.h"

namespace insula::apiserver {

namespace {

constexpr std::uint16_t kHttpPort = 80;
constexpr std::uint16_t kHttpsPort = 443;

/// What no request is proxied to, whoever has it: unspecified, loopback, link-local, multicast,
/// broadcast and reserved addresses.
constexpr std::array kNeverProxied = {"0.0.0.0/8",   "127.0.0.0/8", "169.254.0.0/16",
                                      "224.0.0.0/4", "240.0.0.0/4", "::/128",
                                      "::1/128",     "fe80::/10",   "ff00::/8"};

const std::vector<net::Network>& never_proxied() {
  static const std::vector<net::Network> networks = [] {
    std::vector<net::Network> out;
    out.reserve(kNeverProxied.size());
    for (const char* text : kNeverProxied)
      out.push_back(net::Network::parse(text).value());
    return out;
  }();
  return networks;
}

bool has_ended(const api::Pod& pod) {
  return pod.status.phase == "Succeeded" || pod.status.phase == "Failed";
}

/// The number of the port that one of the pod's containers has under this name.
std::optional<std::int32_t> named_port(const api::Pod& pod, const std::string& name) {
  for (const auto* containers : {&pod.spec.containers, &pod.spec.init_containers}) {
    for (const api::Container& container : *containers) {
      const auto port = std::ranges::find(container.ports, name, &api::ContainerPort::name);
      if (port != container.ports.end()) return port->container_port;
    }
  }
  return std::nullopt;
}

Result<std::uint16_t> port_of(const api::Pod& pod, const ProxyName& wanted) {
  if (wanted.port.empty()) {
    for (const api::Container& container : pod.spec.containers) {
      if (!container.ports.empty())
        return static_cast<std::uint16_t>(container.ports.front().container_port);
    }
    return wanted.tls ? kHttpsPort : kHttpPort;
  }
  if (const auto number = parse_whole<std::uint16_t>(wanted.port); number && *number != 0)
    return *number;
  if (const auto number = named_port(pod, wanted.port)) return static_cast<std::uint16_t>(*number);
  return unreachable(
      fmt::format("error trying to reach service: dial tcp: lookup tcp/{}: unknown port; pod "
                  "\"{}\" has no container port of that name",
                  wanted.port, pod.metadata.name));
}

std::unexpected<Error> not_allowed() {
  return fail(ErrorCode::kBadRequest, "address not allowed");
}

Result<std::shared_ptr<const api::Pod>> read_pod(Registry& registry,
                                                 const std::string& name_space,
                                                 const std::string& name) {
  INSULA_TRY(const store::EntryPtr entry,
             registry.get({&api::kind_of<api::Pod>(), name_space, name, ""}));
  return object_of<api::Pod>(*entry);
}

Result<ProxyTarget> find_pod(Registry& registry,
                             const RequestInfo& request,
                             std::span<const net::Address> own) {
  INSULA_TRY(const ProxyName wanted, ProxyName::parse("pod", request.name));
  INSULA_TRY(const auto pod, read_pod(registry, request.name_space, wanted.name));
  // Its address may be another pod's by now.
  if (has_ended(*pod)) {
    return unreachable(fmt::format("error trying to reach service: pod \"{}\" has ended ({})",
                                   wanted.name, pod->status.phase));
  }
  INSULA_TRY(const std::uint16_t port, port_of(*pod, wanted));
  const auto address = net::Address::ip(pod->status.pod_ip, port);
  if (!address || !is_proxyable(*address, own)) return not_allowed();
  return ProxyTarget{*address, wanted.tls};
}

/// Whether the endpoint is a pod of the namespace, so that who may write endpoints cannot lead
/// requests elsewhere.
bool is_pod_of(Registry& registry, const std::string& name_space, const ServiceEndpoint& endpoint) {
  if (!endpoint.target || endpoint.target->kind != "Pod") return false;
  if (endpoint.target->namespace_ != name_space) return false;
  const auto pod = read_pod(registry, name_space, endpoint.target->name);
  if (!pod || has_ended(**pod)) return false;
  const auto address = net::Address::ip((*pod)->status.pod_ip, endpoint.address.port());
  return address && *address == endpoint.address;
}

/// The name of the port that the request names by its number, or the name that it gives.
Result<std::string> port_name(const api::Service& service, const ProxyName& wanted) {
  const auto number = parse_whole<std::int64_t>(wanted.port);
  if (!number) return wanted.port;
  const auto port = std::ranges::find(service.spec.ports, *number, &api::ServicePort::port);
  if (port != service.spec.ports.end()) return port->name;
  return unreachable(
      fmt::format("no service port {} found for service \"{}\"", *number, wanted.name));
}

Result<ProxyTarget> find_endpoint(Registry& registry,
                                  const RequestInfo& request,
                                  std::span<const net::Address> own) {
  INSULA_TRY(const ProxyName wanted, ProxyName::parse("service", request.name));
  INSULA_TRY(const store::EntryPtr entry,
             registry.get({&api::kind_of<api::Service>(), request.name_space, wanted.name, ""}));
  INSULA_TRY(const std::string port, port_name(*object_of<api::Service>(*entry), wanted));
  std::vector<ServiceEndpoint> endpoints =
      ready_endpoints(registry.store(), request.name_space, wanted.name, port);
  // By chance, then by whoever follows: most are good.
  while (!endpoints.empty()) {
    const auto chosen =
        endpoints.begin() + static_cast<std::ptrdiff_t>(registry.random().below(endpoints.size()));
    if (is_proxyable(chosen->address, own) && is_pod_of(registry, request.name_space, *chosen))
      return ProxyTarget{chosen->address, wanted.tls};
    endpoints.erase(chosen);
  }
  return unreachable(fmt::format("no endpoints available for service \"{}\"", request.name));
}

}  // namespace

Result<ProxyName> ProxyName::parse(std::string_view resource, std::string_view text) {
  std::vector<std::string_view> parts;
  for (std::string_view rest = text;;) {
    const std::size_t colon = rest.find(':');
    parts.push_back(rest.substr(0, colon));
    if (colon == std::string_view::npos || parts.size() > 3) break;
    rest.remove_prefix(colon + 1);
  }
  const std::string_view scheme = parts.size() == 3 ? parts.front() : std::string_view();
  if (parts.size() == 3) parts.erase(parts.begin());
  const bool known_scheme = scheme.empty() || scheme == "http" || scheme == "https";
  if (parts.size() > 2 || parts.front().empty() || !known_scheme) {
    return fail(ErrorCode::kBadRequest,
                fmt::format("invalid {0} request \"{1}\": it is {0}, {0}:port or scheme:{0}:port, "
                            "with the scheme http or https",
                            resource, text));
  }
  ProxyName out;
  out.tls = scheme == "https";
  out.name = parts.front();
  if (parts.size() == 2) out.port = parts.back();
  return out;
}

bool is_proxyable(const net::Address& address, std::span<const net::Address> own) {
  if (address.is_unix()) return false;
  const auto contains = [&](const net::Network& network) { return network.contains(address); };
  if (std::ranges::any_of(never_proxied(), contains)) return false;
  // Of networks of one address, since an address of IPv4 has two forms.
  return std::ranges::none_of(own, [&](const net::Address& each) {
    const auto network = net::Network::parse(each.host());
    return network && network->contains(address);
  });
}

Result<ProxyTarget> find_proxy_target(Registry& registry,
                                      const RequestInfo& request,
                                      std::span<const net::Address> own) {
  return request.resource == "pods" ? find_pod(registry, request, own)
                                    : find_endpoint(registry, request, own);
}

std::unexpected<Error> unreachable(std::string message) {
  return std::unexpected(
      Error(ErrorCode::kUnavailable, ErrorOrigin::kUpstream, std::move(message)));
}

}  // namespace insula::apiserver
