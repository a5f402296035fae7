#include "node/pod_facts.h"

#include <algorithm>
#include <array>
#include <functional>

#include <fmt/format.h>

#include "api/ephemeral_containers.h"
#include "net/address.h"

namespace insula::node {
namespace {

void add_env_references(const api::Container& container, References& out) {
  for (const api::EnvFromSource& from : container.env_from) {
    if (from.config_map_ref)
      out.config_maps.insert(from.config_map_ref->local_object_reference.name);
    if (from.secret_ref) out.secrets.insert(from.secret_ref->local_object_reference.name);
  }
  for (const api::EnvVar& variable : container.env) {
    if (!variable.value_from) continue;
    if (variable.value_from->config_map_key_ref)
      out.config_maps.insert(variable.value_from->config_map_key_ref->local_object_reference.name);
    if (variable.value_from->secret_key_ref)
      out.secrets.insert(variable.value_from->secret_key_ref->local_object_reference.name);
  }
}

void add_volume_references(const api::Volume& volume, References& out) {
  if (volume.volume_source.config_map)
    out.config_maps.insert(volume.volume_source.config_map->local_object_reference.name);
  if (volume.volume_source.secret) out.secrets.insert(volume.volume_source.secret->secret_name);
  if (!volume.volume_source.projected) return;
  for (const api::VolumeProjection& source : volume.volume_source.projected->sources) {
    if (source.config_map) out.config_maps.insert(source.config_map->local_object_reference.name);
    if (source.secret) out.secrets.insert(source.secret->local_object_reference.name);
  }
}

// All labels or annotations as lines `key="value"`, the form of downward API volumes.
std::string lines_of(const std::map<std::string, std::string>& map) {
  std::string out;
  for (const auto& [key, value] : map) {
    out += key + "=\"";
    for (const char c : value) {
      if (c == '\n') {
        out += "\\n";
        continue;
      }
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    out += "\"\n";
  }
  // No line end after the last one, as Kubernetes writes it.
  if (!out.empty()) out.pop_back();
  return out;
}

// `labels['key']` -> key.
std::optional<std::string_view> subscript(std::string_view path, std::string_view map) {
  if (!path.starts_with(map)) return std::nullopt;
  path.remove_prefix(map.size());
  if (path.size() < 4 || !path.starts_with("['") || !path.ends_with("']")) return std::nullopt;
  return path.substr(2, path.size() - 4);
}

std::string value_or_empty(const std::map<std::string, std::string>& map, std::string_view key) {
  const auto found = map.find(std::string(key));
  return found == map.end() ? std::string() : found->second;
}

const api::Container* find_container(const api::PodSpec& spec, const std::string& name) {
  for (const auto* list : {&spec.containers, &spec.init_containers}) {
    const auto found = std::ranges::find(*list, name, &api::Container::name);
    if (found != list->end()) return &*found;
  }
  return nullptr;
}

std::int64_t divided_up(std::int64_t value, std::int64_t divisor) {
  return divisor <= 0 ? value : (value + divisor - 1) / divisor;
}

bool is_positive(const std::map<std::string, api::Quantity>& map, const std::string& name) {
  const auto found = map.find(name);
  return found != map.end() && !found->second.is_zero();
}

}  // namespace

Result<ApiEndpoint> api_endpoint(const std::string& address,
                                 bool own_network,
                                 const std::string& node_ip) {
  INSULA_TRY(const net::Address listens, net::Address::parse(address));
  ApiEndpoint endpoint{listens.host(), std::to_string(listens.port())};
  const bool anywhere = endpoint.host == "0.0.0.0" || endpoint.host == "::";
  const bool loopback = endpoint.host == "::1" || endpoint.host.starts_with("127.");
  if (anywhere) endpoint.host = own_network ? node_ip : "127.0.0.1";
  if (loopback && own_network) return ApiEndpoint{};
  return endpoint;
}

TokenWanted wanted_by(const api::ServiceAccountTokenProjection& projection) {
  constexpr std::int64_t kSecondsDefault = 3600;
  return {projection.audience, projection.expiration_seconds.value_or(kSecondsDefault)};
}

std::set<TokenWanted> tokens_of(const api::PodSpec& spec) {
  std::set<TokenWanted> out;
  for (const api::Volume& volume : spec.volumes) {
    if (!volume.volume_source.projected) continue;
    for (const api::VolumeProjection& source : volume.volume_source.projected->sources) {
      if (source.service_account_token) out.insert(wanted_by(*source.service_account_token));
    }
  }
  return out;
}

References references_of(const api::PodSpec& spec) {
  References out;
  for (const auto* list : {&spec.init_containers, &spec.containers}) {
    for (const api::Container& container : *list)
      add_env_references(container, out);
  }
  for (const api::EphemeralContainer& container : spec.ephemeral_containers)
    add_env_references(api::as_container(container), out);
  for (const api::Volume& volume : spec.volumes)
    add_volume_references(volume, out);
  return out;
}

Result<std::string> pod_field(const api::Pod& pod, const PodFacts& facts, std::string_view path) {
  const api::ObjectMeta& meta = pod.metadata;
  if (path == "metadata.name") return meta.name;
  if (path == "metadata.namespace") return meta.namespace_;
  if (path == "metadata.uid") return meta.uid;
  if (path == "metadata.labels") return lines_of(meta.labels);
  if (path == "metadata.annotations") return lines_of(meta.annotations);
  if (const auto key = subscript(path, "metadata.labels")) return value_or_empty(meta.labels, *key);
  if (const auto key = subscript(path, "metadata.annotations"))
    return value_or_empty(meta.annotations, *key);
  if (path == "spec.nodeName") return pod.spec.node_name;
  if (path == "spec.serviceAccountName") return pod.spec.service_account_name;
  if (path == "status.podIP" || path == "status.podIPs") return facts.pod_ip;
  if (path == "status.hostIP" || path == "status.hostIPs") return facts.host_ip;
  return fail(ErrorCode::kInvalid, fmt::format("unsupported fieldPath: {}", path));
}

Result<std::string> resource_field(const api::Pod& pod,
                                   const api::ResourceFieldSelector& selector,
                                   const std::string& container,
                                   const PodFacts& facts) {
  const std::string& name = selector.container_name.empty() ? container : selector.container_name;
  const api::Container* found = find_container(pod.spec, name);
  if (found == nullptr)
    return fail(ErrorCode::kInvalid, fmt::format("no container \"{}\" in the pod", name));
  const std::size_t dot = selector.resource.find('.');
  const std::string side = selector.resource.substr(0, dot);
  const std::string resource = dot == std::string::npos ? "" : selector.resource.substr(dot + 1);
  if ((side != "limits" && side != "requests") || resource.empty()) {
    return fail(ErrorCode::kInvalid,
                fmt::format("unsupported container resource: {}", selector.resource));
  }
  const auto& values = side == "limits" ? found->resources.limits : found->resources.requests;
  api::Quantity value;
  if (const auto set = values.find(resource); set != values.end()) {
    value = set->second;
  } else if (side == "limits" && resource == "cpu") {
    value = facts.node_cpu;
  } else if (side == "limits" && resource == "memory") {
    value = facts.node_memory;
  }
  if (resource == "cpu") {
    const std::int64_t divisor = selector.divisor.is_zero() ? 1000 : selector.divisor.milli_value();
    return std::to_string(divided_up(value.milli_value(), divisor));
  }
  const std::int64_t divisor = selector.divisor.is_zero() ? 1 : selector.divisor.value();
  return std::to_string(divided_up(value.value(), divisor));
}

std::string qos_class(const api::PodSpec& spec) {
  bool any = false;
  bool guaranteed = true;
  for (const auto* list : {&spec.containers, &spec.init_containers}) {
    for (const api::Container& container : *list) {
      for (const char* name : {"cpu", "memory"}) {
        const auto& [limits, requests] =
            std::tie(container.resources.limits, container.resources.requests);
        any = any || is_positive(limits, name) || is_positive(requests, name);
        const bool equal = is_positive(limits, name) &&
                           (!requests.contains(name) || requests.at(name) == limits.at(name));
        guaranteed = guaranteed && equal;
      }
    }
  }
  if (!any) return "BestEffort";
  return guaranteed ? "Guaranteed" : "Burstable";
}

}  // namespace insula::node
