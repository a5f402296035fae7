#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "api/gen/core_v1.h"
#include "base/error.h"
#include "node/ip_pool.h"

namespace insula::node {

/// What the node itself knows about a pod it runs.
struct PodFacts {
  std::string pod_ip;
  std::string host_ip;
  api::Quantity node_cpu;  // stands in for a limit that is not set
  api::Quantity node_memory;
  /// Where the pod reaches the API server; empty: nowhere.
  std::string api_host;
  std::string api_port;
};

/// Where a pod reaches an API server that listens at `address` (`0.0.0.0:6443`). One that listens
/// on the loopback interface is out of reach of pods with a network of their own: then both are
/// empty. Errors: kInvalid for what is no address.
struct ApiEndpoint {
  std::string host;
  std::string port;

  bool operator==(const ApiEndpoint&) const = default;
};

[[nodiscard]] Result<ApiEndpoint> api_endpoint(const std::string& address,
                                               bool own_network,
                                               const std::string& node_ip);

/// Names of the ConfigMaps and Secrets that a pod refers to, in its own namespace.
struct References {
  std::set<std::string> config_maps;
  std::set<std::string> secrets;

  bool operator==(const References&) const = default;
};

[[nodiscard]] References references_of(const api::PodSpec& spec);

/// A token that a volume asks for.
struct TokenWanted {
  std::string audience;  // empty: the API server
  std::int64_t seconds = 0;

  auto operator<=>(const TokenWanted&) const = default;
};

using TokenTexts = std::map<TokenWanted, std::string>;

[[nodiscard]] TokenWanted wanted_by(const api::ServiceAccountTokenProjection& projection);
[[nodiscard]] std::set<TokenWanted> tokens_of(const api::PodSpec& spec);

/// Those that exist.
struct ReferencedObjects {
  std::map<std::string, api::ConfigMap> config_maps;
  std::map<std::string, api::Secret> secrets;
  TokenTexts tokens = {};
};

/// A field of the pod by its path, such as `metadata.name`, `metadata.labels['app']`,
/// `status.podIP`. Errors: kInvalid for a path that the downward API does not know. Spec:
/// Kubernetes, "Downward API: available fields".
[[nodiscard]] Result<std::string> pod_field(const api::Pod& pod,
                                            const PodFacts& facts,
                                            std::string_view path);

/// A request or limit of a container, in units of the divisor, rounded up.
/// Errors: kInvalid for an unknown resource or container.
[[nodiscard]] Result<std::string> resource_field(const api::Pod& pod,
                                                 const api::ResourceFieldSelector& selector,
                                                 const std::string& container,
                                                 const PodFacts& facts);

/// Guaranteed, Burstable or BestEffort.
/// Spec: Kubernetes, "Pod Quality of Service Classes".
[[nodiscard]] std::string qos_class(const api::PodSpec& spec);

}  // namespace insula::node
